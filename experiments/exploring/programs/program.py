"""Message programs: small concurrent programs, written as generators, whose every execution is explored.

    def client(name):
        yield send("server", name)

    def server():
        first = yield receive()
        second = yield receive()
        assert first == "a", f"{first} came first"

    program = Program({"a": (client, "a"), "b": (client, "b"), "server": server}, model="fifo")
    explore(program).executions                      # 2, and one violation

A process yields what it does next and is given the answer; between two yields it computes, unseen by others. What it
does depends on its arguments and answers alone: no clock, no luck, nothing shared except by `read`, `write`, `update`.
Values are hashable, so that nobody changes what was sent. An `AssertionError` is a violation and ends its process.

Message models (which of the messages that match may a `receive` take?): `bag`: any; `fifo`: the first of each link;
`causal`: one before which no other was sent, in the sense of happened-before; `mailbox`: the first in the receiver's
one order of arrival, where a message arrives when it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.message_models import MODELS
from simclock.experiments.exploring.executions.systems import CHANGED, LOOKED_AT
from simclock.experiments.exploring.programs.runs import ProgramRun
from simclock.experiments.exploring.programs.steps import (
    TIMEOUT,
    Access,
    Choose,
    Operation,
    Pause,
    Receive,
    Send,
    Spawn,
)

__all__ = [
    "TIMEOUT",
    "Process",
    "Program",
    "acquire",
    "choose",
    "pause",
    "read",
    "receive",
    "release",
    "send",
    "spawn",
    "update",
    "wait",
    "write",
]

Process: TypeAlias = Generator[Operation, Any, Hashable]
"""What the function of a process returns."""
Function: TypeAlias = Callable[..., Process | None]


@dataclass(frozen=True)
class Program:
    """A message program: its processes, each a function or a tuple of one and its arguments."""

    processes: Mapping[str, Any]
    model: str = "bag"
    variables: Mapping[str, Hashable] = field(default_factory=dict)
    """Shared variables with their first values; what is not named begins with None."""
    daemons: frozenset[str] = frozenset()
    """Processes that may wait for ever without the execution being blocked."""
    symmetric: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Receiver -> processes that only their names tell apart: it is to hear from them first in this order alone."""

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise UsageError(f"no message model {self.model!r}; there are {', '.join(MODELS)}")
        if not self.processes:
            raise UsageError("a program needs a process")
        named = [*self.daemons, *self.symmetric, *(name for names in self.symmetric.values() for name in names)]
        for name in named:
            if name not in self.processes:
                raise UsageError(f"no process {name!r} in the program; there are {', '.join(self.processes)}")

    @property
    def disabling(self) -> bool:
        """Whether a receive may disable one of another process."""
        return MODELS[self.model].disabling

    def start(self) -> ProgramRun:
        """A new run: every process has come to its first yield."""
        return ProgramRun(self.processes, self.variables, MODELS[self.model](), self.daemons, self.symmetric)


def send(target: str, value: Hashable) -> Send:
    """Send a message; it is not waited for."""
    return Send(target, value)


def receive(match: Callable[[Any], bool] | None = None, *, source: str | None = None, timeout: bool = False) -> Receive:
    """Wait for a message that matches and take it; the answer is its value.

    With `timeout` the answer may also be TIMEOUT: where messages are on their way for as long as they like, at any
    time; in a mailbox, where none that matches has arrived.
    """
    return Receive(match, source, timeout)


def choose(*options: Any) -> Choose:
    """Any of the options: each is explored."""
    if not options:
        raise UsageError("choose() needs something to choose from")
    return Choose(options)


def read(name: str) -> Access:
    """The value of a shared variable."""
    return Access(name, "read", LOOKED_AT, None, None)


def write(name: str, value: Hashable) -> Access:
    """Set a shared variable. Two that set it to the same commute."""
    return Access(name, f"write {value!r} to", ("set", type(value).__name__, value), lambda _: value, None)


def update(name: str, change: Callable[[Any], Hashable]) -> Access:
    """Set a shared variable to what `change` makes of its value, in one step; the answer is the value before."""
    return Access(name, "update", CHANGED, change, None)


def wait(name: str, condition: Callable[[Any], bool]) -> Access:
    """Wait until a shared variable fulfils the condition; the answer is its value."""
    return Access(name, "wait for", LOOKED_AT, None, condition)


def acquire(lock: str) -> Access:
    """Wait until a lock is free and take it, in one step. A lock is a variable that is None while it is free."""
    return Access(lock, "acquire", CHANGED, lambda _: "held", lambda value: value is None)


def release(lock: str) -> Access:
    """Give a lock back."""
    return Access(lock, "release", CHANGED, lambda _: None, None)


def spawn(name: str, function: Function, *arguments: Any) -> Spawn:
    """Begin a process of that name; it takes part from the next step on."""
    return Spawn(name, function, arguments)


def pause() -> Pause:
    """A step that does nothing: others may come between."""
    return Pause()
