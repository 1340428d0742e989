"""TrueTime and transactions with commit wait: Corbett et al., "Spanner: Google's Globally-Distributed Database", 2012.

settings.py      what is assumed of clocks, and how long is waited
messages.py      reads, two-phase commit, and what is on disk
observed.py      what clients, leaders and time sources tell
time_source.py   time masters, and a node's interval that holds the true time
locks.py         a shard's locks
versions.py      a shard's data at every timestamp
shard.py         a shard's state, its locks, and its reads at a safe time
leader.py        its leader: participant, coordinator, commit wait
workload.py      what clients do
client.py        transactions, and what was heard
properties.py    what must hold of every run
"""

from simclock.protocols.true_time.client import TransactionClient
from simclock.protocols.true_time.leader import Leader
from simclock.protocols.true_time.properties import TrueTimeProperties
from simclock.protocols.true_time.settings import TimeSettings, TransactionSettings
from simclock.protocols.true_time.time_source import TimedNode, TimeMaster, TimeSource
from simclock.protocols.true_time.workload import TransactionWorkload

__all__ = [
    "Leader",
    "TimeMaster",
    "TimeSettings",
    "TimeSource",
    "TimedNode",
    "TransactionClient",
    "TransactionSettings",
    "TransactionWorkload",
    "TrueTimeProperties",
]
