"""What all logs of one call say together: events, their clocks, their messages; `build` makes the graph of it.

Laws: an event is stamped with a vector clock, or takes the next number of its node in the order of the log; a node has
events of one sort. The clocks of one node count its own events from 1 without a gap. What is wrong with them is found
by `simclock.experiments.causality.foreign.stamps`, all of it, with file and line.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.causality.execution import EVENT, NO_TIME, Execution, ExecutionBuilder
from simclock.experiments.causality.foreign.listed_clocks import named_positions
from simclock.experiments.causality.foreign.stamps import Stamps, rebuilt
from simclock.experiments.telling.spelling import say

COUNT_MAX = (1 << 31) - 1
"""The greatest component of a clock; a log of so many events of one node is read by nobody."""
NODES_MAX = 30_000


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that cannot have been so."""

    place: str
    """File and line, if it stands at one."""
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


class GatheredLogs:
    """Takes the events of every log; nodes of one name are one node, whatever file tells of them."""

    def __init__(self, origin: str) -> None:
        self.builder = ExecutionBuilder(origin)
        self._stamps = Stamps()
        self._listed: list[tuple[int, array[int]]] = []
        """(event, clock as a list): whose components these are is known when all has been read."""
        self._counts: dict[int, int] = {}
        self._stamped: dict[int, tuple[bool, str]] = {}
        self._sent: dict[str, int] = {}
        self._received: list[tuple[str, int]] = []
        self._problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self.builder)

    def add(
        self,
        node: str,
        text: str,
        *,
        clock: Mapping[str, Any] | Sequence[Any] | None = None,
        kind: int = EVENT,
        time_ns: int = NO_TIME,
        detail: Any = None,
        file: str,
        line: int,
        sent: str | None = None,
        received: str | None = None,
    ) -> int:
        """An event of a node. Raises UsageError for a clock that is none."""
        where = self.builder.node(node)
        if where > NODES_MAX:
            raise UsageError(f"{file}:{line}: more than {NODES_MAX:,} nodes: is {say(node)} the name of a node?")
        sort = self._stamped.setdefault(where, (clock is not None, f"{file}:{line}"))
        if sort[0] != (clock is not None):
            has = "has no clock" if sort[0] else "has a clock"
            raise UsageError(f"{file}:{line}: an event of {say(node)} that {has}, unlike that at {sort[1]}")
        event = len(self.builder)
        if clock is None:
            number = self._counts[where] = self._counts.get(where, 0) + 1
        elif isinstance(clock, Mapping):
            number = self._mapped(event, node, clock, f"{file}:{line}")
        else:
            number = 0
            self._listed.append((event, array("I", [_count(each, f"{file}:{line}") for each in clock])))
        self.builder.add(where, number, kind, text, time_ns=time_ns, detail=detail, file=file, line=line)
        if sent is not None:
            self._sent.setdefault(sent, event)
        if received is not None:
            self._received.append((received, event))
        return event

    def problem(self, place: str, text: str) -> None:
        """What a reader found that cannot have been so."""
        self._problems.append(Problem(place=place, text=text))

    def _mapped(self, event: int, node: str, clock: Mapping[str, Any], place: str) -> int:
        own = _count(clock.get(node, 0), place)
        if not own:
            raise UsageError(f"{place}: the clock of an event of {say(node)} does not count {say(node)}'s own events")
        builder = self.builder
        self._stamps.add(event, [(builder.node(name), _count(count, place)) for name, count in clock.items()])
        return own

    def build(self) -> tuple[Execution, list[Problem]]:
        """The execution, and what is impossible about it; where anything is, its edges are those that can be."""
        self._resolve_lists()
        for message, event in self._received:
            if message in self._sent:
                self.builder.arrived(self._sent[message], event)
            else:
                place = self.builder.place(event)
                self.problem(place, f"an effect without its cause: nobody sent message {say(message)}")
        found = rebuilt(self.builder, self._stamps)
        self._problems += [Problem(place=place, text=text) for place, text in found]
        return self.builder.build(), self._problems

    def _resolve_lists(self) -> None:
        if not self._listed:
            return
        builder = self.builder
        names = named_positions(
            [(builder.node_name(builder.node_of(event)), clock) for event, clock in self._listed],
            builder.node_names(),
        )
        for event, clock in self._listed:
            pairs = [(builder.node(names[position]), count) for position, count in enumerate(clock)]
            node = builder.node_of(event)
            own = next((count for lane, count in pairs if lane == node), 0)
            if not own:
                name = say(builder.node_name(node))
                raise UsageError(f"{builder.place(event)}: the clock of an event of {name} does not count its own")
            builder.renumber(event, own)
            self._stamps.add(event, pairs)


def _count(value: Any, place: str) -> int:
    if type(value) is not int or not 0 <= value <= COUNT_MAX:
        raise UsageError(f"{place}: {say(value)} in a clock is no count of events: write 0 to {COUNT_MAX}")
    return value
