"""How the servers of any engine are coloured in a picture: by role, with the leadership's number."""

from __future__ import annotations

from simclock.experiments.entries.lanes import Lanes, State
from simclock.protocols.replication.observed import Candidacy, Following, Leadership, Looking, Starts

ROLES = {
    Starts.observed_as: State(name="follower", number=0),
    Candidacy.observed_as: State(name="candidate", number=0),
    Leadership.observed_as: State(name="leader", number=0),
    Following.observed_as: State(name="follower", number=0),
    Looking.observed_as: State(name="candidate", number=0),
}
LANES = Lanes(name="role", number="term", states=ROLES)
