"""Every feature of the kernel in one run."""

from simclock.experiments.catalog.everything.scenario import EVERYTHING
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="everything",
    entries=(EVERYTHING,),
)
