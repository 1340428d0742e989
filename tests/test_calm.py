"""Calm: which faults still act at the end of a run, since when none does, and that judges ask it."""

import msgspec
import pytest

from simclock import (
    AddDelay,
    Clog,
    ClogNode,
    CorruptRecord,
    Crash,
    Cut,
    FillDisk,
    Heal,
    JumpClock,
    LoseSyncs,
    MendDisk,
    Network,
    Note,
    Partition,
    Pause,
    Restart,
    Resume,
    Scenario,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    Silence,
    SlowDisk,
    SlowNode,
    StartClock,
    StopClock,
    Unclog,
    UnclogNode,
    ms,
    seconds,
)
from simclock.actors import Node, run
from simclock.environment.disk import DiskModel
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.convergence import Converges
from simclock.experiments.checkers.linearizability import Verdict
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.nemesis import DOWN, calm_of
from simclock.observers import Environment, Happened

USUAL = Environment(3, Network(loss=0.1), DiskModel(sync_ns=ms(1)))


def calm(*faults, halts=(), bears=()):
    return calm_of(Happened(USUAL, faults, halts), bears=bears)


AT = {"at_ns": ms(10)}
END = {"at_ns": ms(20)}
PAIRS = (
    (Crash(node=0, **AT), "node 0 is still down", Restart(node=0, **END)),
    (Pause(node=1, **AT), "node 1 is still paused", Resume(node=1, **END)),
    (Pause(node=1, **AT), "node 1 is still down", Crash(node=1, **END)),
    (SlowNode(node=0, busy_ns=5, **AT), "node 0 is still slow, 5ns an event", SlowNode(node=0, busy_ns=0, **END)),
    (Cut(source=0, target=2, **AT), "messages from node 0 to node 2 are still lost", Heal(**END)),
    (Partition(groups=((0,),), **AT), "nodes 0 | 1,2 are still separated", Partition(groups=(), **END)),
    (Silence(groups=((0,), (2,)), **AT), "nodes 0 | 2 are still silenced", Heal(**END)),
    (Clog(source=0, target=2, **AT), "messages from node 0 to node 2 are still held", Heal(**END)),
    (
        Clog(source=2, target=0, **AT),
        "messages from node 2 to node 0 are still held",
        Unclog(source=2, target=0, **END),
    ),
    (ClogNode(node=2, **AT), "node 2 is still clogged", UnclogNode(node=2, **END)),
    (SetLoss(loss=0.2, **AT), "loss is still 0.2, duplication 0", SetLoss(loss=0.1, **END)),
    (SetCorruption(detected=0.2, **AT), "corruption is still 0.2, undetected 0", SetCorruption(detected=0, **END)),
    (SetBandwidth(bytes_per_s=9, **AT), "links still carry 9 B/s", SetBandwidth(bytes_per_s=0, **END)),
    (StopClock(node=0, **AT), "the clock of node 0 still stands", StartClock(node=0, **END)),
    (
        SetDrift(node=0, drift_ppb=2_000_000, **AT),
        "the clock of node 0 still drifts by 2000ppm",
        SetDrift(node=0, drift_ppb=0, **END),
    ),
    (FillDisk(node=0, **AT), "the disk of node 0 is still full", MendDisk(node=0, **END)),
    (LoseSyncs(node=0, **AT), "the disk of node 0 still loses what is synced", MendDisk(node=0, **END)),
)


@pytest.mark.parametrize(("fault", "told", "end"), PAIRS, ids=[type(fault).__name__ for fault, _, _ in PAIRS])
def test_a_fault_without_an_end_stands(fault, told, end):
    standing = calm(fault)
    ended = calm(fault, end)
    if isinstance(end, Crash):  # who is down is not paused any more
        assert ended.still == told
        return
    assert standing.still == told and standing.lacking(seconds(100), 0) == told
    assert ended.standing == () and ended.since_ns == ms(20)
    assert ended.lacking(ms(25), ms(5)) == "" and "ended 4ms before the end" in ended.lacking(ms(24), ms(5))


def test_what_was_held_back_comes_after_the_end():
    assert calm(AddDelay(delay_ns=ms(30), **AT), AddDelay(delay_ns=0, **END)).since_ns == ms(50)
    assert calm(SlowDisk(node=0, sync_ns=ms(7), **AT), MendDisk(node=0, **END)).since_ns == ms(27)
    long, short = AddDelay(delay_ns=ms(30), source=0, **AT), AddDelay(delay_ns=ms(3), target=1, **AT)
    for both in ((long, short), (short, long)):  # the longest of them, whichever was set last
        assert calm(*both, AddDelay(delay_ns=0, **END)).since_ns == ms(50)
    link = calm(AddDelay(delay_ns=ms(30), source=0, target=1, **AT))
    assert link.still == "messages from node 0 to node 1 still take 30ms longer"


POOR = Environment(
    2,
    Network(loss=0.1, duplication=0.1, corruption=0.1, undetected_corruption=0.1, bytes_per_s=1000),
    DiskModel(sync_ns=9),
)


@pytest.mark.parametrize(
    ("usual", "worse"),
    [
        (SetLoss(loss=0.1, duplication=0.1, **AT), {"loss": 0.11}),
        (SetLoss(loss=0.1, duplication=0.1, **AT), {"duplication": 0.11}),
        (SetCorruption(detected=0.1, undetected=0.1, **AT), {"detected": 0.11}),
        (SetCorruption(detected=0.1, undetected=0.1, **AT), {"undetected": 0.11}),
        (SetBandwidth(bytes_per_s=1000, **AT), {"bytes_per_s": 999}),
        (SlowDisk(node=0, sync_ns=9, **AT), {"sync_ns": 10}),
        (SetDrift(node=0, drift_ppb=1_000_000, **AT), {"drift_ppb": 1_000_001}),
        (SetDrift(node=0, drift_ppb=-1_000_000, **AT), {"drift_ppb": -1_000_001}),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else type(each).__name__,
)
def test_what_is_no_worse_than_usual_does_not_stand_and_whatever_is_worse_does(usual, worse):
    """A drift up to a thousandth counts as usual, and bandwidth without limit is better than any."""
    assert calm_of(Happened(POOR, (usual,), ())) == (0, ())
    (standing,) = calm_of(Happened(POOR, (msgspec.structs.replace(usual, **worse),), ())).standing
    assert "still" in standing.text
    assert calm_of(Happened(POOR, (SetBandwidth(bytes_per_s=0, **AT),), ())).standing == ()


def test_what_changes_nothing_ends_no_calm():
    nothing = (
        Note(text="a mark", **AT),
        Heal(**AT),
        Restart(node=0, **AT),
        Resume(node=0, **AT),
        Partition(groups=((0, 1, 2),), **AT),
        SetLoss(loss=0.1, **AT),
        SlowDisk(node=0, sync_ns=ms(1), **AT),
        JumpClock(node=0, by_ns=0, **AT),
        AddDelay(delay_ns=0, **AT),
    )
    assert calm(*nothing) == (0, ())


def test_what_cannot_be_undone_is_over_when_it_has_happened():
    for fault in (JumpClock(node=0, by_ns=5, **AT), CorruptRecord(node=0, **AT)):
        assert calm(fault) == (ms(10), ())


def test_who_ends_itself_is_down():
    halted = calm(halts=((ms(15), 1),))
    assert halted.still == "node 1 is still down, having ended itself" and halted.since_ns == ms(15)
    assert calm(Restart(node=1, **END), halts=((ms(15), 1),)).standing == ()
    assert calm(Restart(node=1, **END), halts=((ms(15), 1), (ms(20), 1))).standing, "it ended as it started"
    assert calm(halts=((ms(15), 1),), bears=(DOWN,)) == (ms(15), ())


def test_several_are_counted():
    assert calm(Pause(node=0, **AT), ClogNode(node=1, **AT)).still == "node 0 is still paused (and 1 more)"


STANDING = (
    Pause(at_ns=seconds(1), node=0),
    Partition(at_ns=seconds(1), groups=((0,),)),
    ClogNode(at_ns=seconds(1), node=0),
    StopClock(at_ns=seconds(1), node=0),
    SlowDisk(at_ns=seconds(1), node=0, sync_ns=seconds(3)),
)


def judged(name, *faults):
    entry = entries()[name]
    return entry.judge(run(make_scenario(entry, Settings(seed=3, faults=faults))))


@pytest.mark.parametrize("fault", STANDING, ids=[fault.kind for fault in STANDING])
def test_a_store_with_a_standing_fault_is_not_judged_to_have_come_to_rest(fault):
    verdict = judged("dynamo-hunt", fault)
    assert verdict.status == UNKNOWN and " still " in verdict.lines[0]


@pytest.mark.parametrize("name", ["dynamo-hunt", "chat-hunt", "causal-hunt", "shared-document", "crdts"])
def test_a_standing_fault_is_named_and_one_that_ended_is_judged(name):
    paused = judged(name, Pause(at_ns=seconds(1), node=0))
    assert (paused.status, paused.lines[0].split(":")[0]) == (UNKNOWN, "node 0 is still paused")
    assert judged(name, Pause(at_ns=seconds(1), node=0), Resume(at_ns=seconds(2), node=0)).status == VALID


def test_a_safety_property_is_judged_however_much_stands():
    """What is wrong at once is wrong under a standing fault, too."""
    entry = entries()["causal-hunt"]
    for seed in range(20):
        settings = Settings(seed=seed, faults=(Pause(at_ns=seconds(3), node=0),), parameters={"bug": "CAUSAL-01"})
        if entry.judge(run(make_scenario(entry, settings))).status == VIOLATED:
            return
    pytest.fail("no seed shows the bug")


class Teller(Node):
    def on_start(self):
        self.observe("state", self.id)


@pytest.mark.parametrize(
    ("faults", "verdict"),
    [((), Verdict.ILLEGAL), ((Cut(source=0, target=1, **AT),), Verdict.UNKNOWN)],
)
def test_replicas_that_cannot_talk_are_not_found_to_have_diverged(faults, verdict):
    scenario = Scenario(
        name="telling",
        nodes=2,
        build=lambda node: Teller(),
        network=Network(),
        duration_ns=ms(50),
        observers=(Converges("state"),),
        faults=faults,
    )
    result = run(scenario)
    assert result.reports["Convergence"].verdict is verdict
    assert len(result.violations) == (verdict is Verdict.ILLEGAL)
