"""The queue of events: whatever is put in and taken out, and in whatever order, what is left comes by its keys."""

from __future__ import annotations

import random
from heapq import heappop

import pytest

from simclock.kernel._kernel import EventQueue
from simclock.kernel.events import TIMER, Event


def event(luck: random.Random, number: int, from_ns: int) -> Event:
    return from_ns + luck.randrange(400), luck.randrange(3), number, 0, TIMER, luck.randrange(3)


def drained(queue: EventQueue) -> list[Event]:
    """All that is left, in the order in which a host comes to it, with the time that was promised before each."""
    events = []
    while True:
        for event in [*queue.current]:
            while queue.near and queue.near[0] < event:
                events.append(popped(queue))
            assert queue.next_time_ns() == event[0]
            del queue.current[0]
            events.append(event)
        while queue.near:
            events.append(popped(queue))
        following_ns = queue.next_time_ns()
        if not queue.open_slot(1 << 60):
            assert following_ns is None
            return events


def popped(queue: EventQueue) -> Event:
    assert queue.next_time_ns() == queue.near[0][0]
    taken: Event = heappop(queue.near)
    return taken


@pytest.mark.parametrize("slot_ns", [1, 64, 1 << 20], ids=["a slot each", "some slots", "one slot"])
def test_what_is_left_comes_by_its_keys(slot_ns: int) -> None:
    """Put in one by one or many at once, before and while a slot is emptied, and in part taken out again."""
    for seed in range(60):
        luck = random.Random(seed)
        queue = EventQueue(slot_ns)
        left: list[Event] = []
        for at_ns in (0, 200, 100):
            given = [event(luck, 1000 * at_ns + number, at_ns) for number in range(luck.randrange(40))]
            for each in given[::2]:
                queue.push(each)
            queue.push_all(given[1::2])
            left += given
            if luck.random() < 0.7 and not queue.current and not queue.near:
                queue.open_slot(1 << 60)
            name = luck.randrange(4)
            out = queue.take_out(lambda each, name=name: each[5] == name)  # type: ignore[misc]
            assert out == sorted(each for each in left if each[5] == name)
            left = [each for each in left if each[5] != name]
            assert queue.next_time_ns() == min((each[0] for each in left), default=None)
            assert queue.pending() == sorted(left) == sorted(queue.unordered())
        assert drained(queue) == sorted(left)


def test_what_a_host_has_passed_stays_passed() -> None:
    """Who takes events out while a slot is gone through gets none that was handled, and the host keeps its place."""
    queue = EventQueue(64)
    given: list[Event] = [(number, 0, number, 0, TIMER, number % 2) for number in range(10)]
    queue.push_all(given)
    assert queue.open_slot(64)
    queue.under_way = iter(queue.current)
    passed = [next(queue.under_way) for _ in range(4)]
    assert queue.take_out(lambda each: each[5] == 1) == given[5::2]
    assert passed == given[:4] and list(queue.under_way) == given[4::2]


@pytest.mark.parametrize(("horizon_ns", "opens"), [(127, False), (128, False), (129, True)])
def test_a_slot_is_opened_that_begins_before_the_horizon(horizon_ns: int, opens: bool) -> None:
    queue = EventQueue(64)
    queue.push((130, 0, 1, 0, TIMER, "late in the third slot of 64 ns"))
    assert queue.open_slot(horizon_ns) is opens
