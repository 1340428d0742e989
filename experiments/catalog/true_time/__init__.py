"""TrueTime and commit wait."""

from simclock.experiments.catalog.true_time.bugs import BUGS
from simclock.experiments.catalog.true_time.hunt import TRUETIME_HUNT
from simclock.experiments.catalog.true_time.scenario import TRUETIME
from simclock.experiments.catalog.true_time.study import TRUETIME_STUDY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="true_time",
    entries=(TRUETIME, TRUETIME_HUNT),
    bugs=BUGS,
    studies=(TRUETIME_STUDY,),
)
