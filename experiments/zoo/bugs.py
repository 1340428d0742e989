"""Every row of the zoo, by id, and what of the list of documented bugs has no row.

Ids are those of the list of documented bugs (RAFT-.., CLK-.., JEP-.., LEDGER-..), with a letter for another form of the
same bug; PAPER-.. is a rule of a paper left out or misread.
"""

from __future__ import annotations

from simclock.experiments.catalog import bugs, topics
from simclock.experiments.entries.bug import Bug

BUGS: dict[str, Bug] = bugs()

NOT_APPLICABLE: dict[str, str] = {
    **{ids: why for topic in topics() for ids, why in topic.not_applicable.items()},
    "SHARD": "there is no such protocol yet",
    "DISK-02": "no protocol here tries a failed sync again, nor does a disk here report that a sync has failed",
}
"""Ids -> why there is no row."""
