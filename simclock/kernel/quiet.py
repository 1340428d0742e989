"""A run that has gone quiet: nothing is left that could ever happen at a node, though its time is not over.

Law: it is told from what hosts hold at the end and from what was dropped, so it costs a run nothing, moves no digest,
and is the same on every placement. A timer that was cancelled or set anew is nothing that is left; a message that
waits for a paused node or on a clogged link is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from simclock.durations import format_duration
from simclock.kernel.events import Event

NEVER_QUIET = "Never Quiet"
"""The property that a scenario with `fail_when_quiet` asks for."""
LOST_SHOWN_MAX = 3
LOST_KEPT_MAX = 100

Drop = tuple[Event, int, str]
"""A message that was dropped, when and why."""

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


def last_lost(drops: Mapping[int, Drop]) -> tuple[Lost, ...]:
    """Of each sender the last message that was dropped at a host; the latest first."""
    return latest_of_each(
        Lost(now_ns, source, sequence, target, type(message).__name__, reason)
        for (_, source, sequence, target, _, message), now_ns, reason in drops.values()
    )
