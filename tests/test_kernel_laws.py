"""Laws of the kernel, each by one exact case: what its docstrings promise and no pinned digest alone may guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from listeners import Note, Told
from simclock import (
    CRASHED,
    AddDelay,
    Clocks,
    Clog,
    ClogNode,
    Constant,
    Control,
    Corrupt,
    CorruptRecord,
    Crash,
    Cut,
    Fault,
    HandlerError,
    Heal,
    Mend,
    MendDisk,
    Network,
    Observation,
    Observer,
    Partition,
    Pause,
    Regions,
    Restart,
    Resume,
    RunResult,
    Scenario,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    SlowDisk,
    SlowNode,
    StartClock,
    StopClock,
    SwizzleClog,
    TornCrash,
    TraceRecord,
    Unclog,
    UnclogNode,
    Uniform,
    UsageError,
    ms,
    stream,
)
from simclock.actors import Message, Node, run
from simclock.actors.message import check_message, message_classes, payload_union
from simclock.environment.disk import Disk
from simclock.kernel.encoding import encode
from simclock.kernel.events import MESSAGE
from simclock.kernel.host import Host
from simclock.kernel.scheduler import host_plan
from simclock.streams import Stream

SameEverywhere = Callable[[Scenario], RunResult]
TracesEverywhere = Callable[[Scenario], list[list[TraceRecord]]]


class Steps(Node):
    """Does what its list says: (when, what to do), and tells what it gets."""

    def __init__(self, steps: Sequence[tuple[int, Callable[[Node], None]]] = ()) -> None:
        self.steps = steps

    def on_start(self) -> None:
        self.observe("start", self.incarnation)
        for number, (at_ns, _) in enumerate(self.steps):
            self.set_timer(number, at_ns)

    def on_timer(self, timer: int) -> None:
        self.steps[timer][1](self)

    def on_message(self, source: int, message: Note) -> None:
        self.observe("got", (source, message.number))


def scenario(steps: dict[int, Sequence[tuple[int, Callable[[Any], None]]]], nodes: int = 2, **more: Any) -> Scenario:
    given: dict[str, Any] = {
        "network": Network(latency=Constant(delay_ns=ms(2))),
        "duration_ns": ms(50),
        "observers": (Told,),
        **more,
    }
    return Scenario(name="laws", nodes=nodes, build=lambda node: Steps(steps.get(node, ())), **given)


def got(result: RunResult) -> list[tuple[int, int, Any]]:
    """(ms, node, (source, number)) of everything that was received."""
    return [(o.time_ns // ms(1), o.node, o.value) for o in result.reports["Told"] if o.name == "got"]


def sends(target: int, number: int) -> Callable[[Node], None]:
    return lambda node: node.send(target, Note(number))


# A message to oneself.


@pytest.mark.parametrize(
    "fault",
    [
        Cut(at_ns=0, source=0, target=0),
        Clog(at_ns=0, source=0, target=0),
        ClogNode(at_ns=0, node=0),
        Partition(at_ns=0, groups=((0,), (1,))),
        SetLoss(at_ns=0, loss=1.0, duplication=1.0),
        SetCorruption(at_ns=0, detected=1.0),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_message_to_oneself_takes_the_delay_and_nothing_else(same_everywhere: SameEverywhere, fault: Fault) -> None:
    """It is never lost, duplicated, corrupted, cut or clogged."""
    result = same_everywhere(scenario({0: [(ms(1), sends(0, 7))]}, faults=(fault,)))
    assert got(result) == [(3, 0, (0, 7))]


def test_a_message_to_oneself_waits_for_no_bandwidth(same_everywhere: SameEverywhere) -> None:
    network = Network(latency=Constant(delay_ns=ms(2)), bytes_per_s=1)
    assert got(same_everywhere(scenario({0: [(ms(1), sends(0, 7))]}, network=network))) == [(3, 0, (0, 7))]


# Copies, order, and what survives a restart.


def test_a_copy_never_comes_before_its_original(same_everywhere: SameEverywhere) -> None:
    """Of 40 messages that arrive twice over a jittery network, the copy is the later one, by its own number."""
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), duplication=1.0)
    steps = [(ms(number), sends(1, number)) for number in range(40)]
    result = same_everywhere(scenario({0: steps}, network=network, duration_ns=ms(60)))
    assert sorted(value[1] for _, _, value in got(result)) == sorted([*range(40), *range(40)])
    assert result.counters["duplicated"] == 40


@pytest.mark.parametrize(("order", "arrives_ms"), [("fifo", 40), ("any", 24)])
def test_the_order_of_a_fifo_link_outlives_its_sender(
    same_everywhere: SameEverywhere, order: str, arrives_ms: int
) -> None:
    """A message sent after a restart does not overtake one that was sent before it."""

    class Slowing:
        """40 ms at first, 2 ms from 5 ms on."""

        everywhere_uniform = None

        def check(self, nodes: int) -> None: ...

        def delay_ns_min(self, nodes: int) -> int:
            return ms(2)

        def sample_ns(self, source: int, target: int, now_ns: int, bits: Any) -> int:
            return ms(39) if now_ns < ms(5) else ms(2)

    once = [(ms(1), lambda node: sends(1, node.incarnation)(node))]
    faults = (Crash(at_ns=ms(15), node=0), Restart(at_ns=ms(21), node=0))
    network = Network(latency=Slowing(), order=order)  # type: ignore[arg-type]
    result = same_everywhere(scenario({0: once}, network=network, faults=faults))
    assert sorted(got(result)) == sorted([(40, 1, (0, 0)), (arrives_ms, 1, (0, 1))])


def test_a_link_goes_on_being_busy_when_its_sender_restarts(same_everywhere: SameEverywhere) -> None:
    """The first message takes its bytes' time at 1,000 B/s; the second, sent by the next life, waits for its end."""
    once = [(ms(1), lambda node: sends(1, node.incarnation)(node))]
    faults = (Crash(at_ns=ms(5), node=0), Restart(at_ns=ms(6), node=0))
    slow = Network(latency=Constant(delay_ns=ms(2)), bytes_per_s=1000)
    result = same_everywhere(scenario({0: once}, network=slow, faults=faults))
    (first, _, _), (second, _, _) = got(result)
    takes_ms = first - 1 - 2
    assert takes_ms > 6 and second - first == takes_ms, "the second had to wait until the first was out"


def test_luck_goes_on_after_a_restart(same_everywhere: SameEverywhere) -> None:
    """A node's stream is not begun anew: its second life draws other numbers than its first."""
    draws = [(ms(1), lambda node: node.observe("drew", node.random.getrandbits(32)))]
    faults = (Crash(at_ns=ms(5), node=0), Restart(at_ns=ms(6), node=0))
    result = same_everywhere(scenario({0: draws}, faults=faults))
    first, second = [o.value for o in result.reports["Told"] if o.name == "drew"]
    assert first != second


@pytest.mark.parametrize("chance", [0.0, 0.5], ids=["the short way", "the long way"])
@pytest.mark.parametrize("node", [1, 2])
def test_a_nodes_luck_is_the_stream_of_seed_purpose_and_node(node: int, chance: float) -> None:
    """Its own draws, and what the network draws for its sends, in the order of its sends."""
    seed, sent = 5, range(20)
    steps = {node: [(ms(number), lambda node, number=number: sends(0, number)(node)) for number in sent]}
    steps[node].append((ms(30), lambda node: node.observe("drew", node.random.getrandbits(32))))
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)), loss=chance, duplication=chance)
    seen = run(scenario(steps, nodes=3, seed=seed, network=network)).reports["Told"]
    assert [o.value for o in seen if o.name == "drew"] == [stream(seed, "node", node).getrandbits(32)]
    delay, loss, again = (stream(seed, purpose, node) for purpose in ("latency", "loss", "duplication"))

    def uniform_ns(luck: Stream) -> int:
        return ms(1) + (luck.getrandbits(32) * (ms(1) + 1) >> 32)

    arrives = []
    for number in sent:
        first_ns = ms(number) + uniform_ns(delay)
        if not chance or loss.getrandbits(32) >= 1 << 31:
            arrives.append((first_ns, number))
        if chance and again.getrandbits(32) < 1 << 31:
            arrives.append((max(first_ns, ms(number) + uniform_ns(delay)), number))
    assert [(o.time_ns, o.value[1]) for o in seen if o.name == "got"] == sorted(arrives)


@pytest.mark.parametrize("node", [1, 2])
def test_a_nodes_clock_is_drawn_from_the_stream_of_seed_purpose_and_node(node: int) -> None:
    """Its offset and then its drift of "clock", what it wanders of "wander"."""
    seed, parts = 5, 10**9
    given = {"offset_ns_max": ms(9), "drift_ppb_max": 400_000_000}
    for clocks in (Clocks(**given), Clocks(**given, wander_ppb_max=90_000_000)):
        steps = {node: [(ms(20), lambda node: node.observe("now", (node.clock.monotonic_ns(), node.clock.wall_ns())))]}
        (told,) = (
            o for o in run(scenario(steps, nodes=3, seed=seed, clocks=clocks)).reports["Told"] if o.name == "now"
        )
        luck = stream(seed, "clock", node)
        offset_ns, drift_ppb = luck.uniform_ns(-ms(9), ms(9)), luck.uniform_ns(-400_000_000, 400_000_000)
        if clocks.wander_ppb_max:
            drift_ppb += stream(seed, "wander", node).uniform_ns(-90_000_000, 90_000_000)
        shows_ns = told.time_ns + told.time_ns * drift_ppb // parts
        assert told.value == (shows_ns, shows_ns + offset_ns)
        early_ns = told.time_ns - 1
        assert shows_ns >= ms(20) > early_ns + early_ns * drift_ppb // parts


def test_a_node_that_was_busy_is_free_after_its_restart(same_everywhere: SameEverywhere) -> None:
    faults = (
        SlowNode(at_ns=0, node=1, busy_ns=ms(20)),
        Crash(at_ns=ms(5), node=1),
        SlowNode(at_ns=ms(6), node=1, busy_ns=0),
        Restart(at_ns=ms(7), node=1),
    )
    result = same_everywhere(scenario({0: [(ms(1), sends(1, 1)), (ms(8), sends(1, 2))]}, faults=faults))
    assert got(result) == [(3, 1, (0, 1)), (10, 1, (0, 2))]


def test_an_arrival_does_not_overtake_what_waits(same_everywhere: SameEverywhere) -> None:
    """Three notes wait for a busy node; one that arrives the instant it is free is taken after them."""
    steps = [(ms(1), sends(1, 1)), (ms(2), sends(1, 2)), (ms(3), sends(1, 3)), (ms(11), sends(1, 4))]
    faults = (SlowNode(at_ns=0, node=1, busy_ns=ms(10)),)
    result = same_everywhere(scenario({0: steps}, faults=faults))
    assert [value[1] for _, _, value in got(result)] == [1, 2, 3, 4]
    assert [at for at, _, _ in got(result)] == [3, 13, 23, 33]


class CountsItsSends(Node):
    """Overrides `send`, as a protocol does that counts its bytes."""

    def on_start(self) -> None:
        self.sends = 0
        self.send((self.id + 1) % self.nodes, Note(1))
        self.broadcast(Note(2))

    def send(self, target: int, message: Message) -> None:
        self.sends += 1
        super().send(target, message)


def test_an_overridden_send_is_called_once_for_each_message(same_everywhere: SameEverywhere) -> None:
    """Also for the first message of a class that a host sends."""
    made = Scenario(
        name="counts",
        nodes=3,
        build=lambda node: CountsItsSends(),
        network=Network(latency=Constant(delay_ns=ms(2))),
        duration_ns=ms(9),
        final=lambda node: node.sends,
    )
    assert same_everywhere(made).final == {0: 3, 1: 3, 2: 3}


# Partitions.


def test_the_first_group_that_names_a_node_has_it(same_everywhere: SameEverywhere) -> None:
    faults = (Partition(at_ns=0, groups=((0, 1), (1, 2))),)
    steps = {0: [(ms(1), sends(1, 1)), (ms(1), sends(2, 2))], 1: [(ms(1), sends(2, 3))]}
    assert got(same_everywhere(scenario(steps, nodes=3, faults=faults))) == [(3, 1, (0, 1))]


def test_a_partition_takes_the_place_of_the_one_before(same_everywhere: SameEverywhere) -> None:
    """0 and 1 were apart, and are together in the second partition, which parts them from 2."""
    faults = (
        Partition(at_ns=0, groups=((0,), (1, 2))),
        Partition(at_ns=ms(5), groups=((0, 1), (2,))),
    )
    steps = {0: [(ms(1), sends(1, 1)), (ms(6), sends(1, 2)), (ms(6), sends(2, 3))]}
    assert got(same_everywhere(scenario(steps, nodes=3, faults=faults))) == [(8, 1, (0, 2))]


# Drops and their reasons.


def test_a_drop_has_its_own_reason(same_everywhere: SameEverywhere) -> None:
    """Cut at the sender, down at the target, and down where the link is cut too when it would arrive."""
    faults = (
        Cut(at_ns=0, source=0, target=1),
        Crash(at_ns=0, node=2),
        Cut(at_ns=ms(2), source=0, target=2),
    )
    result = same_everywhere(scenario({0: [(ms(1), sends(1, 1)), (ms(1), sends(2, 2))]}, nodes=3, faults=faults))
    dropped = {name: count for name, count in result.counters.items() if name.startswith("dropped")}
    assert dropped == {"dropped_cut": 1, "dropped_down": 1}


def test_what_waits_at_a_node_that_crashes_has_found_it_down(same_everywhere: SameEverywhere) -> None:
    """A message does; the timers that wait, of which node 1 has one, are gone with the node, and no drop."""
    faults = (Pause(at_ns=0, node=1), Crash(at_ns=ms(5), node=1))
    steps = {0: [(ms(1), sends(1, 1)), (ms(2), sends(1, 2))], 1: [(ms(3), sends(0, 3))]}
    result = same_everywhere(scenario(steps, faults=faults))
    dropped = {name: count for name, count in result.counters.items() if name.startswith("dropped")}
    assert (got(result), dropped) == ([], {"dropped_down": 2})


def test_a_copy_is_cut_off_with_its_message_and_gets_through_where_that_is_lost(
    same_everywhere: SameEverywhere,
) -> None:
    """Every message is doubled, and each of both is counted for itself, with its own number."""
    steps = {0: [(ms(1), sends(1, 1)), (ms(1), sends(2, 2))]}
    doubled = Network(latency=Constant(delay_ns=ms(2)), loss=1.0, duplication=1.0)
    result = same_everywhere(scenario(steps, nodes=3, network=doubled, faults=(Cut(at_ns=0, source=0, target=1),)))
    assert got(result) == [(3, 2, (0, 2))]
    dropped = {name: count for name, count in result.counters.items() if name.startswith("dropped")}
    assert dropped == {"dropped_cut": 2, "dropped_lost": 1}
    assert (result.counters["sent"], result.counters["duplicated"]) == (2, 2)


# Timers, clocks.


def test_a_timer_set_anew_while_it_waits_at_the_gate_rings_once(same_everywhere: SameEverywhere) -> None:
    """The first setting came due in the pause and waits; the message that is taken before it sets it anew."""

    class Resets(Steps):
        def on_start(self) -> None:
            super().on_start()
            if self.id == 1:
                self.set_timer("bell", ms(6))

        def on_message(self, source: int, message: Note) -> None:
            self.set_timer("bell", ms(9))

        def on_timer(self, timer: Any) -> None:
            if timer == "bell":
                self.observe("rang")
            else:
                super().on_timer(timer)

    steps = {0: [(ms(1), sends(1, 1))]}
    faults = (Pause(at_ns=ms(2), node=1), Resume(at_ns=ms(10), node=1))
    made = Scenario(
        name="gate",
        nodes=2,
        build=lambda node: Resets(steps.get(node, ())),
        network=Network(latency=Constant(delay_ns=ms(2))),
        duration_ns=ms(50),
        faults=faults,
        observers=(Told,),
    )
    rang = [o.time_ns // ms(1) for o in same_everywhere(made).reports["Told"] if o.name == "rang"]
    assert rang == [19]


def test_a_timer_of_zero_on_a_slow_clock_is_not_in_the_past(same_everywhere: SameEverywhere) -> None:
    def zero(node: Any) -> None:
        node.observe("set")
        node.set_timer(0, 0)
        node.steps = [(0, lambda node: node.observe("rang"))]

    slow = (SetDrift(at_ns=1, node=0, drift_ppb=-400_000_000),)
    seen = same_everywhere(scenario({0: [(ms(1), zero)]}, faults=slow, clocks=Clocks(drift_ppb_max=1))).reports["Told"]
    times = {o.name: o.time_ns for o in seen}
    assert times["rang"] == times["set"]


def test_a_disk_that_is_mended_while_it_is_busy_is_busy_still(same_everywhere: SameEverywhere) -> None:
    """A sync of 10 ms begins at 1 ms; at 5 ms the disk is as fast as its model, but that sync is not done."""

    def syncs(node: Any) -> None:
        node.disk.write("value", 1)
        node.disk.sync()

    faults = (SlowDisk(at_ns=0, node=0, sync_ns=ms(10)), MendDisk(at_ns=ms(5), node=0))
    result = same_everywhere(
        scenario({0: [(ms(1), syncs), (ms(6), sends(1, 1)), (ms(12), sends(1, 2))]}, faults=faults)
    )
    assert got(result) == [(13, 1, (0, 1)), (14, 1, (0, 2))]


def test_unsynced_writes_are_no_part_of_a_rotten_record() -> None:
    """A value written after the sync is another one, even if it is equal: it stands on no rotten sector."""
    for number in (5, "x", None, True):
        disk = Disk()
        disk.write("value", number)
        disk.append("log", number)
        disk.sync()
        disk.write("value", number)
        disk.truncate("log", 0)
        disk.append("log", number)
        for _ in range(2):
            assert disk.corrupt(lambda below: 0) and disk.corrupt(lambda below: below - 1)
        assert disk.read("value") == number and disk.records("log") == (number,)
        disk.crash()
        assert disk.read("value") == Corrupt() and disk.records("log") == (Corrupt(),)


def test_what_is_durable_is_not_what_is_written_next() -> None:
    """After a crash, too, the two pictures of a log are two lists."""
    disk = Disk()
    disk.append("log", 1)
    disk.sync()
    disk.crash()
    disk.append("log", 2)
    assert disk.records("log") == (1, 2)
    disk.crash()
    assert disk.records("log") == (1,)


# Faults.


def test_equal_swizzles_draw_luck_of_their_own() -> None:
    twice = Scenario(
        name="swizzles",
        seed=3,
        nodes=9,
        build=lambda node: Steps(),
        duration_ns=ms(50),
        faults=(SwizzleClog(at_ns=0, lasts_ns=ms(9)),) * 2,
    ).plan
    half = len(twice) // 2
    plans = [sorted((fault.kind, fault.at_ns, str(fault)) for fault in part) for part in (twice[:half], twice[half:])]
    assert plans[0] != plans[1]
    once = Scenario(
        name="swizzle",
        seed=3,
        nodes=9,
        build=lambda node: Steps(),
        duration_ns=ms(50),
        faults=(SwizzleClog(at_ns=0, lasts_ns=ms(9)),),
    ).plan
    assert twice[: len(once)] == once


def test_unclogging_a_node_is_the_environments(traces_everywhere: TracesEverywhere) -> None:
    """It stands in the trace once, at no node, and is counted once."""
    faults = (ClogNode(at_ns=ms(1), node=1), UnclogNode(at_ns=ms(5), node=1))
    made = scenario({}, nodes=3, faults=faults)
    for trace in traces_everywhere(made):
        marks = [(record.time_ns, record.node, record.detail) for record in trace if record.what == "fault"]
        assert marks == [(fault.at_ns, -1, fault) for fault in faults]
    counters = run(made).counters
    assert counters["fault_clog-node"] == counters["fault_unclog-node"] == 1
    assert counters.get("fault", 0) == 0


STANDING = {
    "an open network": (),
    "a node that is down": (Crash(at_ns=ms(1), node=0),),
    "a paused node": (Pause(at_ns=ms(1), node=0),),
    "a stopped clock": (StopClock(at_ns=ms(1), node=0),),
    "links that are cut": (
        Cut(at_ns=ms(1), source=0, target=1),
        Clog(at_ns=ms(1), source=0, target=1),
        ClogNode(at_ns=ms(1), node=0),
        Partition(at_ns=ms(1), groups=((0,), (1,))),
    ),
    "traffic that is worse": (
        SetLoss(at_ns=ms(1), loss=0.5),
        SetCorruption(at_ns=ms(1), detected=0.5),
        SetBandwidth(at_ns=ms(1), bytes_per_s=9),
        AddDelay(at_ns=ms(1), delay_ns=9),
    ),
}
AT = {"at_ns": ms(5)}
NOTHING = {
    "an open network": (
        Restart(node=0, **AT),
        Resume(node=0, **AT),
        StartClock(node=0, **AT),
        Mend(source=0, target=1, **AT),
        Unclog(source=0, target=1, **AT),
        UnclogNode(node=0, **AT),
        Heal(**AT),
        Partition(groups=(), **AT),
        SetLoss(loss=0.0, **AT),
        SetCorruption(detected=0.0, **AT),
        SetBandwidth(bytes_per_s=0, **AT),
        AddDelay(delay_ns=0, **AT),
    ),
    "a node that is down": (Crash(node=0, **AT), TornCrash(node=0, **AT), Pause(node=0, **AT), Resume(node=0, **AT)),
    "a paused node": (Pause(node=0, **AT), Restart(node=0, **AT)),
    "a stopped clock": (StopClock(node=0, **AT),),
    "links that are cut": tuple(msgspec.structs.replace(fault, **AT) for fault in STANDING["links that are cut"]),
    "traffic that is worse": tuple(msgspec.structs.replace(fault, **AT) for fault in STANDING["traffic that is worse"]),
}


@pytest.mark.parametrize("standing", STANDING)
def test_a_fault_that_leaves_all_as_it_was_has_happened_to_nobody(
    same_everywhere: SameEverywhere, standing: str
) -> None:
    """It is not counted, and no node has lived through it."""
    steps = {0: [(ms(at), sends(1, at)) for at in (2, 4, 6, 8)], 1: [(ms(3), sends(0, 3)), (ms(7), sends(0, 7))]}
    without = same_everywhere(scenario(steps, faults=STANDING[standing]))
    for fault in NOTHING[standing]:
        result = same_everywhere(scenario(steps, faults=(*STANDING[standing], fault)))
        assert result.node_digests == without.node_digests, fault
        assert result.counters == without.counters, fault


def test_crashed_is_who_crashed_before_that_instant(same_everywhere: SameEverywhere) -> None:
    """Node 2 crashes in the very instant in which "crashed" is asked for: it is not meant."""
    faults = (
        Crash(at_ns=ms(1), node=1),
        Crash(at_ns=ms(9), node=2),
        Restart(at_ns=ms(9), node=CRASHED),
    )
    result = same_everywhere(scenario({}, nodes=3, faults=faults))
    assert Restart(at_ns=ms(9), node=1) in result.faults


@pytest.mark.parametrize(("delay_ns", "later_ns"), [(0, 1), (1, 1), (2, 2), (ms(2), ms(2))])
def test_a_reaction_takes_effect_one_lookahead_later_and_never_in_its_own_instant(delay_ns: int, later_ns: int) -> None:
    class Stops(Observer):
        def on_observation(self, observation: Observation, control: Control) -> None:
            if observation.name == "now":
                control.stop("seen")

    class Crashes(Observer):
        def on_observation(self, observation: Observation, control: Control) -> None:
            if observation.name == "now":
                control.inject(Crash(at_ns=0, node=1))

    steps = {0: [(ms(5), lambda node: node.observe("now"))]}
    network = Network(latency=Constant(delay_ns=delay_ns))
    result = run(scenario(steps, network=network, observers=(Stops,)))
    assert (result.virtual_ns, result.stopped) == (ms(5) + later_ns, "seen")
    more = run(scenario(steps, network=network, observers=(Crashes,)))
    assert more.faults == (Crash(at_ns=ms(5) + later_ns, node=1),)


@pytest.mark.parametrize(("told_ms", "windows"), [((5,), 2), ((5, 6), 2), ((5, 7), 3), ((5, 6, 7), 3), ((5, 6, 8), 3)])
def test_a_lone_host_goes_on_for_one_lookahead_after_what_is_told(told_ms: Sequence[int], windows: int) -> None:
    """Of 2 ms, as its observers may: from the start on, then from the first that is told in each window.

    A run that is traced has such windows; in any other the host has its observers told in the midst of its one.
    """

    class Reacts(Observer):
        pass

    steps = {0: [(ms(at), lambda node: node.observe("now")) for at in told_ms]}
    assert run(scenario(steps, nodes=1, observers=(Reacts,)), trace=lambda record: None).host_calls == windows
    assert run(scenario(steps, nodes=1, observers=(Reacts,))).host_calls == 1
    assert run(scenario(steps, nodes=1)).host_calls == 1, "Told only collects"


# Errors.


class Fails(Node):
    """Node 0 of the first host, or whoever: each fails when its list says so."""

    def __init__(self, at_ns: int | None) -> None:
        self.at_ns = at_ns

    def on_start(self) -> None:
        if self.at_ns is not None:
            self.set_timer("fail", self.at_ns)
        self.set_timer("tell", ms(4))

    def on_timer(self, timer: str) -> None:
        if timer == "fail":
            raise ValueError(f"node {self.id}")
        self.observe("told")


def error_of(run_it: Callable[[Scenario], Any], fails: dict[int, int]) -> tuple[int, int, tuple[Any, ...]]:
    made = Scenario(
        name="fails",
        nodes=4,
        build=lambda node: Fails(fails.get(node)),
        network=Network(latency=Constant(delay_ns=ms(2))),
        duration_ns=ms(50),
    )
    with pytest.raises(HandlerError) as caught:
        run_it(made)
    failure = caught.value.failure
    return failure.time_ns, failure.node, caught.value.violations


@pytest.mark.parametrize("placement", ["inline", "windows"])
@pytest.mark.parametrize(
    ("fails", "time_ns", "node"),
    [({3: ms(3), 1: ms(3)}, ms(3), 1), ({0: ms(4), 3: ms(3)}, ms(3), 3), ({2: ms(3), 0: ms(3) + 1}, ms(3), 2)],
)
def test_the_earliest_failure_by_time_and_node_is_told(
    placement: str, fails: dict[int, int], time_ns: int, node: int
) -> None:
    assert error_of(lambda made: run(made, placement), fails)[:2] == (time_ns, node)


def test_the_earliest_failure_is_told_whichever_host_it_is_on(in_windows: Callable[..., RunResult]) -> None:
    """Nodes 1 and 2 fail in one instant; the first host has node 2, the second node 1."""
    assert error_of(lambda made: in_windows(made, [0, 1, 0, 1]), {1: ms(3), 2: ms(3)})[:2] == (ms(3), 1)


@pytest.mark.parametrize("placement", ["inline", "windows"])
@pytest.mark.parametrize("fails", [lambda node: 1 // 0, lambda node: node.observe("beyond 64 bits", 1 << 70)])
def test_the_rest_of_an_instant_happens_after_a_failure(placement: str, fails: Callable[[Node], None]) -> None:
    """Node 3 is the first to fail, as its message is of node 0; at the same instant node 1 fails, which is told."""

    class Relays(Node):
        def on_start(self) -> None:
            if self.id in (0, 2):
                self.send(3 if self.id == 0 else 1, Note(0))

        def on_message(self, source: int, message: Note) -> None:
            fails(self)

    made = Scenario(
        name="fails",
        nodes=4,
        build=lambda node: Relays(),
        network=Network(latency=Constant(delay_ns=ms(2))),
        duration_ns=ms(50),
    )
    with pytest.raises((HandlerError, UsageError)) as caught:
        run(made, placement)
    failed = caught.value if isinstance(caught.value, HandlerError) else caught.value.__cause__
    assert isinstance(failed, HandlerError)
    assert (failed.failure.node, failed.failure.time_ns) == (1, ms(2))


@pytest.mark.parametrize("placement", ["inline", "windows"])
def test_nothing_happens_after_the_instant_of_a_failure(placement: str) -> None:
    """Node 2 fails at 3 ms; what the others would have told at 4 ms is told to nobody."""
    heard: list[str] = []

    class Hears(Observer):
        def on_observation(self, observation: Observation, control: Control) -> None:
            heard.append(observation.name)

    made = Scenario(
        name="fails",
        nodes=4,
        build=lambda node: Fails(ms(3) if node == 2 else None),
        network=Network(latency=Constant(delay_ns=ms(2))),
        duration_ns=ms(50),
        observers=(Hears,),
    )
    with pytest.raises(HandlerError):
        run(made, placement)
    assert heard == []


def test_a_host_goes_no_further_than_the_instant_in_which_a_handler_fails() -> None:
    made = Scenario(
        name="fails",
        nodes=2,
        build=lambda node: Fails(ms(3) if node == 1 else None),
        network=Network(latency=Constant(delay_ns=ms(2))),
        duration_ns=ms(50),
    )
    host = a_host(made)
    window = host.advance(ms(50), (), ())
    assert [failure.node for failure in window.failures] == [1] and window.observations == []
    assert window.next_time_ns == ms(4)


def a_host(made: Scenario, number: int = 0, hosts: int = 1) -> Host:
    """One host of a scenario, as a placement makes it."""
    classes = payload_union(message_classes({type(made.build_node(node)) for node in range(made.nodes)}))
    host_of = [node * hosts // made.nodes for node in range(made.nodes)]
    plan = host_plan(made, host_of, [], payload_type=classes, check_message=check_message, traced=False)
    return Host(plan, number)


def test_one_bad_value_in_a_parcel_is_a_failure_of_its_sender_and_the_window_goes_on() -> None:
    """What cannot be decoded is named with its sender and time; nothing else of the parcel is a failure."""
    made = scenario({0: [(ms(1), sends(1, 1))]})
    host = a_host(made, number=1, hosts=2)
    good = (ms(3), 0, 1, 1, MESSAGE, Note(1))
    late, early = ((at_ns, 0, 2, 1, MESSAGE, ("Note", "not a number")) for at_ns in (ms(9), ms(3)))
    window = host.advance(ms(50), [encode([good, late, good, early])], ())
    assert [(failure.time_ns, failure.usage) for failure in window.failures] == [(ms(9), True), (ms(3), True)]
    assert all("from node 0" in failure.error for failure in window.failures)


# Lookahead.


def regions(placement: Sequence[str], local_ns: int, matrix: dict[tuple[str, str], int]) -> Regions:
    return Regions(one_way_ns=matrix, placement=list(placement), local_ns=local_ns)


MATRIX = {("a", "b"): ms(30), ("b", "a"): ms(20), ("a", "c"): ms(50), ("c", "a"): ms(50), ("b", "c"): ms(40)}
MATRIX |= {("c", "b"): ms(40)}


@pytest.mark.parametrize(
    ("placement", "lookahead_ns"),
    [
        (("a", "b", "c"), ms(20)),  # nobody shares a region: how near one is to oneself does not count
        (("a", "c"), ms(50)),
        (("a", "a", "c"), ms(1)),  # two share one: its local delay counts
        (("c", "b", "c"), ms(1)),
    ],
)
def test_the_lookahead_of_a_matrix_is_its_smallest_delay_between_two_nodes(
    placement: Sequence[str], lookahead_ns: int
) -> None:
    assert regions(placement, ms(1), MATRIX).delay_ns_min(len(placement)) == lookahead_ns


def test_a_healed_network_lets_go_of_everything(same_everywhere: SameEverywhere) -> None:
    faults = (
        Clog(at_ns=0, source=0, target=1),
        ClogNode(at_ns=0, node=2),
        Heal(at_ns=ms(9)),
    )
    result = same_everywhere(scenario({0: [(ms(1), sends(1, 1)), (ms(1), sends(2, 2))]}, nodes=3, faults=faults))
    assert got(result) == [(9, 1, (0, 1)), (9, 2, (0, 2))]


def test_a_value_that_is_refused_names_its_place() -> None:
    with pytest.raises(UsageError, match="faults\\[0\\]"):
        scenario({}, faults=(Crash(at_ns=-1, node=0),))
    assert CorruptRecord(at_ns=0, node=0).kind == "corrupt-record"
