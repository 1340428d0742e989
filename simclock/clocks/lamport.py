"""Lamport's logical clock (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978).

    clock = clock.tick()                   # a local event, or a send: the message carries `clock`
    clock = clock.receive(message.clock)   # a receipt

Law, the clock condition: if event a happened before event b, then C(a) < C(b). The converse does not hold: of two
events with C(a) < C(b), a happened before b *or they are concurrent*, and no one can tell which from the clocks. Use a
vector clock to tell.

Law, the total order (his section "Ordering the Events Totally"): timestamps compare by count and then by node, so any
two events of different nodes are ordered, everywhere alike. `compare` therefore never answers CONCURRENT.
"""

from __future__ import annotations

from simclock.clocks.order import ClockValue, NodeId, check_count, check_ids, id_key


class LamportClock(ClockValue, frozen=True):
    """The clock of a node; the clock after an event is the event's timestamp."""

    count: int
    """0 before the node's first event."""
    node: NodeId

    def __post_init__(self) -> None:
        check_count("LamportClock", self.count)
        check_ids("LamportClock", (self.node,))

    def tick(self) -> LamportClock:
        """IR1: a node increments its clock between any two successive events."""
        return type(self)(self.count + 1, self.node)

    def receive(self, remote: LamportClock) -> LamportClock:
        """IR2: on receipt the clock is set greater than or equal to its value and greater than the message's.

        The receipt is an event, so IR1 adds its one: max(own, remote) + 1.
        """
        return type(self)(max(self.count, remote.count) + 1, self.node)

    def __le__(self, other: LamportClock) -> bool:
        """a => b: the smaller count is first; between equal counts, the smaller node."""
        return (self.count, id_key(self.node)) <= (other.count, id_key(other.node))

    def __str__(self) -> str:
        return f"{self.count}@{self.node}"
