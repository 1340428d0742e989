"""What the kernel promises a node, the observers and the environment."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import pytest

from listeners import Listener, Note, Shouter, Talker, Told, scenario
from simclock import (
    Clocks,
    Constant,
    Control,
    Crash,
    Cut,
    DiskModel,
    HandlerError,
    Heal,
    Mend,
    Network,
    Observation,
    Observer,
    Partition,
    Restart,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node, run
from simclock.faults import FAULTS, NodeFault
from simclock.kernel._kernel import EventQueue
from simclock.kernel.events import Event
from simclock.kernel.port import HostPort, ProcessPort
from simclock.kernel.strikes import STRIKES
from simclock.kernel.strikes.process import crash
from simclock.kernel.strikes.strike import of_node, recorded


def told(of: Scenario, name: str | None = None) -> list[tuple[int, int, Any]]:
    """(ms, node, value) of every observation of that name."""
    seen = run(of).reports["Told"]
    return [(o.time_ns // ms(1), o.node, o.value) for o in seen if name is None or o.name == name]


# The network.


def test_a_message_arrives_after_the_links_delay() -> None:
    assert told(scenario(lambda node: Talker()))[:2] == [(14, 1, (0, 1)), (24, 1, (0, 2))]


def test_loss_and_duplication_follow_their_probability() -> None:
    network = Network(latency=Constant(delay_ns=ms(1)), loss=0.2, duplication=0.1)
    result = run(scenario(lambda node: Talker(), network=network, duration_ns=seconds(60)))
    sent = result.counters["sent"]
    assert sent == 5999
    assert 0.17 < result.counters["dropped_lost"] / sent < 0.23
    assert 0.08 < result.counters["duplicated"] / sent < 0.12
    assert result.counters["messages"] == sent - result.counters["dropped_lost"] + result.counters["duplicated"]


def test_loss_draws_move_no_latency() -> None:
    """A new draw in one stream moves no other: what arrives, arrives when it did without loss."""
    latency = Uniform(low_ns=ms(1), high_ns=ms(9))
    whole = {o.value: o.time_ns for o in run(_on(latency, 0.0)).reports["Told"]}
    holed = {o.value: o.time_ns for o in run(_on(latency, 0.3)).reports["Told"]}
    assert 0 < len(holed) < len(whole)
    assert all(whole[value] == time_ns for value, time_ns in holed.items())


def _on(latency: Uniform, loss: float) -> Scenario:
    return scenario(lambda node: Talker(), network=Network(latency=latency, loss=loss), duration_ns=seconds(2))


class Burst(Listener):
    """Node 0 sends forty notes at once."""

    def on_start(self) -> None:
        if self.id == 0:
            for number in range(40):
                self.send(1, Note(number))


@pytest.mark.parametrize(("order", "sorted_"), [("fifo", True), ("any", False)])
def test_fifo_links_keep_the_order_and_others_do_not(order: str, sorted_: bool) -> None:
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(50)), order=order)
    numbers = [value[1] for _, _, value in told(scenario(lambda node: Burst(), network=network))]
    assert len(numbers) == 40
    assert (numbers == sorted(numbers)) is sorted_


def test_a_fifo_link_delays_nothing_by_itself() -> None:
    """What overtakes nobody arrives when it would: here in the instant in which it is sent, the run's first."""
    network = Network(latency=Constant(delay_ns=0), order="fifo")
    seen = run(scenario(lambda node: Burst(), network=network)).reports["Told"]
    assert [each.time_ns for each in seen] == [0] * 40


def test_a_fault_after_the_end_that_names_an_observation_is_not_looked_up() -> None:
    """Nobody was ever told of, so within the run it would count as skipped."""
    for at_ms, skipped in ((50, 1), (200, 0)):
        faults = (Crash(at_ns=ms(at_ms), node="leader"),)
        result = run(scenario(lambda node: Listener(), faults=faults))
        assert (len(result.skipped), result.faults) == (skipped, ())


def test_a_one_way_cut_loses_one_way_until_mended() -> None:
    faults = (Cut(at_ns=ms(25), source=0, target=1), Mend(at_ns=ms(55), source=0, target=1))
    arrived = [value[1] for _, _, value in told(scenario(lambda node: Talker(), faults=faults))]
    assert arrived == [1, 2, 6, 7, 8, 9, 10], "sent at 30, 40, 50 ms: lost; 60 ms: arrives"
    other_way = (Cut(at_ns=ms(25), source=1, target=0),)
    assert len(told(scenario(lambda node: Talker(), faults=other_way))) == 10


def test_a_message_under_way_when_the_link_is_cut_is_lost() -> None:
    """Sent at 10 ms, due at 14 ms, cut at 12 ms."""
    faults = (Cut(at_ns=ms(12), source=0, target=1), Mend(at_ns=ms(19), source=0, target=1))
    result = run(scenario(lambda node: Talker(), faults=faults))
    assert result.counters["dropped_cut"] == 1
    assert result.reports["Told"][0].value == (0, 2)


def test_a_message_sent_into_a_cut_is_lost_even_if_it_is_mended_before_it_would_arrive() -> None:
    faults = (Cut(at_ns=ms(9), source=0, target=1), Mend(at_ns=ms(11), source=0, target=1))
    assert told(scenario(lambda node: Talker(), faults=faults))[0] == (24, 1, (0, 2))


def test_partitions_separate_groups_and_leave_others_alone() -> None:
    faults = (Partition(at_ns=ms(5), groups=((0,), (1, 2))), Heal(at_ns=ms(45)))
    pairs = {
        (value[0], node) for time, node, value in told(scenario(lambda n: Shouter(), 4, faults=faults)) if time < 45
    }
    apart = {(0, 1), (1, 0), (0, 2), (2, 0)}
    assert pairs == {(a, b) for a in range(4) for b in range(4) if a != b} - apart
    later = {
        (value[0], node) for time, node, value in told(scenario(lambda n: Shouter(), 4, faults=faults)) if time > 50
    }
    assert apart <= later


# Crash, restart, timers, disk.


class Diarist(Node):
    """Counts on disk; syncs every second write."""

    def on_start(self) -> None:
        self.observe("start", (self.incarnation, self.disk.read("count", 0), self.disk.records("log")))
        self.set_timer("write", ms(10))

    def on_timer(self, timer: str) -> None:
        count = self.disk.read("count", 0) + 1
        self.disk.write("count", count)
        self.disk.append("log", count)
        if count % 2 == 0:
            self.disk.sync()
        self.set_timer("write", ms(10))


def test_a_crash_loses_what_was_not_synced_and_a_restart_finds_the_rest() -> None:
    faults = (Crash(at_ns=ms(55), node=0), Restart(at_ns=ms(70), node=0))
    starts = told(scenario(lambda node: Diarist(), 1, faults=faults), "start")
    assert starts == [(0, 0, (0, 0, ())), (70, 0, (1, 4, (1, 2, 3, 4)))], "the fifth write, at 50 ms, was not synced"


def test_timers_and_object_state_die_with_the_incarnation() -> None:
    """Talker would talk at 60 ms; it crashes at 55, is back at 57 and talks 10 ms later with a new count."""
    faults = (Crash(at_ns=ms(55), node=0), Restart(at_ns=ms(57), node=0))
    arrivals = told(scenario(lambda node: Talker(), faults=faults))
    assert (64, 1, (0, 6)) not in arrivals
    assert (71, 1, (0, 1)) in arrivals


def test_a_node_that_is_down_gets_nothing() -> None:
    faults = (Crash(at_ns=ms(30), node=1), Restart(at_ns=ms(60), node=1))
    result = run(scenario(lambda node: Talker(), faults=faults))
    assert [o.value[1] for o in result.reports["Told"]] == [1, 2, 6, 7, 8, 9, 10]
    assert result.counters["dropped_down"] == 3


def test_crashing_what_is_down_and_restarting_what_is_up_changes_nothing() -> None:
    plain = scenario(lambda node: Diarist(), 1)
    faults = (Restart(at_ns=ms(15), node=0),)
    assert run(plain).node_digests == run(replace(plain, faults=faults)).node_digests


class Alarm(Node):
    def on_start(self) -> None:
        self.set_timer("a", ms(10))
        self.set_timer("a", ms(30))
        self.set_timer("b", ms(20))
        self.set_timer("c", ms(25))
        self.cancel_timer("c")
        self.cancel_timer("never set")

    def on_timer(self, timer: str) -> None:
        self.observe("rang", timer)


def test_setting_a_timer_again_replaces_it_and_cancelling_forgets_it() -> None:
    assert told(scenario(lambda node: Alarm(), 1)) == [(20, 0, "b"), (30, 0, "a")]


def test_a_zero_timer_rings_at_the_same_instant_and_in_order() -> None:
    class Now(Node):
        def on_start(self) -> None:
            self.set_timer(0, 0)

        def on_timer(self, timer: int) -> None:
            self.observe("rang", timer)
            if timer < 3:
                self.set_timer(timer + 1, 0)

    assert told(scenario(lambda node: Now(), 1)) == [(0, 0, n) for n in range(4)]


class Slow(Talker):
    def on_timer(self, timer: str) -> None:
        self.disk.write("x", 1)
        self.disk.sync()
        super().on_timer(timer)


def test_what_follows_a_sync_leaves_after_the_disk_is_done() -> None:
    of = scenario(lambda node: Slow(), disk=DiskModel(sync_ns=ms(3)))
    assert told(of)[0] == (17, 1, (0, 1))


def test_what_is_mutable_cannot_be_stored() -> None:
    class Careless(Node):
        def on_start(self) -> None:
            self.disk.write("log", [1])

    with pytest.raises(UsageError, match="list is mutable"):
        run(scenario(lambda node: Careless(), 1))


# Clocks.


class Watch(Node):
    def on_start(self) -> None:
        self.set_timer("tick", seconds(10))

    def on_timer(self, timer: str) -> None:
        self.observe("tick", (self.clock.monotonic_ns(), self.clock.wall_ns()))


def test_timers_run_by_the_nodes_own_clock() -> None:
    clocks = Clocks(offset_ns_max=seconds(3), drift_ppb_max=200_000)
    of = scenario(lambda node: Watch(), 20, clocks=clocks, duration_ns=seconds(11), observers=(Told,))
    seen = run(of).reports["Told"]
    assert len(seen) == 20
    assert all(o.value[0] == seconds(10) or o.value[0] - seconds(10) < 3 for o in seen), "by its own clock: 10 s"
    true = [o.time_ns for o in seen]
    assert len(set(true)) == 20, "by true time: everybody differs"
    assert all(abs(t - seconds(10)) <= 2_000_001 for t in true), "200 ppm of 10 s is 2 ms"
    assert any(abs(o.value[0] - o.value[1]) > ms(100) for o in seen), "the wall clock has an offset"


# Observers.


class Chorus(Node):
    """Every node observes at the same instants."""

    def on_start(self) -> None:
        self.set_timer("sing", ms(10))

    def on_timer(self, timer: str) -> None:
        self.observe("sing", self.id)
        self.send((self.id + 1) % self.nodes, Note(self.id))
        self.set_timer("sing", ms(10))

    def on_message(self, source: int, message: Note) -> None:
        self.observe("heard", source)


def test_observations_of_one_instant_are_sorted_by_node() -> None:
    seen = run(scenario(lambda node: Chorus(), 5)).reports["Told"]
    assert [o[:3] for o in seen] == sorted(o[:3] for o in seen)
    heard = [o.node for o in seen if o.name == "heard"][:5]
    assert heard == [0, 1, 2, 3, 4], "by node; in the order of work node 1 heard first, from node 0"


class StopAtThird(Observer):
    def __init__(self) -> None:
        self.seen = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        self.seen += 1
        if self.seen == 3:
            control.stop("third")


def test_where_messages_take_no_time_a_cause_is_told_before_its_effect() -> None:
    """Else an observer sees node 0 count an answer of node 1 that node 1 has not given yet."""

    class Passer(Listener):
        def on_start(self) -> None:
            if self.id == 2:
                self.on_message(2, Note(0))

        def on_message(self, source: int, message: Note) -> None:
            super().on_message(source, message)
            if message.number < 3:
                self.send((self.id + 2) % 3, Note(message.number + 1))

    instant = Network(latency=Constant(delay_ns=0))
    result = run(scenario(lambda node: Passer(), nodes=3, network=instant, observers=(Told,)))
    told = [(each.time_ns, each.node, each.value[1]) for each in result.reports["Told"]]
    assert told == [(0, 2, 0), (0, 1, 1), (0, 0, 2), (0, 2, 3)]


def test_a_stop_takes_effect_one_lookahead_after_the_observation() -> None:
    of = scenario(lambda node: Chorus(), 3, observers=(StopAtThird, Told))
    result = run(of)
    assert result.stopped == "third"
    assert result.virtual_ns == ms(14)
    assert all(o.time_ns < ms(14) for o in result.reports["Told"])
    assert len([o for o in result.reports["Told"] if o.time_ns == ms(10)]) == 3


class Second(Told):
    pass


def test_two_observers_of_one_name_are_refused_before_the_run() -> None:
    """Else the report of the one would take the place of the other's. A name alone counts: reports are kept by it."""
    other = type("Told", (StopAtThird,), {})
    for makers in ((Told, Told), (Told, other), (StopAtThird, Told, partial(Told))):
        for placement in ("inline", "windows"):
            with pytest.raises(UsageError) as caught:
                run(scenario(lambda node: pytest.fail("a node was made"), observers=makers), placement)
            assert str(caught.value).startswith("observers: two are called Told,")
            assert "\n" not in str(caught.value)
    reports = run(scenario(lambda node: Chorus(), observers=(Told, Second))).reports
    assert reports.keys() == {"Told", "Second"} and reports["Told"] == reports["Second"] != ()


def test_a_report_is_asked_for_by_its_observer() -> None:
    result = run(scenario(lambda node: Chorus(), 3, observers=(StopAtThird, Told)))
    assert result.report(Told) is result.reports["Told"] and result.report(StopAtThird) is None
    with pytest.raises(UsageError, match="the run had no observer Second: it had StopAtThird, Told"):
        result.report(Second)


class Meteor(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """A fault of which the kernel knows nothing."""

    kind: ClassVar[str] = "meteor"


class LoudCrash(Crash, frozen=True, kw_only=True, array_like=True, tag=True):
    kind: ClassVar[str] = "loud-crash"


def test_a_fault_that_nobody_carries_out_is_refused_when_the_scenario_is_made() -> None:
    """Also one that derives from a fault of simclock: what is meant by it nobody knows."""
    for kind in (Meteor, LoudCrash):
        plan = (Crash(at_ns=ms(1), node=0), kind(at_ns=ms(5), node=1))
        with pytest.raises(UsageError, match=rf"^faults.1. .{kind.kind}.: nobody carries out a {kind.__name__}: .*$"):
            scenario(lambda node: Chorus(), faults=plan)


def test_a_fault_that_nobody_carries_out_cannot_be_injected() -> None:
    class Throws(Observer):
        def on_observation(self, observation: Observation, control: Control) -> None:
            control.inject(Meteor(at_ns=0, node=0))

    with pytest.raises((UsageError, HandlerError), match="nobody carries out a Meteor"):
        run(scenario(lambda node: Chorus(), observers=(Throws,)))


def test_every_fault_there_is_has_a_strike_and_one_of_a_users_own_may_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert STRIKES.keys() == set(FAULTS.values())

    def falls(host: HostPort, process: ProcessPort, fault: Meteor, event: Event) -> None:
        host.record_fault(process, event)
        crash(host, process, torn=False)
        process.sim_choose_path()

    monkeypatch.setitem(STRIKES, Meteor, of_node(falls, recorded))
    result = run(scenario(lambda node: Chorus(), 3, faults=(Meteor(at_ns=ms(15), node=1),)))
    assert max(o.time_ns for o in result.report(Told) if o.node == 1) == ms(14), "it is down"
    assert result.counters["fault_meteor"] == result.counters["fault"] == 1


class CrashSinger(Observer):
    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.node == 1 and observation.name == "sing":
            control.inject(Crash(at_ns=0, node=1))


def test_an_injected_fault_happens_one_lookahead_later() -> None:
    result = run(scenario(lambda node: Chorus(), 3, observers=(CrashSinger, Told)))
    assert [str(fault) for fault in result.faults] == ["14ms crash node 1"]
    assert [o.time_ns for o in result.reports["Told"] if o.node == 1 and o.name == "sing"] == [ms(10)]


def test_a_fault_may_name_who_observed_last() -> None:
    """At 30 ms the last to sing (strictly before) was node 2 at 20 ms; who sings at 30 ms itself does not count."""
    result = run(scenario(lambda node: Chorus(), 3, faults=(Crash(at_ns=ms(30), node="sing"),)))
    assert [str(fault) for fault in result.faults] == ["30ms crash node 2"]
    assert result.skipped == ()


def test_a_fault_that_names_what_nobody_observed_is_reported_as_skipped() -> None:
    fault = Crash(at_ns=ms(30), node="leader")
    result = run(scenario(lambda node: Chorus(), 3, faults=(fault,)))
    assert result.faults == ()
    assert result.skipped == (fault,)


def test_a_fault_may_name_who_was_crashed_last() -> None:
    faults = (Crash(at_ns=ms(15), node="sing"), Crash(at_ns=ms(25), node=0), Restart(at_ns=ms(40), node="crashed"))
    result = run(scenario(lambda node: Chorus(), 3, faults=faults))
    assert [str(fault) for fault in result.faults] == ["15ms crash node 2", "25ms crash node 0", "40ms restart node 0"]
    assert run(scenario(lambda node: Chorus(), 3, faults=faults[2:])).skipped == faults[2:]


def test_faults_come_before_everything_else_of_their_instant() -> None:
    seen = told(scenario(lambda node: Chorus(), 1, faults=(Crash(at_ns=ms(10), node=0),)))
    assert seen == []


def test_a_run_without_duration_ends_when_nothing_is_left() -> None:
    result = run(scenario(lambda node: Alarm(), 1, duration_ns=None))
    assert result.virtual_ns == ms(30)
    assert result.stopped == ""


# Errors.


class Failing(Chorus):
    def on_timer(self, timer: str) -> None:
        if self.id in (1, 2) and self.clock.monotonic_ns() >= ms(30):
            raise ValueError(f"node {self.id} cannot count to {3}")
        super().on_timer(timer)


def test_a_failing_handler_is_one_readable_error() -> None:
    with pytest.raises(HandlerError) as caught:
        run(scenario(lambda node: Failing(), 4, seed=77), replay="simclock run x --seed 77")
    text = str(caught.value)
    assert text.splitlines()[0] == (
        "node 1 failed at 30ms (seed 77) on timer 'sing': ValueError: node 1 cannot count to 3"
    )
    assert "test_kernel.py" in text
    assert "replay: simclock run x --seed 77" in text
    assert "scheduler.py" not in caught.value.failure.trace, "the trace begins at the user's code"


class NoThirty(Observer):
    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.time_ns == ms(30):
            control.violated("no thirty", observation.node, "it is thirty")


def test_a_property_broken_in_the_failing_instant_is_named_beside_the_failure() -> None:
    with pytest.raises(HandlerError) as caught:
        run(scenario(lambda node: Failing(), 4, observers=(NoThirty,)))
    assert [violation.node for violation in caught.value.violations] == [0, 3]
    assert "before that: no thirty violated at 30ms, node 0: it is thirty" in str(caught.value)


def test_a_node_stands_in_the_first_group_that_names_it() -> None:
    groups = (("sing",), (0, 1, 2))
    result = run(scenario(lambda node: Chorus(), 3, faults=(Partition(at_ns=ms(30), groups=groups),)))
    assert [str(fault) for fault in result.faults] == ["30ms partition node 2 | node 0,node 1"]


class WrongSend(Node):
    def on_start(self) -> None:
        self.send(9, Note(1))


class WrongType(Node):
    def on_start(self) -> None:
        self.send(1, "hello")


class TooBig(Node):
    def on_start(self) -> None:
        self.send(1, Note(1 << 80))


class WrongTimer(Node):
    def on_start(self) -> None:
        self.set_timer("t", 0.5)  # type: ignore[arg-type]


class WrongObservation(Node):
    def on_start(self) -> None:
        self.observe("thing", object())


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (WrongSend, "send to 9: nodes are the whole numbers 0 to 1"),
        (WrongType, "'hello' to node 1, which is no Message"),
        (TooBig, "cannot be encoded"),
        (WrongTimer, "whole number of nanoseconds"),
        (WrongObservation, "cannot be encoded"),
    ],
)
def test_wrong_use_is_one_clear_line(build: type[Node], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(scenario(lambda node: build() if node == 0 else Listener()))
    assert said in str(caught.value)
    assert "node 0" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_virtual_time_that_stands_still_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Restless(Node):
        def on_start(self) -> None:
            self.set_timer("again", 0)

        def on_timer(self, timer: str) -> None:
            self.set_timer("again", 0)

    monkeypatch.setattr("simclock.kernel.host.EVENTS_PER_INSTANT_MAX", 1_000)
    with pytest.raises(UsageError, match="virtual time stands still"):
        run(scenario(lambda node: Restless(), 1))


def test_the_trace_tells_of_link_faults_at_their_place() -> None:
    faults = (Cut(at_ns=ms(25), source=0, target=1), Heal(at_ns=ms(500)))
    records: list[Any] = []
    run(scenario(lambda node: Talker(), faults=faults), trace=records.append)
    keys = [record[:3] for record in records]
    assert keys == sorted(keys)
    links = [(record.time_ns, str(record.detail)) for record in records if record.node == -1]
    assert links == [(ms(25), "25ms cut node 0 -> node 1")], "what comes after the end is not traced"


def test_what_a_node_has_not_got_yet_is_explained() -> None:
    class Hasty(Node):
        def __init__(self) -> None:
            self.luck = self.random.random()

    with pytest.raises(HandlerError, match="not in __init__"):
        run(scenario(lambda node: Hasty()))


def test_a_failing_observer_is_named() -> None:
    class Broken(Observer):
        def on_observation(self, observation: Observation, control: Control) -> None:
            raise KeyError("oops")

    with pytest.raises(HandlerError, match="an observer failed at 10ms"):
        run(scenario(lambda node: Chorus(), observers=(Broken,)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"nodes": 0}, "number of nodes"),
        ({"seed": 1.5}, "whole number"),
        ({"duration_ns": -1}, "duration"),
        ({"faults": (Crash(at_ns=0, node=5),)}, "node 5 is out of range: nodes are 0 to 1"),
        ({"faults": (Crash(at_ns=-1, node=0),)}, "not a time"),
        ({"faults": ("crash",)}, "not a fault"),
    ],
)
def test_impossible_scenarios_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        scenario(lambda node: Listener(), **{"nodes": 2, **settings})


def test_probabilities_are_checked() -> None:
    with pytest.raises(UsageError, match=r"network\.loss: 1\.5 is not a probability"):
        Network(loss=1.5)


# The queue.


def test_the_queue_gives_events_in_key_order_whatever_the_slots() -> None:
    """Against a plain sort, for slots from far too narrow to far too wide, with events put in while it is emptied."""
    from simclock import stream

    for slot_ns in (1, 1 << 8, 1 << 14, 1 << 40):
        luck = stream(slot_ns, "queue", 0)
        queue = EventQueue(slot_ns)
        count = 0
        expected: list[Any] = []
        given: list[Any] = []
        now_ns = 0
        for _ in range(3_000):
            if luck.random() < 0.55 or not expected:
                event = (now_ns + luck.randrange(20_000), luck.randrange(5), count, 0, 0, None)
                count += 1
                queue.push(event)
                expected.append(event)
            else:
                expected.sort()
                assert queue.next_time_ns() == expected[0][0]
                if not queue.current and not queue.near:
                    assert queue.open_slot(1 << 62)
                if queue.near and (not queue.current or queue.near[0] < queue.current[0]):
                    import heapq

                    event = heapq.heappop(queue.near)
                else:
                    event = queue.current.pop(0)
                given.append(event)
                assert event == expected.pop(0)
                now_ns = event[0]
        assert len(given) > 500
