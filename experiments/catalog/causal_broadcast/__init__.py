"""Causal broadcast."""

from simclock.experiments.catalog.causal_broadcast.bugs import BUGS
from simclock.experiments.catalog.causal_broadcast.hunt import CAUSAL_HUNT
from simclock.experiments.catalog.causal_broadcast.study import BROADCAST_ORDERS_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="causal_broadcast",
    entries=(CAUSAL_HUNT,),
    bugs=BUGS,
    studies=(BROADCAST_ORDERS_STUDY,),
)
