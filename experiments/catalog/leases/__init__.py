"""Leases, fencing and expiry."""

from simclock import ms
from simclock.experiments.catalog.leases.alone import LEASES_SCRIPT
from simclock.experiments.catalog.leases.bugs import BUGS
from simclock.experiments.catalog.leases.hunt import LEASES_CALM_HUNT, LEASES_DRIFT_HUNT, LEASES_HUNT
from simclock.experiments.catalog.leases.lanes import LANES
from simclock.experiments.catalog.leases.scenario import LEASES
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="leases",
    entries=(LEASES, LEASES_HUNT, LEASES_DRIFT_HUNT, LEASES_CALM_HUNT, LEASES_SCRIPT),
    bugs=BUGS,
    lanes=LANES,
    shot=Shot(
        scenario="leases",
        caption="A client asks for the lock: the service agrees on it before it says yes.",
        from_ns=ms(795),
        to_ns=ms(880),
    ),
)
