"""The engines there are: whoever adds one adds its name here, and the module of that name beside this one."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from simclock import RunResult
from simclock.experiments.consensus.engine import ConsensusEngine
from simclock.experiments.entries.parameters import Choice

ENGINES = ("raft", "multi-paxos", "zab", "vsr")
"""Their names, the first of them where nobody says; a module is read when its engine is asked for."""

ENGINE = Choice(ENGINES[0], ENGINES, noun="engine", help="What makes the servers agree.")
"""The parameter of a scenario that runs on any."""


@cache
def engine_named(name: str) -> ConsensusEngine:
    """The engine of that name."""
    found: ConsensusEngine = import_module(f"{__package__}.{name.replace('-', '_')}").ENGINE
    return found


def engine_of(result: RunResult) -> ConsensusEngine:
    """The engine that a run ran on."""
    return next(engine for engine in map(engine_named, ENGINES) if engine.report in result.reports)
