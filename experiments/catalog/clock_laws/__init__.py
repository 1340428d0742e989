"""The laws of clocks that order events."""

from simclock.experiments.catalog.clock_laws.bugs import BUGS
from simclock.experiments.catalog.clock_laws.scenario import CLOCK_LAWS, CLOCK_OVERFLOW_HUNT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="clock_laws",
    entries=(CLOCK_LAWS, CLOCK_OVERFLOW_HUNT),
    bugs=BUGS,
)
