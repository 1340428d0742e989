"""Synthetic loads, and generators of luck."""

from simclock import ms
from simclock.experiments.catalog.synthetic.scenario import BROADCAST, PHOLD, PING_PONG, TIMERS
from simclock.experiments.catalog.synthetic.streams_study import STREAMS_STUDY
from simclock.experiments.catalog.synthetic.study import SCALING_STUDY
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="synthetic",
    entries=(PHOLD, PING_PONG, TIMERS, BROADCAST),
    studies=(SCALING_STUDY, STREAMS_STUDY),
    shot=Shot(
        scenario="ping-pong",
        caption="Two nodes that send a message back and forth.",
        to_ns=ms(120),
        nodes=(0, 1),
    ),
)
