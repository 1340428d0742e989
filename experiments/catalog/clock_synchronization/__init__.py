"""Clocks that are set right."""

from simclock.experiments.catalog.clock_synchronization.bugs import BUGS
from simclock.experiments.catalog.clock_synchronization.hunt import CLOCK_CALM_HUNT, CLOCK_HUNT
from simclock.experiments.catalog.clock_synchronization.scenario import ENTRY
from simclock.experiments.catalog.clock_synchronization.study import CLOCK_SYNC_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="clock_synchronization",
    entries=(ENTRY, CLOCK_HUNT, CLOCK_CALM_HUNT),
    bugs=BUGS,
    studies=(CLOCK_SYNC_STUDY,),
)
