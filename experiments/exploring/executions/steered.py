"""The nodes of a scenario as a system whose executions are explored: every message that may come next is a step.

A process is a node. Steps of one node depend on each other; steps of two nodes only where a bound is shared (what is
bound together: timers, crashes, ...), where both are told to the observers of the scenario, who may mind the order,
and where a message comes in the step that sends it. Time stands still: a timer that is set may run out.

Which message may come next is decided when it comes, as in `message_models`; handlers are atomic, so what one sends
arrives together. Messages are named by (node, how many it had sent before), which no other node's steps change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from simclock.actors.standalone import Observed, Sent
from simclock.actors.steering import Ask, Crash, Deliver, Drop, Duplicate, Fire, LocalNodes, Restart, TornCrash, World
from simclock.actors.steering import Step as WorldStep
from simclock.actors.steering.nodes import LocalEvent, Outcome
from simclock.actors.steering.steps import name_text
from simclock.errors import HandlerError, UsageError
from simclock.experiments.exploring.executions.message_models import MODELS, Mailbox, Message
from simclock.experiments.exploring.executions.systems import COMPLETE, Made, Step
from simclock.experiments.exploring.search import Asked, failure_text, refuses
from simclock.experiments.exploring.watching import Watching
from simclock.guarding.guard import Guarding
from simclock.observers import Violation

OBSERVERS = "observers"
BOUND = ("timers", "crashes", "torn", "drops", "duplicates", "commands")
INSTANT = "nodes that hear at once"
_OF_MESSAGE: dict[str, type[Deliver | Drop | Duplicate]] = {"deliver": Deliver, "drop": Drop, "duplicate": Duplicate}
COPIES = 1 << 20
"""Numbers of copies of a message begin there."""


class _Action(NamedTuple):
    """What a step does."""

    kind: str
    event: LocalEvent
    bounds: tuple[str, ...]
    name: Any = None
    """A timer's name, (kept, torn) of a crash, or what is asked."""


class Steered:
    """A scenario's nodes as a system."""

    def __init__(self, asked: Asked, guards: Guarding) -> None:
        if asked.model not in MODELS:
            raise UsageError(f"--model {asked.model}: a strategy over executions takes --model {', '.join(MODELS)}")
        if asked.bounds.duplicates != 0 and asked.model != "bag":
            raise UsageError("--duplicates: executions with copies are explored under --model bag")
        self.asked = asked
        self.nodes = asked.scenario.nodes
        self.servers = frozenset(asked.scenario.servers or range(self.nodes))
        self.instant = frozenset(asked.instant)
        self.locals = LocalNodes(asked.scenario, timed=False, around=guards.advance)
        self.begun = [self.locals.begins(node, 0) for node in range(self.nodes)]
        """What each node did when it began."""
        for node, outcome in enumerate(self.begun):
            if outcome.failure is not None:
                raise UsageError(f"node {node}: {failure_text(outcome)}")
        self.watching = Watching(asked.scenario)
        self.bounds = _bounds(asked)
        self.actions: dict[Step, _Action] = {}
        self.looked: Callable[[], None] = lambda: None
        """Called before each run, replays included: it may raise `Enough`."""

    @property
    def disabling(self) -> bool:
        """Whether a delivery may disable one to another node."""
        return MODELS[self.asked.model].disabling

    def start(self) -> SteeredRun:
        """A new run: every node has begun."""
        self.looked()
        return SteeredRun(self)

    def violation(self, name: str, steps: Sequence[Step]) -> Violation:
        """What a run with these steps says of the property that it violates."""
        run = self.start()
        for step in steps:
            run.take(step)
        if name not in run.violations() and not run.enabled():
            run.end()
        return next(each for each in run.violated() if each.property == name)

    def world_steps(self, steps: Sequence[Step]) -> tuple[WorldStep, ...]:
        """The same steps as a world takes them, with the numbers that messages have there."""
        asked = self.asked
        run = self.start()
        for step in steps:
            run.take(step)
        world = World(asked.scenario, model=asked.model, timed=False, instant=asked.instant)
        numbers = _Numbers()
        numbers.sent(world.began.sent)
        for step in run.in_order(steps):
            real = self._real(step, numbers, world)
            try:
                took = world.copy().take(real)
            except HandlerError:
                return (*world.taken, real)
            world.take(real)
            if isinstance(real, Duplicate):
                numbers.copied(step.needs, took.sent[0].number)
            else:
                numbers.sent(took.sent)
        return tuple(world.taken)

    def _real(self, step: Step, numbers: _Numbers, world: World) -> WorldStep:
        action = self.actions[step]
        node = int(step.process)
        match action.kind:
            case "deliver" | "drop" | "duplicate":
                each = world.pending[numbers.of(step.needs)]
                return _OF_MESSAGE[action.kind](each.number, each.source, each.target, each.kind)
            case "fire":
                return Fire(node, action.name)
            case "restart":
                return Restart(node)
            case "ask":
                return Ask(node, *action.name)
            case _:
                kept, torn = action.name
                return TornCrash(node, kept, torn) if kept else Crash(node)


class _Numbers:
    """The numbers of messages in a world, by what names them in every run."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._counts: dict[int, int] = {}
        self._copies: dict[Hashable, int] = {}

    def of(self, key: Hashable) -> int:
        """Its number."""
        return self._numbers[key]

    def sent(self, messages: Sequence[Any]) -> None:
        """Nodes sent these."""
        for each in messages:
            count = self._counts.get(each.source, 0)
            self._counts[each.source] = count + 1
            self._numbers[str(each.source), count] = each.number

    def copied(self, key: Any, number: int) -> None:
        """There is one more of that message."""
        source, count = key
        copies = self._copies[key] = self._copies.get(key, 0) + 1
        self._numbers[source, copies * COPIES + count] = number


class SteeredRun:
    """A run on its way; see `systems.Run`."""

    def __init__(self, system: Steered) -> None:
        self._system = system
        self._model = MODELS[system.asked.model]()
        self._waiting: list[list[Message]] = [[] for _ in range(system.nodes)]
        self._sent = [0] * system.nodes
        self._copies: dict[Hashable, int] = {}
        self._last: list[int] = []
        self._touched: dict[str, int] = {}
        self._left = dict(system.bounds)
        self._events = 0
        self._watch = 0
        self._timers_kept = False
        """Whether a bound on timers kept the run from going on."""
        self._at_end: list[Violation] = []
        self._kept: dict[str, int] = {}
        self.reached: set[str] = set()
        """What is to be reached sometimes, and was."""
        self._sids: list[int] = []
        for node in range(system.nodes):
            self._begin(node)

    def _begin(self, node: int) -> None:
        outcome = self._system.begun[node]
        event = self._next_event([self._events - 1] if self._events and self._system.disabling else [])
        self._last.append(event)
        self._sids.append(outcome.state)
        self._let_out(node, outcome, event)

    def _next_event(self, earlier: list[int]) -> int:
        event, self._events = self._events, self._events + 1
        self._model.step(event, earlier)
        return event

    # What may happen next

    def enabled(self) -> list[Step]:
        """By node: deliveries, timers, losses, crashes."""
        self._timers_kept = False
        found: list[Step] = []
        for node in range(self._system.nodes):
            if self._system.locals.is_up(self._sids[node]):
                found += self._deliveries(node) + self._timers(node) + self._asked(node)
            found += self._losses(node)
            if node in self._system.servers:
                found += self._crashes(node)
        return found

    def _deliveries(self, node: int) -> list[Step]:
        waiting, sid = self._waiting[node], self._sids[node]
        found = []
        for message in waiting:
            source = int(message.source)
            others = [other for other in waiting if other is not message]
            if self._model.may_take(message, others) and self._system.locals.takes(node, sid, source, message.value):
                event: LocalEvent = ("message", source, message.value)
                found.append(self._of_message("deliver", message, _Action("deliver", event, ())))
        return found

    def _timers(self, node: int) -> list[Step]:
        found = []
        for name, _ in sorted(self._system.locals.timers(self._sids[node]), key=lambda timer: repr(timer[0])):
            word = name[0] if isinstance(name, tuple) and name else name
            bounds = ("timers", f"timers {word}")
            if self._may(bounds):
                action = _Action("fire", ("timer", name), bounds, name)
                found.append(self._step(node, f"fire {node} {name_text(name)}", action))
            else:
                self._timers_kept = True
        return found

    def _asked(self, node: int) -> list[Step]:
        """What clients may ask of a server."""
        system = self._system
        if system.bounds.get("commands") == 0 or node not in system.servers or not self._may(("commands",)):
            return []
        found = []
        for call, arguments in system.asked.asks:
            event = ("ask", call, arguments)
            if refuses(system.locals.after(node, self._sids[node], event, 0)):
                continue
            action = _Action("ask", event, ("commands",), (call, arguments))
            found.append(self._step(node, str(Ask(node, call, arguments)), action))
        return found

    def _losses(self, node: int) -> list[Step]:
        found = []
        for kind in ("drop", "duplicate"):
            bound = f"{kind}s"
            if self._system.bounds.get(bound) != 0 and self._waiting[node] and self._may((bound,)):
                for message in self._waiting[node]:
                    found.append(self._of_message(kind, message, _Action(kind, (), (bound,))))
        return found

    def _crashes(self, node: int) -> list[Step]:
        system, bounds = self._system, self._system.bounds
        sid = self._sids[node]
        if not system.locals.is_up(sid):
            if bounds.get("crashes") == 0 and bounds.get("torn") == 0:
                return []
            return [self._step(node, f"restart {node}", _Action("restart", ("restart",), ()))]
        found = []
        if bounds.get("crashes") != 0 and self._may(("crashes",)):
            action = _Action("crash", ("crash", 0, False), ("crashes",), (0, False))
            found.append(self._step(node, f"crash {node}", action))
        if bounds.get("torn") != 0 and self._may(("crashes", "torn")):
            for kept in range(1, system.locals.view(node, sid).durable.unsynced + 1):
                for torn in (False, True):
                    action = _Action("crash", ("crash", kept, torn), ("crashes", "torn"), (kept, torn))
                    text = f"torn-crash {node} keeps {kept}{' torn' if torn else ''}"
                    found.append(self._step(node, text, action))
        return found

    def _may(self, bounds: tuple[str, ...]) -> bool:
        for name in bounds:
            if self._left.get(name) == 0:
                self._kept[name] = self._kept.get(name, 0) + 1
                return False
        return True

    def _of_message(self, verb: str, message: Message, action: _Action) -> Step:
        link = f"{message.source}->{message.target}"
        text = f"{verb} {link} {type(message.value).__name__} {message.source}.{message.number}"
        task = link if verb == "deliver" else f"{verb} {link}"
        return self._step(int(message.target), text, action, message.key, task)

    def _step(self, node: int, text: str, action: _Action, needs: Hashable = None, task: str = "") -> Step:
        system = self._system
        touches = {f"bound on {name}" for name in action.bounds if system.bounds.get(name) is not None}
        if action.event:
            outcome = system.locals.after(node, self._sids[node], action.event, 0)
            if system.watching.observers and any(isinstance(each, Observed) for each in outcome.effects):
                touches.add(OBSERVERS)
            if node in system.instant or any(
                isinstance(each, Sent) and each.target in system.instant for each in outcome.effects
            ):
                touches |= {INSTANT, OBSERVERS}
        step = Step(str(node), text, needs, tuple((name, True) for name in sorted(touches)), task=task)
        system.actions[step] = action
        return step

    # Steps

    def take(self, step: Step) -> Sequence[Made]:
        """Make the step; returns the names of what was sent."""
        system, node = self._system, int(step.process)
        if step not in system.actions:  # another process has found it
            kept = dict(self._kept)
            self.enabled()
            self._kept = kept
        action = system.actions[step]
        earlier = [self._last[node], *(self._touched[name] for name, _ in step.touches if name in self._touched)]
        taken = None
        if step.needs is not None:
            taken = next(message for message in self._waiting[node] if message.key == step.needs)
            earlier.append(taken.event)
        event = self._next_event(earlier)
        self._last[node] = event
        for name, _ in step.touches:
            self._touched[name] = event
        for name in action.bounds:
            if self._left.get(name):
                self._left[name] -= 1
        if taken is not None and action.kind == "duplicate":
            return ((self._copy(node, taken), step.process),)
        if taken is not None:
            self._waiting[node].remove(taken)
        local = action.event
        if taken is not None and action.kind == "deliver":
            self._model.took(event, step.process, _always, taken, self._waiting[node])
            local = ("message", int(taken.source), taken.value)  # its number may name another one in another run
        return self._handle(node, local, event) if local else ()

    def _copy(self, node: int, message: Message) -> Hashable:
        copies = self._copies[message.key] = self._copies.get(message.key, 0) + 1
        twin = Message(message.source, copies * COPIES + message.number, message.target, message.value, message.event)
        self._waiting[node].append(twin)
        return twin.key

    def _handle(self, node: int, local: LocalEvent, event: int) -> list[Made]:
        outcome = self._system.locals.after(node, self._sids[node], local, 0)
        self._sids[node] = outcome.state
        return self._let_out(node, outcome, event)

    def _let_out(self, node: int, outcome: Outcome, event: int) -> list[Made]:
        """What a node sent and told."""
        system = self._system
        made: list[Made] = []
        sent: list[Message] = []
        for effect in outcome.effects:
            if isinstance(effect, Sent):
                message = Message(str(node), self._sent[node], str(effect.target), effect.message, event)
                self._sent[node] += 1
                sent.append(message)
        told = tuple((each.name, each.value) for each in outcome.effects if isinstance(each, Observed))
        failure = failure_text(outcome)
        if (failure or (told and system.watching.observers)) and self._watch not in system.watching.final:
            self._tell(system.watching.after(self._watch, node, told, failure))
        for message in sent:
            target = int(message.target)
            if target in system.instant and self._hears(target, message):
                self._last[target] = event
                made += self._handle(target, ("message", node, message.value), event)
            else:
                self._waiting[target].append(message)
                self._model.sent(message)
                made.append((message.key, message.target))
        return made

    def _hears(self, target: int, message: Message) -> bool:
        if target >= len(self._sids):
            return False
        sid, nodes = self._sids[target], self._system.locals
        return nodes.is_up(sid) and nodes.takes(target, sid, int(message.source), message.value)

    def _tell(self, watch: int) -> None:
        watching = self._system.watching
        self._watch = watch
        self.reached |= watching.notes.get(watch, ((), frozenset()))[1]

    # The end

    def end(self) -> str:
        """Nothing more is enabled: what is owed in the end is judged, unless a bound on timers kept it from coming."""
        system = self._system
        if system.watching.observers and not self._timers_kept and self._watch not in system.watching.final:
            down = tuple(node for node in range(system.nodes) if not system.locals.is_up(self._sids[node]))
            for violation in system.watching.at_the_end(self._watch, down):
                self._at_end.append(violation)
        return COMPLETE

    def final(self) -> Hashable:
        """The local states, and what is on its way to each node."""
        waiting = [tuple(sorted(f"{each.source} {each.value!r}" for each in mail)) for mail in self._waiting]
        return tuple(self._sids), tuple(waiting), self._watch, tuple(sorted(self._left.items()))

    def violations(self) -> Sequence[str]:
        """Properties violated so far."""
        return [each.property for each in self.violated()]

    def violated(self) -> Sequence[Violation]:
        """The same, with what is told of them."""
        return [*self._system.watching.violations(self._watch), *self._at_end]

    def kept(self) -> Mapping[str, int]:
        """What bounds kept from happening."""
        return self._kept

    def in_order(self, steps: Sequence[Step]) -> list[Step]:
        """The steps of this run in an order in which messages arrive as they were taken."""
        if not isinstance(self._model, Mailbox):
            return list(steps)
        begun = self._system.nodes
        return [steps[event - begun] for event in self._model.order() if event >= begun]


def _always(message: Message) -> bool:
    return True


def _bounds(asked: Asked) -> dict[str, int]:
    """What is bound -> how often it may happen."""
    bounds = asked.bounds
    told = {name: getattr(bounds, name) for name in BOUND}
    told |= {f"timers {name}": value for name, value in bounds.named_timers.items()}
    return {name: value for name, value in told.items() if value is not None}
