"""Operations as data: what clients call, and when, in place of what they would draw.

Law: an operation is called at its instant, whatever became of those before it, so that leaving one out moves no other.
One alone is not called: whose process still waits for an answer then, as a process has one operation open.
"""

from __future__ import annotations

from typing import Any

import msgspec

from simclock import format_duration
from simclock.actors import Node


class PlannedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation that a client is to call."""

    at_ns: int
    """By the client's monotonic clock."""
    node: int
    """The client."""
    process: int
    """Which of the client's processes: a number that no other client's has."""
    function: str
    key: str | None = None
    value: str | int | None = None
    """What it is called with."""
    expected: str | int | None = None
    """Of a compare-and-set: what it compares with."""

    def __str__(self) -> str:
        named = (self.key, self.expected, self.value)
        arguments = ", ".join(repr(each) for each in named if each is not None)
        return f"{format_duration(self.at_ns)} client {self.node}, process {self.process}: {self.function}({arguments})"


class Planned(Node):
    """A client that can take its operations from a plan. It calls `wait_for_planned` when it starts, if it has one."""

    planned: tuple[PlannedOperation, ...] | None = None
    """Its own operations; None: it draws what it calls."""

    def planned_problem(self, operation: PlannedOperation) -> str:
        """Why this client cannot call that, as "key: ..."; empty: it can. It is asked before a run."""
        return ""

    def wait_for_planned(self) -> None:
        """Set a timer `("planned", place)` for each that is still to come: a client that was down has missed some."""
        for place, each in enumerate(self.planned or ()):
            wait_ns = each.at_ns - self.clock.monotonic_ns()
            if wait_ns >= 0:
                self.set_timer(("planned", place), wait_ns)

    def on_planned(self, place: int) -> None:
        """The timer of that operation has fired."""
        assert self.planned is not None, "the timer was set for a plan"
        self.call_planned(self.planned[place])

    def call_planned(self, operation: PlannedOperation) -> Any:
        """Call it, unless its process waits for an answer."""
        raise NotImplementedError("the client's")
