"""A rate limiter."""

from simclock.experiments.catalog.throttle.bugs import BUGS
from simclock.experiments.catalog.throttle.scenario import HOURLY_THROTTLE, THROTTLE_HUNT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="throttle",
    entries=(HOURLY_THROTTLE, THROTTLE_HUNT),
    bugs=BUGS,
)
