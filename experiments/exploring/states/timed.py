"""Breadth first in virtual time: `timed:LOW-HIGH[,STALL[,UNTIL]]`, for what rests on durations.

Clocks run, and nothing happens but when something is due. A timer runs out when it is due. A message takes LOW or HIGH,
and nothing in between. At most one node, once in a run, stands still for STALL, from a moment at which something is due
to it: what comes to it and its timers wait until then. What is due at one moment happens in every order. The search
ends at UNTIL, the scenario's own duration where it is not said.

Law: a way is a list of steps of a world whose time passes, so it is a script like any other; a node that stood still is
one whose timers ran out late and whose messages arrived late.

What this proves is bounded by that, too: no clock of a scenario without drift drifts, and no delay but two is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simclock.actors.steering import Deliver, Drop, Duplicate, Fire, Pass, Step, World
from simclock.actors.steering.nodes import LocalNodes
from simclock.actors.steering.pending import Pending, may_arrive
from simclock.durations import format_duration, parse_duration
from simclock.errors import HandlerError, UsageError
from simclock.experiments.exploring.search import Asked, Enough, Findings, Found, Ticked
from simclock.experiments.exploring.watching import NO_ERROR, reached_in
from simclock.guarding.guard import guarding
from simclock.observers import Violation

TICK = 256
"""States between two looks at the limits."""
NOBODY = -1
FORM = "timed:LOW-HIGH[,STALL[,UNTIL]], such as timed:5ms-40ms or timed:5ms-40ms,1s,4s"


class Times(NamedTuple):
    """How long things may take, in nanoseconds."""

    low: int
    high: int
    stall: int
    """0: no node stands still."""
    until: int


class Moment(NamedTuple):
    """A world, and what the bounds still allow."""

    world: World
    drops: int
    duplicates: int
    stalled: int = NOBODY
    """The node that stands still, or did."""
    stalled_until: int = 0


def timed(asked: Asked, ticked: Ticked) -> Findings:
    """Search what can happen until that time."""
    times = times_of(asked)
    bounds = asked.bounds
    for name in ("crashes", "torn", "commands", "timers"):
        if getattr(bounds, name) not in (0, None):
            raise UsageError(f"--{name}: timed knows deliveries, timers, --drops, --duplicates and stalls alone")
    if asked.symmetric or asked.resume is not None or asked.workers > 1 or bounds.named_timers:
        raise UsageError("--strategy timed: one process, no --symmetric, no --alike, no --resume and no --timers")
    for name in ("drops", "duplicates"):
        if getattr(bounds, name) is None:
            raise UsageError(f"--{name}: timed needs a number, not any")
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return _Search(asked, times, LocalNodes(asked.scenario, around=guards.advance), ticked).search()


def times_of(asked: Asked) -> Times:
    """What stands after the colon. Raises UsageError for what is no such text."""
    delays, *more = asked.argument.split(",")
    low, dash, high = delays.partition("-")
    place = f"--strategy timed:{asked.argument}".rstrip(":")
    if not low or not dash or len(more) > 2:
        raise UsageError(f"{place}: write {FORM}")
    low_ns, high_ns = parse_duration(low, place), parse_duration(high, place)
    stall_ns = parse_duration(more[0], place) if more else 0
    until_ns = parse_duration(more[1], place) if len(more) > 1 else asked.scenario.duration_ns
    if low_ns > high_ns:
        raise UsageError(f"{place}: the shorter delay comes first: {FORM}")
    if until_ns is None:
        raise UsageError(f"{place}: the scenario has no end of its own: say UNTIL, {FORM}")
    if until_ns == 0:
        raise UsageError(f"{place}: UNTIL is more than zero: {FORM}")
    return Times(low_ns, high_ns, stall_ns, until_ns)


class _Search:
    def __init__(self, asked: Asked, times: Times, nodes: LocalNodes, ticked: Ticked) -> None:
        self.asked = asked
        self.times = times
        self.ticked = ticked
        self.findings = Findings()
        world = World(asked.scenario, model=asked.model, nodes=nodes, instant=asked.instant)
        first = Moment(world, asked.bounds.drops or 0, asked.bounds.duplicates or 0)
        self.seen = {self._key(first)}
        self.level = [first]
        self.done = False
        self._look_at(first)

    def search(self) -> Findings:
        """Level by level: all that differs by one step, or by one stall."""
        findings, most = self.findings, self.asked.bounds.steps
        try:
            while self.level and not self.done:
                following: list[Moment] = []
                for moment in self.level:
                    if most is not None and len(moment.world.taken) >= most:
                        self._pruned("steps")
                        continue
                    if not moment.world.watch.stopped:
                        self._expand(moment, following)
                self.level = following
            findings.complete = not self.done
            findings.ended = "a violation was found" if self.done else "nothing is left within the bounds"
        except Enough as enough:
            findings.ended = str(enough)
        times = self.times
        delays = dict.fromkeys(format_duration(each) for each in (times.low, times.high))
        told = f"messages take {' or '.join(delays)}"
        stalls = f", a node may stand still for {format_duration(times.stall)}" if times.stall else ""
        findings.more = (("time", f"until {format_duration(times.until)}; {told}{stalls}"),)
        findings.bounded = True
        return findings

    def _expand(self, moment: Moment, following: list[Moment]) -> None:
        findings = self.findings
        before = findings.transitions, self.findings.pruned.get("time")
        for successor in self._successors(moment):
            findings.transitions += 1
            key = self._key(successor)
            if key in self.seen:
                continue
            self.seen.add(key)
            findings.states = len(self.seen)
            findings.depth = max(findings.depth, len(successor.world.taken))
            following.append(successor)
            self._look_at(successor)
            if not findings.states % TICK:
                self.ticked(findings)
        findings.ends += before == (findings.transitions, self.findings.pruned.get("time"))

    # What may happen.

    def _successors(self, moment: Moment) -> Iterator[Moment]:
        world, times = moment.world, self.times
        now_ns = world.now_ns
        arriving = [each for each in may_arrive(world.model, world.pending.values()) if world.may_deliver(each.number)]
        free = [each for each in arriving if not self._is_held(moment, each.target)]
        late = [each for each in free if each.sent_ns + times.high <= now_ns]
        early = [each for each in free if each not in late and each.sent_ns + times.low == now_ns]
        due = [key for key, due_ns in world.due_ns.items() if due_ns <= now_ns and not self._is_held(moment, key[0])]
        for each in (*late, *early):
            yield from self._then(moment, Deliver(each.number, each.source, each.target, each.kind))
        for node, name in sorted(due, key=repr):
            yield from self._then(moment, Fire(node, name))
        if moment.drops or moment.duplicates:
            yield from self._losses(moment)
        if times.stall and moment.stalled == NOBODY:
            for node in sorted({each.target for each in (*late, *early)} | {node for node, _ in due}):
                yield moment._replace(stalled=node, stalled_until=now_ns + times.stall)
        if not late and not due:
            yield from self._later(moment, arriving)

    def _losses(self, moment: Moment) -> Iterator[Moment]:
        """What the network does to a message happens when it is sent."""
        world = moment.world
        for each in world.pending.values():
            if each.sent_ns != world.now_ns:
                continue
            named = each.number, each.source, each.target, each.kind
            if moment.drops:
                yield from self._then(moment._replace(drops=moment.drops - 1), Drop(*named))
            if moment.duplicates:
                yield from self._then(moment._replace(duplicates=moment.duplicates - 1), Duplicate(*named))

    def _later(self, moment: Moment, arriving: list[Pending]) -> Iterator[Moment]:
        """Time passes until something is due again."""
        world, times = moment.world, self.times
        moments = [(due_ns, node) for (node, _), due_ns in world.due_ns.items()]
        moments += [(each.sent_ns + delay, each.target) for each in arriving for delay in (times.low, times.high)]
        held = [max(at, moment.stalled_until) if self._is_held(moment, node) else at for at, node in moments]
        coming = [at for at in held if at > world.now_ns]
        if not coming:
            return
        if min(coming) > times.until:
            self._pruned("time")
            return
        yield from self._then(moment, Pass(min(coming) - world.now_ns))

    def _is_held(self, moment: Moment, node: int) -> bool:
        return node == moment.stalled and moment.world.now_ns < moment.stalled_until

    def _then(self, moment: Moment, step: Step) -> Iterator[Moment]:
        world = moment.world.copy()
        try:
            world.take(step)
        except HandlerError as error:
            failure = error.failure
            self._found(Violation(NO_ERROR, failure.node, world.now_ns, str(failure.error)), (*world.taken, step))
            return
        yield moment._replace(world=world)

    # What is known.

    def _key(self, moment: Moment) -> tuple[object, ...]:
        world = moment.world
        mail = sorted((each.sent_ns, each.source, each.target, repr(each.message)) for each in world.pending.values())
        held = moment.stalled, max(moment.stalled_until - world.now_ns, 0)
        return world.now_ns, world.fingerprint(), tuple(mail), moment.drops, moment.duplicates, held

    def _look_at(self, moment: Moment) -> None:
        watch, steps = moment.world.watch, tuple(moment.world.taken)
        for name in reached_in(watch) - self.findings.reached.keys():
            self.findings.reached[name] = steps
        for violation in watch.control.violations:
            self._found(violation, steps)

    def _found(self, violation: Violation, steps: tuple[Step, ...]) -> None:
        if violation.property in [each.violation.property for each in self.findings.found]:
            return
        self.findings.found.append(Found(violation=violation, steps=steps))
        self.done |= violation.property == NO_ERROR or not self.asked.all_violations

    def _pruned(self, why: str) -> None:
        self.findings.pruned[why] = self.findings.pruned.get(why, 0) + 1
