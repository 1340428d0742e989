"""Leases on locks, replicated by whichever consensus engine they are given, and a store that checks fencing tokens.

settings.py    how long a lease is, and how far clocks may drift
messages.py    a holder's writes to the store
observed.py    what servers, holders and the store tell
table.py       the replicated state machine: claims, queues, tokens
server.py      a replica that measures leases while it leads
holder.py      a client: acquires, writes, renews, releases
storage.py     the protected resource
properties.py  what must hold, judged from observations

Of another shape: the commands in table.py are no messages between nodes; they are what an engine's log keeps, and what
the state machine beside them understands. What a holder does is in settings.py, beside the lease that it must fit.
"""

from simclock.protocols.leases.holder import Holder
from simclock.protocols.leases.messages import Write, WriteReply
from simclock.protocols.leases.properties import LeaseProperties
from simclock.protocols.leases.server import LeaseServer
from simclock.protocols.leases.settings import HolderWork, LeaseSettings
from simclock.protocols.leases.storage import StorageNode
from simclock.protocols.leases.table import Acquire, Answer, Expire, LeaseTable, Release, Renew

__all__ = [
    "Acquire",
    "Answer",
    "Expire",
    "Holder",
    "HolderWork",
    "LeaseProperties",
    "LeaseServer",
    "LeaseSettings",
    "LeaseTable",
    "Release",
    "Renew",
    "StorageNode",
    "Write",
    "WriteReply",
]
