"""A trace as columns: what the page draws, and the tables of texts that it shows.

Laws: a row for each record, in the trace's order; no text is stored twice; a delivery or a drop says how many rows
before it its message was sent (or behind it: a trace tells of one instant the smaller node first). The same trace gives
the same columns.
"""

from __future__ import annotations

import json
from array import array
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.traces.plain_values import plain
from simclock.experiments.viewing.columns import EXACT_MAX, Packed, pack
from simclock.readable import say
from simclock.trace import TraceRecord

KINDS = ("send", "deliver", "drop", "timer", "start", "fault", "observe", "event", "invoke", "return")
"""What a row may be, by its number in the column `what`: what a trace has, then what logs of other systems have."""
ROWS_MAX = 2_000_000
"""More are not taken into a page: a browser would hold them all in its memory."""
LABELS_MAX = 4_000
"""Kinds of messages, timers and observations that are told apart; what comes later is one kind."""
OTHERS = "(others)"
ENVIRONMENT = -1
DUPLICATE = "duplicate"
"""The reason of a copy that the network made."""


class Table:
    """Texts by number, each once; 0 is the empty one."""

    def __init__(self, size_max: int | None = None) -> None:
        self._numbers: dict[str, int] = {"": 0}
        self._size_max = size_max

    def number(self, text: str) -> int:
        """Of a text; beyond the table's size, of all others."""
        found = self._numbers.get(text)
        if found is None:
            if self._size_max is not None and len(self._numbers) >= self._size_max:
                text = OTHERS
            found = self._numbers.setdefault(text, len(self._numbers))
        return found

    @property
    def texts(self) -> list[str]:
        """All of them, in the order of their numbers."""
        return list(self._numbers)


class Rows:
    """The columns of a trace, as they grow."""

    def __init__(self) -> None:
        self.time_ns = array("q")
        self.node = array("q")
        self.skipped = array("q")
        """How many records of the node are missing before this one: not 0 where a part of a trace is shown."""
        self.what = array("q")
        self.peer = array("q")
        """The other end of a message; the node itself of all else."""
        self.label = array("q")
        self.text = array("q")
        self.reason = array("q")
        self.sent = array("q")
        """Rows back to the send of a delivery or drop; 0 where it is not known."""
        self.flight_ns = array("q")
        """Of a send: how long the message takes, where nothing is known of its end."""
        self.own = array("q")
        """The running number of a send, an observation, or of the setting of a timer, at who caused it."""
        self.state = array("q")
        """The node's state before what it handled, as a text; 0 where it was not recorded."""
        self.began = array("q")
        """One more than how far the node's running number has gone since it last began on something; 0: unknown."""
        self.labels = Table(LABELS_MAX)
        self.texts = Table()
        self.reasons = Table(LABELS_MAX)
        self.nodes = 0
        """One more than the greatest node's number."""
        self._next: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._sends: dict[tuple[int, int], int] = {}
        self._unlinked: dict[int, tuple[int, int]] = {}
        self.edges_from, self.edges_to = array("q"), array("q")
        """What happened before what beside messages, by rows; of a trace there is nothing of the kind."""
        self._flying: dict[tuple[int, int], tuple[Any, int]] = {}

    def __len__(self) -> int:
        return len(self.time_ns)

    def add(self, record: TraceRecord, state: str = "", began: int | None = None) -> Any:
        """Take the next record; gives its detail as plain data, None of a message whose send gave it.

        `began` is the node's running number as it began to handle this, if that is known.
        """
        row = len(self.time_ns)
        if row >= ROWS_MAX:
            raise UsageError(f"a page holds {ROWS_MAX:,} events at most: show a part, with --from and --to")
        if record.time_ns > EXACT_MAX:
            raise UsageError(f"an event at {say(record.time_ns)} ns: a page counts to {EXACT_MAX} ns, 104 days")
        if record.what not in KINDS[:7]:
            raise UsageError(f"a record is {say(record.what)}: a trace has {', '.join(KINDS[:7])}")
        if record.node < ENVIRONMENT:
            raise UsageError(f"a record is of node {say(record.node)}: nodes are counted from 0, -1 is the environment")
        self.time_ns.append(record.time_ns)
        self.node.append(record.node)
        self.skipped.append(record.number - self._next.get(record.node, 0))
        self._next[record.node] = record.number + 1
        self.what.append(KINDS.index(record.what))
        self.reason.append(self.reasons.number(record.reason))
        self.state.append(self.texts.number(state))
        self.began.append(0 if began is None else began - self._counts.get(record.node, 0) + 1)
        if began is not None:
            self._counts[record.node] = began
        self.nodes = max(self.nodes, record.node + 1, record.source + 1, record.target + 1)
        match record.what:
            case "send" | "deliver" | "drop":
                return self._message(row, record)
            case _:
                detail = plain(record.detail)
                self.peer.append(record.node)
                self.label.append(self.labels.number(_label(record.what, detail)))
                self.text.append(self._text(detail[1] if record.what == "observe" else detail))
                self.sent.append(0)
                self.flight_ns.append(0)
                self.own.append(record.sequence if record.what in ("observe", "timer") else 0)
                return detail

    def _message(self, row: int, record: TraceRecord) -> Any:
        key = (record.source, record.sequence)
        self.peer.append(record.source if record.node == record.target else record.target)
        self.own.append(record.sequence)
        if record.what == "send":
            detail = plain(record.detail)
            text = self._text(detail)
            self._sends[key] = row
            self._flying[key] = (record.detail, text)
            self.label.append(self.labels.number(_label(record.what, detail)))
            self.text.append(text)
            self.sent.append(0)
            self.flight_ns.append(max(0, (record.arrives_ns or 0) - record.time_ns))
            return detail
        sent = self._sends.get(key)
        if sent is None:
            sent = self._sent_once(record)
        if sent is None:
            self._unlinked[row] = key
        self.sent.append(0 if sent is None else row - sent)
        self.flight_ns.append(0)
        if sent is not None:
            self.flight_ns[sent] = 0
        original, text = self._flying.pop(key, (None, 0))
        if sent is not None and original is record.detail:
            self.text.append(text)
            self.label.append(self.label[sent])
            return None
        detail = plain(record.detail)
        self.text.append(self._text(detail))
        self.label.append(self.labels.number(_label(record.what, detail)))
        return detail

    def _sent_once(self, record: TraceRecord) -> int | None:
        """The send of a message that the network has doubled: the copy has the number after its own, and no record."""
        sent = self._sends.get((record.source, record.sequence - 1))
        if sent is None or self.peer[sent] != record.target:
            return None
        self.reason[-1] = self.reasons.number(" ".join(filter(None, (DUPLICATE, record.reason))))
        return sent

    def _text(self, detail: Any) -> int:
        if detail is None:
            return 0
        return self.texts.number(json.dumps(detail, ensure_ascii=False, separators=(",", ":")))

    def packed(self) -> dict[str, Packed]:
        """Every column by its name."""
        for row, key in self._unlinked.items():
            if key in self._sends:
                self.sent[row] = row - self._sends[key]
                self.flight_ns[self._sends[key]] = 0
        self._unlinked.clear()
        return {
            "time": pack(self.time_ns, rising=True),
            "node": pack(self.node),
            "skipped": pack(self.skipped),
            "what": pack(self.what),
            "peer": pack(self.peer),
            "label": pack(self.label),
            "text": pack(self.text, rising=True),
            "reason": pack(self.reason),
            "sent": pack(self.sent),
            "flight": pack(self.flight_ns),
            "own": pack(self.own),
            "state": pack(self.state),
            "began": pack(self.began),
            "edges_from": pack(self.edges_from),
            "edges_to": pack(self.edges_to, rising=True),
        }


def _label(what: str, detail: Any) -> str:
    """What kind of message, timer, fault or observation it is."""
    match what:
        case "observe":
            return str(detail[0])
        case "start":
            return "start"
        case "timer":
            first = detail[0] if isinstance(detail, list) and detail else detail
            return first if isinstance(first, str) else "timer"
        case "fault" if isinstance(detail, str):  # a step that somebody decided
            return detail.partition(" ")[0]
        case _:
            return str(detail["type"]) if isinstance(detail, dict) and "type" in detail else "message"
