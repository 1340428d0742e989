"""A world in which somebody else decides what happens next, step by step.

    world = World(scenario)                      # every node has begun
    world.enabled()                              # (Deliver(0, 0, 1, 'Prepare'), Fire(2, 'election'), ...)
    told = world.take(Deliver(0))                # Took: what was sent, set, observed, written
    other = world.copy()                         # from here, two ways to go on

Laws: the nodes, their messages, disks, clocks and observers are those of a run. What `take` does depends on the world
and the step alone, so a list of steps is a run, the same wherever the nodes are. A step that is not possible
raises UsageError, which says what was, and changes nothing. Planned faults of a scenario and its network's luck do not
happen: steps are all there is.

Time: `Pass` moves it. `Fire` moves it on to when the timer is due, if that is later; a timer that is overdue runs out
late, as one does on a busy machine. With `timed=False` it stands still at zero, and a timer that is set may fire.
Messages to a node that is down, or over a link that is cut, stay on their way: `Drop` loses them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from simclock.actors.standalone import Observed, Sent, TimerCancelled, TimerSet
from simclock.actors.steering.nodes import LocalEvent, LocalNodes, Nodes, Outcome, View
from simclock.actors.steering.pending import Pending, check_model, may_arrive
from simclock.actors.steering.record import Recorder
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
    OfMessage,
    OfNode,
    Pass,
    Restart,
    Step,
    TornCrash,
    name_text,
)
from simclock.actors.steering.took import Took, followed, joined
from simclock.actors.steering.watch import Watch
from simclock.errors import HandlerError, UsageError
from simclock.kernel.mail import Observation
from simclock.observers import Observer, Violation
from simclock.readable import say
from simclock.scenario import Scenario

SAID_MAX = 12
"""How many possible steps a refusal names."""
USUAL: tuple[type[Step], ...] = (Deliver, Fire)


class World:
    """Nodes, messages on their way, timers, disks, cuts, time and observers."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        model: str = "bag",
        timed: bool = True,
        nodes: Nodes | None = None,
        record: bool = False,
        instant: Collection[int] = (),
    ) -> None:
        """`nodes` are where the nodes are, in this process unless said; `record`: keep a digest and a trace.

        What is sent to a node of `instant` arrives in the same step, as a specification has it of what all can see.
        """
        self.scenario = scenario
        self.model = check_model(model)
        self.nodes: Nodes = LocalNodes(scenario, timed=timed) if nodes is None else nodes
        self.timed = self.nodes.timed
        self.instant = frozenset(instant)
        self.now_ns = 0
        self.pending: dict[int, Pending] = {}
        """Number -> message on its way, in the order of the numbers."""
        self.cuts: set[tuple[int, int]] = set()
        """Links (source, target) that are cut."""
        self.due_ns: dict[tuple[int, Any], int] = {}
        """(node, timer) -> when it is due, by true time; all that are set, in the order in which they were."""
        self.taken: list[Step] = []
        """The steps so far."""
        self.sent = 0
        """How many messages have been sent: the number of the next one."""
        self.watch = Watch(scenario)
        self.recorder = Recorder(scenario.nodes) if record else None
        self._states: list[int] = []
        self._views: dict[int, View] = {}
        self._past = [0] * scenario.nodes
        """Of each node, bit n: message n was sent before all that it sends from now on."""
        self._counts = [0] * scenario.nodes
        """Running numbers of sends, timers and observations, as in a trace."""
        began = [self._begin(node) for node in range(scenario.nodes)]
        self.began: Took = joined(began)
        """What the nodes did when they began."""

    @classmethod
    def of(cls, what: Scenario | Sequence[Callable[[], Any]], **options: Any) -> World:
        """The world of a scenario, or of nodes alone: a list of what makes each, with `observers=` if wanted."""
        if isinstance(what, Scenario):
            return cls(what, **options)
        builds = tuple(what)
        observers = tuple(options.pop("observers", ()))
        name = options.pop("name", "steered")
        scenario = Scenario(name=name, nodes=len(builds), build=lambda node: builds[node](), observers=observers)
        return cls(scenario, **options)

    def copy(self) -> World:
        """The same world again, which goes its own way; nothing that one does is seen by the other."""
        twin = object.__new__(World)
        twin.__dict__.update(self.__dict__)
        twin.pending, twin.cuts, twin.due_ns = dict(self.pending), set(self.cuts), dict(self.due_ns)
        twin.taken, twin._states, twin._past = list(self.taken), list(self._states), list(self._past)
        twin._counts, twin.watch = list(self._counts), self.watch.copy()
        twin.recorder = None if self.recorder is None else self.recorder.copy()
        return twin

    # What there is to see.

    def view(self, node: int) -> View:
        """The node: up or not, timers, disk."""
        self._check_node(node)
        return self._view(node, self._states[node])

    def is_up(self, node: int) -> bool:
        """Whether it has neither crashed nor halted."""
        return self.view(node).is_up

    def attribute(self, node: int, name: str) -> Any:
        """A copy of an attribute of a node: `log`, `session.open`. Raises UsageError where there is none."""
        self._check_node(node)
        return self.nodes.attribute(node, self._states[node], name)

    def state(self, node: int) -> int:
        """The number of the node's local state, which is the same where the node is in the same state."""
        return self._states[node]

    @property
    def violations(self) -> list[Violation]:
        """What the observers have found."""
        return self.watch.control.violations

    def observer(self, kind: type[Observer[Any]]) -> Any:
        """The observer of that class."""
        return self.watch.observer(kind)

    def fingerprint(self) -> bytes:
        """The same for the same nodes, messages on their way, timers, cuts and observers; in every process."""
        return self.watch.fingerprint_with(
            (
                tuple(self.view(node).fingerprint for node in range(self.scenario.nodes)),
                self.model,
                self._network_text(),
                tuple(sorted(self.cuts)),
                tuple(sorted((node, repr(name), due - self.now_ns) for (node, name), due in self.due_ns.items()))
                if self.timed
                else (),
            )
        )

    def _network_text(self) -> Any:
        texts = [(each.source, each.target, each.kind, repr(each.message)) for each in self.pending.values()]
        if self.model in ("bag", "set"):
            return tuple(sorted(texts))
        if self.model == "mailbox":
            return tuple(sorted(texts, key=lambda text: text[1]))
        if self.model == "fifo":
            return tuple(sorted(texts, key=lambda text: text[:2]))
        places = {number: place for place, number in enumerate(self.pending)}
        befores = [tuple(places[other] for other in places if each.past >> other & 1) for each in self.pending.values()]
        return tuple(zip(texts, befores, strict=True))

    # What may happen.

    def enabled(self, kinds: Collection[type[Step]] = USUAL) -> tuple[Step, ...]:
        """The steps of those kinds that are possible now, in one order. `Pass`, `Ask` and `Cut` have no such list."""
        steps: list[Step] = []
        if Deliver in kinds:
            steps += [_of(Deliver, each) for each in may_arrive(self.model, self.pending.values()) if self._open(each)]
        if Fire in kinds:
            steps += [Fire(node, name) for node, name in sorted(self.due_ns, key=_timer_key)]
        for kind in (Drop, Duplicate):
            if kind in kinds:
                steps += [_of(kind, each) for each in self.pending.values()]
        for node in self.scenario.servers or range(self.scenario.nodes):
            view = self.view(node)
            if not view.is_up:
                steps += [Restart(node)] * (Restart in kinds)
                continue
            steps += [Crash(node)] * (Crash in kinds)
            if TornCrash in kinds:
                for kept in range(1, view.durable.unsynced + 1):
                    steps += [TornCrash(node, kept), TornCrash(node, kept, torn=True)]
        if Mend in kinds and self.cuts:
            steps.append(Mend())
        return tuple(steps)

    def _open(self, each: Pending) -> bool:
        state = self._states[each.target]
        if (each.source, each.target) in self.cuts or not self._view(each.target, state).is_up:
            return False
        return self.nodes.takes(each.target, state, each.source, each.message)

    def may_deliver(self, number: int) -> bool:
        """Whether the message of that number may arrive next."""
        return any(each.number == number and self._open(each) for each in may_arrive(self.model, self.pending.values()))

    # What happens.

    def take(self, step: Step) -> Took:
        """Have it happen. Raises UsageError for what is not possible, HandlerError where a node's code fails."""
        took = self._take(step)
        self.taken.append(step)
        return took

    def _take(self, step: Step) -> Took:
        match step:
            case Deliver():
                return self._deliver(step)
            case Drop():
                return self._drop(step)
            case Duplicate():
                return self._duplicate(step)
            case Fire(node, name):
                return self._fire(step, node, name)
            case Crash(node):
                return self._crash(step, node, 0, torn=False)
            case TornCrash(node, kept, torn):
                return self._crash(step, node, kept, torn=torn)
            case Restart(node):
                self._check_node(node)
                if self.is_up(node):
                    raise self._impossible(step, f"node {node} is up")
                return self._handles(step, node, ("restart",))
            case Ask(node, call, arguments):
                self._check_up(step, node)
                return self._handles(step, node, ("ask", call, arguments))
            case Pass(duration_ns):
                return self._pass(step, duration_ns)
            case Cut(groups):
                return self._cut(step, self._links(groups))
            case CutLink(source, target):
                self._check_node(source)
                self._check_node(target)
                return self._cut(step, {(source, target)})
            case Mend(groups):
                return self._mend(step, self._links(groups) if groups else set(self.cuts))
            case _:
                raise UsageError(f"{say(step)} is no step")

    def _deliver(self, step: OfMessage) -> Took:
        each = self._message(step)
        self._check_up(step, each.target)
        if (each.source, each.target) in self.cuts:
            raise self._impossible(step, f"the link {each.source}->{each.target} is cut")
        if each not in may_arrive(self.model, self.pending.values()):
            raise self._impossible(step, f"under {self.model} another message comes first")
        if not self.nodes.takes(each.target, self._states[each.target], each.source, each.message):
            raise self._impossible(step, f"node {each.target} does not take it now")
        event: LocalEvent = ("message", each.source, each.message)
        outcome = self._outcome(each.target, event)
        if self.model != "set":
            del self.pending[each.number]
        self._past[each.target] |= each.past | 1 << each.number
        if self.recorder is not None:
            self.recorder.delivered(self.now_ns, each)
        return self._done(step, each.target, outcome, each)

    def _drop(self, step: OfMessage) -> Took:
        each = self._message(step)
        del self.pending[each.number]
        if self.recorder is not None:
            self.recorder.dropped(self.now_ns, each)
        return self._nothing(step, each)

    def _duplicate(self, step: OfMessage) -> Took:
        each = self._message(step)
        twin = each._replace(number=self.sent)
        self.sent += 1
        self.pending[twin.number] = twin
        return self._nothing(step, each)._replace(sent=(twin,))

    def _fire(self, step: Fire, node: int, name: Any) -> Took:
        self._check_up(step, node)
        due_ns = self.due_ns.get((node, name))
        if due_ns is None:
            set_ones = ", ".join(name_text(other) for other, _ in self.view(node).timers) or "none"
            raise self._impossible(step, f"that timer is not set (set at node {node}: {set_ones})")
        now_ns = max(self.now_ns, due_ns) if self.timed else 0
        outcome = self._outcome(node, ("timer", name), now_ns)
        self.now_ns = now_ns
        sequence = self.recorder.timers.pop((node, name), 0) if self.recorder is not None else 0
        if self.recorder is not None:
            self.recorder.fired(now_ns, node, sequence, name)
        return self._done(step, node, outcome)

    def _crash(self, step: Step, node: int, kept: int, *, torn: bool) -> Took:
        self._check_up(step, node)
        unsynced = self.view(node).durable.unsynced
        if not 0 <= kept <= unsynced:
            raise self._impossible(step, f"the disk of node {node} has {unsynced} operations that are not synced")
        return self._handles(step, node, ("crash", kept, torn))

    def _pass(self, step: Step, duration_ns: int) -> Took:
        if type(duration_ns) is not int or duration_ns < 0:
            raise UsageError(f"pass: {say(duration_ns)} is not a duration: whole nanoseconds, zero or more")
        if not self.timed:
            raise self._impossible(step, "time stands still here")
        self.now_ns += duration_ns
        return self._nothing(step)

    def _cut(self, step: Step, links: set[tuple[int, int]]) -> Took:
        if links <= self.cuts:
            raise self._impossible(step, "these links are cut already")
        self.cuts |= links
        return self._nothing(step)

    def _mend(self, step: Step, links: set[tuple[int, int]]) -> Took:
        if not links & self.cuts:
            raise self._impossible(step, "no such link is cut")
        self.cuts -= links
        return self._nothing(step)

    def _links(self, groups: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
        for group in groups:
            for node in group:
                self._check_node(node)
        named = [node for group in groups for node in group]
        if len(groups) < 2 or len(set(named)) < len(named):
            raise UsageError("cut: name two groups or more, and no node twice, such as cut 0 | 1 2")
        return {(a, b) for one in groups for other in groups if one is not other for a in one for b in other}

    # What follows from it.

    def _begin(self, node: int) -> Took:
        outcome = self.nodes.begins(node, self.now_ns)
        self._states.append(outcome.state)
        if self.recorder is not None:
            self.recorder.started(self.now_ns, node, node)
        return self._done(Restart(node), node, outcome)

    def _outcome(self, node: int, event: LocalEvent, now_ns: int | None = None) -> Outcome:
        outcome = self.nodes.after(node, self._states[node], event, self.now_ns if now_ns is None else now_ns)
        if outcome.failure is not None:
            raise HandlerError(outcome.failure, self.scenario.seed, self.line, tuple(self.violations))
        return outcome

    @property
    def line(self) -> str:
        """The steps so far in one line, for who reports."""
        return "; ".join(map(str, self.taken)) or "no step"

    def _handles(self, step: Step, node: int, event: LocalEvent) -> Took:
        outcome = self._outcome(node, event)
        if self.recorder is not None:
            self.recorder.struck(self.now_ns, node, step)
        return self._done(step, node, outcome)

    def _done(self, step: Step, node: int, outcome: Outcome, handled: Pending | None = None) -> Took:
        before = self._view(node, self._states[node])
        self._states[node] = outcome.state
        after = self._view(node, outcome.state)
        sent: list[Pending] = []
        timers_set: list[tuple[int, Any, int]] = []
        cancelled: list[tuple[int, Any]] = []
        observations: list[Observation] = []
        if isinstance(step, Fire):
            self.due_ns.pop((node, step.name), None)
        for effect in outcome.effects:
            match effect:
                case Sent(target, message):
                    sent += self._send(node, target, message)
                case TimerSet(name, duration_ns):
                    timers_set.append((node, name, duration_ns))
                    self._set_timer(node, name, duration_ns)
                case TimerCancelled(name):
                    cancelled.append((node, name))
                    self.due_ns.pop((node, name), None)
                case Observed(name, value):
                    observations.append(self._observe(node, name, value))
        if not after.is_up:
            for key in [key for key in self.due_ns if key[0] == node]:
                del self.due_ns[key]
        violations = self.watch.tell(observations)
        took = Took(
            step,
            len(self.taken) + 1,
            self.now_ns,
            node,
            handled,
            tuple(sent),
            tuple(timers_set),
            tuple(cancelled),
            tuple(observations),
            violations,
            before,
            after,
        )
        now = [each for each in sent if each.target in self.instant and self._open(each)]
        return took if not now else followed(took, [self._deliver(_of(Deliver, each)) for each in now])

    def _nothing(self, step: Step, handled: Pending | None = None) -> Took:
        """A step at which no node does anything."""
        if self.recorder is not None and not isinstance(step, Drop):
            self.recorder.environment(self.now_ns, step)
        return Took(step, len(self.taken) + 1, self.now_ns, -1, handled, (), (), (), (), (), None, None)

    def _count(self, node: int) -> int:
        self._counts[node] += 1
        return self._counts[node]

    def _send(self, node: int, target: int, message: Any) -> list[Pending]:
        link = node, target, message
        if self.model == "set" and any(
            (each.source, each.target, each.message) == link for each in self.pending.values()
        ):
            self._count(node)
            return []
        each = Pending(self.sent, node, target, message, self.now_ns, self._count(node), self._past[node])
        self._past[node] |= 1 << each.number
        self.sent += 1
        self.pending[each.number] = each
        if self.recorder is not None:
            self.recorder.sent(self.now_ns, each)
        return [each]

    def _set_timer(self, node: int, name: Any, duration_ns: int) -> None:
        sequence = self._count(node)
        self.due_ns.pop((node, name), None)
        wait_ns = self.nodes.wait_ns(node, self._states[node], self.now_ns, duration_ns) if self.timed else 0
        self.due_ns[node, name] = self.now_ns + wait_ns
        if self.recorder is not None:
            self.recorder.timers[node, name] = sequence

    def _observe(self, node: int, name: str, value: Any) -> Observation:
        observation = Observation(self.now_ns, node, self._count(node), name, value)
        if self.recorder is not None:
            self.recorder.observed(observation)
        return observation

    # Refusals.

    def _view(self, node: int, state: int) -> View:
        view = self._views.get(state)
        if view is None:
            view = self._views[state] = self.nodes.view(node, state)
        return view

    def _message(self, step: OfMessage) -> Pending:
        each = self.pending.get(step.number)
        if each is None:
            gone = "has arrived or was dropped" if 0 <= step.number < self.sent else "was never sent"
            raise self._impossible(step, f"message #{step.number} {gone}")
        if step.kind and (step.source, step.target, step.kind) != (each.source, each.target, each.kind):
            raise self._impossible(step, f"message #{step.number} is {each.source}->{each.target} {each.kind}")
        return each

    def _check_up(self, step: Step, node: int) -> None:
        self._check_node(node)
        view = self.view(node)
        if not view.is_up:
            raise self._impossible(step, f"node {node} is down{f' ({view.halted})' if view.halted else ''}")

    def _check_node(self, node: int) -> None:
        if type(node) is not int or not 0 <= node < self.scenario.nodes:
            raise UsageError(f"node {say(node)} is out of range: nodes are 0 to {self.scenario.nodes - 1}")

    def _impossible(self, step: Step, why: str) -> UsageError:
        kinds = {Deliver, Fire, type(step)}
        if isinstance(step, OfNode) and not isinstance(step, Fire):
            kinds |= {Crash, Restart}
        possible = self.enabled(kinds)
        named = "; ".join(map(str, possible[:SAID_MAX])) or "nothing"
        more = f"; and {len(possible) - SAID_MAX} more" if len(possible) > SAID_MAX else ""
        return UsageError(f"{step}: not possible: {why}. Possible: {named}{more}")


def _of(kind: type[OfMessage], each: Pending) -> OfMessage:
    return kind(each.number, each.source, each.target, each.kind)


def _timer_key(key: tuple[int, Any]) -> tuple[int, str]:
    return key[0], repr(key[1])
