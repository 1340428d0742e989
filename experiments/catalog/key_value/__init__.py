"""A key-value store on whichever consensus engine."""

from simclock.experiments.catalog.key_value.hunt import KEY_VALUE_HUNT
from simclock.experiments.catalog.key_value.scenario import KEY_VALUE
from simclock.experiments.catalog.key_value.study import CONSENSUS_STUDY
from simclock.experiments.consensus.lanes import LANES
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(name="key_value", entries=(KEY_VALUE, KEY_VALUE_HUNT), studies=(CONSENSUS_STUDY,), lanes=LANES)
