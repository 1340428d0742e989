"""A key-value store, and its clients. Whichever consensus engine replicates it is given by who builds the servers.

store.py       the state machine: get, put, append, delete, compare-and-set
workload.py    what clients ask for, and how often
client.py      a node that asks, and records what it heard
observed.py    what clients tell of their operations
planned.py     operations as data, in place of a workload

Of another shape: the commands in store.py are no messages between nodes; they are what an engine's log keeps, and what
the state machine beside them understands.
"""

from simclock.protocols.key_value.client import Client
from simclock.protocols.key_value.planned import Planned, PlannedOperation
from simclock.protocols.key_value.store import Answer, Command, KeyValueStore
from simclock.protocols.key_value.workload import Workload, Zipf

__all__ = ["Answer", "Client", "Command", "KeyValueStore", "Planned", "PlannedOperation", "Workload", "Zipf"]
