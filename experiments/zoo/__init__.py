"""The bug zoo: documented bugs of real systems, put back into the right protocol and hunted.

bug.py         what a row is: the class with the wrong line, where it is hunted, the property that has to name it
bugs.py        every row, and what has none
hunt.py        hunting a row over seeds
table.py       what was found, as a table

All others are an area each; Raft's wrong lines stand in elections.py, logs.py and services.py.
"""
