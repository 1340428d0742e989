"""Clocks among liars."""

from simclock.experiments.catalog.byzantine_clocks.bugs import BUGS
from simclock.experiments.catalog.byzantine_clocks.hunt import BYZANTINE_EQUIVOCATION_HUNT, BYZANTINE_HUNT
from simclock.experiments.catalog.byzantine_clocks.scenario import BYZANTINE_CLOCKS
from simclock.experiments.catalog.byzantine_clocks.sources import CLOCK_SOURCES
from simclock.experiments.catalog.byzantine_clocks.study import BYZANTINE_CLOCKS_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="byzantine_clocks",
    entries=(BYZANTINE_CLOCKS, BYZANTINE_HUNT, BYZANTINE_EQUIVOCATION_HUNT, CLOCK_SOURCES),
    bugs=BUGS,
    studies=(BYZANTINE_CLOCKS_STUDY,),
)
