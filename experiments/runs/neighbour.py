"""The nearest passing neighbour of a failing run: the same seed, one planned fault fewer.

Nearest is the one whose fault comes latest, since up to there the two runs are one. The fault is replaced by a note, so
that the others keep their running numbers and nothing else moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from simclock.actors.run import run
from simclock.errors import UsageError
from simclock.experiments.entries.entry import NO_NEMESIS
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.outcome import Outcome, outcome_of
from simclock.experiments.runs.reference import Reference
from simclock.experiments.runs.report import report_of
from simclock.faults import Fault, Note
from simclock.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A run that passes, and what it lacks."""

    without: Fault
    settings: Settings
    scenario: Scenario
    tried: int
    """How many neighbours were run."""


def nearest_passing(
    reference: Reference, told: Callable[[Fault, Outcome], None] = lambda fault, outcome: None
) -> Neighbour | None:
    """Leave out one fault at a time, the latest first; None where every neighbour fails too."""
    scenario = reference.scenario()
    if not scenario.faults:
        raise UsageError(f"{reference.text}: no fault is planned, so there is no neighbour with one fewer")
    failing = _outcome(reference, scenario)
    if failing.passed:
        raise UsageError(f"{reference.text}: the run is {failing.verdict}: a neighbour is sought of one that fails")
    latest_first = sorted(range(len(scenario.faults)), key=lambda i: (scenario.faults[i].at_ns, i), reverse=True)
    candidates = [position for position in latest_first if not isinstance(scenario.faults[position], Note)]
    for tried, position in enumerate(candidates, start=1):
        fault = scenario.faults[position]
        note = Note(at_ns=fault.at_ns, text=f"left out: {fault.describe()}")
        faults = (*scenario.faults[:position], note, *scenario.faults[position + 1 :])
        settings = replace(reference.settings, faults=faults, nemesis=NO_NEMESIS, rhythm=None)
        neighbour = replace(scenario, faults=faults)
        outcome = _outcome(reference, neighbour)
        told(fault, outcome)
        if outcome.passed:
            return Neighbour(without=fault, settings=settings, scenario=neighbour, tried=tried)
    return None


def _outcome(reference: Reference, scenario: Scenario) -> Outcome:
    return outcome_of(
        scenario.seed, partial(run, scenario, replay=reference.replay), partial(report_of, reference.entry)
    )
