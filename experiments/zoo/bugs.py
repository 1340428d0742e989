"""Every row of the zoo, by id, and what of the list of documented bugs has no row.

Ids are those of the list of documented bugs (RAFT-.., CLK-.., JEP-.., LEDGER-..), with a letter for another form of the
same bug; PAPER-.. is a rule of a paper left out or misread.
"""

from __future__ import annotations

from itertools import chain

from simclock.experiments.catalog.byzantine_clocks import bugs as byzantine_clocks
from simclock.experiments.catalog.causal_broadcast import bugs as causal
from simclock.experiments.catalog.clock_laws import bugs as clocks
from simclock.experiments.catalog.clock_synchronization import bugs as clock_synchronization
from simclock.experiments.catalog.crdts import bugs as crdts
from simclock.experiments.catalog.dynamo import bugs as dynamo
from simclock.experiments.catalog.leases import bugs as leases
from simclock.experiments.catalog.lock_table import bugs as locks
from simclock.experiments.catalog.raft import bugs as raft
from simclock.experiments.catalog.snapshots import bugs as snapshots
from simclock.experiments.catalog.throttle import bugs as throttle
from simclock.experiments.catalog.true_time import bugs as true_time
from simclock.experiments.entries.bug import Bug

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
