"""TrueTime and commit wait."""

from simclock import ms
from simclock.experiments.catalog.true_time.bugs import BUGS
from simclock.experiments.catalog.true_time.hunt import TRUETIME_HUNT
from simclock.experiments.catalog.true_time.scenario import TRUETIME
from simclock.experiments.catalog.true_time.study import TRUETIME_STUDY
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="true_time",
    entries=(TRUETIME, TRUETIME_HUNT),
    bugs=BUGS,
    studies=(TRUETIME_STUDY,),
    shot=Shot(
        scenario="truetime",
        caption="A write gets the end of its leader's interval of now, and is answered once that is past: commit wait.",
        from_ns=ms(27),
        to_ns=ms(34),
    ),
)
