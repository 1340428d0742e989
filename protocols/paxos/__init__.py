"""Paxos for one decree: proposers, acceptors and learners agree on one value (Lamport, "Paxos Made Simple", 2001: PMS).

    proposer.py    asks a majority what was accepted, and proposes that
    acceptor.py    promises, and accepts
    learner.py     counts who has accepted
    messages.py    phases 1 and 2
    observed.py    what the three tell
    settings.py    who is who
    properties.py  PMS 2.1 as an observer

To be read first; a sequence of values, as a store needs it, is in protocols/multi_paxos.
"""

from simclock.protocols.paxos.acceptor import Acceptor
from simclock.protocols.paxos.learner import Learner
from simclock.protocols.paxos.messages import Accept, Accepted, Prepare, Promise
from simclock.protocols.paxos.properties import PaxosProperties
from simclock.protocols.paxos.proposer import Proposer
from simclock.protocols.paxos.settings import PaxosSettings

__all__ = [
    "Accept",
    "Accepted",
    "Acceptor",
    "Learner",
    "PaxosProperties",
    "PaxosSettings",
    "Prepare",
    "Promise",
    "Proposer",
]
