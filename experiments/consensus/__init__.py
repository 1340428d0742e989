"""Consensus engines as values: what a scenario has to know of one to run any service on it.

engine.py       what an engine is here, and the settings that all have in common
engines.py      the list: a name, and the module of that name whose ENGINE is the value
raft.py ...     one module an engine
"""
