"""ZAB under a key-value store."""

from simclock.experiments.catalog.zab.bugs import BUGS, NOT_APPLICABLE
from simclock.experiments.catalog.zab.calm import ZAB_CALM_HUNT
from simclock.experiments.catalog.zab.hunt import ZAB_HUNT
from simclock.experiments.catalog.zab.lanes import LANES
from simclock.experiments.catalog.zab.scenario import ZAB_KV
from simclock.experiments.catalog.zab.script import ZAB_SCRIPT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="zab",
    entries=(ZAB_KV, ZAB_HUNT, ZAB_CALM_HUNT, ZAB_SCRIPT),
    lanes=LANES,
    bugs=BUGS,
    not_applicable=NOT_APPLICABLE,
)
