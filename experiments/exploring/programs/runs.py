"""One run of a message program: the processes where they are, the messages sent, and what each process may do next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.message_models import Bag, Match, Message
from simclock.experiments.exploring.executions.systems import BLOCKED, COMPLETE, PRUNED, Made, Step, begins, conflict
from simclock.experiments.exploring.programs.steps import (
    TIMEOUT,
    Access,
    Choose,
    Operation,
    Receive,
    Send,
    Spawn,
)


@dataclass(slots=True)
class _Process:
    name: str
    body: Generator[Operation, Any, Hashable] | None
    next: Operation | None = None
    """What it has yielded; None when it is done."""
    last: int | None = None
    """Its last step."""
    sent: int = 0
    result: Hashable = None
    error: str | None = None
    waiting: list[Message] = field(default_factory=list)
    """Sent to it and not taken, in the order of sending."""
    heard: set[str] = field(default_factory=set)
    """Those it took messages of."""


class ProgramRun:
    """A run on its way; see `systems.Run`."""

    def __init__(
        self,
        processes: Mapping[str, Any],
        variables: Mapping[str, Hashable],
        model: Bag,
        daemons: Collection[str],
        symmetric: Mapping[str, Sequence[str]],
    ) -> None:
        self._variables = dict(variables)
        self._model = model
        self._daemons = daemons
        self._symmetric = symmetric
        self._processes: dict[str, _Process] = {}
        self._unborn: dict[str, list[Message]] = {}
        self._touched: dict[str, list[tuple[int, Hashable]]] = {}
        self._events = 0
        self._violations: list[str] = []
        self._pruned = False
        for name, given in processes.items():
            function, *arguments = given if isinstance(given, tuple) else (given,)
            self._begin(name, function, tuple(arguments))

    def _begin(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        if name in self._processes:
            raise UsageError(f"two processes are named {name!r}")
        body = function(*arguments)
        if body is not None and not isinstance(body, Generator):
            raise UsageError(f"the function of process {name!r} returned {body!r}: it has to yield what it does")
        process = self._processes[name] = _Process(name, body, waiting=self._unborn.pop(name, []))
        self._go_on(process, None)

    def _go_on(self, process: _Process, answer: Any) -> None:
        process.next = None
        if process.body is None:
            return
        try:
            operation = process.body.send(answer)
        except StopIteration as done:
            process.result = done.value
        except AssertionError as error:
            process.error = str(error).partition("\n")[0] or "an assertion failed"
            self._violations.append(f"{process.name}: {process.error}")
        except UsageError:
            raise
        except Exception as error:
            process.error = f"{type(error).__name__}: {error}".partition("\n")[0]
            self._violations.append(f"{process.name}: {process.error}")
        else:
            if not isinstance(operation, Operation):
                raise UsageError(
                    f"process {process.name!r} yields {operation!r}; it yields send(...), receive(...), choose(...) "
                    "and their like"
                )
            process.next = operation

    # What may happen next

    def enabled(self) -> list[Step]:
        """What may happen next: by process in the order of their beginning."""
        return [step for process in self._processes.values() for step in self._steps_of(process)]

    def _steps_of(self, process: _Process) -> list[Step]:
        name = process.name
        match process.next:
            case None:
                return []
            case Send(target, value):
                return [Step(name, f"{name} sends {value!r} to {target}", alone=True)]
            case Receive() as receive:
                return self._receives(process, receive)
            case Choose(options):
                return [
                    Step(name, f"{name} chooses {option!r}", choice=True, option=index)
                    for index, option in enumerate(options)
                ]
            case Access(variable, verb, how, _, condition):
                if condition is not None and not condition(self._variables.get(variable)):
                    return []
                return [
                    Step(
                        name,
                        f"{name} {verb}s {variable}" if " " not in verb else f"{name}: {verb} {variable}",
                        touches=((variable, how),),
                    )
                ]
            case Spawn(child):
                return [Step(name, f"{name} spawns {child}", alone=True)]
            case _:
                return [Step(name, f"{name} pauses", alone=True)]

    def _receives(self, process: _Process, receive: Receive) -> list[Step]:
        name = process.name
        match = _matcher(receive)
        matching = [message for message in process.waiting if match(message)]
        found = []
        for message in matching:
            others = [other for other in matching if other is not message]
            if not self._model.may_take(message, others):
                continue
            if self._is_out_of_turn(process, message.source):
                self._pruned = True
                continue
            found.append(_taking(name, message, waits=not receive.timeout))
        if receive.timeout and self._model.may_time_out(process.last, matching):
            found.append(Step(name, f"{name} times out", option=-2))
        return found

    def _is_out_of_turn(self, process: _Process, source: str) -> bool:
        names = self._symmetric.get(process.name, ())
        if source not in names:
            return False
        return any(name not in process.heard for name in names[: list(names).index(source)])

    # Steps

    def take(self, step: Step) -> Sequence[Made]:
        """Make the step."""
        process = self._processes.get(step.process)
        if process is None or step not in self._steps_of(process):
            raise UsageError(
                f"step {self._events}, {str(step)!r}, was possible before and is not now: a process depends on more "
                "than its arguments and answers"
            )
        return self._perform(process, step)

    def _perform(self, process: _Process, step: Step) -> Sequence[Made]:
        event, self._events = self._events, self._events + 1
        earlier = [] if process.last is None else [process.last]
        process.last = event
        made: tuple[Made, ...] = ()
        answer: Any = None
        match process.next:
            case Send(target, value):
                self._model.step(event, earlier)
                made = ((self._send(process, target, value, event), target),)
            case Receive() as receive:
                answer = self._take_message(process, receive, step, event, earlier)
            case Choose(options):
                self._model.step(event, earlier)
                answer = options[step.option]
            case Access(variable, _, how, change, _):
                for other, before in self._touched.setdefault(variable, []):
                    if conflict(how, before):
                        earlier.append(other)
                self._touched[variable].append((event, how))
                self._model.step(event, earlier)
                answer = self._variables.get(variable)
                if change is not None:
                    self._variables[variable] = change(answer)
            case Spawn(child, function, arguments):
                self._model.step(event, earlier)
                self._begin(child, function, arguments)
                self._processes[child].last = event
                made = ((begins(child), child),)
            case _:
                self._model.step(event, earlier)
        self._go_on(process, answer)
        return made

    def _send(self, process: _Process, target: str, value: Hashable, event: int) -> tuple[str, int]:
        try:
            hash(value)
        except TypeError:
            raise UsageError(
                f"process {process.name!r} sends {value!r}, which could be changed on its way; send a value that can "
                "be hashed, such as a tuple"
            ) from None
        message = Message(process.name, process.sent, target, value, event)
        process.sent += 1
        receiver = self._processes.get(target)
        (self._unborn.setdefault(target, []) if receiver is None else receiver.waiting).append(message)
        self._model.sent(message)
        return message.key

    def _take_message(self, process: _Process, receive: Receive, step: Step, event: int, earlier: list[int]) -> Any:
        match = _matcher(receive)
        taken = None
        if step.needs is not None:
            taken = next(message for message in process.waiting if message.key == step.needs)
            process.waiting.remove(taken)
            process.heard.add(taken.source)
            earlier.append(taken.event)
        self._model.step(event, earlier)
        left = [message for message in process.waiting if match(message)]
        self._model.took(event, process.name, match, taken, left)
        return TIMEOUT if taken is None else taken.value

    # The end

    def end(self) -> str:
        """How a run ends in which nothing more may happen."""
        if all(process.next is None or name in self._daemons for name, process in self._processes.items()):
            return COMPLETE
        self._pruned = False
        self.enabled()
        return PRUNED if self._pruned else BLOCKED

    def final(self) -> Hashable:
        """Results and errors of the processes, and the shared variables."""
        ends = [
            (name, process.next is None, process.result, process.error) for name, process in self._processes.items()
        ]
        return tuple(sorted(ends, key=lambda end: end[0])), tuple(sorted(self._variables.items()))

    def kept(self) -> Mapping[str, int]:
        """Nothing: a program has no bounds of its own."""
        return {}

    def violations(self) -> Sequence[str]:
        """What has been violated so far."""
        return self._violations


def _matcher(receive: Receive) -> Match:
    match, source = receive.match, receive.source
    if match is None:
        return lambda message: source is None or message.source == source
    return lambda message: (source is None or message.source == source) and bool(match(message.value))


def _taking(name: str, message: Message, *, waits: bool) -> Step:
    return Step(
        name,
        f"deliver {message.source}->{name} {message.value!r} #{message.source}.{message.number}",
        needs=message.key,
        waits=waits,
        task=f"{message.source}->{name}",
    )
