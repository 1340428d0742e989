"""How the nodes of a lease service are coloured in a picture: who holds, with the token, and which server leads."""

from __future__ import annotations

from simclock.experiments.entries.lanes import Lanes, State
from simclock.protocols.leases.observed import Held, Lost, Released
from simclock.protocols.replication.observed import Candidacy, Following, Leadership, Starts

LANES = Lanes(
    name="role",
    number="token or term",
    states={
        Held.observed_as: State(name="holder", number=1),
        Lost.observed_as: State(name=""),
        Released.observed_as: State(name=""),
        Starts.observed_as: State(name="follower", number=0),
        Candidacy.observed_as: State(name="candidate", number=0),
        Leadership.observed_as: State(name="leader", number=0),
        Following.observed_as: State(name="follower", number=0),
    },
)
