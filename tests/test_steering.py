"""Steered worlds: what may happen, what does, and that the same steps are the same run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclock import Message, Node, Observer, Scenario, UsageError, ms
from simclock.actors.steering import (
    Ask,
    Crash,
    Cut,
    Deliver,
    Drop,
    Duplicate,
    Fire,
    Mend,
    Pass,
    Restart,
    Seeded,
    Step,
    TornCrash,
    World,
    steered_run,
)
from simclock.errors import HandlerError


class Ping(Message):
    n: int


class Counts(Observer[int]):
    def __init__(self) -> None:
        self.got = 0

    def on_observation(self, observation: Any, control: Any) -> None:
        self.got += observation.name == "got"
        if observation.value == 3:
            control.violated("three", observation.node, "a three arrived", stop=False)

    def report(self) -> int:
        return self.got


class Player(Node):
    def __init__(self) -> None:
        self.got: list[int] = []

    def on_start(self) -> None:
        self.got = list(self.disk.records("got"))
        if self.id == 0:
            self.send(1, Ping(0))
            self.set_timer("again", ms(10))

    def on_message(self, source: int, message: Ping) -> None:
        self.got.append(message.n)
        self.disk.append("got", message.n)
        if message.n % 2:
            self.disk.sync()
        self.observe("got", message.n)
        if message.n < 5:
            self.send(source, Ping(message.n + 1))

    def on_timer(self, timer: Any) -> None:
        self.send(1, Ping(self.random.randrange(4)))
        self.set_timer("again", ms(10))

    def ask(self, n: int) -> None:
        self.send(1, Ping(n))


def scenario(**more: Any) -> Scenario:
    return Scenario(name="players", nodes=2, build=lambda node: Player(), observers=(Counts,), **more)


def test_a_step_says_what_it_changed() -> None:
    world = World.of(scenario())
    assert [str(each) for each in world.began.sent] == ["0->1 Ping(n=0) #0"]
    took = world.take(Deliver(0))
    assert [str(each) for each in took.sent] == ["1->0 Ping(n=1) #1"]
    assert [(each.node, each.name, each.value) for each in took.observations] == [(1, "got", 0)]
    assert not took.wrote and took.after is not None and took.after.durable.unsynced == 1
    assert world.take(Deliver(1, 1, 0, "Ping")).wrote
    assert world.attribute(0, "got") == [1]
    assert list(map(str, world.enabled())) == ["deliver 0->1 Ping #2", "fire 0 again"]


def test_firing_moves_time_on_to_when_the_timer_is_due_and_never_back() -> None:
    world = World.of(scenario())
    assert world.take(Fire(0, "again")).now_ns == ms(10)
    world.take(Pass(ms(15)))
    assert world.take(Fire(0, "again")).now_ns == ms(25)
    assert world.due_ns == {(0, "again"): ms(35)}


def test_a_crash_takes_what_was_not_synced_and_a_torn_one_what_it_says() -> None:
    for step, left in ((Crash(1), ()), (TornCrash(1, 1), (0,))):
        world = World.of(scenario())
        world.take(Deliver(0))
        world.take(step)
        assert not world.is_up(1)
        world.take(Restart(1))
        assert tuple(world.attribute(1, "got")) == left
        assert world.view(1).incarnation == 1


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Deliver(7), "message #7 was never sent"),
        (Deliver(0, 1, 0, "Ping"), "message #0 is 0->1 Ping"),
        (Fire(1, "again"), "that timer is not set (set at node 1: none)"),
        (Restart(0), "node 0 is up"),
        (TornCrash(0, 1), "the disk of node 0 has 0 operations that are not synced"),
        (Mend(), "no such link is cut"),
    ],
)
def test_an_impossible_step_says_what_was_possible_and_changes_nothing(step: Step, why: str) -> None:
    world = World.of(scenario())
    before = world.fingerprint()
    with pytest.raises(UsageError) as refused:
        world.take(step)
    assert why in str(refused.value) and "Possible: deliver 0->1 Ping #0; fire 0 again" in str(refused.value)
    assert world.fingerprint() == before and world.taken == []


def test_what_is_cut_off_or_down_waits() -> None:
    world = World.of(scenario())
    world.take(Cut(((0,), (1,))))
    with pytest.raises(UsageError, match="link 0->1 is cut"):
        world.take(Deliver(0))
    world.take(Mend())
    world.take(Crash(1))
    with pytest.raises(UsageError, match="node 1 is down"):
        world.take(Deliver(0))
    world.take(Drop(0))
    assert not world.pending


def test_models_say_which_message_may_come_next() -> None:
    may = {}
    for model in ("bag", "fifo", "causal", "mailbox"):
        world = World.of(scenario(), model=model)
        world.take(Fire(0, "again"))
        world.take(Ask(1, "ask", (9,)))  # to itself
        may[model] = [step.number for step in world.enabled((Deliver,)) if isinstance(step, Deliver)]
    assert may == {"bag": [0, 1, 2], "fifo": [0, 2], "causal": [0, 2], "mailbox": [0]}


def test_under_causal_delivery_an_answer_waits_for_what_was_sent_before_its_question() -> None:
    class Hears(Node):
        def on_start(self) -> None:
            if self.id == 0:
                self.send(2, Ping(1))
                self.send(1, Ping(2))

        def on_message(self, source: int, message: Ping) -> None:
            if self.id == 1:
                self.send(2, Ping(3))

    world = World.of([Hears, Hears, Hears], model="causal")
    world.take(Deliver(1))
    assert [str(step) for step in world.enabled()] == ["deliver 0->2 Ping #0"]
    assert [str(step) for step in World.of([Hears] * 3, model="fifo").enabled()] == [
        "deliver 0->2 Ping #0",
        "deliver 0->1 Ping #1",
    ]


def test_two_copies_go_their_own_ways() -> None:
    world = World.of(scenario())
    other = world.copy()
    assert other.fingerprint() == world.fingerprint()
    world.take(Deliver(0))
    assert other.pending and other.observer(Counts).got == 0 and world.observer(Counts).got == 1
    other.take(Deliver(0))
    assert other.fingerprint() == world.fingerprint()


KINDS = (Deliver, Fire, Drop, Duplicate, Crash, TornCrash, Restart)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from(["bag", "fifo", "causal", "mailbox"]), st.booleans())
def test_a_recorded_list_of_steps_replays_exactly(seed: int, model: str, timed: bool) -> None:
    world = World.of(scenario(), model=model, timed=timed, record=True)
    decider = Seeded(seed, KINDS, steps=30)
    while (step := decider.next(world)) is not None:
        world.take(step)
    assert world.recorder is not None
    records: list[Any] = []
    result = steered_run(scenario(), world.taken, model=model, timed=timed, trace=records.append)
    assert (result.digest, result.violations) == (world.recorder.digest(), tuple(world.violations))
    assert records == world.recorder.trace()
    assert result.reports["Counts"] == world.observer(Counts).got


def test_a_copied_node_does_what_the_node_itself_would_have_done() -> None:
    """Handlers run once for each state and event: a world that has branched often gives what a fresh one gives."""
    tried = World.of(scenario())
    steps: list[Step] = []
    for round in range(12):
        for step in tried.enabled(KINDS):
            tried.copy().take(step)
        possible = tried.enabled(KINDS)
        steps.append(possible[round % len(possible)])
        tried.take(steps[-1])
    fresh = World.of(scenario())
    for step in steps:
        fresh.take(step)
    assert fresh.fingerprint() == tried.fingerprint()
    assert fresh.attribute(1, "got") == tried.attribute(1, "got")


def test_where_time_stands_still_durations_and_luck_are_no_part_of_a_state() -> None:
    world = World.of(scenario(), timed=False)
    before = world.state(0)
    world.take(Fire(0, "again"))
    assert world.state(0) == before and world.now_ns == 0
    assert world.nodes.heed() == ("node 0 drew luck, and each handler drew the same",)


def test_state_that_cannot_be_copied_is_refused_with_the_way_to_it() -> None:
    class Keeps(Node):
        def __init__(self) -> None:
            self.kept: dict[str, Any] = {"how": [lambda: 1]}

    class Opens(Node):
        def on_start(self) -> None:
            self.log = open(__file__)  # noqa: SIM115 - what is refused

    with pytest.raises(UsageError, match=r"node 0 \(Keeps\): attribute kept\['how'\]\[0\] holds a lambda"):
        World.of([Keeps])
    with pytest.raises(UsageError, match=r"node 0 \(Opens\): attribute log holds a TextIOWrapper"):
        World.of([Opens])


def test_an_error_of_a_node_names_the_node_and_the_event() -> None:
    class Fails(Node):
        def on_start(self) -> None:
            self.set_timer("boom", 0)

        def on_timer(self, timer: Any) -> None:
            raise ValueError("no")

    world = World.of([Fails])
    with pytest.raises(HandlerError, match=r"node 0 failed at 0s .* on timer 'boom': ValueError: no"):
        world.take(Fire(0, "boom"))


def test_own_objects_shared_inside_stay_shared() -> None:
    class Store:
        def __init__(self, disk: Any) -> None:
            self.disk, self.seen = disk, [0]

    class Keeper(Node):
        def on_start(self) -> None:
            self.store = Store(self.disk)
            self.alias = self.store.seen
            self.act = self.note
            self.set_timer("t", 1)

        def note(self) -> None:
            self.alias.append(len(self.store.seen))
            self.store.disk.append("n", len(self.alias))

        def on_timer(self, timer: Any) -> None:
            self.act()
            self.set_timer("t", 1)

    world = World.of([Keeper])
    other = world.copy()
    for _ in range(3):
        world.take(Fire(0, "t"))
    assert world.attribute(0, "store.seen") == [0, 1, 2, 3] == world.attribute(0, "alias")
    assert world.view(0).written.logs == {"n": (2, 3, 4)}
    assert other.attribute(0, "alias") == [0]
