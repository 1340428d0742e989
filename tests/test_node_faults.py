"""Pauses, slow nodes, disks that fail, and nodes that lie: what each does, on one host and on several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from listeners import Note, scenario
from simclock import (
    Corrupt,
    CorruptRecord,
    Crash,
    DiskFull,
    DiskModel,
    FillDisk,
    HandlerError,
    LoseSyncs,
    MendDisk,
    Pause,
    Restart,
    Resume,
    RunResult,
    Scenario,
    SlowDisk,
    SlowNode,
    TornCrash,
    UsageError,
    ms,
)
from simclock.actors import Node, run
from simclock.environment.disk import Disk

SameEverywhere = Callable[[Scenario], RunResult]


class Counter(Node):
    """Node 0 sends a numbered note to node 1 every 10 ms; node 1 has a timer of its own every 7 ms."""

    def on_start(self) -> None:
        self.count = 0
        self.set_timer("tick", ms(10) if self.id == 0 else ms(7))

    def on_timer(self, timer: str) -> None:
        self.count += 1
        if self.id == 0:
            self.send(1, Note(self.count))
            self.set_timer("tick", ms(10))
        else:
            self.observe("tick", (self.clock.monotonic_ns() // ms(1), self.count))
            self.set_timer("tick", ms(7))

    def on_message(self, source: int, message: Note) -> None:
        self.observe("got", message.number)
        if message.number == 0:
            self.send(0, message)


def told(result: RunResult, name: str | None = None) -> list[tuple[int, Any]]:
    """(ms, value) of every observation of that name."""
    return [(o.time_ns // ms(1), o.value) for o in result.reports["Told"] if name is None or o.name == name]


# Pause.


def test_what_comes_due_in_a_pause_is_handled_at_its_end_in_key_order(same_everywhere: SameEverywhere) -> None:
    """Due: tick at 21, notes at 24, 34, 44 ms. At 50 ms the clock has gone on; the next tick is 7 ms later."""
    faults = (Pause(at_ns=ms(20), node=1), Resume(at_ns=ms(50), node="paused"))
    seen = told(same_everywhere(scenario(lambda node: Counter(), faults=faults)))
    assert [o for o in seen if 15 <= o[0] <= 57] == [
        (50, (50, 3)),
        (50, 2),
        (50, 3),
        (50, 4),
        (54, 5),
        (57, (57, 4)),
    ]


class Waiter(Node):
    """Holds a timer that its first note cancels."""

    def on_start(self) -> None:
        if self.id == 0:
            self.send(1, Note(1))
        self.set_timer("late", ms(6))

    def on_message(self, source: int, message: Note) -> None:
        self.cancel_timer("late")
        self.observe("got", message.number)

    def on_timer(self, timer: str) -> None:
        self.observe("rang", self.id)


def test_a_timer_that_waits_can_still_be_cancelled(same_everywhere: SameEverywhere) -> None:
    faults = (Pause(at_ns=ms(2), node=1), Resume(at_ns=ms(20), node=1))
    assert told(same_everywhere(scenario(lambda node: Waiter(), faults=faults))) == [(6, 0), (20, 1)]


def test_a_crash_ends_a_pause_and_loses_what_waits(same_everywhere: SameEverywhere) -> None:
    faults = (Pause(at_ns=ms(20), node=1), Crash(at_ns=ms(50), node=1), Restart(at_ns=ms(51), node=1))
    result = same_everywhere(scenario(lambda node: Counter(), faults=faults))
    assert [o for o in told(result) if o[0] > 15][:2] == [(54, 5), (58, (58, 1))]
    assert result.counters["dropped_down"] == 3


def test_pausing_what_is_paused_or_down_and_resuming_what_runs_changes_nothing(same_everywhere: SameEverywhere) -> None:
    def digests(*faults: Any) -> tuple[str, ...]:
        return same_everywhere(scenario(lambda node: Counter(), faults=faults)).node_digests

    paused = (Pause(at_ns=ms(20), node=1), Resume(at_ns=ms(50), node=1))
    assert digests(*paused, Pause(at_ns=ms(30), node=1), Resume(at_ns=ms(60), node=1)) == digests(*paused)
    down = (Crash(at_ns=ms(20), node=1), Restart(at_ns=ms(50), node=1))
    assert digests(*down, Pause(at_ns=ms(30), node=1)) == digests(*down)


# Slow nodes.


class Flood(Node):
    """Nodes 1 and 2 each send three notes to node 0 at once, which answers every one."""

    def on_start(self) -> None:
        if self.id:
            for number in range(3):
                self.send(0, Note(number))

    def on_message(self, source: int, message: Note) -> None:
        self.observe("got", (self.id, source, message.number))
        if self.id == 0:
            self.send(source, message)


def test_a_slow_node_takes_one_event_at_a_time_and_answers_when_it_is_done(same_everywhere: SameEverywhere) -> None:
    result = same_everywhere(scenario(lambda n: Flood(), 3, faults=(SlowNode(at_ns=0, node=0, busy_ns=ms(10)),)))
    seen = told(result)
    order = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert [o for o in seen if o[1][0] == 0] == [(4 + 10 * i, (0, *pair)) for i, pair in enumerate(order)]
    assert [o for o in seen if o[1][0]] == [(18 + 10 * i, (to, 0, number)) for i, (to, number) in enumerate(order)]


def test_a_slow_nodes_timers_wait_too_and_it_can_be_made_fast_again(same_everywhere: SameEverywhere) -> None:
    faults = (SlowNode(at_ns=ms(5), node=1, busy_ns=ms(9)), SlowNode(at_ns=ms(52), node="slowed", busy_ns=0))
    seen = told(same_everywhere(scenario(lambda node: Counter(), faults=faults)))
    times = [time for time, _ in seen if time < 52]
    assert len(times) == 5
    assert all(later - earlier >= 9 for earlier, later in pairwise(times))
    assert [o for o in seen if o[0] >= 64 and isinstance(o[1], int)] == [(64, 6), (74, 7), (84, 8), (94, 9), (104, 10)]


def test_a_failure_of_something_that_waited_says_what_it_was() -> None:
    class Failing(Counter):
        def on_message(self, source: int, message: Note) -> None:
            raise ValueError("no")

    faults = (Pause(at_ns=ms(10), node=1), Resume(at_ns=ms(50), node=1))
    with pytest.raises(
        HandlerError, match=r"node 1 failed at 50ms .* on message Note\(number=1, padding=b''\) from node 0"
    ):
        run(scenario(lambda node: Failing(), faults=faults))


# Disks.


class Diarist(Node):
    """Appends every 10 ms, and syncs every third time; keeps going when the disk is full."""

    def on_start(self) -> None:
        self.observe("start", (self.disk.read("count", 0), self.disk.records("log")))
        self.next = len(self.disk.records("log"))
        self.set_timer("write", ms(10))

    def on_timer(self, timer: str) -> None:
        self.set_timer("write", ms(10))
        self.next += 1
        try:
            self.disk.append("log", self.next)
            self.disk.write("count", self.next)
        except DiskFull as error:
            self.observe("full", str(error))
        if self.next % 3 == 0:
            self.disk.sync()
            self.send(1 - self.id, Note(self.next))

    def on_message(self, source: int, message: Note) -> None:
        self.observe("got", message.number)


def starts(result: RunResult) -> list[Any]:
    return [o.value for o in result.reports["Told"] if o.name == "start" and o.node == 0 and o.time_ns]


def test_a_torn_crash_keeps_a_prefix_of_what_was_not_synced(same_everywhere: SameEverywhere) -> None:
    """Synced at 30 ms; records 4 and 5 were not. A prefix of: append 4, count = 4, append 5, count = 5."""
    whole = [(3, (1, 2, 3)), (3, (1, 2, 3, 4)), (4, (1, 2, 3, 4)), (4, (1, 2, 3, 4, 5)), (5, (1, 2, 3, 4, 5))]
    torn = [(3, (1, 2, 3, Corrupt())), (Corrupt(), (1, 2, 3, 4)), (4, (1, 2, 3, 4, Corrupt()))]
    torn.append((Corrupt(), (1, 2, 3, 4, 5)))
    found = set()
    for seed in range(60):
        faults = (TornCrash(at_ns=ms(55), node=0), Restart(at_ns=ms(70), node="crashed"))
        of = scenario(lambda node: Diarist(), seed=seed, faults=faults)
        found.update(starts(same_everywhere(of) if seed < 5 else run(of)))
    assert found == {*whole, *torn}


def test_a_lost_sync_reports_success_and_a_crash_shows_that_it_lied(same_everywhere: SameEverywhere) -> None:
    crash = (Crash(at_ns=ms(75), node=0), Restart(at_ns=ms(80), node=0))
    lost = same_everywhere(scenario(lambda node: Diarist(), faults=(LoseSyncs(at_ns=ms(40), node=0), *crash)))
    assert starts(lost) == [(3, (1, 2, 3))], "the sync at 60 ms kept nothing"
    assert (64, 6) in told(lost, "got"), "it reported success"
    mended = (LoseSyncs(at_ns=ms(20), node=0), MendDisk(at_ns=ms(40), node="unsynced"), *crash)
    assert starts(same_everywhere(scenario(lambda node: Diarist(), faults=mended))) == [(6, (1, 2, 3, 4, 5, 6))]


def test_a_corrupt_record_reads_as_corrupt(same_everywhere: SameEverywhere) -> None:
    found = set()
    for seed in range(40):
        faults = (CorruptRecord(at_ns=ms(45), node=0), Crash(at_ns=ms(46), node=0), Restart(at_ns=ms(47), node=0))
        of = scenario(lambda node: Diarist(), seed=seed, faults=faults)
        found.update(starts(same_everywhere(of) if seed < 3 else run(of)))
    bad = Corrupt()
    assert found == {(bad, (1, 2, 3)), (3, (bad, 2, 3)), (3, (1, bad, 3)), (3, (1, 2, bad))}


def test_nothing_durable_cannot_rot(same_everywhere: SameEverywhere) -> None:
    plain = scenario(lambda node: Diarist())
    early = scenario(lambda node: Diarist(), faults=(CorruptRecord(at_ns=ms(25), node=0),))
    assert same_everywhere(early).node_digests == run(plain).node_digests


def test_a_full_disk_raises_what_a_protocol_can_catch(same_everywhere: SameEverywhere) -> None:
    faults = (FillDisk(at_ns=ms(35), node=0), MendDisk(at_ns=ms(55), node="filled"))
    result = same_everywhere(scenario(lambda node: Diarist(), faults=faults))
    assert [time for time, _ in told(result, "full")] == [40, 50]


def test_a_full_disk_that_nobody_minds_is_a_defect_of_the_protocol() -> None:
    class Careless(Node):
        def on_start(self) -> None:
            self.set_timer("write", ms(10))

        def on_timer(self, timer: str) -> None:
            self.disk.write("x", 1)

    with pytest.raises(HandlerError, match="DiskFull: the disk is full"):
        run(scenario(lambda node: Careless(), faults=(FillDisk(at_ns=0, node=1),)))


@pytest.mark.parametrize("model", [DiskModel(), DiskModel(sync_ns=ms(1))], ids=["fast", "slow"])
def test_a_slow_disk_delays_what_follows_a_sync(same_everywhere: SameEverywhere, model: DiskModel) -> None:
    faults = (SlowDisk(at_ns=ms(40), node=0, sync_ns=ms(5)), MendDisk(at_ns=ms(70), node=0))
    result = same_everywhere(scenario(lambda node: Diarist(), disk=model, faults=faults))
    arrived = [(o.time_ns, o.value) for o in result.reports["Told"] if o.name == "got" and o.node == 1]
    usual = ms(4) + model.sync_ns
    assert arrived == [(ms(30) + usual, 3), (ms(69), 6), (ms(90) + usual, 9)]


class Forgets(Node):
    """Node 0 syncs what it writes, node 1 does not."""

    def on_start(self) -> None:
        self.disk.write("it", 1)
        if self.id == 0:
            self.disk.sync()


def test_crashes_that_lose_writes_are_counted(same_everywhere: SameEverywhere) -> None:
    for struck, lost in (((0,), None), ((1,), 1), ((0, 1), 1)):
        faults = tuple(Crash(at_ns=ms(20), node=node) for node in struck)
        result = same_everywhere(scenario(lambda node: Forgets(), faults=faults))
        assert result.counters.get("crashes_losing_writes") == lost


# Nodes that end themselves.


class Quitter(Node):
    """Node 0 ends itself: as it starts, by a timer at 20 ms, or when it gets note 12. Node 1 writes to it."""

    def __init__(self, how: str = "timer") -> None:
        self.how = how

    def on_start(self) -> None:
        if self.how == "start" and self.id == 0:
            self.quit()
        self.observe("start", self.disk.read("synced", 0) + self.disk.read("unsynced", 0))
        for at_ms in range(4, 100, 8) if self.id else ():
            self.set_timer(at_ms, ms(at_ms))
        if self.id == 0 and not self.incarnation:
            self.set_timer("late", ms(30))
            if self.how == "timer":
                self.set_timer("quit", ms(20))

    def on_timer(self, timer: Any) -> None:
        if timer == "quit":
            self.quit()
        elif timer == "late":
            self.observe("late")
        else:
            self.send(0, Note(timer))

    def on_message(self, source: int, message: Note) -> None:
        self.observe("got", message.number)
        if self.how == "message" and not self.incarnation and message.number == 12:
            self.quit()

    def quit(self) -> None:
        self.disk.write("synced", 1)
        self.disk.sync()
        self.disk.write("unsynced", 2)
        self.send(1, Note(1))
        try:
            self.halt("enough")
        except Exception:
            self.observe("still here")
        self.send(1, Note(2))  # type: ignore[unreachable]


@pytest.mark.parametrize("how", ["timer", "message"])
@pytest.mark.parametrize("slow", [False, True])
def test_a_node_that_ends_itself_is_down_until_it_is_restarted(
    how: str, slow: bool, same_everywhere: SameEverywhere
) -> None:
    faults: tuple[Any, ...] = (Restart(at_ns=ms(50), node="halted"),)
    if slow:  # busy from 16 to 21 ms with a note, so that what ends it waits its turn
        faults = (SlowNode(at_ns=ms(15), node=0, busy_ns=ms(5)), SlowNode(at_ns=ms(49), node=0, busy_ns=0), *faults)
    result = same_everywhere(scenario(lambda node: Quitter(how), faults=faults, seed=3))
    quits_ms = {("timer", False): 20, ("timer", True): 21, ("message", False): 16, ("message", True): 16}[how, slow]
    assert told(result, "halted") == [(quits_ms, "enough")]
    assert result.halts == ((ms(quits_ms), 0),)
    assert [o.value for o in result.reports["Told"] if o.name == "got" and o.node == 1] == [1], "not what came after"
    assert not told(result, "late") and not told(result, "still here"), "its timers are gone, and so is its handler"
    starts = [(o.time_ns, o.value) for o in result.reports["Told"] if o.name == "start" and o.node == 0]
    assert starts == [(0, 0), (ms(50), 1)], "what was not synced is lost"
    got = [number for _, number in told(result, "got") if number > 2]
    assert got == [4, 12, *range(52, 100, 8)] and result.counters["dropped_down"] == 4


def test_a_node_cannot_end_itself_when_the_run_is_over(same_everywhere: SameEverywhere) -> None:
    over = replace(scenario(lambda node: Quitter("never")), final=lambda node: node.halt("late"))
    with pytest.raises(UsageError, match=r"^final: a node cannot halt there \(node 0 at 105ms"):
        same_everywhere(over)


class Counting(Node):
    """Counts its ticks, and ends itself at the seventh of an incarnation."""

    def on_start(self) -> None:
        self.ticks = 0
        self.set_timer("tick", ms(2))

    def on_timer(self, timer: Any) -> None:
        self.ticks += 1
        if self.ticks == 7:
            self.halt("enough")
        self.set_timer("tick", ms(2))


def ticks(node: Any) -> tuple[int, int]:
    return node.incarnation, node.ticks


def test_what_a_node_had_counted_outlives_its_crashes(same_everywhere: SameEverywhere) -> None:
    faults = (Crash(at_ns=ms(5), node=0), Crash(at_ns=ms(6), node=0), Restart(at_ns=ms(10), node=0))
    faults += (Restart(at_ns=ms(50), node=0), Crash(at_ns=ms(9), node=1))
    counting = replace(scenario(lambda node: Counting(), faults=faults), final=ticks, fallen=ticks)
    result = same_everywhere(replace(counting, duration_ns=ms(55)))
    assert result.fallen[0] == ((0, 2), (1, 7)), "a crash of what is down is none"
    assert result.fallen[1] == ((0, 4),) and result.final[1] is None
    assert result.lives == [(0, 2), (1, 7), *result.fallen[1], *(life for life in result.final.values() if life)]
    assert (2, 2) in result.lives
    with pytest.raises(UsageError, match=r"^fallen: a node cannot halt there \(node 0 at 5ms"):
        same_everywhere(replace(counting, fallen=lambda node: node.halt("late")))


def test_a_node_may_end_itself_whenever_it_starts(same_everywhere: SameEverywhere) -> None:
    faults = (Restart(at_ns=ms(50), node=0), Crash(at_ns=ms(60), node=0))
    result = same_everywhere(scenario(lambda node: Quitter("start"), faults=faults))
    assert result.halts == ((0, 0), (ms(50), 0))
    at_work = scenario(lambda node: Quitter("start"), faults=faults[:1])
    assert result.node_digests == run(at_work).node_digests, "what is down cannot crash"


# Nodes that lie.


class Liar(Counter):
    """A Byzantine counter: says -1 whatever the truth."""

    def send(self, target: int, message: Any) -> None:
        super().send(target, Note(-1))


def test_a_byzantine_node_takes_anothers_place(same_everywhere: SameEverywhere) -> None:
    faults = (Crash(at_ns=ms(35), node=0), Restart(at_ns=ms(40), node=0))
    of = scenario(lambda node: Counter(), 3, byzantine={0: lambda node: Liar()}, faults=faults)
    result = same_everywhere(of)
    assert {value for _, value in told(result, "got")} == {-1}, "also after a restart"
    assert "byzantine 0" in result.scenario


def test_a_byzantine_node_must_exist() -> None:
    with pytest.raises(UsageError, match="byzantine: node 3 is out of range: nodes are 0 to 1"):
        scenario(lambda node: Counter(), byzantine={3: lambda node: Liar()})


def test_a_truncation_is_done_or_not_but_never_torn() -> None:
    kept = set()
    for number in range(2):
        for torn in range(2):
            answers = iter((number, torn))
            disk = Disk()
            disk.append("log", 1)
            disk.sync()
            disk.truncate("log", 0)
            disk.crash_torn(lambda limit, answers=answers: next(answers))  # type: ignore[misc]
            kept.add(disk.records("log"))
    assert kept == {(1,), ()}
