"""A key-value store on whichever consensus engine."""

from simclock.experiments.catalog.key_value.dumps_study import DUMPS_STUDY
from simclock.experiments.catalog.key_value.hunt import KEY_VALUE_HUNT
from simclock.experiments.catalog.key_value.proposals_study import PROPOSALS_STUDY
from simclock.experiments.catalog.key_value.scenario import KEY_VALUE
from simclock.experiments.catalog.key_value.study import CONSENSUS_STUDY
from simclock.experiments.catalog.key_value.timeouts_study import TIMEOUTS_STUDY
from simclock.experiments.consensus.lanes import LANES
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="key_value",
    entries=(KEY_VALUE, KEY_VALUE_HUNT),
    studies=(CONSENSUS_STUDY, PROPOSALS_STUDY, TIMEOUTS_STUDY, DUMPS_STUDY),
    lanes=LANES,
)
