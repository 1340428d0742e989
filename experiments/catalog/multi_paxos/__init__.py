"""Paxos for one decree, and Multi-Paxos under a key-value store."""

from simclock import ms
from simclock.experiments.catalog.multi_paxos.bugs import BUGS, NOT_APPLICABLE
from simclock.experiments.catalog.multi_paxos.decree import PAXOS
from simclock.experiments.catalog.multi_paxos.hunt import MULTI_PAXOS_HUNT
from simclock.experiments.catalog.multi_paxos.scenario import MULTI_PAXOS_KV
from simclock.experiments.catalog.multi_paxos.script import MULTI_PAXOS_SCRIPT
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="multi_paxos",
    entries=(PAXOS, MULTI_PAXOS_KV, MULTI_PAXOS_HUNT, MULTI_PAXOS_SCRIPT),
    bugs=BUGS,
    not_applicable=NOT_APPLICABLE,
    shot=Shot(
        scenario="multi-paxos-kv",
        caption="Phase one: node 2 asks for promises of a ballot, and leads once a majority has given them.",
        from_ns=ms(268),
        to_ns=ms(274),
        nodes=(0, 1, 2),
    ),
)
