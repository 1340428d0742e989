"""Transactions that lock, and may deadlock."""

from simclock.experiments.catalog.lock_table.bugs import BUGS
from simclock.experiments.catalog.lock_table.hunt import DEADLOCKS_HUNT
from simclock.experiments.catalog.lock_table.scenario import DEADLOCKS
from simclock.experiments.catalog.lock_table.study import DEADLOCKS_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="lock_table",
    entries=(DEADLOCKS, DEADLOCKS_HUNT),
    bugs=BUGS,
    studies=(DEADLOCKS_STUDY,),
)
