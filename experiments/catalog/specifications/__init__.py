"""Specifications whose exact number of states is known, as node classes: what exploration is measured by."""

from simclock.experiments.catalog.specifications.lamport_mutex import LAMPORT_MUTEX
from simclock.experiments.catalog.specifications.paxos import PAXOS
from simclock.experiments.catalog.specifications.paxos_commit import PAXOS_COMMIT
from simclock.experiments.catalog.specifications.ping_pong import PING_PONG
from simclock.experiments.catalog.specifications.safra import SAFRA
from simclock.experiments.catalog.specifications.two_phase_commit import TWO_PHASE_COMMIT
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(name="specifications", entries=(TWO_PHASE_COMMIT, PAXOS, PING_PONG, PAXOS_COMMIT, LAMPORT_MUTEX, SAFRA))
