"""A run that has gone quiet: nothing is left that could ever happen at a node, though its time is not over.

Law: it is told from what hosts hold at the end and from what was dropped, so it costs a run nothing, moves no digest,
and is the same on every placement. A timer that was cancelled or set anew is nothing that is left; a message that
waits for a paused node or on a clogged link is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from simclock.durations import format_duration
from simclock.kernel.events import Event

NEVER_QUIET = "Never Quiet"
"""The property that a scenario with `fail_when_quiet` asks for."""
LOST_SHOWN_MAX = 3
LOST_KEPT_MAX = 100

_HOW = {
    "lost": "was lost",
    "corrupt": "was damaged, so it was dropped",
    "cut": "was cut off",
    "down": "found that node down",
}


class Lost(NamedTuple):
    """A message that never arrived."""

    time_ns: int
    """When it was dropped."""
    source: int
    sequence: int
    """The source's own running number; with `source`, the message's key."""
    target: int
    message: str
    """The name of its class."""
    reason: str
    """lost, corrupt, cut or down, as in a trace."""

    def text(self, since_ns: int) -> str:
        """`node 0's Ask to 1 was lost`, with its time where that is another than the run's last."""
        when = "" if self.time_ns == since_ns else f" at {format_duration(self.time_ns)}"
        return f"node {self.source}'s {self.message} to {self.target} {_HOW.get(self.reason, self.reason)}{when}"


class Quiet(NamedTuple):
    """Since when a run has been quiet, and what had been lost."""

    since_ns: int
    """When the last message, timer or start was."""
    lost: tuple[Lost, ...]
    """Of each node, the last message that never arrived; the latest first, LOST_KEPT_MAX at most."""

    def __str__(self) -> str:
        since = f"quiet since {format_duration(self.since_ns)}: no message, no timer left"
        shown = [each.text(self.since_ns) for each in self.lost[:LOST_SHOWN_MAX]]
        if len(self.lost) > LOST_SHOWN_MAX:
            shown.append(f"and {len(self.lost) - LOST_SHOWN_MAX} nodes more lost what they sent last")
        return "; ".join([since, *shown])


def latest_of_each(lost: Iterable[Lost]) -> tuple[Lost, ...]:
    """Of each source the last one; the latest first, and the lower node where two are of one instant."""
    latest: dict[int, Lost] = {}
    for each in sorted(lost, key=lambda each: (each.time_ns, each.sequence)):
        latest[each.source] = each
    return tuple(sorted(latest.values(), key=lambda each: (-each.time_ns, each.source))[:LOST_KEPT_MAX])


class Stillness:
    """What a host keeps to tell since when nothing has happened at its nodes."""

    def __init__(self) -> None:
        self.lost: dict[int, tuple[Event, int, str]] = {}
        """Source -> the latest of its messages that was dropped here, when and why."""
        self.starts = 0
        """How many nodes have been started, the restarts counted."""
        self._idle: Event | None = None
        """The latest event that was nothing to any node, such as a timer that had been cancelled."""
        self._live_ns = 0
        """When something last happened at a node before the idle events in a row of which that is the last."""

    def idle(self, event: Event, before: Event) -> None:
        """This event was nothing to any node; `before` was handled before it."""
        if before is not self._idle:
            self._live_ns = before[0]
        self._idle = event

    def since_ns(self, last: Event) -> int:
        """When something last happened at a node; `last` is the last event that was handled."""
        return self._live_ns if last is self._idle else last[0]

    def last_lost(self) -> tuple[Lost, ...]:
        """Of each sender the last message that was dropped here; the latest first."""
        return latest_of_each(
            Lost(now_ns, source, sequence, target, type(message).__name__, reason)
            for (_, source, sequence, target, _, message), now_ns, reason in self.lost.values()
        )
