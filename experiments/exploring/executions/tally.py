"""What a search has found, and the bounds that end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.systems import BLOCKED, COMPLETE, PRUNED, Run, Step, Trace
from simclock.experiments.exploring.search import Enough

EXHAUSTED = "every execution was explored"
TOO_MANY = "the bound on executions was reached"
VIOLATED = "a violation was found"
CUT_SHORT = "every execution was explored, some only to the bound on steps"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What ends a search before its time."""

    executions_max: int = 1_000_000
    steps_max: int = 10_000
    """Of one execution; what is longer is cut short."""
    stop_at_violation: bool = False

    def __post_init__(self) -> None:
        if self.executions_max < 1 or self.steps_max < 1:
            raise UsageError("the bounds on executions and steps are at least 1")


@dataclass(frozen=True, slots=True)
class Violated:
    """What was violated, and the steps that lead there from the beginning."""

    text: str
    steps: tuple[Step, ...]


Seen = Callable[[Run, Trace, str], None]
"""Called at the end of each execution, with how it ended."""


@dataclass(slots=True)
class Exploration:
    """What a strategy found."""

    strategy: str
    executions: int = 0
    """Complete ones, told apart as the strategy does."""
    blocked: int = 0
    """Those that ended with a process that waits for ever."""
    pruned: int = 0
    """Dead ends of symmetry: another naming of the processes has the execution."""
    cut_short: int = 0
    """Those that reached the bound on steps."""
    redundant: int = 0
    """Runs given up, or found to be an execution that was explored before."""
    steps: int = 0
    """All steps taken for the search, replays included."""
    depth: int = 0
    """Steps of the longest execution."""
    ended: str = ""
    kept: dict[str, int] = field(default_factory=dict)
    """What bounds of the system kept from happening at places of the executions -> how often."""
    violations: dict[str, Violated] = field(default_factory=dict)
    """By what was violated: the shortest list of steps found, the first of them."""
    notes: list[str] = field(default_factory=list)
    """What the strategy says of itself: a proven bound, an estimate."""

    @property
    def runs(self) -> int:
        """All of them."""
        return self.executions + self.blocked + self.pruned + self.cut_short + self.redundant

    def __str__(self) -> str:
        counts = [f"{self.executions:,} executions"]
        counts += [
            f"{number:,} {name}"
            for number, name in (
                (self.blocked, "blocked"),
                (self.pruned, "pruned by symmetry"),
                (self.cut_short, "cut short"),
            )
            if number
        ]
        lines = [
            f"{self.strategy}: {', '.join(counts)}; {self.redundant:,} runs redundant",
            f"{self.steps:,} steps taken, {self.depth:,} in the longest execution; {self.ended}",
            *self.notes,
        ]
        for violated in self.violations.values():
            lines += [f"violated: {violated.text}", *(f"  {step}" for step in violated.steps)]
        return "\n".join(lines)

    def add(self, more: Exploration) -> None:
        """What another part of the search has found, after this one; it says of itself why it ended."""
        for name in ("executions", "blocked", "pruned", "cut_short", "redundant", "steps"):
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.depth = max(self.depth, more.depth)
        self._keep(more.kept)
        for text, violated in more.violations.items():
            known = self.violations.get(text)
            if known is None or len(violated.steps) < len(known.steps):
                self.violations[text] = violated

    def made(self, run: Run, steps: int) -> None:
        """A run was made for the search, of so many steps."""
        self.steps += steps
        self.depth = max(self.depth, steps)
        self._keep(run.kept())

    def _keep(self, kept: Mapping[str, int]) -> None:
        for name, often in kept.items():
            self.kept[name] = self.kept.get(name, 0) + often

    def count(self, end: str | None) -> None:
        """One more execution, that ended so; None: at the bound on steps."""
        match end:
            case None:
                self.cut_short += 1
            case "complete":
                self.executions += 1
            case "blocked":
                self.blocked += 1
            case _:
                self.pruned += 1

    def note_violations(self, run: Run, trace: Trace, seen: int) -> int:
        """Keep what was violated since there were `seen` violations; returns how many there are."""
        violations = run.violations()
        for text in violations[seen:]:
            known = self.violations.get(text)
            if known is None or len(trace.steps) < len(known.steps):
                self.violations[text] = Violated(text, tuple(trace.steps))
        return len(violations)


def told(found: Exploration, search: Callable[[], str]) -> Exploration:
    """Search until it says why it ended, or somebody has enough."""
    try:
        found.ended = search()
    except Enough as enough:
        found.ended = str(enough)
    return found


__all__ = [
    "BLOCKED",
    "COMPLETE",
    "CUT_SHORT",
    "EXHAUSTED",
    "PRUNED",
    "TOO_MANY",
    "VIOLATED",
    "Bounds",
    "Exploration",
    "Seen",
    "Violated",
    "told",
]
