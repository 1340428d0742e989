"""The trace: one record per send, delivery, drop, timer, start, fault and observation.

Law: the trace is the canonical stream, ordered by (time, node, the node's own record number), and is the same on every
placement. It is made only when asked for. Lamport and vector clocks of any event can be derived from it, since a
delivery carries the key (source, count) of its send.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simclock.durations import format_duration
from simclock.kernel.events import FAULT, KINDS, MESSAGE, OBSERVATION, Event
from simclock.readable import in_one_line

VERSION = 2
"""Of the fields of a record, where it is written down. Before 2 a send's `reason` said "arrives 12ms", for nobody but
people to read, and no version was written."""


class TraceRecord(NamedTuple):
    """One thing that happened at one node."""

    time_ns: int
    node: int
    """Where it happened; -1 is the environment."""
    number: int
    """The node's own record number."""
    what: str
    """send, deliver, drop, timer, start, fault or observe."""
    source: int
    """Who caused it; with `sequence`, the key that a send shares with its delivery or drop."""
    sequence: int
    """The source's own running number."""
    target: int
    detail: Any
    """The message, the timer's name, the fault, or (name, value) of an observation."""
    reason: str = ""
    """Of a drop: lost, corrupt, cut or down."""
    arrives_ns: int | None = None
    """Of a send: when it arrives, if nothing comes in between."""

    def __str__(self) -> str:
        return in_one_line(self._text())

    def _text(self) -> str:
        who = f"node {self.node:<3}" if self.node >= 0 else "        "
        where = f"{format_duration(self.time_ns):>16} {who}"
        match self.what:
            case "send":
                assert self.arrives_ns is not None, "a send arrives at some time"
                arrives = format_duration(self.arrives_ns)
                return f"{where} send    -> {self.target}: {self.detail} (arrives {arrives})"
            case "deliver":
                return f"{where} deliver <- {self.source}: {self.detail}"
            case "drop":
                return f"{where} drop    {self.source} -> {self.target}: {self.detail} ({self.reason})"
            case "observe":
                name, value = self.detail
                return f"{where} observe {name} {value!r}"
            case _:
                return f"{where} {self.what:<7} {'' if self.detail is None else self.detail}".rstrip()


_WHAT = ("deliver", "timer", "start", "fault", "observe")
assert len(_WHAT) == len(KINDS)


class Trace:
    """The records of one host since they were last taken."""

    def __init__(self) -> None:
        self._records: list[TraceRecord] = []
        self._numbers: dict[int, int] = {}

    def _number(self, node: int) -> int:
        number = self._numbers[node] = self._numbers.get(node, -1) + 1
        return number

    def handled(self, node: int, event: Event) -> None:
        """A node handled an event, or made an observation."""
        time_ns, source, count, target, kind, payload = event
        where = node if kind in (MESSAGE, OBSERVATION, FAULT) else target
        self._records.append(
            TraceRecord(time_ns, where, self._number(where), _WHAT[kind], source, count, node, payload)
        )

    def sent(self, node: int, now_ns: int, event: Event) -> None:
        """A node sent a message."""
        time_ns, source, count, target, _, message = event
        number = self._number(node)
        self._records.append(
            TraceRecord(now_ns, node, number, "send", source, count, target, message, arrives_ns=time_ns)
        )

    def dropped(self, node: int, now_ns: int, event: Event, reason: str) -> None:
        """A message was lost, at its sender or where it would have arrived."""
        _, source, count, target, _, message = event
        number = self._number(node)
        self._records.append(TraceRecord(now_ns, node, number, "drop", source, count, target, message, reason))

    def take(self) -> list[TraceRecord]:
        """The records so far; forgets them."""
        records, self._records = self._records, []
        return records
