"""The hold-back queue of Lamport's total order (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed
System", 1978, where it grants a resource).

Law: a message is displayed when it is the first of all that are held, by (count, node), and every member has
     acknowledged it. Links being FIFO, a member that has acknowledged it has nothing earlier under way: whatever it
     says later has a later timestamp. So no message can come that belongs before it.

Lamport asks only that *some* message with a later timestamp has come from everyone. An acknowledgement of this very
message says more: everyone has it. A message that one screen shows is then in the hands of every member, and no crash
can take it from the others.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from simclock.clocks import LamportClock
from simclock.protocols.total_order.messages import Say


def order_key(message: Say) -> tuple[int, int]:
    """a => b (Lamport's total order): the smaller count first, between equal counts the smaller node."""
    timestamp = message.timestamp
    assert isinstance(timestamp.node, int), "a participant is a node"
    return timestamp.count, timestamp.node


class HoldBackQueue:
    """What was said in a view and cannot be displayed yet."""

    def __init__(self, members: Iterable[int]) -> None:
        self.members = frozenset(members)
        self.held: list[Say] = []
        """In the order in which they will be displayed."""
        self.acknowledged: dict[LamportClock, set[int]] = {}
        """Timestamp -> who has the message; an entry may be there before its message."""

    def add(self, message: Say) -> None:
        """A message was said; whoever said it has it."""
        insort(self.held, message, key=self.key)
        self.acknowledge(message.timestamp, message.timestamp.node)  # type: ignore[arg-type]

    def acknowledge(self, timestamp: LamportClock, member: int) -> None:
        """A member has that message."""
        self.acknowledged.setdefault(timestamp, set()).add(member)

    def key(self, message: Say) -> tuple[int, int]:
        """By what the queue is ordered."""
        return order_key(message)

    def missing(self, message: Say) -> frozenset[int]:
        """Who has not acknowledged it."""
        return self.members - self.acknowledged.get(message.timestamp, set())

    def take(self) -> list[Say]:
        """What may be displayed now, in order; it is held no longer."""
        taken: list[Say] = []
        while len(taken) < len(self.held) and self.is_ready(self.held[len(taken)]):
            taken.append(self.held[len(taken)])
        del self.held[: len(taken)]
        for message in taken:
            del self.acknowledged[message.timestamp]
        return taken

    def is_ready(self, message: Say) -> bool:
        """Whether every member has acknowledged it; of the first in the queue alone does it mean anything."""
        return not self.missing(message)
