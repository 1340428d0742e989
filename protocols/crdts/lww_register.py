"""A register in which the last writer wins.

RR-7506, Specification 8 (LWW-Register). "Last" is what the timestamps say: an assignment under a clock that is behind
loses to an older one, silently. A source that has seen a timestamp should give a later one (`after`), so that it never
loses to what it overwrites; what is concurrent is decided by the clocks, and one of the values is lost.
"""

from __future__ import annotations

from typing import Any, Self

from simclock.clocks import NodeId
from simclock.clocks.order import check_count, id_key
from simclock.protocols.crdts.crdt import Crdt, Element, Operation, element_key, is_element


class LwwRegister(Crdt, frozen=True):
    """The value with the greatest (time, replica)."""

    held: Element | None = None
    time: int = -1
    """0 or more; -1 where nothing was assigned."""
    replica: NodeId = 0

    OPERATIONS = '("assign", value, time)'

    def merge(self, other: Self) -> Self:
        return self if self._rank >= other._rank else other

    def beyond(self, other: Self) -> Self:
        return self if self._rank > other._rank else type(self)()

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        match operation:
            case ("assign", value, int(time)) if is_element(value):
                check_count("assign time", time)
                return type(self)(value, time, replica)
        raise self._unknown(operation)

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        assigned = self.decode(prepared)
        return assigned if assigned._rank > self._rank else self

    def after(self, time: int) -> int:
        """The time to assign at by a clock that shows `time`: later than what is held."""
        return max(time, self.time + 1)

    @property
    def value(self) -> Element | None:
        return self.held

    @property
    def _rank(self) -> tuple[Any, ...]:
        """Replica and value decide between equal times: any order will do, as long as all have the same."""
        return self.time, id_key(self.replica), (self.held is not None, element_key(self.held))
