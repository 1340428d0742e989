"""The many-leader key-value store."""

from simclock.experiments.catalog.dynamo.bugs import BUGS
from simclock.experiments.catalog.dynamo.calm import CALM_HUNTS
from simclock.experiments.catalog.dynamo.hunt import HUNTS
from simclock.experiments.catalog.dynamo.scenario import DYNAMO
from simclock.experiments.catalog.dynamo.study import VERSION_VECTORS_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="dynamo",
    entries=(DYNAMO, *HUNTS, *CALM_HUNTS),
    bugs=BUGS,
    studies=(VERSION_VECTORS_STUDY,),
)
