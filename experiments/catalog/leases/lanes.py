"""How the nodes of a lease service are coloured in a picture: who holds, with the token, and which server leads."""

from __future__ import annotations

from simclock.experiments.entries.lanes import Lanes, State
from simclock.protocols.leases.observed import Held, Lost, Released
from simclock.protocols.raft.observed import Candidate, Follower, Leader, Started

LANES = Lanes(
    name="role",
    number="token or term",
    states={
        Held.observed_as: State(name="holder", number=1),
        Lost.observed_as: State(name=""),
        Released.observed_as: State(name=""),
        Started.observed_as: State(name="follower", number=0),
        Candidate.observed_as: State(name="candidate", number=0),
        Leader.observed_as: State(name="leader", number=0),
        Follower.observed_as: State(name="follower", number=0),
    },
)
