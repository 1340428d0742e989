"""Worlds in which somebody else than the seed decides what happens next: a script, a list, an explorer."""

from __future__ import annotations

from simclock.actors.steering.deciders import Decider, Listed, Seeded
from simclock.actors.steering.nodes import LocalNodes, Nodes, Outcome, View
from simclock.actors.steering.pending import MODELS, Pending
from simclock.actors.steering.running import steer, steered_run
from simclock.actors.steering.steps import (
    Ask,
    Crash,
    Cut,
    CutLink,
    Deliver,
    Drop,
    Duplicate,
    Fire,
    Mend,
    Pass,
    Restart,
    Step,
    TornCrash,
)
from simclock.actors.steering.took import Took
from simclock.actors.steering.world import World

__all__ = [
    "MODELS",
    "Ask",
    "Crash",
    "Cut",
    "CutLink",
    "Decider",
    "Deliver",
    "Drop",
    "Duplicate",
    "Fire",
    "Listed",
    "LocalNodes",
    "Mend",
    "Nodes",
    "Outcome",
    "Pass",
    "Pending",
    "Restart",
    "Seeded",
    "Step",
    "Took",
    "TornCrash",
    "View",
    "World",
    "steer",
    "steered_run",
]
