"""What the process of one mutant does: the scenarios' seeds one after the other, until a run is not as it should be.

Law: what a run may do is bounded by what the right code did with the same seed, so a hang is told by counting.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from simclock.actors.run import run
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VIOLATED
from simclock.experiments.mutation.instrument import TURNS_MAX, Counters, Hang
from simclock.experiments.runs.outcome import FAILED, Outcome, outcome_of
from simclock.experiments.runs.report import report_of
from simclock.experiments.scenario_files.file import settings_from_toml
from simclock.experiments.telling.spelling import one_line
from simclock.kernel.failures import is_interrupt
from simclock.kernel.process import Process
from simclock.scenario import Scenario

TIMES = 20
"""A run that does so many times what the right code does, and HANDLED_MIN more, is a hang."""
HANDLED_MIN = 20_000
Ground = tuple[Entry, Settings]
"""A scenario to hunt in."""
IMPORT = "import"
"""What is named where a mutant cannot even be imported."""


def hunted(task: dict[str, Any], counters: Counters, imported: set[str]) -> dict[str, Any]:
    """The answer to a task: of the right code every run, of a mutant what killed it and what was counted."""
    try:
        grounds = [_ground(text) for text in task["scenarios"]]
    except BaseException as error:  # a mutant may end its import in any way
        if is_interrupt(error):
            raise
        cause = error if error.__cause__ is None else error.__cause__  # of a user's module it is told in our words
        verdict = "hang" if isinstance(cause, Hang) else "error"
        return _killed(verdict, f"{type(cause).__name__} at {IMPORT}", one_line(error), None, _Ran(counters))
    if task["right"] is None:
        runs = [_right_run(grounds[place], seed, counters, place) for place, seed in task["runs"]]
        return {"runs": runs, "imported": sorted(imported)}
    return _mutant_runs(task, grounds, counters)


def _mutant_runs(task: dict[str, Any], grounds: list[Ground], counters: Counters) -> dict[str, Any]:
    ran = _Ran(counters)
    for place, seed, digest, turns, handled in task["right"]:
        counters.begin(max(TURNS_MAX, TIMES * turns), TIMES * handled + HANDLED_MIN)
        outcome = _outcome(grounds[place], seed, counters)
        ran.count(outcome, digest)
        if outcome.verdict == FAILED:
            hung = outcome.properties[0].partition(" at ")[0] == Hang.__name__
            verdict = "hang" if hung else "error"
            return _killed(verdict, outcome.properties[0], outcome.detail, (place, seed), ran)
        if outcome.verdict == VIOLATED:
            return _killed("property", outcome.properties[0], outcome.detail, (place, seed), ran)
    return _killed("", "", "", None, ran)


class _Ran:
    """What is counted of a mutant's runs."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.runs = 0
        self.differed = 0

    def count(self, outcome: Outcome, right_digest: str) -> None:
        self.runs += 1
        self.differed += outcome.digest != right_digest


def _killed(verdict: str, by: str, detail: str, at: tuple[int, int] | None, ran: _Ran) -> dict[str, Any]:
    return {
        "killed": verdict,
        "by": by,
        "detail": detail,
        "scenario": None if at is None else at[0],
        "seed": None if at is None else at[1],
        "runs": ran.runs,
        "ran": ran.counters.ran,
        "differed": ran.differed,
    }


def _right_run(ground: Ground, seed: int, counters: Counters, place: int) -> dict[str, Any]:
    counters.begin(turns_max=1 << 62)
    outcome = _outcome(ground, seed, counters)
    wrong = "" if outcome.passed else f"{outcome.what}: {outcome.detail}"
    return {
        "scenario": place,
        "seed": seed,
        "digest": outcome.digest,
        "turns": counters.turns,
        "handled": counters.handled,
        "wall_s": outcome.wall_s,
        "wrong": wrong,
    }


def _ground(text: str) -> Ground:
    return settings_from_toml(tomllib.loads(text), "the scenario", Path())


def _outcome(ground: Ground, seed: int, counters: Counters) -> Outcome:
    entry, settings = ground

    def made() -> Any:
        return run(counted(make_scenario(entry, replace(settings, seed=seed)), counters))

    return outcome_of(seed, made, partial(report_of, entry))


def counted(scenario: Scenario, counters: Counters) -> Scenario:
    """The same scenario, whose nodes count what they handle; nothing else changes."""
    return replace(
        scenario,
        build=_Counted(scenario.build, counters),
        byzantine={node: _Counted(build, counters) for node, build in scenario.byzantine.items()},
    )


class _Counted:
    """Builds nodes that count."""

    def __init__(self, build: Callable[[int], Process], counters: Counters) -> None:
        self._build = build
        self._counters = counters

    def __call__(self, node: int) -> Process:
        made = self._build(node)
        if isinstance(made, Process):
            for name in ("on_message", "on_timer"):
                made.__dict__[name] = partial(self._count_and_do, getattr(made, name))
        return made

    def _count_and_do(self, handler: Callable[..., None], *arguments: Any) -> None:
        self._counters.handle()
        handler(*arguments)


def interleaved(scenarios: int, seeds: range) -> Iterator[tuple[int, int]]:
    """(number of a scenario, seed): each seed of all scenarios before the next seed."""
    return ((place, seed) for seed in seeds for place in range(scenarios))
