"""Conflict-free replicated data types."""

from simclock.experiments.catalog.crdts.bugs import BUGS
from simclock.experiments.catalog.crdts.hunt import CRDT_HUNT
from simclock.experiments.catalog.crdts.scenario import CRDTS
from simclock.experiments.catalog.crdts.study import CRDT_BYTES_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="crdts",
    entries=(CRDTS, CRDT_HUNT),
    bugs=BUGS,
    studies=(CRDT_BYTES_STUDY,),
)
