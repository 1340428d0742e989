"""An execution as a happens-before graph in columns: of a simclock run, a trace file, or logs of any other system.

Laws: an event happened before another (Lamport 1978) where it comes earlier on the same node, or caused it, or by
transitivity. The events of one node are totally ordered, its lane. A message that never arrived tells its target
nothing: its drop is linked with its send, and is no effect of it. An event is a whole number, its place in the columns;
columns are arrays, so that an event takes some fifty bytes beside what it carried.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.telling.spelling import say, unknown
from simclock.experiments.traces.plain_values import plain
from simclock.readable import in_one_line

KINDS = ("send", "deliver", "drop", "timer", "start", "fault", "observe", "event", "invoke", "return")
"""Those of a trace, then `event` of a log that says no more, then the two ends of an operation or a span."""
SEND, DELIVER, DROP, TIMER, START, FAULT, OBSERVE, EVENT, INVOKE, RETURN = range(len(KINDS))
HANDLED = frozenset({DELIVER, TIMER, START, FAULT})
"""What a node reacts to: what it sends and observes until the next of these is its reaction."""
NONE = -1
NO_TIME = -(1 << 63)
ENVIRONMENT = "environment"
VALUE_MAX = 12
"""Characters of an observation's value that are told also where little is."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Events by number, in the order in which they were written down; made by an `ExecutionBuilder`."""

    origin: str
    """What it is of, for a title."""
    nodes: tuple[str, ...]
    """Node index -> name. Of a simclock run: its id, and `environment`, which comes last if it did anything."""
    labels: tuple[str, ...]
    files: tuple[str, ...]
    node: array[int]
    """Event -> node index."""
    number: array[int]
    """Event -> its number on its node, as the trace or the log has it; increasing along a lane."""
    time_ns: array[int]
    """Event -> virtual or written time; NO_TIME where none is known."""
    kind: array[int]
    """Event -> place in KINDS."""
    label: array[int]
    """Event -> place in `labels`: a message's or fault's type, a timer's or observation's name, a log's text."""
    reason: array[int]
    """Event -> place in `labels` of why it was dropped; that of the empty text for all others."""
    message: array[int]
    """Event -> the send of what was delivered or dropped; NONE for others, and where the send is not known."""
    trigger: array[int]
    """Event -> what its node was handling when it did this, or where the timer was set; NONE where not known."""
    target: array[int]
    """Event -> the node index that a send or a dropped message goes to; NONE for others, and where it is not known."""
    cause_first: array[int]
    """Event -> where its causes on other nodes, and its own message's send, begin in `cause`; one more at the end."""
    cause: array[int]
    file: array[int]
    """Event -> place in `files`."""
    line: array[int]
    """Event -> line of its file, from 1; 0 where it has none."""
    details: Sequence[Any] = field(repr=False)
    """Event -> what it carried: a value of the run, or JSON as bytes."""
    lanes: tuple[array[int], ...] = field(repr=False)
    """Node index -> its events, in order."""
    position: array[int] = field(repr=False)
    """Event -> its place in its lane."""

    def __len__(self) -> int:
        return len(self.node)

    def causes(self, event: int) -> array[int]:
        """Those events of other nodes, or sends to itself, that it is the direct effect of."""
        return self.cause[self.cause_first[event] : self.cause_first[event + 1]]

    def previous(self, event: int) -> int:
        """The event before it on its node, or NONE."""
        position = self.position[event]
        return self.lanes[self.node[event]][position - 1] if position else NONE

    def following(self, event: int) -> int:
        """The event after it on its node, or NONE."""
        lane, position = self.lanes[self.node[event]], self.position[event] + 1
        return lane[position] if position < len(lane) else NONE

    def id(self, event: int) -> str:
        """What names it: `4#112`, the node and its number there."""
        return f"{self.nodes[self.node[event]]}#{self.number[event]}"

    def find(self, text: str, place: str = "event") -> int:
        """The event of such a name. Raises UsageError."""
        name, sign, number = text.strip().rpartition("#")
        if not sign or not number.isascii() or not number.isdecimal() or len(number) > 18:
            raise UsageError(f"{place}: {say(text)} is not an event: write NODE#NUMBER, such as {self._example()}")
        if name not in self.nodes:
            raise UsageError(f"{place}: {unknown('node', name, self.nodes)}")
        lane = self.lanes[self.nodes.index(name)]
        low, high, wanted = 0, len(lane), int(number)
        while low < high:
            middle = (low + high) // 2
            if self.number[lane[middle]] < wanted:
                low = middle + 1
            else:
                high = middle
        if low == len(lane) or self.number[lane[low]] != wanted:
            numbers = f"{self.number[lane[0]]} to {self.number[lane[-1]]}" if lane else "none"
            raise UsageError(f"{place}: node {name} has no event {number}: it has {numbers}")
        return lane[low]

    def _example(self) -> str:
        return self.id(0) if len(self) else "3#17"

    def has_time(self, event: int) -> bool:
        """Whether it is known when it was."""
        return self.time_ns[event] != NO_TIME

    def detail(self, event: int) -> Any:
        """What it carried, as plain data."""
        detail = self.details[event]
        return msgspec.json.decode(detail) if isinstance(detail, bytes) else plain(detail)

    def name(self, event: int) -> str:
        """Its label."""
        return self.labels[self.label[event]]

    def why_dropped(self, event: int) -> str:
        """Lost, cut, down or corrupt, of a drop; else nothing."""
        return self.labels[self.reason[event]]

    def place(self, event: int) -> str:
        """File and line where it stands, or nothing."""
        return f"{self.files[self.file[event]]}:{self.line[event]}" if self.line[event] else ""

    def text(self, event: int, *, whole: bool = True) -> str:
        """What happened, in one line, without node and time; whole: with all that it carried, however long."""
        kind, name = self.kind[event], self.name(event)
        send = self.message[event]
        peer = ""
        if kind == SEND and self.target[event] != NONE:
            peer = f" -> {self.nodes[self.target[event]]}"
        elif kind in (DELIVER, DROP) and send != NONE:
            peer = f" <- {self.nodes[self.node[send]]}"
        told = name
        if whole or kind == OBSERVE:
            told = _told(self.detail(event), kind, name)
            told = told if whole or len(told) <= len(name) + VALUE_MAX else name
        word = "" if kind == EVENT else KINDS[kind]
        why = f" ({self.why_dropped(event)})" if kind == DROP else ""
        return in_one_line(f"{word}{peer} {told}{why}".strip())

    def where(self, event: int) -> str:
        """`4#112 at 2.5s`."""
        when = f" at {format_duration(self.time_ns[event])}" if self.has_time(event) else ""
        return f"{self.id(event)}{when}"


def _told(detail: Any, kind: int, name: str) -> str:
    if kind == OBSERVE and isinstance(detail, list) and len(detail) == 2:
        return name if detail[1] is None else f"{name} {_short(detail[1])}"
    if kind in (SEND, DELIVER, DROP, FAULT) and isinstance(detail, dict):
        fields = ", ".join(f"{key}={_short(value)}" for key, value in detail.items() if key not in ("type", "at_ns"))
        return f"{name}({fields})"
    return name


def _short(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class ExecutionBuilder:
    """Takes events as they come, and the edges between them; `build` orders the lanes and gives the whole.

    Events of one node are ordered by their number, whatever the order in which they are added.
    """

    def __init__(self, origin: str, nodes: Sequence[str] = ()) -> None:
        self.origin = origin
        self._node_of = {name: index for index, name in enumerate(nodes)}
        self._name_of: list[str] = []
        self._name_of_file: list[str] = []
        self._label_of = {"": 0}
        self._file_of = {"": 0}
        self._node, self._label, self._reason = array("i"), array("I"), array("I")
        self._number, self._time_ns = array("q"), array("q")
        self._kind, self._file, self._line = array("B"), array("H"), array("I")
        self._message, self._trigger, self._target = array("i"), array("i"), array("i")
        self._edge_from, self._edge_to = array("I"), array("I")
        self._details: list[Any] = []

    def __len__(self) -> int:
        return len(self._node)

    def node(self, name: str) -> int:
        """The index of a node of that name, which is new if none has it."""
        return self._node_of.setdefault(name, len(self._node_of))

    def _label_place(self, text: str) -> int:
        return self._label_of.setdefault(text, len(self._label_of))

    def add(
        self,
        node: int,
        number: int,
        kind: int,
        label: str,
        *,
        time_ns: int = NO_TIME,
        detail: Any = None,
        reason: str = "",
        target: int = NONE,
        file: str = "",
        line: int = 0,
    ) -> int:
        """An event; gives its number in the columns."""
        self._node.append(node)
        self._number.append(number)
        self._kind.append(kind)
        labels = self._label_of
        self._label.append(labels.setdefault(label, len(labels)))
        self._reason.append(labels.setdefault(reason, len(labels)) if reason else 0)
        self._time_ns.append(time_ns)
        self._details.append(detail)
        self._target.append(target)
        self._message.append(NONE)
        self._trigger.append(NONE)
        self._file.append(self._file_of.setdefault(file, len(self._file_of)) if file else 0)
        self._line.append(line)
        return len(self._node) - 1

    def detail(self, event: int) -> Any:
        """What it carries, as it was given."""
        return self._details[event]

    def node_of(self, event: int) -> int:
        """The index of its node."""
        return self._node[event]

    def node_name(self, node: int) -> str:
        """The name of a node index."""
        if len(self._name_of) < len(self._node_of):
            self._name_of = list(self._node_of)
        return self._name_of[node]

    def node_names(self) -> Iterable[str]:
        """Those that there are so far."""
        return self._node_of.keys()

    def number_of(self, event: int) -> int:
        """Its number on its node."""
        return self._number[event]

    def renumber(self, event: int, number: int) -> None:
        """Give it another number."""
        self._number[event] = number

    def place(self, event: int) -> str:
        """File and line."""
        if len(self._name_of_file) < len(self._file_of):
            self._name_of_file = list(self._file_of)
        return f"{self._name_of_file[self._file[event]]}:{self._line[event]}"

    def caused(self, cause: int, effect: int) -> None:
        """The one happened before the other, directly."""
        self._edge_from.append(cause)
        self._edge_to.append(effect)

    def arrived(self, send: int, deliver: int) -> None:
        """The delivery of what was sent there."""
        self._message[deliver] = send
        if self._target[send] == NONE:
            self._target[send] = self._node[deliver]
        self.caused(send, deliver)

    def dropped(self, send: int, drop: int) -> None:
        """It was lost: linked, and no cause of anything."""
        self._message[drop] = send

    def triggered(self, trigger: int, event: int) -> None:
        """The node did this while it handled that."""
        self._trigger[event] = trigger

    def build(self, key: Callable[[str], Any] | None = None) -> Execution:
        """All of it, nodes in the order of their first event, or of a key of their names; it is asked for once."""
        count = len(self._node)
        names = list(self._node_of) if key is None else sorted(self._node_of, key=key)
        if names != list(self._node_of):
            place = [names.index(name) for name in self._node_of] + [NONE]  # the last is that of NONE
            self._node = array("i", map(place.__getitem__, self._node))
            self._target = array("i", map(place.__getitem__, self._target))
        lanes = [array("I") for _ in names]
        for event, node in enumerate(self._node):
            lanes[node].append(event)
        number = self._number
        for node, lane in enumerate(lanes):
            if any(number[one] > number[other] for one, other in pairwise(lane)):
                lanes[node] = array("I", sorted(lane, key=number.__getitem__))
        position = array("I", bytes(4 * count))
        for lane in lanes:
            for place_there, event in enumerate(lane):
                position[event] = place_there
        first, cause = compressed(self._edge_to, self._edge_from, count)
        return Execution(
            origin=self.origin,
            nodes=tuple(names),
            labels=tuple(self._label_of),
            files=tuple(self._file_of),
            node=self._node,
            number=self._number,
            time_ns=self._time_ns,
            kind=self._kind,
            label=self._label,
            reason=self._reason,
            message=self._message,
            trigger=self._trigger,
            target=self._target,
            cause_first=first,
            cause=cause,
            file=self._file,
            line=self._line,
            details=self._details,
            lanes=tuple(lanes),
            position=position,
        )


def compressed(key: array[int], value: array[int], count: int) -> tuple[array[int], array[int]]:
    """Pairs as rows: the values of each key from 0 to `count` - 1, in the order in which they stand."""
    first = array("I", bytes(4 * (count + 1)))
    for each in key:
        first[each + 1] += 1
    total = 0
    for place in range(count + 1):
        total += first[place]
        first[place] = total
    filled = array("I", first)
    values = array("I", bytes(4 * len(value)))
    for each, one in zip(key, value, strict=True):
        values[filled[each]] = one
        filled[each] += 1
    return first, values
