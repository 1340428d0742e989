"""How ZAB's servers are coloured in a picture: by what they are, with the epoch (Medeiros 2012, 3)."""

from __future__ import annotations

from simclock.experiments.entries.lanes import Lanes, State
from simclock.protocols.zab.observed import Chooses, Elected, Follower, Leader, Looking

LANES = Lanes(
    name="role",
    number="epoch",
    states={
        Looking.observed_as: State(name="looking"),
        Elected.observed_as: State(name="prospective leader"),
        Leader.observed_as: State(name="leader", number=0),
        Chooses.observed_as: State(name="joining"),
        Follower.observed_as: State(name="follower", number=0),
    },
)
