"""Every row of the zoo, by id, and what of the list of documented bugs has no row.

Ids are those of the list of documented bugs (RAFT-.., CLK-.., JEP-.., LEDGER-..), with a letter for another form of the
same bug; PAPER-.. is a rule of a paper left out or misread.
"""

from __future__ import annotations

from itertools import chain

from experiments.zoo import (
    byzantine_clocks,
    causal,
    clock_synchronization,
    clocks,
    crdts,
    dynamo,
    leases,
    locks,
    raft,
    snapshots,
    throttle,
    true_time,
)
from experiments.zoo.bug import Bug

_AREAS = (
    raft.BUGS,
    clock_synchronization.BUGS,
    true_time.BUGS,
    leases.BUGS,
    causal.BUGS,
    crdts.BUGS,
    dynamo.BUGS,
    clocks.BUGS,
    byzantine_clocks.BUGS,
    locks.BUGS,
    throttle.BUGS,
    snapshots.BUGS,
)

BUGS: dict[str, Bug] = {bug.id: bug for bug in chain.from_iterable(_AREAS)}

NOT_APPLICABLE: dict[str, str] = {
    **raft.NOT_APPLICABLE,
    "PAXOS, ZAB, VSR, SHARD": "there are no such protocols yet",
    "DISK-02": "no protocol here tries a failed sync again, nor does a disk here report that a sync has failed",
}
"""Ids -> why there is no row."""
