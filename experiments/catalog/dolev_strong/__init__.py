"""Byzantine broadcast with signatures."""

from simclock.experiments.catalog.dolev_strong.bugs import BUGS
from simclock.experiments.catalog.dolev_strong.hunt import DOLEV_STRONG_HUNT
from simclock.experiments.catalog.dolev_strong.scenario import DOLEV_STRONG
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="dolev_strong",
    entries=(DOLEV_STRONG, DOLEV_STRONG_HUNT),
    bugs=BUGS,
)
