"""A counter, and its clients. Whichever consensus engine replicates it is given by who builds the servers.

counter.py     the state machine: add and get
workload.py    what clients ask for
client.py      a node that asks, and records what it heard

Of another shape: the commands in counter.py are no messages between nodes; they are what an engine's log keeps, and
what the state machine beside them understands.
"""

from simclock.protocols.counter.client import CounterClient
from simclock.protocols.counter.counter import Counter
from simclock.protocols.counter.workload import CounterWorkload

__all__ = ["Counter", "CounterClient", "CounterWorkload"]
