"""The queue of events of the plain core."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from heapq import heapify, heappop, heappush
from itertools import chain
from operator import length_hint

from simclock.kernel.events import Event


class _Slots(dict[int, list[Event]]):
    """Slot number -> its events, unsorted; a slot that is touched first enters `order`, a heap."""

    __slots__ = ("order",)

    def __init__(self) -> None:
        self.order: list[int] = []

    def __missing__(self, slot: int) -> list[Event]:
        heappush(self.order, slot)
        events = self[slot] = []
        return events


class EventQueue:
    """Events in key order: a calendar of time slots, each sorted once when its turn comes.

    Why not one heap: `list.sort` over a slot costs less per event than a pop and a push on a large heap (1.3 times
    the whole loop's speed at 1,000 nodes), and pushing into a slot is an append. `near` is a heap for what is put
    into the slot that is already being emptied.

    The kernel's hot paths (`Process.send`, `Host.advance`) read these fields themselves; a method call per event
    would cost a tenth of the run. What they do is `push` and `pop`.
    """

    __slots__ = ("current", "near", "shift", "slot", "slots", "under_way")

    def __init__(self, slot_ns: int) -> None:
        self.shift = max(0, slot_ns.bit_length() - 1)
        """A slot lasts 2**shift nanoseconds."""
        self.slot = -1
        """The slot being emptied: events of it, or of an earlier one, go to `near`."""
        self.slots = _Slots()
        self.near: list[Event] = []
        self.current: list[Event] = []
        """What is left of the slot, in order; the host empties it through an iterator and puts back the rest."""
        self.under_way: Iterator[Event] | None = None
        """That iterator, while the host goes through `current`."""

    def push(self, event: Event) -> None:
        """Put an event in its place."""
        slot = event[0] >> self.shift
        if slot > self.slot:
            self.slots[slot].append(event)
        else:
            heappush(self.near, event)

    def push_all(self, events: list[Event]) -> None:
        """Put events in their places."""
        shift, current, slots, near = self.shift, self.slot, self.slots, self.near
        for event in events:
            slot = event[0] >> shift
            if slot > current:
                slots[slot].append(event)
            else:
                heappush(near, event)

    def open_slot(self, horizon_ns: int) -> bool:
        """When `current` and `near` are empty: take up the next slot. False if none begins before the horizon."""
        order = self.slots.order
        if not order or order[0] << self.shift >= horizon_ns:
            return False
        self.slot = heappop(order)
        self.current = self.slots.pop(self.slot)
        self.current.sort()
        return True

    def take_up_near(self) -> None:
        """When `current` is empty: take up what is in `near`."""
        self.current = sorted(self.near)
        self.near.clear()

    def take_out(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """Remove and give the events that are wanted, in key order. Looks at every event: for rare occasions."""
        passed = len(self.current) - length_hint(self.under_way) if self.under_way is not None else 0
        queued = chain(self.current[passed:], self.near, *self.slots.values())
        found = sorted(event for event in queued if wanted(event))
        self.remove(found)
        return found

    def remove(self, events: Collection[Event]) -> None:
        """Remove these very events, which are queued. Looks no further than into the slots where they are.

        May be called while the host goes through `current`: what it has passed stands there still, and stays, so that
        the iterator keeps its place. The lists stay the same objects. A slot that has become empty stays, too.
        """
        gone = set(map(id, events))
        slots = {event[0] >> self.shift for event in events}
        for slot in slots:
            if slot > self.slot:
                self.slots[slot][:] = [event for event in self.slots[slot] if id(event) not in gone]
        if any(slot <= self.slot for slot in slots):
            passed = len(self.current) - length_hint(self.under_way) if self.under_way is not None else 0
            self.current[passed:] = [event for event in self.current[passed:] if id(event) not in gone]
            self.near[:] = [event for event in self.near if id(event) not in gone]
            heapify(self.near)

    def next_time_ns(self) -> int | None:
        """The time of the earliest event, None if there is none."""
        while self.slots.order and not self.slots[self.slots.order[0]]:
            del self.slots[heappop(self.slots.order)]
        times = []
        if self.current:
            times.append(self.current[0][0])
        if self.near:
            times.append(self.near[0][0])
        if not times and self.slots.order:
            times.append(min(self.slots[self.slots.order[0]])[0])
        return min(times, default=None)

    def unordered(self) -> Iterator[Event]:
        """Every event that is still to come, in any order."""
        return chain(self.current, self.near, *self.slots.values())

    def pending(self) -> list[Event]:
        """Every event that is still to come, in key order: for who looks at a run that has stopped."""
        return sorted(self.unordered())
