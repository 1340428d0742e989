"""Trouble drawn from the seed: what is drawn, that it heals, that it is the same everywhere, and that it is counted."""

from dataclasses import replace

import pytest

from simclock import (
    AddDelay,
    Clog,
    CorruptRecord,
    Crash,
    Cut,
    FillDisk,
    HandlerError,
    Heal,
    JumpClock,
    MendDisk,
    Network,
    Note,
    Observer,
    Partition,
    Pause,
    Restart,
    Resume,
    Scenario,
    SetCorruption,
    SetDrift,
    SetLoss,
    StopClock,
    SwizzleClog,
    TornCrash,
    Unclog,
    UsageError,
    ms,
    parse_duration,
    seconds,
)
from simclock.actors import Message, Node, run
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.progress import PROGRESS
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID, VIOLATED, Verdict
from simclock.experiments.nemesis import Prey, coverage, draw_plan, healed_ns, parse_nemesis, phase
from simclock.experiments.nemesis.coverage import sometimes_text
from simclock.experiments.nemesis.episodes import HARSH, KINDS, NEVER_DRAWN
from simclock.experiments.nemesis.hunters import HUNTERS
from simclock.experiments.nemesis.liveness import recovery
from simclock.experiments.runs.report import Report, report_of, report_text
from simclock.experiments.scenario_files.file import settings_from_toml
from simclock.faults import FAULTS, Mend, check_faults, written_out

PREY = Prey(servers=(0, 1, 2, 3, 4), rhythm_ns=ms(100))
END_NS = seconds(10)


def drawn(text, seed=0):
    return draw_plan(text, seed, PREY, Network(), END_NS)


def made(seed=0, name="raft-hunt", **settings):
    return make_scenario(entries()[name], Settings(seed=seed, **settings))


def test_every_fault_there_is_is_drawn_or_says_why_it_is_not():
    drawn_kinds = {type(fault) for kind in KINDS | HARSH for seed in range(4) for fault in drawn(kind, seed).faults}
    assert drawn_kinds.isdisjoint(NEVER_DRAWN), "what is drawn does not stand in the list"
    assert drawn_kinds | NEVER_DRAWN.keys() == set(FAULTS.values())


@pytest.mark.parametrize("kind", [*KINDS, *HARSH])
def test_a_kind_draws_faults_that_can_be_carried_out_and_end_in_time(kind):
    plan = drawn(kind)
    assert plan.faults and tuple(plan.hardness) == (kind,)
    assert all(fault.at_ns < END_NS for fault in plan.faults)
    assert list(plan.faults) == sorted(plan.faults, key=lambda fault: fault.at_ns)
    check_faults(plan.faults, 5)


def test_a_seed_draws_the_same_plan_and_another_seed_another():
    assert drawn("swarm").faults == drawn("swarm").faults
    assert drawn("mix", 1).faults != drawn("mix", 2).faults


def test_switching_a_kind_on_moves_no_other():
    alone = list(drawn("crash").faults)
    both = [fault for fault in drawn("crash+loss").faults if isinstance(fault, Crash | Restart)]
    assert alone == both


def test_a_swarm_draws_which_kinds_are_on_and_how_hard():
    plans = [drawn("swarm", seed).hardness for seed in range(60)]
    assert len({tuple(plan) for plan in plans}) > 40
    assert {kind for plan in plans for kind in plan} == {*KINDS, *HUNTERS}
    assert {hardness for plan in plans for hardness in plan.values()} == {1, 2, 4}


def test_a_mix_has_every_kind_but_the_harsh():
    assert set(drawn("mix").hardness) == set(KINDS)


@pytest.mark.parametrize("seed", range(8))
def test_on_request_a_majority_stays_able(seed):
    text = "crash+pause+majority"
    disabled = set()
    most = 0
    for fault in drawn(text, seed).faults:
        if isinstance(fault, Crash | Pause):
            disabled.add(fault.node)
        elif isinstance(fault, Restart | Resume):
            disabled.discard(fault.node)
        most = max(most, len(disabled))
    assert 1 <= most <= 2


def test_without_the_request_all_may_be_down():
    down, most = set(), 0
    for fault in (fault for seed in range(8) for fault in drawn("crash", seed).faults):
        (down.discard if isinstance(fault, Restart) else down.add)(fault.node)
        most = max(most, len(down))
    assert most == 5


def test_links_that_are_cut_or_clogged_come_back():
    for fault_type, mend_type in ((Cut, Mend), (Clog, Unclog)):
        faults = drawn("one-way+clog").faults
        struck = [(fault.source, fault.target) for fault in faults if type(fault) is fault_type]
        mended = [(fault.source, fault.target) for fault in faults if type(fault) is mend_type]
        assert struck and len(struck) - len(mended) <= 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("crush", "did you mean 'crash'"),
        ("majority", "swarm+majority"),
        ("none+crash", "goes with nothing else"),
        ("", "unknown kind of trouble"),
    ],
)
def test_a_nemesis_that_makes_no_sense(text, said):
    with pytest.raises(UsageError, match=said.replace("+", r"\+")):
        parse_nemesis(text)


def test_liveness_needs_time_and_a_meaning():
    with pytest.raises(UsageError, match="too short"):
        made(liveness_ns=seconds(1))
    with pytest.raises(UsageError, match="does not say what progress is"):
        made(name="phold", duration_ns=seconds(1), liveness_ns=seconds(1))


def test_the_plan_is_the_same_on_every_placement():
    """Hunters, too: the swarm of this seed has some."""
    seed = next(seed for seed in range(50) if len(set(drawn("swarm", seed).hardness) & {*HUNTERS}) > 2)
    here, again = run(made(seed)), run(made(seed))
    assert here.digest == again.digest and here.faults == again.faults
    assert here.reports["Hunter"] and sum(here.reports["Hunter"].values()) > 0


@pytest.mark.slow
def test_the_digest_under_a_swarm_is_the_same_on_ray():
    from simclock.actors.run import Placement

    scenario = made(7, duration_ns=ms(500))
    inline, ray = run(scenario), run(scenario, Placement(kind="ray", hosts=2))
    assert (inline.digest, inline.faults) == (ray.digest, ray.faults)


def test_what_happened_replays_as_a_plan_without_the_hunters():
    result = run(made(3))
    faults = result.faults
    again = run(made(3, nemesis="none", faults=faults))
    assert again.counters == result.counters and again.reports["RaftProperties"] == result.reports["RaftProperties"]


def test_faults_of_the_users_take_the_place_of_the_entrys_nemesis_and_stand_beside_his_own():
    mine = (Crash(at_ns=ms(5), node=0),)
    assert made(faults=mine).faults == mine
    both = made(faults=mine, nemesis="loss").faults
    assert set(mine) < set(both)
    assert made(name="raft-kv", nemesis="none").faults == made(name="raft-kv").faults


def test_the_phases_and_progress():
    scenario = made(5, liveness_ns=seconds(5))
    result = run(scenario)
    assert result.violations == () and result.virtual_ns == seconds(9)
    assert healed_ns(result.faults) == seconds(4)
    assert [phase(result.faults, time_ns) for time_ns in (0, seconds(4))] == ["safety phase", "liveness phase"]
    assert phase((), 0) == ""
    assert result.reports["RaftProgress"]["commit_after_ns"] > 0


def test_no_progress_is_told_with_the_phase():
    """After everything has healed, two of three servers are taken down for good."""
    entry = entries()["raft-hunt"]
    scenario = make_scenario(entry, Settings(seed=5, nodes=3, nemesis="none", liveness_ns=seconds(5)))
    crashes = tuple(Crash(at_ns=seconds(4) + 1, node=node) for node in (0, 1))
    result = run(replace(scenario, faults=(*scenario.faults, *crashes)))
    assert [violation.property for violation in result.violations] == [PROGRESS]
    assert "(liveness phase)" in report_text(report_of(entry, result))


def test_coverage_counts_what_took_effect():
    faults = (
        Crash(at_ns=ms(10), node=0),
        Crash(at_ns=ms(20), node=0),
        Restart(at_ns=ms(30), node=0),
        Restart(at_ns=ms(40), node=0),
        Resume(at_ns=ms(50), node=1),
    )
    counts = coverage(run(made(nodes=3, faults=faults)))
    assert counts["crash"] == counts["restart"] == 1 and "resume" not in counts and "halts" not in counts


def test_coverage_knows_who_has_ended_itself():
    """Both servers that are left stand for election within 200 ms, and find no room to write down their votes."""
    faults = (
        FillDisk(at_ns=0, node=1),
        FillDisk(at_ns=0, node=2),
        Crash(at_ns=ms(1), node=0),
        Crash(at_ns=ms(500), node=1),
        Restart(at_ns=ms(600), node=1),
    )
    counts = coverage(run(made(nodes=3, faults=faults, nemesis="none", duration_ns=ms(601))))
    assert counts == {"fill-disk": 2, "crash": 1, "halts": 2, "restart": 1} | {
        name: count for name, count in counts.items() if name.startswith(("dropped", "duplicated"))
    }


def test_of_disks_only_a_minority_rots():
    for seed in range(20):
        rotten = {fault.node for fault in drawn("rot", seed).faults}
        assert len(rotten) <= 2 and all(isinstance(fault, CorruptRecord) for fault in drawn("rot", seed).faults)


def test_of_who_halts_on_what_is_torn_only_a_minority_is_lost():
    """One set for all that cannot be mended. Who takes a torn record for none is torn and comes back as before."""
    sturdy = replace(PREY, withstands=("rot",))
    all_torn = 0
    for seed in range(20):
        for nemesis in ("torn", "torn+rot", "torn+rot+crash+majority"):
            faults = draw_plan(nemesis, seed, sturdy, Network(), END_NS).faults
            assert len({each.node for each in faults if isinstance(each, TornCrash | CorruptRecord)}) <= 2, nemesis
        all_torn += len({each.node for each in drawn("torn", seed).faults}) > 2
    assert all_torn > 5


@pytest.mark.slow
def test_torn_crashes_leave_the_right_raft_a_majority():
    entry = entries()["raft-hunt"]
    torn = 0
    for seed in (*range(7), 17):
        settings = Settings(seed=seed, nemesis="torn", liveness_ns=seconds(20))
        result = run(make_scenario(entry, settings))
        assert not result.violations, f"seed {seed}"
        torn += len(result.halts) > 0
    assert torn


def test_who_stopped_for_want_of_room_is_started_when_there_is_some():
    faults = drawn("full-disk").faults
    mended = [(fault.at_ns, fault.node) for fault in faults if isinstance(fault, MendDisk)]
    assert mended and mended == [(fault.at_ns, fault.node) for fault in faults if isinstance(fault, Restart)]


def test_a_swarm_draws_of_the_harsh_kinds_those_that_the_protocol_withstands():
    sturdy = replace(PREY, withstands=("rot", "full-disk"))
    plans = [draw_plan("swarm", seed, sturdy, Network(), END_NS) for seed in range(60)]
    assert {kind for plan in plans for kind in plan.hardness} == {*KINDS, *HUNTERS, "rot", "full-disk"}
    for seed, plan in enumerate(plans):
        usual = {kind: hardness for kind, hardness in plan.hardness.items() if kind not in HARSH}
        assert usual == drawn("swarm", seed).hardness, "their luck moves no other"


def gossip(faults):
    return made(name="phold", nodes=3, duration_ns=ms(400), network=Network(), faults=faults)


def test_a_fault_that_changes_nothing_has_not_happened(same_everywhere):
    """What a liveness phase mends where nothing is wrong, and every fault of what is so already."""
    mends = recovery(Prey(servers=(0, 1, 2), rhythm_ns=ms(10)), Network(), ms(5))
    again = (
        Cut(at_ns=ms(6), source=0, target=1),
        Clog(at_ns=ms(6), source=1, target=0),
        Pause(at_ns=ms(6), node=2),
        StopClock(at_ns=ms(6), node=1),
        SetDrift(at_ns=ms(6), node=0, drift_ppb=7),
        FillDisk(at_ns=ms(6), node=0),
        SetLoss(at_ns=ms(6), loss=0.5),
        AddDelay(at_ns=ms(6), delay_ns=3),
        Partition(at_ns=ms(6), groups=((0,), (1, 2))),
    )
    never = (
        CorruptRecord(at_ns=ms(7), node=1),
        Partition(at_ns=ms(7), groups=((0, 1, 2),)),
        JumpClock(at_ns=ms(7), node=1, by_ns=0),
        Note(at_ns=ms(7), text="nothing"),
    )
    result = same_everywhere(gossip((*mends, *again, *again, *never[:1], *never[2:])))
    kinds = {name: count for name, count in coverage(result).items() if name in FAULTS}
    assert kinds == {fault.kind: 1 for fault in again}
    assert coverage(same_everywhere(gossip((*mends, *never)))) == {}


def test_what_faults_did_to_messages_is_counted(same_everywhere):
    faults = (
        SetCorruption(at_ns=ms(1), detected=0.0, undetected=0.5),
        Clog(at_ns=ms(2), source=0, target=1),
        Pause(at_ns=ms(2), node=2),
        Heal(at_ns=ms(300)),
        Resume(at_ns=ms(300), node=2),
    )
    counts = coverage(same_everywhere(gossip(faults)))
    assert counts["held by clogs"] and counts["waited at nodes"] and counts["corrupted"]


SHORT_NS = {
    "phold": ms(200),
    "ping-pong": ms(200),
    "timers": ms(200),
    "raft-kv-wan": seconds(5),
    "deadlocks": seconds(2),
}
"""How long those run that would take long."""


def under(name, kind, seed=0):
    """The verdict of a run under that kind of trouble; empty where the protocol's code failed."""
    entry = entries()[name]
    scenario = make_scenario(entry, Settings(seed=seed, nemesis=kind, duration_ns=SHORT_NS.get(name)))
    try:
        return report_of(entry, run(scenario)).status
    except HandlerError:
        sturdy = entry.prey(scenario).withstands if entry.prey else ()
        assert kind in HARSH and kind not in sturdy, f"{name} under {kind}"
        assert f"{kind} x2 (not withstood)" in scenario.parameters["drawn"]
        return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", list(entries()))
def test_no_entry_ends_as_bad_usage_under_any_kind_of_trouble(name):
    for kind in (*KINDS, *HARSH, *HUNTERS, "mix", "swarm"):
        under(name, kind)


@pytest.mark.parametrize("kind", ["crash", "torn", "pause", "loss", "full-disk"])
def test_small_entries_bear_trouble(kind):
    statuses = {name: under(name, kind) for name in ("crdt-hunt", "clock-laws", "deadlocks-hunt", "dynamo-quorum-hunt")}
    assert VIOLATED not in statuses.values()
    assert ("" in statuses.values()) == (kind == "full-disk")


def test_what_cannot_be_read_after_unseen_damage_is_no_bad_usage():
    class Reading(Node):
        def on_start(self):
            self.send(1 - self.id, Lasts("5ms"))

        def on_message(self, source, message):
            parse_duration(message.time, "time")

    scenario = Scenario(
        name="reading",
        nodes=2,
        build=lambda node: Reading(),
        network=Network(undetected_corruption=1.0),
        duration_ns=ms(50),
    )
    failed = 0
    for seed in range(20):
        try:
            run(replace(scenario, seed=seed))
        except HandlerError as error:
            failed += "cannot read" in error.failure.error or "no unit" in error.failure.error
    assert failed


def test_an_empty_run_is_visible():
    assert sometimes_text({"elections": 3, "committed": 0}) == "3 elections; never: committed"
    entry = entries()["raft-hunt"]
    result = run(make_scenario(entry, Settings(nodes=3, nemesis="none", duration_ns=ms(20))))
    assert "never: elections, leaders" in report_text(report_of(entry, result))


class Lasts(Message):
    time: str


class Quitting(Node):
    def on_start(self):
        self.halt("enough")


def test_a_run_whose_nodes_end_themselves_shows_it():
    scenario = Scenario(name="quitting", nodes=2, build=lambda _: Quitting(), network=Network(), duration_ns=ms(5))
    result = run(scenario)
    text = report_text(
        Report(result=result, rows=(), verdict=Verdict(status=VALID, lines=()), covered=coverage(result))
    )
    assert "took effect   2 halts" in text


def test_links_that_are_all_between_one_node_cannot_be_injected():
    class Meddling(Observer):
        def on_observation(self, observation, control):
            control.inject(self.fault)

    scenario = Scenario(name="quitting", nodes=1, build=lambda _: Quitting(), network=Network(), duration_ns=ms(5))
    for fault, said in (
        (SwizzleClog(at_ns=0, lasts_ns=ms(1), links=True), "swizzle-clog: links between 1 nodes: take 2 to 256"),
        (Crash(at_ns=0, node=1), "crash: node 1 is out of range: nodes are 0 to 0"),
    ):
        observer = type("Meddler", (Meddling,), {"fault": fault})
        with pytest.raises(UsageError, match=f"an observer injected {said}"):
            run(replace(scenario, observers=(observer,)))


def test_equal_swizzles_are_drawn_each_for_itself():
    swizzle = SwizzleClog(at_ns=ms(1), lasts_ns=ms(20))
    plan = written_out((swizzle, Heal(at_ns=ms(2)), swizzle), 7, 9)
    middle = plan.index(Heal(at_ns=ms(2)))
    first, second = plan[:middle], plan[middle + 1 :]
    assert first == written_out((swizzle,), 7, 9), "the first as if it were alone"
    assert second and second != first


def test_a_start_that_ends_itself_has_taken_effect():
    scenario = Scenario(
        name="quitting",
        nodes=1,
        build=lambda _: Quitting(),
        network=Network(),
        duration_ns=ms(5),
        faults=(Restart(at_ns=ms(1), node=0), Restart(at_ns=ms(2), node=0)),
    )
    assert coverage(run(scenario)) == {"restart": 2, "halts": 3}


def test_files_name_a_nemesis(tmp_path):
    document = {"scenario": "raft-kv", "nemesis": "swarm", "liveness": "20s"}
    _, settings = settings_from_toml(document, "mine.toml", tmp_path)
    assert (settings.nemesis, settings.liveness_ns) == ("swarm", seconds(20))
    with pytest.raises(UsageError, match="nemesis: unknown"):
        settings_from_toml({"scenario": "raft-kv", "nemesis": "swam!"}, "mine.toml", tmp_path)
