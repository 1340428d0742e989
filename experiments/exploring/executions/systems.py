"""What the stateless strategies explore: a system, whose runs make one step after another.

    system = Program({"A": a, "B": b})            # a message program (programs/); or a world of nodes
    run = system.start()
    while steps := run.enabled():
        run.take(steps[0])
    run.end()                                     # COMPLETE, BLOCKED or PRUNED

Laws. A run is determined by the steps that it took. A process is determined by the steps that it took itself: another
process reaches it only by what its steps need (a message) and by shared objects. Two steps are *dependent* if they are
of one process, or touch one object, unless both look at it or set it to the same. Independent steps commute, and
neither disables the other; a step may enable another (a sending, a delivery). Where the message model lets steps of two
processes disable each other all the same (mailbox), the system says so: `disabling`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

COMPLETE = "complete"
BLOCKED = "blocked"
PRUNED = "pruned"
"""How a run ends: every process is done, or may wait; one waits for ever; symmetry took away what it waits for."""


LOOKED_AT = False
CHANGED = True


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one process; two are equal where the process does the same in the same place."""

    process: str
    text: str
    """Its line in a list of steps."""
    needs: Hashable = None
    """What an earlier step must have made: the message that it takes."""
    touches: tuple[tuple[str, Hashable], ...] = ()
    """Shared objects, and how each is: LOOKED_AT, CHANGED, or, if it is only set to something, to what."""
    alone: bool = False
    """Nothing can take its place: the process has no other step there, and no other process touches what it touches."""
    waits: bool = False
    """Only another message to the process can take its place."""
    task: str = ""
    """The task of a scheduler that decides by priority or in turn; the process itself where it is empty."""
    choice: bool = False
    """One of several values of the process's own choosing."""
    option: int = -1
    """Which of them; what else tells it from other steps in its place."""

    def __str__(self) -> str:
        return self.text

    @property
    def scheduled(self) -> str:
        """The task that a scheduler sees."""
        return self.task or self.process


Made: TypeAlias = tuple[Hashable, str]
"""What a step made (a message), and the process whose steps may need it."""


class Run(Protocol):
    """One run of a system, on its way."""

    def enabled(self) -> Sequence[Step]:
        """What may happen next, in an order that depends on nothing but the steps taken."""

    def take(self, step: Step) -> Sequence[Made]:
        """Make the step; returns what it made that later steps may need."""

    def end(self) -> str:
        """How a run ends in which nothing more may happen."""

    def final(self) -> Hashable:
        """The state that the run has come to."""

    def violations(self) -> Sequence[str]:
        """What has been violated so far, in the order of happening."""

    def kept(self) -> Mapping[str, int]:
        """What bounds of the system kept from happening, wherever the run was asked what is enabled -> how often."""


class System(Protocol):
    """What is explored."""

    @property
    def disabling(self) -> bool:
        """Whether a step may disable one of another process that it shares no object with."""

    def start(self) -> Run:
        """A new run, before its first step."""


def begins(process: str) -> tuple[str, str]:
    """What a step makes that begins a process."""
    return "begins", process


def dependent(left: Step, right: Step) -> bool:
    """Whether the order of two steps matters."""
    if left.process == right.process:
        return True
    if not left.touches or not right.touches:
        return False
    return any(one == other and conflict(a, b) for one, a in left.touches for other, b in right.touches)


def conflict(left: Hashable, right: Hashable) -> bool:
    """Whether the order of two ways to touch an object matters: not if both look at it, or set it to the same."""
    return left is CHANGED or left != right


@dataclass(slots=True)
class Trace:
    """The steps of a run with what happens before what: sets of earlier steps, as bits of whole numbers."""

    steps: list[Step] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    """Bit i of `before[j]`: step i happens before step j, or is it."""
    _maker: dict[Hashable, int] = field(default_factory=dict)
    _made_for: dict[str, list[tuple[int, Hashable]]] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)
    _touched: dict[str, list[tuple[int, Hashable]]] = field(default_factory=dict)

    def add(self, step: Step, made: Sequence[Made]) -> None:
        """The next step of the run."""
        index = len(self.steps)
        past = 1 << index
        last = self._last.get(step.process)
        if last is None:
            last = self._maker.get(begins(step.process))
        if last is not None:
            past |= self.before[last]
        if step.needs in self._maker:  # otherwise it was there in the beginning
            past |= self.before[self._maker[step.needs]]
        for name, how in step.touches:
            others = self._touched.setdefault(name, [])
            for other, before in others:
                if conflict(how, before):
                    past |= self.before[other]
            others.append((index, how))
        self._last[step.process] = index
        for key, process in made:
            self._maker[key] = index
            self._made_for.setdefault(process, []).append((index, key))
        self.steps.append(step)
        self.before.append(past)

    def not_after(self, index: int) -> list[int]:
        """The steps behind step `index` that it does not happen before, in order."""
        return [later for later in range(index + 1, len(self.steps)) if not self.before[later] >> index & 1]

    def firsts(self, indices: Sequence[int], last: Step) -> list[Step]:
        """Of some steps of the trace, and `last` behind them: those that need nothing that these make."""
        inside = set(indices)

        def is_made(step: Step) -> bool:
            makers = (self._maker.get(key) for key in (step.needs, begins(step.process)))
            return any(maker in inside for maker in makers)

        return [step for step in (*(self.steps[index] for index in indices), last) if not is_made(step)]

    def may_race(self, index: int) -> bool:
        """A quick look: False if nothing else can have happened in the place of step `index`."""
        step = self.steps[index]
        if step.alone or not step.waits:
            return not step.alone
        past = self.before[index]
        taken = {self.steps[i].needs for i in range(index + 1) if self.steps[i].process == step.process}
        return any(
            key not in taken and (past >> maker & 1 or not self.before[maker] >> index & 1)
            for maker, key in self._made_for[step.process]
        )

    def canonical(self) -> Hashable:
        """The trace without the order of what commutes: equal for exactly the runs that are one execution."""
        own: dict[str, list[Step]] = {}
        for step in self.steps:
            own.setdefault(step.process, []).append(step)
        place = {}
        counted: dict[str, int] = {}
        for index, step in enumerate(self.steps):
            place[index] = (step.process, counted.get(step.process, 0))
            counted[step.process] = counted.get(step.process, 0) + 1
        shared = []
        for name, touched in sorted(self._touched.items()):
            groups: list[list[tuple[str, int]]] = []
            last: Hashable = CHANGED
            for index, how in touched:
                if conflict(how, last):
                    groups.append([])
                groups[-1].append(place[index])
                last = how
            shared.append((name, tuple(tuple(sorted(group)) for group in groups)))
        return tuple(sorted((name, tuple(steps)) for name, steps in own.items())), tuple(shared)
