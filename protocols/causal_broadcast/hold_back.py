"""Hold-back queues: which broadcast may be delivered now, and which has to wait for what.

Law (Birman, Schiper and Stephenson, "Lightweight Causal and Atomic Group Multicast", 1991): a message m of member p is
     delayed until  VT(m)[p] = VT[p] + 1  and  VT(m)[k] <= VT[k] for every other k,  where VT counts what was delivered.
     So what happened before m has been delivered before it. An id that a vector does not have has counted 0, so a
     vector grows when a newcomer's first message comes, and nobody has to agree on its length.

A message waits in the list of *one* broadcast that it lacks, and is looked at again when that one is delivered. A
delivery costs what it wakes, never a walk through everything that is held.

The queue is bounded. Where it is full, the one furthest from being delivered is dropped: nobody was told that it had
come, so it is asked for again later. Nothing is ever delivered out of order to make room.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simclock.clocks import VectorClock
from simclock.protocols.causal_broadcast.messages import Broadcast

Name = tuple[Any, int]
"""A broadcast: (member, count)."""
_READER: Name = (-1, 0)
"""What a message waits for that may be delivered, but is not wanted yet."""


def _age(message: Broadcast) -> tuple[int, int, int]:
    """Ascends along causal order: what happened before has counted less in all."""
    return sum([count for _, count in message.clock.entries]), message.member, message.count


class CausalQueue:
    """One member's deliveries and what it holds back."""

    def __init__(self, held_max: int) -> None:
        self.held_max = held_max
        self.delivered: dict[Any, int] = {}
        """VT: member -> how many of its broadcasts were delivered; who is absent has 0."""
        self.held: dict[Name, Broadcast] = {}
        self._waiting: dict[Name, list[Name]] = {}
        """A broadcast that was not delivered -> those held until it is."""
        self.wanted: Mapping[int, int] | None = None
        """Member -> how many of its broadcasts the application wants to see for now; None, or absent: all of them."""
        self.held_count = 0
        """How many deliveries had to wait, as something before them had not come."""
        self._lacked: set[Name] = set()
        """Those held now of which that will be true: held again, or for a second reason, they count once."""
        self.held_high = 0
        """The most that were held at once."""
        self.dropped = 0
        self.duplicates = 0

    def missing(self, message: Broadcast) -> Name | None:
        """A broadcast that has to come first, the sender's own before others; None if the message can be delivered."""
        delivered = self.delivered
        sender = message.member
        count = delivered.get(sender, 0)
        first: Name | None = None
        for member, known in message.clock.entries:
            if member == sender:
                if known != count + 1:
                    return sender, known - 1
            elif first is None and known > delivered.get(member, 0):
                first = member, known
        return first

    def receive(self, message: Broadcast) -> Iterator[Broadcast]:
        """Take a message; gives those that can be delivered now, each to be dealt with before the next is asked for."""
        name = message.member, message.count
        if name[1] <= self.delivered.get(name[0], 0) or name in self.held:
            self.duplicates += 1
            return
        lacks = self._blocked(message)
        if lacks is None:
            yield from self._settle([message])
        elif len(self.held) < self.held_max or self._has_dropped_later_than(message):
            self._hold(name, message, lacks)

    def _has_dropped_later_than(self, message: Broadcast) -> bool:
        """Make room: of this message and those held, one goes that nothing else here was before."""
        self.dropped += 1
        last = max(self.held.values(), key=_age)
        if _age(message) > _age(last):
            return False
        self._let_go((last.member, last.count))
        return True

    def _blocked(self, message: Broadcast) -> Name | None:
        lacks = self.missing(message)
        if lacks is None and self.wanted is not None:
            wanted = self.wanted.get(message.member)
            if wanted is not None and message.count > wanted:
                return _READER
        return lacks

    def _hold(self, name: Name, message: Broadcast, lacks: Name) -> None:
        self.held[name] = message
        if lacks != _READER:
            self._lacked.add(name)
        self.held_high = max(self.held_high, len(self.held))
        self._waiting.setdefault(lacks, []).append(name)

    def _settle(self, ready: list[Broadcast]) -> Iterator[Broadcast]:
        """Deliver what can be delivered, the last of the list first, and what that wakes; hold the rest."""
        while ready:
            message = ready.pop()
            name = message.member, message.count
            lacks = self._blocked(message)
            if lacks is not None:
                self._hold(name, message, lacks)
                continue
            self.delivered[name[0]] = max(self.delivered.get(name[0], 0), name[1])
            if name in self._lacked:
                self._lacked.remove(name)
                self.held_count += 1
            yield message
            ready += self._woken(name)

    def _woken(self, name: Name) -> list[Broadcast]:
        """What waited for that one; who waited longest is last."""
        waiting = [self.held.pop(each, None) for each in reversed(self._waiting.pop(name, ()))]
        return [each for each in waiting if each is not None]

    def want(self, wanted: Mapping[int, int] | None) -> Iterator[Broadcast]:
        """What the application wants to see has changed; gives what can be delivered now."""
        self.wanted = wanted
        yield from self._settle(self._woken(_READER))

    def sent(self, member: int, count: int) -> None:
        """A broadcast of this member itself is delivered here at once."""
        self.delivered[member] = count

    def drop_dependents(self, lost: Name) -> list[Name]:
        """Let go of everything held that cannot be delivered without that broadcast, in order of name."""
        member, count = lost
        gone = sorted(name for name, each in self.held.items() if self._depends(each, member, count))
        for name in gone:
            self._let_go(name)
        self.dropped += len(gone)
        return gone

    def _let_go(self, name: Name) -> None:
        del self.held[name]
        self._lacked.discard(name)

    def _depends(self, message: Broadcast, member: int, count: int) -> bool:
        known = message.clock[member]
        return known > count if member == message.member else known >= count

    def restart(self, delivered: VectorClock) -> Iterator[Broadcast]:
        """Go on from a state in which these are delivered; what is held is looked at again."""
        self.delivered = dict(delivered.entries)
        again = [self.held[name] for name in sorted(self.held)]
        self.held, self._waiting = {}, {}
        for message in again:
            yield from self.receive(message)
        self._lacked &= self.held.keys()


class FifoQueue(CausalQueue):
    """FIFO order, for comparison: each member's broadcasts in their order, and no order between members."""

    def missing(self, message: Broadcast) -> Name | None:
        """The sender's own broadcast before this one."""
        ready = message.count == self.delivered.get(message.member, 0) + 1
        return None if ready else (message.member, message.count - 1)
