"""Global snapshots."""

from simclock.experiments.catalog.snapshots.bugs import BUGS
from simclock.experiments.catalog.snapshots.scenario import SNAPSHOTS, SNAPSHOTS_HUNT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="snapshots",
    entries=(SNAPSHOTS, SNAPSHOTS_HUNT),
    bugs=BUGS,
)
