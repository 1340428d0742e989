"""Clocks among liars."""

from simclock import ms
from simclock.experiments.catalog.byzantine_clocks.bugs import BUGS
from simclock.experiments.catalog.byzantine_clocks.hunt import BYZANTINE_EQUIVOCATION_HUNT, BYZANTINE_HUNT
from simclock.experiments.catalog.byzantine_clocks.scenario import BYZANTINE_CLOCKS
from simclock.experiments.catalog.byzantine_clocks.sources import CLOCK_SOURCES
from simclock.experiments.catalog.byzantine_clocks.study import BYZANTINE_CLOCKS_STUDY
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="byzantine_clocks",
    entries=(BYZANTINE_CLOCKS, BYZANTINE_HUNT, BYZANTINE_EQUIVOCATION_HUNT, CLOCK_SOURCES),
    bugs=BUGS,
    studies=(BYZANTINE_CLOCKS_STUDY,),
    shot=Shot(
        scenario="byzantine-clocks",
        caption="One round: every node reads every other clock, and corrects its own by what most of them show.",
        from_ns=ms(19_990),
        to_ns=ms(20_012),
    ),
)
