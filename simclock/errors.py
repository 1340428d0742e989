"""What can go wrong, as one small tree.

    SimclockError
    ├── UsageError               bad input: a flag, a TOML key, a message class, an address (exit status 2)
    │   ├── MessageTypeError     a message class or value that cannot travel
    │   ├── HistoryError         a history that cannot be read (experiments/checkers/histories)
    │   └── ModelError           a checker's model that contradicts itself (experiments/checkers/linearizability)
    ├── HandlerError             the code of a node, an observer or a judge raised; carries seed, time, node and replay
    ├── NondeterminismError      a node's code asked the real world; the run reports it as a HandlerError
    ├── DiskFull                 a simulated disk takes no more; for the protocol to catch
    └── PlacementError           the machinery under a run failed and could not be mended

    KeyboardInterrupt
    └── RunInterrupted           Ctrl-C in the middle of a run; says where the run stood

A simulated fault is data and never an exception; an exception is a defect of a protocol, a scenario or ours. The one
exception that a simulated fault raises, DiskFull, is what a real disk would tell the protocol; not to catch it is the
defect. A node that cannot go on ends itself by `halt`, which leaves its handler by `Halt`: no error, and no part of the
tree.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from simclock.kernel.standing import Standing
from simclock.readable import format_duration


class SimclockError(Exception):
    """Anything simclock raises on purpose."""

    counters: Mapping[str, int] = {}
    """What the run had counted when it failed, where it ran in this process."""
    faults: tuple[Any, ...] = ()
    """What the environment had done by then, in order, with node ids; where it ran in this process."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message, which names the place, and none of our own frames."""
        return [f"{type(self).__name__}: {self}"]


class RunInterrupted(KeyboardInterrupt):
    """A run was interrupted; says where it stood. Whoever catches KeyboardInterrupt catches it too."""

    def __init__(self, standing: Standing, seed: int) -> None:
        super().__init__(standing, seed)
        self.standing = standing
        self.seed = seed

    def __str__(self) -> str:
        return f"interrupted {'while' if self.standing.starting else 'at'} {self.standing}"


class UsageError(SimclockError):
    """Bad input. The message is one line that names the place and the mend."""


class MessageTypeError(UsageError):
    """A message class, or a value in a message, that cannot travel between nodes."""


class DiskFull(SimclockError):
    """The node's disk takes no more, as ENOSPC says on a real one; raised into the handler that writes."""


class Halt(BaseException):
    """How `Process.halt` leaves the handler; the host alone catches it.

    Like SystemExit no Exception: what catches any error must not keep a process alive that has ended itself.
    """


class Interruption(BaseException):
    """How who looks on ends a run in the middle of a window, as Ctrl-C does; no code of a node raises it."""


class PlacementError(SimclockError):
    """The processes that carry a run failed beyond repair.

    `details` is what the machinery itself says of it, as many lines as it has; empty where that is no more.
    """

    def __init__(self, text: str, details: str = "") -> None:
        super().__init__(text, details)
        self.details = details

    def __str__(self) -> str:
        return str(self.args[0])


class NondeterminismError(SimclockError):
    """A node's code called what gives another answer in another run. Names the call and what to use instead."""

    def __init__(self, call: str, why: str, instead: str) -> None:
        super().__init__(call, why, instead)
        self.call = call
        self.instead = instead

    def __str__(self) -> str:
        call, why, instead = self.args
        return f"{call} {why}: use {instead} (guard=False or --no-guard lets it through)"


OBSERVER = -1
JUDGE = -2
"""Who failed, where it is no node."""


class Failure(NamedTuple):
    """An exception in a user's code, as data: it crosses processes and sorts by (time, node)."""

    time_ns: int
    node: int
    """Its number, or OBSERVER, or JUDGE."""
    event: str
    """What the node was handling, readable."""
    error: str
    """The exception's type and text, one line."""
    place: str
    """`file:line in function` of the innermost frame outside simclock and Python's library."""
    trace: str
    """The Python traceback, from the node's handler on."""
    usage: bool = False
    """Whether the node used the kernel wrongly (a UsageError), rather than failed by itself."""
    kind: str = UsageError.__name__
    """The exception's class, without its module."""

    @property
    def label(self) -> str:
        """Class and place: what failures have in common, whatever their messages say and wherever the code lies."""
        return f"{self.kind} at {self.place.split(os.sep)[-1]}"


def who_failed(failure: Failure) -> str:
    """`node 3`, `an observer` or `the judge`."""
    return {OBSERVER: "an observer", JUDGE: "the judge"}.get(failure.node, f"node {failure.node}")


class HandlerError(SimclockError):
    """A node's code raised. Says which node, when in virtual time, on which event, and how to see it again.

    The user's frames are its note: what lies between `run` and them is the kernel's.

    `violations` are what observers had found by then, the failing instant included: a broken property often shows
    as a failing assertion a moment later.
    """

    def __init__(self, failure: Failure, seed: int, replay: str, violations: tuple[Any, ...] = ()) -> None:
        super().__init__(failure, seed, replay, violations)
        self.failure = failure
        self.seed = seed
        self.replay = replay
        self.violations = violations
        if failure.trace:
            self.add_note(failure.trace)  # Python and pytest print it below the message

    def _render_traceback_(self) -> list[str]:
        """The user's frames first."""
        return [self.failure.trace, "", *super()._render_traceback_()]

    def __str__(self) -> str:
        failure = self.failure
        broken = "".join(f"\n  before that: {violation}" for violation in self.violations)
        return (
            f"{who_failed(failure)} failed at {format_duration(failure.time_ns)} (seed {self.seed}) "
            f"on {failure.event}: {failure.error}\n  at {failure.place}{broken}\n  replay: {self.replay}"
        )
