"""Links that queue, clog, cut off one way, lose, delay and damage: what each does, on one host and on several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import msgspec
import pytest
from msgspec.structs import replace as replace_struct

from listeners import Listener, Note, Shouter, Talker, scenario
from simclock import (
    AddDelay,
    Clog,
    ClogNode,
    Constant,
    Control,
    Crash,
    Cut,
    Heal,
    Network,
    Observation,
    Observer,
    Partition,
    Restart,
    RunResult,
    Scenario,
    SetBandwidth,
    SetCorruption,
    SetLoss,
    Silence,
    SwizzleClog,
    Unclog,
    UnclogNode,
    Uniform,
    UsageError,
    ms,
    seconds,
    stream,
    swizzle_clog,
)
from simclock.actors import Message, Node, run
from simclock.environment.corruption import corrupted

SameEverywhere = Callable[[Scenario], RunResult]


class Burst(Listener):
    """Node 0 sends five notes of about a hundred bytes to node 1, then one to node 2, at once."""

    def on_start(self) -> None:
        if self.id == 0:
            for number in range(5):
                self.send(1, Note(number, bytes(91)))
            self.send(self.nodes - 1, Note(5, bytes(91)))


def told(result: RunResult) -> list[tuple[int, int, Any]]:
    """(ms, node, value) of every observation."""
    return [(o.time_ns // ms(1), o.node, o.value) for o in result.reports["Told"]]


# Bandwidth.


def test_messages_queue_on_a_link_and_links_do_not_share_the_queue(same_everywhere: SameEverywhere) -> None:
    """100 bytes at 10,000 bytes a second take 10 ms to go out; a Note with 91 bytes of padding is encoded in 100."""
    import msgspec

    assert len(msgspec.msgpack.encode(Note(0, bytes(91)))) == 100
    network = Network(latency=Constant(delay_ns=ms(4)), bytes_per_s=10_000)
    result = same_everywhere(scenario(lambda node: Burst(), 3, network=network))
    assert [o[:2] for o in told(result)] == [(14, 1), (14, 2), (24, 1), (34, 1), (44, 1), (54, 1)]


@pytest.mark.parametrize(
    ("bytes_per_s", "told"), [(1_000, "set-bandwidth 1000 B/s"), (0, "set-bandwidth without limit")]
)
def test_a_bandwidth_is_told_with_its_bytes_and_none_as_none(bytes_per_s: int, told: str) -> None:
    assert SetBandwidth(at_ns=0, bytes_per_s=bytes_per_s).describe() == told


def test_an_idle_link_has_no_queue_left(same_everywhere: SameEverywhere) -> None:
    """A note of 8 bytes or so every 10 ms at 10,000 bytes a second: each finds the link free."""
    network = Network(latency=Constant(delay_ns=ms(4)), bytes_per_s=10_000)
    times = [o.time_ns for o in same_everywhere(scenario(lambda node: Talker(), network=network)).reports["Told"]]
    assert {later - earlier for earlier, later in pairwise(times)} == {ms(10)}
    assert ms(14) < times[0] < ms(16)


def test_bandwidth_may_change(same_everywhere: SameEverywhere) -> None:
    faults = (SetBandwidth(at_ns=0, bytes_per_s=1_000), SetBandwidth(at_ns=ms(50), bytes_per_s=0))
    arrivals = told(same_everywhere(scenario(lambda node: Talker(), faults=faults)))
    plain = told(run(scenario(lambda node: Talker())))
    assert arrivals[0][0] > plain[0][0] and arrivals[-1] == plain[-1]


def test_what_cannot_be_encoded_is_one_clear_line_with_a_bandwidth_too() -> None:
    class TooBig(Node):
        def on_start(self) -> None:
            self.send(1, Note(1 << 80))

    with pytest.raises(UsageError, match="cannot be encoded"):
        run(scenario(lambda node: TooBig(), network=Network(bytes_per_s=1)))


# Clogging.


def test_a_clogged_link_holds_and_then_releases_in_order(same_everywhere: SameEverywhere) -> None:
    """Due at 24, 34 and 44 ms, held; released at 47 ms all at once, in the order in which they were due."""
    faults = (Clog(at_ns=ms(20), source=0, target=1), Unclog(at_ns=ms(47), source=0, target=1))
    arrivals = told(same_everywhere(scenario(lambda node: Talker(), faults=faults)))
    assert arrivals[:6] == [
        (14, 1, (0, 1)),
        *((47, 1, (0, number)) for number in (2, 3, 4)),
        (54, 1, (0, 5)),
        (64, 1, (0, 6)),
    ]


def test_what_a_clog_held_keeps_the_order_in_which_it_was_due(same_everywhere: SameEverywhere) -> None:
    """On links that reorder, the order in which messages would have arrived, not that in which they were sent."""
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(60)))
    plain = told(run(scenario(lambda node: Shouter(), 3, network=network, duration_ns=ms(150))))
    faults = (ClogNode(at_ns=ms(15), node=1), UnclogNode(at_ns=ms(140), node=1))
    result = same_everywhere(scenario(lambda node: Shouter(), 3, network=network, faults=faults, duration_ns=ms(150)))
    assert [o[2] for o in told(result) if o[1] == 1] == [o[2] for o in plain if o[1] == 1]
    released = [o for o in told(result) if o[:2] == (140, 1)]
    assert len(released) > 10
    assert [o[2] for o in released] != sorted(o[2] for o in released)


def test_a_clog_holds_one_way_only_and_other_links_not_at_all(same_everywhere: SameEverywhere) -> None:
    faults = (Clog(at_ns=ms(5), source=0, target=1),)
    heard = {(o[2][0], o[1]) for o in told(same_everywhere(scenario(lambda node: Shouter(), 3, faults=faults)))}
    assert heard == {(a, b) for a in range(3) for b in range(3) if a != b} - {(0, 1)}


def test_a_link_between_two_clogged_nodes_waits_for_both(same_everywhere: SameEverywhere) -> None:
    faults = (
        ClogNode(at_ns=ms(5), node=0),
        ClogNode(at_ns=ms(5), node=1),
        UnclogNode(at_ns=ms(40), node="clogged"),
        UnclogNode(at_ns=ms(60), node=0),
    )
    arrivals = told(same_everywhere(scenario(lambda node: Talker(), faults=faults)))
    assert [o[0] for o in arrivals[:7]] == [60, 60, 60, 60, 60, 64, 74]


def test_what_a_clog_held_is_judged_again_when_it_is_released(same_everywhere: SameEverywhere) -> None:
    """Held from 14 ms; the link is cut at 30 ms, so that the release at 35 ms loses what was held."""
    faults = (
        Clog(at_ns=ms(5), source=0, target=1),
        Cut(at_ns=ms(30), source=0, target=1),
        Unclog(at_ns=ms(35), source=0, target=1),
        Heal(at_ns=ms(56)),
    )
    result = same_everywhere(scenario(lambda node: Talker(), faults=faults))
    assert told(result)[0] == (64, 1, (0, 6))
    assert result.counters["dropped_cut"] == 5


def test_what_a_clog_held_survives_the_targets_crash_but_needs_it_up_at_the_release(
    same_everywhere: SameEverywhere,
) -> None:
    crash = (Clog(at_ns=ms(5), source=0, target=1), Crash(at_ns=ms(20), node=1))
    release = Unclog(at_ns=ms(45), source=0, target=1)
    back = (*crash, Restart(at_ns=ms(30), node=1), release)
    assert told(same_everywhere(scenario(lambda node: Talker(), faults=back)))[:2] == [(45, 1, (0, 1)), (45, 1, (0, 2))]
    down = same_everywhere(scenario(lambda node: Talker(), faults=(*crash, release)))
    assert told(down) == []
    assert down.counters["dropped_down"] == 10


def test_healing_releases_clogs(same_everywhere: SameEverywhere) -> None:
    faults = (Clog(at_ns=ms(5), source=0, target=1), Heal(at_ns=ms(50)))
    assert told(same_everywhere(scenario(lambda node: Talker(), faults=faults)))[0] == (50, 1, (0, 1))


def test_a_swizzle_clogs_a_subset_one_by_one_and_releases_it_in_another_order(same_everywhere: SameEverywhere) -> None:
    orders = set()
    for seed in range(40):
        plan = swizzle_clog(stream(seed, "swizzle"), 5, at_ns=seconds(1), lasts_ns=seconds(10))
        assert plan == swizzle_clog(stream(seed, "swizzle"), 5, at_ns=seconds(1), lasts_ns=seconds(10)), "data"
        clogs = [fault for fault in plan if isinstance(fault, ClogNode)]
        releases = [fault for fault in plan if isinstance(fault, UnclogNode)]
        assert len(clogs) + len(releases) == len(plan)
        assert sorted(f.node for f in clogs) == sorted(f.node for f in releases)
        assert all(seconds(1) <= f.at_ns <= seconds(6) for f in clogs)
        assert all(seconds(6) <= f.at_ns <= seconds(11) for f in releases)
        assert [f.at_ns for f in plan] == sorted(f.at_ns for f in plan)
        orders.add((len(clogs), [f.node for f in clogs] == [f.node for f in releases]))
    assert {size for size, _ in orders} == {1, 2, 3, 4, 5}
    assert (5, False) in orders
    faults = swizzle_clog(stream(3, "swizzle"), 5, at_ns=ms(5), lasts_ns=ms(60))
    result = same_everywhere(scenario(lambda node: Shouter(), 5, faults=faults))
    late = len(told(result))
    assert late == len(told(run(scenario(lambda node: Shouter(), 5)))), "all arrive in the end"


LINKS = SwizzleClog(at_ns=ms(5), lasts_ns=ms(60), links=True, nodes=(4, 1, 3))


@pytest.mark.parametrize("fault", [SwizzleClog(at_ns=ms(5), lasts_ns=ms(60)), LINKS], ids=["nodes", "links"])
def test_a_swizzle_is_drawn_from_the_seed(fault: SwizzleClog, same_everywhere: SameEverywhere) -> None:
    """All arrives in the end, some of it late; what happened is single clogs, and a plan of these is the same run."""
    plain = scenario(lambda node: Shouter(), 5)
    drawn = scenario(lambda node: Shouter(), 5, faults=(fault,), seed=3)
    result = same_everywhere(drawn)
    assert result.faults == drawn.plan and len(told(result)) == len(told(run(plain)))
    assert {time for time, _, _ in told(result)} - {time for time, _, _ in told(run(plain))}, "some of it late"
    again = run(replace(drawn, faults=result.faults))
    assert (again.digest, again.faults) == (result.digest, result.faults)
    assert replace(drawn, seed=4).plan != drawn.plan, "a scenario keeps what was written, and draws for its seed"


def test_links_are_swizzled_one_by_one_among_the_nodes_that_are_named() -> None:
    sizes = set()
    for seed in range(60):
        plan = scenario(lambda node: Shouter(), 5, faults=(LINKS,), seed=seed).plan
        clogs = [fault for fault in plan if isinstance(fault, Clog)]
        releases = [fault for fault in plan if isinstance(fault, Unclog)]
        struck = [(fault.source, fault.target) for fault in clogs]
        assert len(set(struck)) == len(struck)
        assert sorted(struck) == sorted((fault.source, fault.target) for fault in releases)
        assert {node for link in struck for node in link} <= {1, 3, 4}
        assert all(ms(5) <= fault.at_ns <= ms(35) for fault in clogs)
        assert all(ms(35) <= fault.at_ns <= ms(65) for fault in releases)
        sizes.add(len(struck))
    assert sizes == {1, 2, 3, 4, 5, 6}


def test_what_else_is_planned_moves_no_swizzle() -> None:
    twice = (LINKS, replace_struct(LINKS, at_ns=ms(6)))
    alone = [scenario(lambda node: Shouter(), 5, faults=(fault,)).plan for fault in twice]
    both = scenario(lambda node: Shouter(), 5, faults=(Heal(at_ns=0), *twice)).plan
    assert both == (Heal(at_ns=0), *alone[0], *alone[1])
    assert [type(fault) for fault in alone[0]] != [type(fault) for fault in alone[1]], "each has luck of its own"


def test_an_observer_may_swizzle(same_everywhere: SameEverywhere) -> None:
    class Swizzler(Observer):
        done = False

        def on_observation(self, observation: Observation, control: Control) -> None:
            if not self.done:
                self.done = True
                control.inject(SwizzleClog(at_ns=0, lasts_ns=ms(40)))

    result = same_everywhere(scenario(lambda node: Shouter(), 5, observers=(Swizzler,)))
    assert {type(fault) for fault in result.faults} == {ClogNode, UnclogNode}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lasts_ns": 0}, "lasts 0 is not a duration: whole nanoseconds, more than zero"),
        ({"nodes": (0, 9)}, "node 9 is out of range: nodes are 0 to 4"),
        ({"nodes": (1, 0, 1)}, "nodes (1, 0, 1) name a node twice"),
        ({"nodes": ("leader",)}, "nodes ('leader',) are not all numbers"),
        ({"links": 1.5}, "links 1.5 is not true or false"),
        ({"links": True, "nodes": (1,)}, "links between 1 nodes: take 2 to 256 nodes"),
    ],
)
def test_a_swizzle_that_cannot_be_is_refused(values: dict[str, Any], said: str) -> None:
    fault = SwizzleClog(**{"at_ns": 0, "lasts_ns": ms(1), **values})
    with pytest.raises(UsageError) as caught:
        scenario(lambda node: Shouter(), 5, faults=(fault,))
    assert str(caught.value).startswith("faults[0] (swizzle-clog): ") and said in str(caught.value)


def test_links_among_thousands_are_refused() -> None:
    with pytest.raises(UsageError, match="links between 5,000 nodes: take 2 to 256"):
        scenario(lambda node: Shouter(), 5000, faults=(SwizzleClog(at_ns=0, lasts_ns=ms(1), links=True),))


# Partitions one way, loss, delay.


def test_silence_is_a_partition_one_way(same_everywhere: SameEverywhere) -> None:
    faults = (Silence(at_ns=ms(5), groups=((0,), (1, 2))), Heal(at_ns=ms(45)))
    arrivals = told(same_everywhere(scenario(lambda node: Shouter(), 4, faults=faults)))
    early = {(value[0], node) for time, node, value in arrivals if time < 45}
    assert early == {(a, b) for a in range(4) for b in range(4) if a != b} - {(1, 0), (2, 0)}
    assert {(1, 0), (2, 0)} <= {(value[0], node) for time, node, value in arrivals if time > 50}


def test_loss_and_duplication_may_change(same_everywhere: SameEverywhere) -> None:
    faults = (SetLoss(at_ns=ms(25), loss=1.0), SetLoss(at_ns=ms(55), loss=0.0, duplication=1.0))
    arrivals = [o[2][1] for o in told(same_everywhere(scenario(lambda node: Talker(), faults=faults)))]
    assert arrivals == [1, 2, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10]


def test_added_delay_lengthens_every_message_and_ends(same_everywhere: SameEverywhere) -> None:
    faults = (AddDelay(at_ns=ms(15), delay_ns=ms(20)), AddDelay(at_ns=ms(35), delay_ns=0))
    arrivals = [(o[0], o[2][1]) for o in told(same_everywhere(scenario(lambda node: Talker(), faults=faults)))]
    assert arrivals[:5] == [(14, 1), (44, 2), (44, 4), (54, 3), (54, 5)]


def test_a_delay_may_be_one_links(same_everywhere: SameEverywhere) -> None:
    """A link takes what was set last of what is meant for it; what names no node is for all."""
    faults = (
        AddDelay(at_ns=ms(5), delay_ns=ms(1)),
        AddDelay(at_ns=ms(5), delay_ns=ms(3), source=0),
        AddDelay(at_ns=ms(5), delay_ns=ms(5), source=0, target=1),
        AddDelay(at_ns=ms(15), delay_ns=ms(7), target=1),
        AddDelay(at_ns=ms(25), delay_ns=0),
    )
    arrivals = told(same_everywhere(scenario(lambda node: Shouter(), 3, faults=faults)))
    took = {(number, source, node): time - 10 * number for time, node, (source, number) in arrivals}
    assert [took[1, *link] for link in ((0, 1), (0, 2), (1, 0), (2, 1))] == [9, 7, 5, 5]
    assert [took[2, *link] for link in ((0, 1), (0, 2), (1, 0), (2, 1))] == [11, 7, 5, 11]
    assert {took[3, *link] for link in ((0, 1), (0, 2), (1, 0), (2, 1))} == {4}


def test_a_delay_of_all_links_is_digested_as_ever() -> None:
    everywhere, link = AddDelay(at_ns=5, delay_ns=7), AddDelay(at_ns=5, delay_ns=7, source=0)
    assert msgspec.msgpack.encode(everywhere.hashed()) == msgspec.msgpack.encode(["AddDelay", 5, 7])
    assert msgspec.msgpack.encode(link.hashed()) == msgspec.msgpack.encode(["AddDelay", 5, 7, 0, None])


@pytest.mark.parametrize("fault", [Partition, Silence])
def test_beside_a_single_group_all_others_are_the_other_side(
    fault: type[Partition], same_everywhere: SameEverywhere
) -> None:
    whole = same_everywhere(scenario(lambda node: Shouter(), 4, faults=(fault(at_ns=ms(5), groups=((0, 2),)),)))
    arrived = {(value[0], node) for _, node, value in told(whole)}
    inside, across = {(0, 2), (2, 0), (1, 3), (3, 1)}, {(a, b) for a in (0, 2) for b in (1, 3)}
    assert arrived == inside | (across if fault is Silence else set())


def test_a_single_group_is_told_with_the_others() -> None:
    assert str(Partition(at_ns=ms(1), groups=((0, 2),))) == "1ms partition node 0,node 2 | all others"


def test_groups_without_anybody_are_refused() -> None:
    for groups in (((),), ((), ())):
        with pytest.raises(UsageError, match=r"faults\[0\] \(partition\): its groups name nobody"):
            scenario(lambda node: Shouter(), faults=(Partition(at_ns=0, groups=groups),))


# Corruption.


def test_detected_corruption_drops(same_everywhere: SameEverywhere) -> None:
    network = Network(latency=Constant(delay_ns=ms(4)), corruption=0.25)
    result = same_everywhere(scenario(lambda node: Talker(), network=network, duration_ns=seconds(10)))
    assert 0.2 < result.counters["dropped_corrupt"] / result.counters["sent"] < 0.3
    assert "corrupted" not in result.counters


def test_undetected_corruption_delivers_another_message(same_everywhere: SameEverywhere) -> None:
    network = Network(latency=Constant(delay_ns=ms(4)), undetected_corruption=0.25)
    result = same_everywhere(scenario(lambda node: Talker(), network=network, duration_ns=seconds(10)))
    values = [o[2][1] for o in told(result)]
    wrong = [(position, value) for position, value in enumerate(values, start=1) if position != value]
    assert len(values) == 999, "none is lost"
    assert 0.2 < len(wrong) / len(values) < 0.3
    assert all((position ^ value).bit_count() == 1 for position, value in wrong), "one bit of the number"


def test_corruption_may_change(same_everywhere: SameEverywhere) -> None:
    faults = (
        SetCorruption(at_ns=ms(25), detected=1.0),
        SetCorruption(at_ns=ms(45), detected=0.0, undetected=1.0),
        SetCorruption(at_ns=ms(65), detected=0.0),
    )
    arrivals = [o[2][1] for o in told(same_everywhere(scenario(lambda node: Talker(), faults=faults)))]
    assert (arrivals[:2], arrivals[4:]) == ([1, 2], [7, 8, 9, 10])
    assert arrivals[2] != 5 and arrivals[3] != 6


class Inner(Message):
    flag: bool
    text: str


class Outer(Message):
    kind: Literal["aa", "bb"]
    inner: Inner
    path: tuple[int, ...]
    data: bytes
    weight: float


def test_damage_changes_one_value_and_keeps_the_class() -> None:
    luck = stream(1, "test")
    before = Outer("aa", Inner(True, "hello"), (1, 2, -7), b"xy", 0.5)
    changed = set()
    for _ in range(300):
        after = corrupted(before, luck.getrandbits)
        assert type(after) is Outer and after.kind == "aa" and after.weight == 0.5, "the Literal allows no such text"
        flat = lambda m: (m.inner.flag, m.inner.text, *m.path, m.data)  # noqa: E731
        different = [i for i, (x, y) in enumerate(zip(flat(before), flat(after), strict=True)) if x != y]
        assert len(different) == 1
        changed.update(different)
    assert changed == set(range(6))


class Number(Message):
    value: int


class Data(Message):
    value: bytes


class Text(Message):
    value: str


LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("message", "damaged"),
    [
        (Number(0), {1}),
        (Number(5), {5 ^ 1, 5 ^ 2, 5 ^ 4, 5 ^ 8}),
        (Number(1 << 61), {(1 << 61) ^ (1 << bit) for bit in range(62)}),
        (
            Data(b"\x00\xff"),
            {bytes((1 << bit, 255)) for bit in range(8)} | {bytes((0, 255 ^ 1 << bit)) for bit in range(8)},
        ),
        (Text("aZ"), {letter + "Z" for letter in LETTERS[1:]} | {"a" + letter for letter in LETTERS}),
    ],
    ids=["zero", "an int", "a great int", "bytes", "a str"],
)
def test_damage_is_one_bit_or_one_letter_and_may_be_any(message: Any, damaged: set[Any]) -> None:
    """Of an int a bit of its own, or the next one; never beyond 62 bits. A letter that is drawn as it was is none."""
    luck = stream(1, "test")
    made = [corrupted(message, luck.getrandbits) for _ in range(1500)]
    assert {other.value for other in made if other is not None} == damaged
    assert (None in made) is isinstance(message, Text)


class Empty(Message):
    weight: float = 1.0


def test_what_has_nothing_to_damage_counts_as_detected(same_everywhere: SameEverywhere) -> None:
    assert corrupted(Empty(), stream(1, "test").getrandbits) is None

    class Sender(Listener):
        def on_start(self) -> None:
            self.send(1 - self.id, Empty())

    network = Network(undetected_corruption=1.0)
    result = same_everywhere(scenario(lambda node: Sender(), network=network))
    assert result.counters["dropped_corrupt"] == 2 and result.counters["messages"] == 0
