"""Where what comes due at a node that cannot take it yet waits: the node is paused, or still busy.

How it comes there, and is taken, stands in `waiting.py`.
"""

from __future__ import annotations

from collections import deque

from simclock.kernel.events import Event


class Gate:
    """What waits at one node, and why."""

    __slots__ = ("busy_ns", "free_ns", "held", "paused")

    def __init__(self) -> None:
        self.paused = False
        self.busy_ns = 0
        """How long the node is busy with each message or timer."""
        self.free_ns = 0
        """The node is busy until then."""
        self.held: deque[Event] = deque()
        """What came due and waits, oldest first. While it is not empty and the node not paused, a WAKE is queued."""

    def shut(self, now_ns: int) -> bool:
        """Whether what comes due now has to wait."""
        return self.paused or bool(self.held) or now_ns < self.free_ns

    def idle(self, now_ns: int) -> bool:
        """Whether the node might as well have no gate."""
        return not self.busy_ns and not self.shut(now_ns)

    def crash(self) -> list[Event]:
        """The process is gone; gives what waited."""
        held = list(self.held)
        self.held.clear()
        self.paused = False
        self.free_ns = 0
        return held
