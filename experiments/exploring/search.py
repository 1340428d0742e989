"""What a strategy is asked, and what it answers.

A strategy is a function `search(asked, ticked) -> Findings`, in a module of its own, and stands in `strategies.py` by
name. What comes after a colon in `--strategy delay:2` is its `argument`. It calls `ticked(findings)` now and then, with
what is known so far: that may raise `Enough`, where a limit is hit or the user presses Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simclock.actors.steering import Ask, Crash, Deliver, Drop, Duplicate, Fire, Restart, Step, TornCrash
from simclock.actors.steering.nodes import Outcome
from simclock.errors import UsageError
from simclock.observers import Violation
from simclock.readable import say
from simclock.scenario import Scenario

ANY = None
"""A bound that binds nothing."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much may happen in one run; None: any number."""

    steps: int | None = ANY
    timers: int | None = ANY
    """Timers that run out."""
    named_timers: Mapping[str, int] = field(default_factory=dict)
    """The same for each timer of a name; of a name that is a tuple its first part counts."""
    crashes: int | None = 0
    """Each with a restart, or none, of the node."""
    torn: int | None = 0
    """Of these, how many may leave a part of what was not synced."""
    drops: int | None = 0
    duplicates: int | None = 0
    commands: int | None = 0
    """What clients ask of nodes, where the scenario says what that is."""

    def __post_init__(self) -> None:
        for name in ("steps", "timers", "crashes", "torn", "drops", "duplicates", "commands"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value < COUNT_MAX):
                raise UsageError(f"{name}: {say(value)} is not a bound: 0 to {COUNT_MAX - 1}, or any")

    @property
    def kinds(self) -> tuple[type[Step], ...]:
        """The kinds of steps that may happen at all."""
        kinds: list[type[Step]] = [Deliver, Fire]
        faults = ((self.crashes, (Crash, Restart)), (self.torn, (TornCrash, Restart)))
        for bound, those in (*faults, (self.drops, (Drop,)), (self.duplicates, (Duplicate,)), (self.commands, (Ask,))):
            kinds += [kind for kind in those if bound != 0 and kind not in kinds]
        return tuple(kinds)

    def __str__(self) -> str:
        told = [f"{name} {value}" for name, value in self.told().items()]
        return ", ".join(told) or "no bounds"

    def told(self) -> dict[str, Any]:
        """The bounds that bind, and what may go wrong."""
        told: dict[str, Any] = {}
        for name in ("steps", "timers"):
            if getattr(self, name) is not None:
                told[name] = getattr(self, name)
        told |= {f"timers {name}": bound for name, bound in sorted(self.named_timers.items())}
        for name in ("crashes", "torn", "drops", "duplicates", "commands"):
            if getattr(self, name) != 0:
                told[name] = "any" if getattr(self, name) is None else getattr(self, name)
        return told


COUNT_MAX = 1 << 15


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A search."""

    scenario: Scenario
    model: str = "bag"
    bounds: Bounds = field(default_factory=Bounds)
    symmetric: tuple[tuple[int, ...], ...] = ()
    """Groups of nodes that do the same, and may change places."""
    asks: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """What clients may ask of any server that is up: (method, arguments)."""
    instant: tuple[int, ...] = ()
    """Nodes to which messages come in the step that sends them, as a specification has it of what all can see."""
    argument: str = ""
    """What stands after the strategy's name and a colon."""
    seed: int = 0
    """Of strategies that draw."""
    executions: int = 10_000
    """Of strategies that draw: how many runs."""
    all_violations: bool = False
    """Whether to go on after the first violation."""
    guard: bool = True
    workers: int = 1
    """Processes that search; 0: as many as the Ray has CPUs."""
    address: str | None = None
    """The Ray that searches, `local` for one that is started; None: this machine."""
    resume: Path | None = None
    """A file to go on from where it exists, and to keep the search in where it ends before it has seen everything."""


@dataclass(kw_only=True)
class Found:
    """A violation, and the way to it."""

    violation: Violation
    steps: tuple[Step, ...]


@dataclass(kw_only=True)
class Findings:
    """What is known: of a search that has ended, or so far."""

    states: int = 0
    """Distinct ones; 0 of a strategy that keeps none."""
    transitions: int = 0
    """Steps taken from all of them, also to what was known, and those that change nothing."""
    depth: int = 0
    """Steps of the longest way looked at; of `bfs`, the longest of the shortest."""
    executions: int = 0
    """Whole runs, of strategies that know runs."""
    ends: int = 0
    """States, or runs, from which nothing more can change."""
    pruned: dict[str, int] = field(default_factory=dict)
    """Why something was not looked at -> how often."""
    ended: str = ""
    """Why the search ended."""
    complete: bool = False
    """Whether everything within the bounds was looked at."""
    bounded: bool = False
    """Whether a bound kept anything from being looked at."""
    found: list[Found] = field(default_factory=list)
    """The first violation of each property, by the shortest way known."""
    reached: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    """What is to be reached sometimes -> the way to it."""
    heed: tuple[str, ...] = ()
    """What who reads the result ought to know, a line each."""
    more: Sequence[tuple[str, str]] = ()
    """(label, text) of what only this strategy tells."""
    estimate: float | None = None
    """How many executions there are, before the search."""


def failure_text(outcome: Outcome) -> str:
    """What a node's code failed of; empty where it did not."""
    failure = outcome.failure
    return "" if failure is None else f"{failure.event}: {failure.error} ({failure.place})"


def refuses(outcome: Outcome) -> bool:
    """Whether the node cannot be asked that now: it has no such method, or the method raises UsageError."""
    return outcome.failure is not None and outcome.failure.kind == UsageError.__name__


class Enough(Exception):
    """A limit is hit, or the user has enough: the search ends with what is known. The text says why."""


Ticked = Callable[[Findings], None]
Strategy = Callable[[Asked, Ticked], Findings]
