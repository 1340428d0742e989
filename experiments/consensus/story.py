"""The story of a run on any engine: who would lead, who led, and what went wrong meanwhile."""

from simclock.experiments.telling.chronicle import Chronicle
from simclock.protocols.replication.observed import Candidacy, Following, Leadership, Looking
from simclock.told import Halted

STORY = Chronicle(
    {
        Looking: "looks for a leader",
        Candidacy: "would lead, in {term}",
        Leadership: "leads, in {term}",
        Following: "follows, in {term}",
        Halted: "halts: {reason}",
    }
)
