"""Clocks that are set right."""

from simclock import ms
from simclock.experiments.catalog.clock_synchronization.bugs import BUGS
from simclock.experiments.catalog.clock_synchronization.hunt import CLOCK_CALM_HUNT, CLOCK_HUNT
from simclock.experiments.catalog.clock_synchronization.scenario import ENTRY
from simclock.experiments.catalog.clock_synchronization.study import CLOCK_SYNC_STUDY
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="clock_synchronization",
    entries=(ENTRY, CLOCK_HUNT, CLOCK_CALM_HUNT),
    bugs=BUGS,
    studies=(CLOCK_SYNC_STUDY,),
    shot=Shot(
        scenario="clock-drift",
        caption="A Berkeley round: node 0 polls the others, averages, and tells each by how much to set its clock.",
        from_ns=ms(19_998),
        to_ns=ms(20_006),
    ),
)
