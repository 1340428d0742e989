"""Locks on keys spread over several lock managers, and transactions that must not wait for each other for ever.

    D. J. Rosenkrantz, R. E. Stearns, P. M. Lewis II, System Level Concurrency Control for Distributed Database
    Systems, ACM Transactions on Database Systems 3(2), 1978: wait-die and wound-wait.

lock.py        one lock: who holds it, who waits, and what a policy does with a request that conflicts
messages.py    what transactions and lock managers say to each other
observed.py    what clients and lock managers tell
server.py      a lock manager: the locks of its keys, durable
workload.py    which keys a transaction takes, in which mode and order
client.py      a node that runs one transaction after the other, with retransmission
properties.py  mutual exclusion, no deadlock, the order of timestamps, no starvation, as observers

Of another shape: the claim in lock.py is what a lock manager keeps on its disk; nobody sends it.
"""

from simclock.protocols.lock_table.client import TransactionClient
from simclock.protocols.lock_table.lock import (
    EXCLUSIVE,
    NONE,
    POLICIES,
    SHARED,
    WAIT_DIE,
    WOUND_WAIT,
    Claim,
    Lock,
    conflict,
)
from simclock.protocols.lock_table.properties import (
    LockProgress,
    MutualExclusion,
    NoDeadlock,
    NoStarvation,
    TimestampOrder,
)
from simclock.protocols.lock_table.server import LockManager
from simclock.protocols.lock_table.workload import Workload

__all__ = [
    "EXCLUSIVE",
    "NONE",
    "POLICIES",
    "SHARED",
    "WAIT_DIE",
    "WOUND_WAIT",
    "Claim",
    "Lock",
    "LockManager",
    "LockProgress",
    "MutualExclusion",
    "NoDeadlock",
    "NoStarvation",
    "TimestampOrder",
    "TransactionClient",
    "Workload",
    "conflict",
]
