"""A part of an execution: some nodes, a stretch of time, some types; and what happened before what within it.

Law: one event of an excerpt is a direct cause of another where it is the one before it on its node, or happened before
it and no third of the excerpt is between them, on whatever nodes that are left out the messages went.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from simclock.errors import UsageError
from simclock.experiments.causality.execution import DELIVER, DROP, ENVIRONMENT, KINDS, NO_TIME, NONE, SEND, Execution
from simclock.experiments.causality.relations import Clock, Relations, vector_clocks
from simclock.experiments.telling.spelling import unknown


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What of an execution is wanted; what is empty or None leaves everything in."""

    nodes: tuple[str, ...] = ()
    """With what the environment does to links, which is of no node."""
    from_ns: int | None = None
    to_ns: int | None = None
    """Up to there, that instant with it."""
    types: tuple[str, ...] = ()
    """Labels: types of messages and faults, names of timers and observations."""
    kinds: tuple[str, ...] = ()

    def of(self, execution: Execution) -> array[int]:
        """The events wanted, as they were written down. Raises UsageError for a name that is not there."""
        nodes = self._places("--node", "node", self.nodes, execution.nodes)
        if nodes is not None and ENVIRONMENT in execution.nodes:
            nodes |= {execution.nodes.index(ENVIRONMENT)}
        labels = self._places("--type", "type", self.types, execution.labels[1:], first=1)
        kinds = self._places("--kind", "kind", self.kinds, KINDS)
        from_ns = NO_TIME if self.from_ns is None else self.from_ns
        to_ns = (1 << 63) - 1 if self.to_ns is None else self.to_ns
        if from_ns > to_ns:
            raise UsageError("--from: it is after --to")
        if self.from_ns is not None or self.to_ns is not None:
            _check_timed(execution)
        return array(
            "I",
            (
                event
                for event, time_ns in enumerate(execution.time_ns)
                if from_ns <= time_ns <= to_ns
                and (nodes is None or execution.node[event] in nodes)
                and (labels is None or execution.label[event] in labels)
                and (kinds is None or execution.kind[event] in kinds)
            ),
        )

    def _places(
        self, flag: str, what: str, names: Collection[str], known: Collection[str], first: int = 0
    ) -> frozenset[int] | None:
        if not names:
            return None
        place_of = {name: place for place, name in enumerate(known, start=first)}
        for name in names:
            if name not in place_of:
                raise UsageError(f"{flag}: {unknown(what, name, place_of)}")
        return frozenset(place_of[name] for name in names)


def _check_timed(execution: Execution) -> None:
    if all(time_ns == NO_TIME for time_ns in execution.time_ns):
        raise UsageError(f"--from: {execution.origin} tells no times")


class Excerpt:
    """The events wanted, in an order that happened-before allows; at most so many, the first of them."""

    def __init__(self, execution: Execution, events: array[int], most: int | None = None) -> None:
        self.execution = execution
        self.relations = Relations(execution)
        self.left_out = max(0, len(events) - most) if most is not None else 0
        """How many of those wanted come after the last that is shown."""
        member = bytearray(len(execution))
        for event in events:
            member[event] = 1
        ordered = array("I", (event for event in self.relations.order() if member[event]))
        self.events = ordered if most is None else ordered[:most]
        if self.left_out:
            member = bytearray(len(execution))
            for event in self.events:
                member[event] = 1
        self._member = member

    def __contains__(self, event: int) -> bool:
        return event != NONE and bool(self._member[event])

    def __len__(self) -> int:
        return len(self.events)

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """Those of its events, in order."""
        return tuple(sorted({self.execution.node[event] for event in self.events}))

    @cached_property
    def lanes(self) -> Mapping[int, array[int]]:
        """Node index -> its events here, in order."""
        lanes = {node: array("I") for node in self.nodes}
        for event in self.events:
            lanes[self.execution.node[event]].append(event)
        return lanes

    @cached_property
    def last(self) -> dict[int, int]:
        """Send -> the last of its deliveries and drops that is here."""
        message = self.execution.message
        return {message[event]: event for event in self.events if message[event] in self}

    def arrows(self) -> Iterator[tuple[int, int]]:
        """(send, its delivery or drop), both here."""
        for event in self.events:
            send = self.execution.message[event]
            if self.execution.kind[event] in (DELIVER, DROP) and send in self:
                yield send, event

    def open_sends(self) -> Iterator[int]:
        """Sends of which neither a delivery nor a drop is here."""
        for event in self.events:
            if self.execution.kind[event] == SEND and event not in self.last:
                yield event

    def clocks(self) -> Iterator[tuple[int, Clock]]:
        """(event, vector clock), in order; clocks count the events that are here."""
        return vector_clocks(self.relations, lambda event: bool(self._member[event]))

    def direct_causes(self) -> Iterator[tuple[int, list[int]]]:
        """(event, its direct causes here: the one before it on its node first), in order."""
        execution, lanes = self.execution, self.lanes
        known: dict[int, Clock] = {}
        clocks: dict[int, Clock] = {}
        for event, clock in self.clocks():
            node = execution.node[event]
            before = known.get(node)
            causes = [lanes[node][clock[node] - 2]] if clock[node] > 1 else []
            raised = [
                lanes[other][count - 1]
                for other, count in enumerate(clock)
                if other != node and count > (before[other] if before is not None else 0)
            ]
            for cause in raised:
                other, count = execution.node[cause], clock[execution.node[cause]]
                if not any(rival != cause and clocks[rival][other] >= count for rival in raised):
                    causes.append(cause)
            known[node] = clocks[event] = clock
            yield event, causes
