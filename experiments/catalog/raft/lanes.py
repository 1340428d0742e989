"""How Raft's servers are coloured in a picture: by role, with the term (Ongaro & Ousterhout 2014, Figure 4)."""

from __future__ import annotations

from simclock.experiments.entries.lanes import Lanes, State
from simclock.protocols.raft.observed import Candidate, Follower, Leader, Started

LANES = Lanes(
    name="role",
    number="term",
    states={
        Started.observed_as: State(name="follower", number=0),
        Candidate.observed_as: State(name="candidate", number=0),
        Leader.observed_as: State(name="leader", number=0),
        Follower.observed_as: State(name="follower", number=0),
    },
)
