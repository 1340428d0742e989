"""The bug zoo: documented bugs of real systems, put back into the right protocol and hunted.

elections.py   wrong lines in elections, terms and votes
logs.py        in the log and in what is durable
services.py    in stores, sessions, reads and clients
bugs.py        the rows: id, wrong line, the property that has to name it
hunt.py        hunting a row over seeds
table.py       what was found, as a table
"""
