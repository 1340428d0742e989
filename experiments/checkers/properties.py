"""Properties in one line: always, eventually, leads to, sometimes; over what nodes observe.

    Scenario(
        observers=(
            always("one leader", lambda nodes: sum(node.get("leader", False) for node in nodes) <= 1),
            eventually("all decide", lambda nodes: all("decided" in node for node in nodes), within="5s"),
            leads_to("a crash is repaired", is_crash, is_leader, within="5s"),
            sometimes("a split vote", lambda nodes: nodes.now.name == "candidate" and nodes.now.value > 3),
        ),
        ...
    )

Each is what `Scenario.observers` wants, a maker of a fresh Observer. What it found stands in `result.reports` under the
property's name as a `PropertyReport`, what it saw broken in `result.violations`, and that it could not be judged in
`result.unjudged`. A predicate is given the `Nodes` of `simclock.experiments.checkers.observed`, which says what they
are.

Laws: a predicate reads what is observed and nothing else, so a verdict is the same on every placement. What a run has
not put to the test is unknown and never valid: a property nobody could be asked about, a trigger that never came, a
`sometimes` that was not reached, a name that no node ever observed. Safety (`always`) is judged all the time; what is
owed in the end (`eventually`, `leads_to`) only from when the last fault has ended, as no protocol can hold a promise
while it is cut apart (Fischer, Lynch and Paterson 1985). The four are those of Lamport's temporal logic, with a bound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import msgspec

from simclock.durations import format_duration, parse_duration
from simclock.errors import UsageError
from simclock.experiments.checkers.observed import Nodes, NotObserved
from simclock.experiments.nemesis import SORTS, calm_of, healed_ns
from simclock.experiments.telling.spelling import nearest, say, unknown
from simclock.kernel.scheduler import RunResult
from simclock.observers import Control, Observation, Observer, Violation

ALWAYS = "always"
EVENTUALLY = "eventually"
LEADS_TO = "leads to"
SOMETIMES = "sometimes"
DETAIL_MAX = 400
"""Characters of what is said of a violation: of a thousand nodes the first few will do."""

Predicate = Callable[[Nodes], Any]


class PropertyReport(msgspec.Struct, frozen=True):
    """What a run said of a property."""

    kind: str
    tested: int
    """Always: observations it was asked of. Sometimes: times reached. Leads to: times triggered. Eventually: 1 where
    it was due."""
    violated: int
    open: int = 0
    """Eventually, leads to: still due when the run ended, too early to tell."""
    slowest_ns: int | None = None
    """Leads to: the longest it took. Eventually: how long, from when the last fault had ended."""
    reached_at_ns: int | None = None
    """Sometimes: when first."""
    unjudged: str = ""
    """Why the run says nothing of it; empty where it does."""

    def __str__(self) -> str:
        if self.unjudged and self.kind != SOMETIMES:
            return f"not judged: {self.unjudged}"
        slowest = "" if self.slowest_ns is None else f", at the latest after {format_duration(self.slowest_ns)}"
        match self.kind:
            case "sometimes":
                return f"reached {self.tested} times" if self.tested else "never reached"
            case "always":
                asked = f"asked {self.tested} times"
                return f"violated {self.violated} times, {asked}" if self.violated else f"held, {asked}"
            case "eventually":
                return "did not come to hold" if self.violated else f"came to hold{slowest}"
        return f"triggered {self.tested} times, {self.violated} too late, {self.open} open at the end{slowest}"


@dataclass(frozen=True, kw_only=True)
class Property:
    """Makes the observer of one property: put it into `Scenario.observers`."""

    name: str
    kind: str
    predicate: Predicate
    goal: Predicate | None = None
    of: str | None = None
    within_ns: int = 0
    despite: tuple[str, ...] = ()
    match: Callable[[Nodes], Hashable] | None = None
    stop: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise UsageError(f'{self.kind}: {say(self.name)} is not a name: write one first, such as "one leader"')
        for function in (self.predicate, self.goal, self.match):
            if function is not None and not callable(function):
                raise UsageError(f"{self.name}: {say(function)} is not a function: write lambda nodes: ...")
        for sort in self.despite:
            if sort not in SORTS:
                raise UsageError(f"{self.name}: despite: {unknown('sort of fault that stands', sort, SORTS)}")

    def __call__(self) -> Observer:
        named: type[_PropertyObserver] = type(self.name, (_OBSERVERS[self.kind],), {})  # reports are kept by class name
        return named(self)

    @property
    def progress_within_ns(self) -> int | None:
        """How long after everything has healed it is due: what a liveness phase asks of it. None: it is no progress."""
        return self.within_ns if self.kind in (EVENTUALLY, LEADS_TO) else None


def always(name: str, predicate: Predicate, *, of: str | None = None, stop: bool = True) -> Property:
    """True after every observation, or after those called `of`; the run stops at the first that breaks it.

    With `stop=False` it goes on and counts.

    Example: always("balance is not negative", lambda nodes: nodes.now.value >= 0, of="balance")
    """
    return Property(name=name, kind=ALWAYS, predicate=predicate, of=of, stop=stop)


def sometimes(name: str, predicate: Predicate) -> Property:
    """True after at least one observation: never a violation, but a run in which it is not is unknown.

    Example: sometimes("a split vote", lambda nodes: nodes.now.name == "candidate" and nodes.now.value > 3)
    """
    return Property(name=name, kind=SOMETIMES, predicate=predicate)


def eventually(name: str, predicate: Predicate, *, within: str | int, despite: tuple[str, ...] = ()) -> Property:
    """True at some instant of the `within` that follows the start, or the end of the last fault.

    `within` is a time such as "5s", or nanoseconds such as `seconds(5)`. A fault that still acts when the run ends
    leaves it unknown, unless the protocol is made to go on under that sort: `despite=("down",)` is for nodes that are
    down. It is judged when the run has ended, and is what `--liveness` asks for after everything has healed.
    """
    return Property(
        name=name, kind=EVENTUALLY, predicate=predicate, within_ns=_bound(name, within), despite=tuple(despite)
    )


def leads_to(
    name: str,
    trigger: Predicate,
    goal: Predicate,
    *,
    within: str | int,
    match: Callable[[Nodes], Hashable] | None = None,
    despite: tuple[str, ...] = (),
) -> Property:
    """Each time `trigger` becomes true, `goal` is true then or at some instant of the `within` that follows.

    Where faults act meanwhile, the time counts from the end of the last one; `within` and `despite` are as for
    `eventually`. A trigger that reads `nodes.now` is one at every observation for which it is true. With `match`,
    trigger and goal must agree on its value (`match=lambda nodes: nodes.now.node`: at the same node); a goal meets
    every trigger before it. The violation names the trigger's node, and the instant at which it was due.
    """
    return Property(
        name=name,
        kind=LEADS_TO,
        predicate=trigger,
        goal=goal,
        within_ns=_bound(name, within),
        match=match,
        despite=tuple(despite),
    )


def _bound(name: str, within: str | int) -> int:
    if type(within) is int and within >= 0:
        return within
    return parse_duration(within if isinstance(within, str) else repr(within), f"{name}: within")


def property_reports(result: RunResult) -> dict[str, PropertyReport]:
    """The reports of a run's properties, by name."""
    return {name: report for name, report in result.reports.items() if isinstance(report, PropertyReport)}


def unreached(result: RunResult) -> tuple[str, ...]:
    """The properties that the run never put to the test: it proves nothing about them."""
    return tuple(name for name, report in property_reports(result).items() if report.unjudged)


def reached_sometimes(result: RunResult) -> dict[str, int]:
    """How often the run reached what it was to reach now and then."""
    return {name: report.tested for name, report in property_reports(result).items() if report.kind == SOMETIMES}


class _PropertyObserver(Observer[PropertyReport]):
    """Asks its predicates what they say of what has been observed so far."""

    def __init__(self, of: Property) -> None:
        self.of = of
        self.tested = 0
        self.violated = 0
        self._nodes: Nodes | None = None
        self._waiting = ""
        """Why the last question could not be answered."""
        self._unjudged = ""

    @property
    def nodes(self) -> Nodes:
        assert self._nodes is not None, "something has been observed"
        return self._nodes

    def on_observation(self, observation: Observation, control: Control) -> None:
        if self._nodes is None:
            self._nodes = Nodes(control.nodes)
        self._nodes.take(observation)
        self.see(observation, control)

    def see(self, now: Observation, control: Control) -> None:
        raise NotImplementedError

    def holds(self, predicate: Predicate) -> bool | None:
        """What the predicate says; None where a node has not observed what it asks for."""
        self.nodes.ask_anew()
        try:
            answer = predicate(self.nodes)
        except NotObserved as missing:
            self._waiting = str(missing)
            return None
        if isinstance(answer, Iterator | Awaitable) or callable(answer):
            what = type(answer).__name__
            raise UsageError(
                f"{self.of.name}: its function gives a {what}, which is neither true nor false: write any(...), "
                "all(...) or a comparison"
            )
        return bool(answer)

    def on_finish(self, control: Control) -> None:
        missing = self._never_observed()
        why = self.judge_at_the_end(control, missing)
        if why and not self.violated:
            self._unjudged = why if missing in why else f"{why}: {missing}"
            control.not_judged(self.of.name, self._unjudged)

    def judge_at_the_end(self, control: Control, missing: str) -> str:
        """Break what has turned out not to hold, and give why it is not judged; empty if it is."""
        raise NotImplementedError

    def _never_observed(self) -> str:
        """Names that the property rests on and that no node has observed, with what may be meant; empty if none."""
        latest = {} if self._nodes is None else self._nodes.latest
        read = set() if self._nodes is None else set(self._nodes.names_read)
        lacking = sorted((read | ({self.of.of} if self.of.of is not None else set())) - set(latest))
        if not lacking:
            return ""
        near = nearest(lacking[0], latest)
        meant = f": did you mean {near!r}?" if near else f" (observed were {', '.join(latest)})" if latest else ""
        return f"no node ever observed {' or '.join(map(repr, lacking))}{meant}"

    def nothing_to_ask(self) -> str:
        """Why no question was answered."""
        if self._nodes is None:
            return "no node observed anything"
        read = ' (`"name" in node` and `node.get("name", default)` can be asked all the same)'
        return f"{self._waiting}{read}" if self._waiting else "it was asked of nothing"

    def report(self) -> PropertyReport:
        return PropertyReport(kind=self.of.kind, tested=self.tested, violated=self.violated, unjudged=self._unjudged)


class _Always(_PropertyObserver):
    def see(self, now: Observation, control: Control) -> None:
        if self.of.of is not None and self.of.of != now.name:
            return
        held = self.holds(self.of.predicate)
        self.tested += held is not None
        if held is False:
            self.violated += 1
            told = self.nodes.told()
            detail = f"{now.name} {now.value!r}{f' ({told})' if told else ''}"
            control.violated(self.of.name, now.node, _shortened(detail), stop=self.of.stop)

    def judge_at_the_end(self, control: Control, missing: str) -> str:
        return missing or ("" if self.tested else self.nothing_to_ask())


class _Sometimes(_PropertyObserver):
    reacts: ClassVar[bool] = False

    def __init__(self, of: Property) -> None:
        super().__init__(of)
        self._reached_at_ns: int | None = None

    def see(self, now: Observation, control: Control) -> None:
        if self.holds(self.of.predicate):
            self.tested += 1
            if self._reached_at_ns is None:
                self._reached_at_ns = now.time_ns

    def judge_at_the_end(self, control: Control, missing: str) -> str:
        return "" if self.tested else "it never came to hold"

    def report(self) -> PropertyReport:
        return msgspec.structs.replace(super().report(), reached_at_ns=self._reached_at_ns)


class _Owed(_PropertyObserver):
    """What a protocol owes once nothing goes wrong any more."""

    reacts: ClassVar[bool] = False

    def __init__(self, of: Property) -> None:
        super().__init__(of)
        self.open = 0
        self.slowest_ns: int | None = None

    def calm(self, control: Control) -> tuple[int, str]:
        """Since when nothing has gone wrong, and which fault still acts in the end, if one does."""
        assert control.happened is not None, "the run has ended"
        calm = calm_of(control.happened, bears=self.of.despite)
        return max(calm.since_ns, healed_ns(control.happened.faults) or 0), calm.still

    def is_over(self, due_ns: int, control: Control) -> bool:
        """Whether what was due by then can no longer come in time."""
        return control.exhausted or due_ns < control.now_ns

    def owe(self, control: Control, due_ns: int, node: int, detail: str) -> None:
        """It has not come. Of many that have not, the first is told."""
        self.violated += 1
        if self.violated == 1:
            control.violations.append(Violation(self.of.name, min(due_ns, control.now_ns), node, _shortened(detail)))

    def report(self) -> PropertyReport:
        return msgspec.structs.replace(super().report(), open=self.open, slowest_ns=self.slowest_ns)


class _Eventually(_Owed):
    def __init__(self, of: Property) -> None:
        super().__init__(of)
        self._held: list[tuple[int, int | None]] = []
        """From when to when it has held, both included; None: to the end."""

    def see(self, now: Observation, control: Control) -> None:
        held = self.holds(self.of.predicate)
        stays = bool(self._held) and self._held[-1][1] is None
        if stays and not (held and not self.nodes.momentary):
            self._held[-1] = (self._held[-1][0], now.time_ns)
            stays = False
        if held and not stays:
            self._held.append((now.time_ns, now.time_ns if self.nodes.momentary else None))

    def judge_at_the_end(self, control: Control, missing: str) -> str:
        since_ns, still = self.calm(control)
        due_ns = since_ns + self.of.within_ns
        met = [start for start, end in self._held if start <= due_ns and (end is None or end >= since_ns)]
        if met:
            self.tested, self.slowest_ns = 1, max(0, met[0] - since_ns)
            return ""
        if still:
            return still
        bound = format_duration(self.of.within_ns)
        begun = f"the end of the last fault at {format_duration(since_ns)}" if since_ns else "the start"
        if not self.is_over(due_ns, control):
            self.open = 1
            left = format_duration(control.now_ns - since_ns)
            return f"the run ended {left} after {begun}, and it may take {bound}"
        self.tested = 1
        last = self._last_seen() if self._nodes is not None else "no node observed anything"
        self.owe(control, due_ns, -1, f"not within {bound} of {begun}: {missing or last}")
        return ""

    def _last_seen(self) -> str:
        """What is known at the end of what the predicate reads."""
        self.holds(self.of.predicate)
        now = self.nodes.now
        return self.nodes.told() or f"the last observation was {now.name} {now.value!r} by node {now.node}"


@dataclass(frozen=True, slots=True)
class _Due:
    """Something was triggered; the goal has come too late, or not yet."""

    trigger: Observation
    key: Hashable = None
    met_ns: int | None = None


@dataclass
class _LateAndOpen:
    """What is not known to have come in time."""

    open: deque[_Due] = field(default_factory=deque)
    """In order of time."""
    late: list[_Due] = field(default_factory=list)


class _LeadsTo(_Owed):
    def __init__(self, of: Property) -> None:
        super().__init__(of)
        self._due = _LateAndOpen()
        self._triggered = False

    def see(self, now: Observation, control: Control) -> None:
        key = self._key()
        triggered = bool(self.holds(self.of.predicate))
        if triggered and (self.nodes.momentary or not self._triggered):
            self.tested += 1
            self._due.open.append(_Due(now, key))
        self._triggered = triggered
        assert self.of.goal is not None, "made by leads_to"
        if self._due.open and self.holds(self.of.goal):
            for due in self._due.open:
                took_ns = now.time_ns - due.trigger.time_ns
                if due.key == key:
                    self.slowest_ns = max(self.slowest_ns or 0, took_ns)
                    if took_ns > self.of.within_ns:
                        self._due.late.append(replace(due, met_ns=now.time_ns))
            self._due.open = deque(due for due in self._due.open if due.key != key)

    def _key(self) -> Hashable:
        """On what trigger and goal have to agree; None also where a node has not observed it."""
        try:
            return None if self.of.match is None else self.of.match(self.nodes)
        except NotObserved:
            return None

    def judge_at_the_end(self, control: Control, missing: str) -> str:
        if not self.tested:
            return f"it was never triggered{f' ({self._waiting})' if self._waiting and not missing else ''}"
        since_ns, still = self.calm(control)
        bound = format_duration(self.of.within_ns)
        for due in sorted((*self._due.late, *self._due.open), key=lambda due: due.trigger[:3]):
            begun_ns = max(due.trigger.time_ns, since_ns)
            due_ns = begun_ns + self.of.within_ns
            if due.met_ns is not None and due.met_ns <= due_ns:
                continue
            if still or (due.met_ns is None and not self.is_over(due_ns, control)):
                self.open += 1
                continue
            what = f"{due.trigger.name} {due.trigger.value!r} at {format_duration(due.trigger.time_ns)}"
            calm = (
                ""
                if begun_ns == due.trigger.time_ns
                else f" of the end of the last fault at {format_duration(since_ns)}"
            )
            came = "" if due.met_ns is None else f", but at {format_duration(due.met_ns)}"
            told = f" ({missing})" if missing else ""
            self.owe(control, due_ns, due.trigger.node, f"{what}: nothing within {bound}{calm}{came}{told}")
        if self.open == self.tested:
            return still or f"the run ended too early: it may take {bound}"
        return still if self.open else ""


def _shortened(detail: str) -> str:
    return detail if len(detail) <= DETAIL_MAX else f"{detail[: DETAIL_MAX - 3]}..."


_OBSERVERS = {ALWAYS: _Always, SOMETIMES: _Sometimes, EVENTUALLY: _Eventually, LEADS_TO: _LeadsTo}
