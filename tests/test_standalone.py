"""A node without a run: what it lets out, in order, and that it is the same node as in a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simclock import (
    Constant,
    Message,
    MessageTypeError,
    Network,
    Node,
    Observed,
    Scenario,
    Sent,
    Standalone,
    TimerCancelled,
    TimerSet,
    UsageError,
    ms,
    run,
)
from simclock.environment.quartz import PhysicalClock


class Note(Message):
    number: int


class Ledger(Node):
    """Does one thing after the other; what a note asks for stands in its number."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def on_start(self) -> None:
        self.drawn = self.random.randrange(1 << 30)
        self.observe("started", (self.incarnation, self.disk.read("last", 0)))
        self.set_timer("tick", ms(3))

    def on_message(self, source: int, message: Note) -> None:
        self.heard.append(message.number)
        if message.number < 0:
            self.disk.write("last", message.number)
            self.halt("below zero")
        self.send(source, Note(message.number + 1))
        self.disk.write("last", message.number)
        self.disk.sync()
        self.set_timer("tick", ms(1))
        self.broadcast(Note(0))
        self.cancel_timer("tick")
        self.cancel_timer("never set")
        self.set_timer(("again", message.number), ms(2))
        self.observe("heard", message.number)

    def on_timer(self, timer: Any) -> None:
        self.observe("timer", timer)


def test_what_it_lets_out_stands_in_the_order_in_which_it_did_it() -> None:
    alone = Standalone(Ledger, id=1, nodes=3)
    assert alone.out.take() == [Observed("started", (0, 0)), TimerSet("tick", ms(3))]
    alone.on_message(2, Note(7))
    assert alone.out == [
        Sent(2, Note(8)),
        TimerSet("tick", ms(1)),
        Sent(0, Note(0)),
        Sent(2, Note(0)),
        TimerCancelled("tick"),
        TimerSet(("again", 7), ms(2)),
        Observed("heard", 7),
    ]
    assert alone.timers == {("again", 7): ms(2)}
    assert alone.out.observed == [("heard", 7)]
    assert alone.out.take_sent() == [(2, Note(8)), (0, Note(0)), (2, Note(0))] and len(alone.out) == 4
    alone.on_timer(("again", 7))
    assert alone.out[-1] == Observed("timer", ("again", 7)) and alone.timers == {}


def test_what_was_durable_is_known_for_every_message() -> None:
    alone = Standalone(Ledger, id=1, nodes=3)
    alone.on_message(2, Note(7))
    alone.on_message(2, Note(8))
    before, *after = [(sent.durable.values, sent.durable.unsynced) for sent in alone.out.sent]
    assert before == ({}, 0) and after[:2] == [({"last": 7}, 0)] * 2 and after[2] == ({"last": 7}, 0)
    assert after[3:] == [({"last": 8}, 0)] * 2
    alone.disk.append("log", "lost")
    assert alone.disk.durable() == ({"last": 8}, {}, 1) and alone.disk.contents() == (
        {"last": 8},
        {"log": ("lost",)},
        1,
    )


def test_after_a_crash_it_has_what_its_disk_had_synced() -> None:
    alone = Standalone(Ledger, id=0, nodes=2)
    alone.on_message(1, Note(7))
    alone.disk.write("last", 8)
    first, drawn = alone.node, alone.node.drawn
    alone.crash()
    assert not alone.is_up and alone.timers == {} and alone.halted is None
    with pytest.raises(UsageError, match=r"^node 0 is down: restart it first$"):
        alone.on_message(1, Note(1))
    alone.out.take()
    alone.restart()
    assert alone.out.take() == [Observed("started", (1, 7)), TimerSet("tick", ms(3))]
    assert alone.node is not first and alone.node.heard == [] and alone.node.drawn != drawn, "its luck goes on"
    alone.restart()
    assert alone.node.incarnation == 2


def test_a_node_that_ends_itself_says_why_and_loses_what_was_not_synced() -> None:
    alone = Standalone(Ledger, nodes=2)
    alone.on_message(1, Note(-1))
    assert alone.halted == "below zero" and not alone.is_up and alone.out[-1] == Observed("halted", "below zero")
    with pytest.raises(UsageError, match=r"^node 0 is down \(below zero\): restart it first$"):
        alone.on_timer("tick")
    alone.restart()
    assert alone.is_up and alone.halted is None and alone.out.observed[-1] == ("started", (1, 0))


def test_what_a_run_refuses_is_refused() -> None:
    alone = Standalone(Ledger, nodes=2)
    with pytest.raises(UsageError, match=r"^timer 'tock' is not set: set are 'tick'$"):
        alone.on_timer("tock")
    for wrong, kind, said in (
        (lambda: alone.node.send(2, Note(1)), UsageError, "send to 2: nodes are the whole numbers 0 to 1"),
        (lambda: alone.node.send(1, 7), MessageTypeError, "which is no Message"),
        (lambda: alone.node.observe("list", []), MessageTypeError, "list is mutable"),
        (lambda: alone.node.observe("large", 1 << 70), UsageError, "observation .* cannot be encoded"),
        (lambda: alone.node.set_timer("tick", -1), UsageError, "zero or more"),
        (lambda: Standalone(Ledger, id=2, nodes=2), UsageError, "id: node 2 is out of range"),
        (lambda: Standalone(lambda: alone.node), UsageError, "the scenario built one Ledger twice"),
        (lambda: alone.passes(-1), UsageError, "passes: -1 is not a duration"),
        (lambda: alone.passes(1 << 63), UsageError, "passes: 9223372036854775808 is too long"),
    ):
        with pytest.raises(kind, match=said):
            wrong()
    alone.out.take()
    alone.node.send(0, Note(1))
    assert alone.out.take_sent() == [(0, Note(1))], "what it sends to itself leaves, too"


def test_its_clock_shows_the_time_that_passes() -> None:
    alone = Standalone(Ledger, now_ns=ms(10))
    alone.passes(ms(5))
    assert alone.now_ns == alone.node.clock.monotonic_ns() == alone.node.clock.wall_ns() == ms(15)
    fast = Standalone(Ledger, clock=PhysicalClock(ms(1000), 500_000_000))
    fast.passes(ms(10))
    assert (fast.node.clock.monotonic_ns(), fast.node.clock.wall_ns()) == (ms(15), ms(1015))
    fast.node.set_timer("late", ms(4))
    fast.passes(ms(1))
    assert fast.out[-1] == TimerSet("late", ms(4)), "what it asked for, by its own clock"
    fast.restart()
    assert fast.node.clock.wall_ns() == ms(1016) + ms(1) // 2


def scenario() -> Scenario:
    return Scenario(
        name="ledgers",
        nodes=3,
        build=lambda node: Talker(),
        seed=5,
        duration_ns=ms(60),
        network=Network(latency=Constant(delay_ns=ms(2))),
    )


class Talker(Node):
    """Draws, sends, sets and cancels timers; ends itself now and then."""

    def on_start(self) -> None:
        self.set_timer("talk", ms(1 + self.id))

    def on_message(self, source: int, message: Note) -> None:
        self.observe("heard", (source, message.number))
        self.set_timer(("answer", source), ms(1))
        if message.number % 5 == 0:
            self.cancel_timer("talk")
        elif message.number % 97 == 1:
            self.halt("tired")
        else:
            self.set_timer("talk", self.random.uniform_ns(ms(1), ms(4)))

    def on_timer(self, timer: Any) -> None:
        self.broadcast(Note(self.random.randrange(200)))


def test_driven_by_the_events_of_a_run_it_does_what_it_did_there() -> None:
    """Each node of a run alone, told what it was told there, at the same times: it says and sends the same."""
    events: dict[int, list[tuple[int, str, Any]]] = {node: [] for node in range(3)}
    told: dict[int, list[Any]] = {node: [] for node in range(3)}

    class Recorded(Talker):
        def on_message(self, source: int, message: Note) -> None:
            events[self.id].append((self.clock.monotonic_ns(), "message", (source, message)))
            super().on_message(source, message)

        def on_timer(self, timer: Any) -> None:
            events[self.id].append((self.clock.monotonic_ns(), "timer", timer))
            super().on_timer(timer)

        def send(self, target: int, message: Any) -> None:
            told[self.id].append((target, message))
            super().send(target, message)

        def observe(self, name: str, value: Any = None) -> None:
            told[self.id].append((name, value))
            super().observe(name, value)

    run(replace(scenario(), build=lambda node: Recorded()))
    assert sum(map(len, events.values())) > 100
    for node in range(3):
        alone = Standalone(Talker, id=node, nodes=3, seed=5)
        for time_ns, kind, what in events[node]:
            alone.passes(time_ns - alone.now_ns)
            alone.on_timer(what) if kind == "timer" else alone.on_message(*what)
        said = [each for each in alone.out if isinstance(each, Sent | Observed)]
        assert [(e.target, e.message) if isinstance(e, Sent) else (e.name, e.value) for e in said] == told[node]
