"""Paxos for one decree, and Multi-Paxos under a key-value store."""

from simclock.experiments.catalog.multi_paxos.bugs import BUGS, NOT_APPLICABLE
from simclock.experiments.catalog.multi_paxos.decree import PAXOS
from simclock.experiments.catalog.multi_paxos.hunt import MULTI_PAXOS_HUNT
from simclock.experiments.catalog.multi_paxos.scenario import MULTI_PAXOS_KV
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(
    name="multi_paxos",
    entries=(PAXOS, MULTI_PAXOS_KV, MULTI_PAXOS_HUNT),
    bugs=BUGS,
    not_applicable=NOT_APPLICABLE,
)
