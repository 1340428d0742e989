"""Viewstamped Replication under a key-value store."""

from simclock.experiments.catalog.viewstamped_replication.bugs import BUGS, NOT_APPLICABLE
from simclock.experiments.catalog.viewstamped_replication.hunt import VSR_HUNT
from simclock.experiments.catalog.viewstamped_replication.scenario import VSR_KV
from simclock.experiments.catalog.viewstamped_replication.script import VSR_SCRIPT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="viewstamped_replication", entries=(VSR_KV, VSR_HUNT, VSR_SCRIPT), bugs=BUGS, not_applicable=NOT_APPLICABLE
)
