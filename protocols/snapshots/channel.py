"""A reliable channel from one node to another: whatever is sent arrives once, over a network that loses and doubles.

The sender numbers what it sends and sends it again until it is acknowledged; the receiver knows every number it has
had. A FIFO channel holds back what comes too early; a channel that is not FIFO delivers it at once, in any order.

Law 1: a number is delivered once, whatever the network does.
Law 2: what has been acknowledged has been taken over by the receiver: its owner keeps both ends on disk, and syncs
       before it acknowledges.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Outgoing:
    """The sender's end."""

    def __init__(self, next_number: int = 0, unacknowledged: Iterable[tuple[int, Any]] = ()) -> None:
        self.next_number = next_number
        self.unacknowledged: dict[int, Any] = dict(unacknowledged)
        """Number -> payload, ascending."""

    def send(self, payload: Any) -> int:
        """The number under which it goes out."""
        number = self.next_number
        self.next_number += 1
        self.unacknowledged[number] = payload
        return number

    def acknowledge(self, number: int) -> bool:
        """The other side has it; False where that was known."""
        return self.unacknowledged.pop(number, None) is not None

    def state(self) -> tuple[int, tuple[tuple[int, Any], ...]]:
        """What has to be kept: the arguments of a new one."""
        return self.next_number, tuple(self.unacknowledged.items())


class Incoming:
    """The receiver's end."""

    def __init__(self, fifo: bool, floor: int = 0, above: Iterable[tuple[int, Any]] = ()) -> None:
        self.fifo = fifo
        self.floor = floor
        """Everything below has been delivered, and nothing that is it."""
        self.above: dict[int, Any] = dict(above)
        """What came from above the floor, by number: of a FIFO channel held back, of another delivered already."""

    def has(self, number: int) -> bool:
        """Whether it has arrived before."""
        return number < self.floor or number in self.above

    def receive(self, number: int, payload: Any) -> list[Any]:
        """What is delivered because of it, in order."""
        if self.has(number):
            return []  # Law 1
        self.above[number] = payload if self.fifo else None
        delivered = [] if self.fifo else [payload]
        while self.floor in self.above:
            held = self.above.pop(self.floor)
            self.floor += 1
            if self.fifo:
                delivered.append(held)
        return delivered

    def state(self) -> tuple[int, tuple[tuple[int, Any], ...]]:
        """What has to be kept: the arguments of a new one, after `fifo`."""
        return self.floor, tuple(sorted(self.above.items(), key=lambda item: item[0]))
