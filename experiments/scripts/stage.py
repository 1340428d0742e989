"""A world as scripts see it: its nodes in words, and what every step changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from simclock.actors.steering.running import result_of
from simclock.actors.steering.steps import Cut, CutLink, Drop, Mend, Pass, Step
from simclock.actors.steering.world import Took, World
from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.scripts.asking import bound
from simclock.experiments.scripts.naming import OnItsWay
from simclock.experiments.scripts.reaching import DISK, Seen, reached
from simclock.experiments.scripts.telling import VIOLATED, Look, Shown, changes, look_at, whole
from simclock.experiments.scripts.values import value_text
from simclock.guarding.guard import guarding
from simclock.kernel.mail import Observation
from simclock.kernel.scheduler import RunResult
from simclock.observers import Violation
from simclock.trace import TraceRecord

Judge = Callable[[RunResult], Verdict]


class Broken(NamedTuple):
    """A property that does not hold."""

    property: str
    detail: str


class Stage:
    """One world, from its beginning on."""

    def __init__(self, world: World, shown: Shown, judge: Judge) -> None:
        self.world = world
        self.judge = judge
        self._ended: tuple[RunResult, Verdict, list[TraceRecord]] | None = None
        self.nodes = world.scenario.nodes
        self._shown = shown
        self._told: list[Observation] = list(world.began.observations)
        self._looks = [self._look(node) for node in range(self.nodes)]

    # What there is to see.

    def broken(self, *, at_end: bool) -> list[Broken]:
        """What does not hold; at the end also by what observers say then, and by the scenario's judge."""
        known = list(self.world.violations)
        if not at_end:
            return [_broken(each) for each in known]
        result, verdict = self.end()
        told = [_broken(each) for each in result.violations]
        names = [name for name in verdict.properties if name not in {each.property for each in told}]
        return [*told, *(Broken(name, "; ".join(verdict.lines)) for name in names)]

    def end(self, trace: Callable[[TraceRecord], None] | None = None) -> tuple[RunResult, Verdict]:
        """The run ends here, and is judged; nothing may be taken afterwards."""
        if self._ended is None:
            records: list[TraceRecord] = []
            result = result_of(self.world, trace=records.append)
            with guarding(self.world.scenario.build, True).lifted:  # a judge is no node: it may look at the clock
                self._ended = result, self.judge(result), records
        result, verdict, records = self._ended
        for record in records if trace is not None else ():
            assert trace is not None, "asked for above"
            trace(record)
        return result, verdict

    def check(self, node: int) -> None:
        """Raise UsageError for a node that there is not."""
        if node >= self.nodes:
            raise UsageError(f"there is no node {node}: nodes are 0 to {self.nodes - 1}")

    def can_deliver(self, each: OnItsWay) -> bool:
        """Whether it may be the next to arrive: by the message model, and by what its target takes now."""
        return self.world.may_deliver(each.number)

    def arguments(
        self, node: int, method: str, values: tuple[Any, ...], named: tuple[tuple[str, Any], ...]
    ) -> tuple[Any, ...]:
        """What the method is called with. Raises UsageError for one that is none, or takes other values."""
        found = self.read(node, partial(bound, method, values, named))
        if isinstance(found, str):
            raise UsageError(f"node {node}: {found}")
        given: tuple[Any, ...] = found
        return given

    def pending(self) -> list[OnItsWay]:
        """The messages on their way, oldest first."""
        found = self.world.pending.values()
        return [OnItsWay(each.number, each.source, each.target, each.message) for each in found]

    def is_up(self, node: int) -> bool:
        """Whether it has neither crashed nor halted."""
        return self.world.is_up(node)

    def timers(self, node: int) -> Sequence[Any]:
        """The names of the timers that are set."""
        return [name for name, _ in self.world.view(node).timers] if self.is_up(node) else []

    def durable(self, node: int) -> Mapping[str, Any]:
        """What a crash would leave of its disk, by name."""
        contents = self.world.view(node).durable
        return {**contents.values, **contents.logs}

    def told(self, node: int) -> Sequence[tuple[str, Any]]:
        """What it has observed so far."""
        return [(each.name, each.value) for each in self._told if each.node == node]

    def names(self, node: int) -> Sequence[str]:
        """What is shown of it."""
        return tuple(self._looks[node].state)

    def read(self, node: int, function: Any) -> Any:
        """What a function says of the node's object."""
        return self.world.nodes.read(node, self.world.state(node), function)

    def seen_at(self, node: int, steps: Sequence[str]) -> Seen:
        """What is shown under a name, or stands at that attribute, and what is reached from there.

        Raises UsageError where nothing is; `disk` is what is durable.
        """
        if steps[0] == DISK and DISK not in self.names(node):
            seen = reached(self.durable(node), steps[1:])
        else:
            seen = self.read(node, partial(_reached, self._shown, tuple(steps)))
        if isinstance(seen, str):
            raise UsageError(f"node {node}: {seen}")
        return seen

    def whole(self, node: int) -> Iterator[str]:
        """All that is to be said of a node."""
        return whole(node, self._looks[node])

    # What happens.

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """While this is open, a node's code is refused the real clock, luck, threads and sockets, as in a run."""
        guards = guarding(self.world.scenario.build, True)
        with guards.run, guards.advance():
            yield

    def beginning(self) -> Iterator[str]:
        """What the nodes are when they have begun, those together that are alike, and what they did."""
        alike: dict[tuple[str, ...], list[int]] = {}
        for node in range(self.nodes):
            told = tuple(
                line.removeprefix(str(node)) for line in (*self.whole(node), *self._tells(self.world.began, node))
            )
            alike.setdefault(told, []).append(node)
        for told, nodes in alike.items():
            yield from (f"{' '.join(map(str, nodes))}{line}" for line in told)
        yield from self._done(self.world.began)

    def take(self, step: Step) -> Iterator[str]:
        """Have it happen; gives what changed. Raises as `World.take` does."""
        took = self.world.take(step)
        self._told += took.observations
        return iter([*self._around(step), *self._changes(took), *self._done(took)])

    def _around(self, step: Step) -> Iterator[str]:
        """What is different outside the nodes."""
        match step:
            case Pass():
                yield f"it is {format_duration(self.world.now_ns)}"
            case Cut() | CutLink() | Mend():
                cuts = " ".join(f"{source}->{target}" for source, target in sorted(self.world.cuts))
                yield f"cut: {cuts or 'nothing'}"
            case Drop():
                yield "it is lost"

    def _changes(self, took: Took) -> Iterator[str]:
        if took.node >= 0:
            before, now = self._looks[took.node], self._look(took.node)
            self._looks[took.node] = now
            yield from changes(took.node, before, now)
            yield from self._tells(took, took.node)

    def _tells(self, took: Took, node: int) -> Iterator[str]:
        told = [_told(each) for each in took.observations if each.node == node]
        if told:
            yield f"{node} tells {', '.join(told)}"

    def _done(self, took: Took) -> Iterator[str]:
        for sent in took.sent:
            yield str(OnItsWay(sent.number, sent.source, sent.target, sent.message))
        for found in took.violations:
            yield f"{VIOLATED} {found.property}: node {found.node} {found.detail}"

    def _look(self, node: int) -> Look:
        view = self.world.view(node)
        return look_at(view, self.read(node, partial(_words, self._shown)) if view.is_up else {})


def _told(observation: Observation) -> str:
    return observation.name if observation.value is None else f"{observation.name} {value_text(observation.value)}"


def _broken(violation: Violation) -> Broken:
    return Broken(violation.property, f"node {violation.node}: {violation.detail}")


def _words(shown: Shown, node: Any) -> dict[str, str]:
    return {name: value_text(value) for name, value in shown(node).items()}


def _reached(shown: Shown, steps: tuple[str, ...], node: Any) -> Seen | str:
    """In what is shown of the node; where that leads nowhere, in the node itself."""
    seen = reached(shown(node), steps)
    hidden = steps[0].startswith(("_", "sim_")) or not hasattr(node, steps[0])
    if isinstance(seen, Seen) or hidden:
        return seen
    return reached(node, steps)
