"""The bug zoo: documented bugs of real systems, put back into the right protocol and hunted; and a class of one's own.

bugs.py        every row, and what has none
quarry.py      what is hunted: a scenario with something wrong in it, and the same without
hunt.py        hunting over seeds
table.py       what was found, as a table

What a row is stands in `experiments/entries/bug.py`, the rows in their topics of the catalog.
"""
