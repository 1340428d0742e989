"""A replicated counter on whichever consensus engine."""

from simclock.experiments.catalog.counter.scenario import COUNTER
from simclock.experiments.consensus.lanes import LANES
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(name="counter", entries=(COUNTER,), lanes=LANES)
