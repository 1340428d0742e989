"""A totally ordered chat."""

from simclock.experiments.catalog.total_order.bugs import BUGS
from simclock.experiments.catalog.total_order.calm import CHAT_CALM_HUNT
from simclock.experiments.catalog.total_order.hunt import CHAT_HUNT
from simclock.experiments.catalog.total_order.scenario import CHAT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="total_order",
    entries=(CHAT, CHAT_HUNT, CHAT_CALM_HUNT),
    bugs=BUGS,
)
