"""The scenarios `leases` and `leases-hunt`: the story, what fencing is for, the zoo's rows, one digest everywhere."""

import json
import secrets
from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import (
    ClogNode,
    Control,
    CorruptRecord,
    Crash,
    FillDisk,
    Heal,
    JumpClock,
    MendDisk,
    Network,
    Observation,
    Partition,
    Pause,
    Restart,
    Resume,
    SetLoss,
    Silence,
    TornCrash,
    UnclogNode,
    ms,
    seconds,
)
from simclock.actors import run
from simclock.actors.run import Placement
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.leases.bugs import BUGS as ROWS
from simclock.experiments.catalog.leases.progress import PROGRESS, LeaseProgress
from simclock.experiments.catalog.leases.scenario import PARAMETERS
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.telling.pictures import write_picture
from simclock.experiments.telling.recorded import recorded
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import Ground, ground_of, hunt, named, right_one
from simclock.protocols.leases import LeaseTable

EFFECTS = "Mutual Exclusion Of Effects"


def play(name="leases", seed=0, **settings):
    entry = entries()[name]
    result = run(make_scenario(entry, Settings(seed=seed, **settings)))
    return entry, result, {violation.property for violation in result.violations}


def lines_of(entry, result):
    return [line.split("  ", 1)[1].strip() for line in entry.story(result)]


def in_order(lines, *wanted):
    position = 0
    for text in wanted:
        found = next((at for at in range(position, len(lines)) if text in lines[at]), None)
        assert found is not None, f"{text!r} is not in {lines[position:]}"
        position = found + 1


@pytest.mark.parametrize("seed", [0, 7, pytest.param(secrets.randbits(32), id="fresh")])
def test_the_story_of_the_ten_second_pause(seed):
    entry, result, broken = play(seed=seed)
    assert broken == set() and entry.judge(result).status == VALID, f"seed {seed}"
    in_order(
        lines_of(entry, result),
        "[Client A] acquired the lock, token 101",
        "[Client A] stands still",
        "[Lease service] lease of token 101 expired",
        "[Client B] acquired the lock, token 102",
        "[Storage] write of Client B accepted: token 102",
        "[Client A] wakes up",
        "[Storage] write of Client A REJECTED: token 101 < 10",  # 102, or 103 if B has come again
        "[Client A] lost its lease, token 101",
    )
    pause, resume = result.faults
    assert resume.at_ns - pause.at_ns == seconds(10)


def test_without_fencing_there_is_a_double_write():
    entry, result, broken = play(parameters={"fencing": "off"})
    assert broken == {EFFECTS} and entry.judge(result).status == VIOLATED
    in_order(lines_of(entry, result), "wakes up", "write of Client A ACCEPTED: token 101 < 102")


def test_without_a_pause_nobody_needs_the_fence():
    for fencing in ("on", "off"):
        _, result, broken = play(parameters={"fencing": fencing, "trouble": "none"})
        assert broken == set() and result.reports["LeaseProperties"]["writes refused"] == 0


def test_a_stopped_clock():
    """The right holder notices; one that trusts it writes twice unless it is fenced off."""
    stopped = {"trouble": "stopped-clock"}
    for fencing in ("on", "off"):
        entry, result, broken = play(parameters={**stopped, "fencing": fencing})
        assert broken == set() and result.reports["LeaseProperties"]["stopped clocks noticed"] == 1
        in_order(lines_of(entry, result), "its clock stops", "its clock stands still", "token 102", "runs again")
    trusting = {**stopped, "bug": "PAPER-LEASE-2"}
    _, result, broken = play(parameters=trusting)
    assert broken == {"Believer Is Holder"} and result.reports["LeaseProperties"]["writes refused"] == 1
    assert play(parameters={**trusting, "fencing": "off"})[2] == {"Believer Is Holder", EFFECTS}


def test_a_partition_of_leader_and_holder():
    """The old leader renews nothing, the new one counts anew; what A sent before the partition arrives after it."""
    for seed in (0, secrets.randbits(32)):
        entry, result, broken = play(seed=seed, parameters={"trouble": "partition"})
        assert broken == set() and entry.judge(result).status == VALID, f"seed {seed}"
        in_order(
            lines_of(entry, result),
            "[Client A] acquired the lock, token 101",
            "and Client A | ",
            "what Client A sends to the store is held",
            "and counts every lease anew",
            "[Lease service] lease of token 101 expired",
            "[Client B] acquired the lock, token 102",
            "[Storage] write of Client B accepted: token 102",
            "[Network] the partition is over",
            "[Network] what Client A sends to the store arrives now",
            "[Storage] write of Client A REJECTED: token 101 < 10",
            "[Client A] lost its lease, token 101",
        )
        at_ns = {each.kind: each.at_ns for each in reversed(result.faults)}
        elected = [each.time_ns for each in recorded(result) if each.name == "leader"][1]
        expired = next(each.time_ns for each in recorded(result) if each.name == "lease" and each.value[1] == "expired")
        assert at_ns["partition"] < elected and expired > elected + seconds(5), (
            "the new leader counts from its election"
        )
    parameters = {"trouble": "partition", "fencing": "off"}
    assert play(parameters=parameters)[2] == {EFFECTS}


def test_a_failover_while_the_holder_stands_still():
    """No token is given twice, and the lease is counted anew: B waits for longer than without the crash."""
    waits = {}
    for trouble in ("pause", "failover"):
        entry, result, broken = play(parameters={"trouble": trouble})
        assert broken == set() and entry.judge(result).status == VALID
        waits[trouble] = next(each.time_ns for each in recorded(result) if each.name == "held" and each.value[1] == 102)
    assert waits["failover"] > waits["pause"] + seconds(1)
    leader = next(each.node for each in recorded(result) if each.name == "leader")
    in_order(
        lines_of(entry, result),
        "[Client A] stands still, with a write prepared",
        f"[Lease service] server {leader} crashes",
        "and counts every lease anew",
        f"[Lease service] server {leader} comes back",
        "[Lease service] lease of token 101 expired",
        "[Client B] acquired the lock, token 102",
        "[Client A] wakes up",
        "[Storage] write of Client A REJECTED: token 101 < 102",
    )
    assert result.reports["RaftProperties"]["leader_changes"] and result.reports["RaftProperties"]["restarts"]
    assert play(parameters={"trouble": "failover", "fencing": "off"})[2] == {EFFECTS}


@pytest.mark.parametrize(
    ("trouble", "bug", "told"),
    [
        ("jump", "PAPER-LEASE-3", "[Client A] its wall clock is set back by 10s"),
        ("drift", "PAPER-LEASE-8", "[Clocks] of the store, Client A and Client B: slow by 20 %"),
    ],
)
def test_a_clock_that_is_wrong_within_the_bound(trouble, bug, told):
    """The right holder stops writing before its lease is over; who counts on the wall clock, or too long, does not."""
    for seed in (0, secrets.randbits(32)):
        entry, result, broken = play(seed=seed, parameters={"trouble": trouble})
        assert broken == set() and entry.judge(result).status == VALID, f"seed {seed}"
        in_order(
            lines_of(entry, result),
            told,
            "what Client A sends to the lease service is lost",
            "lease of token 101 expired",
            "[Client B] acquired the lock, token 102",
        )
    assert play(parameters={"trouble": trouble, "bug": bug})[2] == {"Believer Is Holder"}


@pytest.mark.parametrize(
    ("blow", "said", "stays"),
    [
        (FillDisk(at_ns=ms(1500), node=3), "[Storage] halts: the disk is full", False),
        (CorruptRecord(at_ns=ms(1500), node=3), "[Storage] halts: a record cannot be read", True),
    ],
)
def test_a_store_that_cannot_keep_the_greatest_token_halts(blow, said, stays):
    """It acknowledges nothing, and is no handler's failure; a full disk that has been mended is as good as before."""
    mended = (MendDisk(at_ns=seconds(6), node=3), Restart(at_ns=seconds(6), node=3))
    entry, result, broken = play(faults=(blow, *mended), seed=1)
    assert broken == set()
    in_order(lines_of(entry, result), said, "[the store] comes back")
    times = [each.time_ns for each in recorded(result) if each.name == "accepted"]
    halted_ns = next(each.time_ns for each in recorded(result) if each.name == "halted")
    assert not [time_ns for time_ns in times if halted_ns <= time_ns < seconds(6)]
    assert (times[-1] < seconds(6)) == stays


def test_what_strikes_a_server_is_told_of_the_server():
    faults = (Pause(at_ns=ms(500), node=1), Resume(at_ns=ms(600), node=1), JumpClock(at_ns=ms(700), node=3, by_ns=5))
    entry, result, _ = play(faults=faults, duration_ns=seconds(1))
    in_order(
        lines_of(entry, result),
        "[Lease service] server 1 stands still",
        "[Lease service] server 1 wakes up",
        "[the store] its wall clock is set forward by 5ns",
    )


def test_a_nemesis_strikes_the_lease_servers_and_rots_a_minority_of_them():
    for seed in range(5):
        rotten, crashed = (
            {fault.node for fault in make_scenario(entries()["leases"], Settings(seed=seed, nemesis=nemesis)).faults}
            for nemesis in ("rot", "crash")
        )
        assert len(rotten) == 1 and rotten < crashed == {0, 1, 2}


def test_a_leader_that_crashed_leads_nothing_to_give_up():
    """It comes back, and hears of the term of another."""
    first = play(seed=1, faults=())[1]
    (leader, *_) = [each.node for each in recorded(first) if each.name == "leader"]
    crash = (Crash(at_ns=seconds(2), node=leader), Restart(at_ns=seconds(6), node=leader))
    entry, result, _ = play(seed=1, faults=crash)
    lines = lines_of(entry, result)
    in_order(lines, f"server {leader} leads, term", f"server {leader} crashes", "leads, term", "comes back")
    assert any(each.name == "started" and each.time_ns == seconds(6) for each in recorded(result))
    # Had it stood for election before it heard of that term, it would say that it follows.
    heard = Observation(seconds(6) + ms(300), leader, 0, "follower", 9)
    told = result._replace(reports={**result.reports, "Recorded": (*recorded(result), heard)})
    assert not [line for line in lines_of(entry, told) if "leads no more" in line]


def test_what_strikes_nothing_is_not_told_and_the_rest_is():
    faults = (
        Restart(at_ns=ms(100), node=0),
        Crash(at_ns=ms(200), node=0),
        TornCrash(at_ns=ms(300), node=0),
        Silence(at_ns=ms(400), groups=((1,), (2,))),
        Partition(at_ns=ms(500), groups=((1,), (2,))),
        Heal(at_ns=ms(600)),
        ClogNode(at_ns=ms(700), node=3),
        UnclogNode(at_ns=ms(800), node=3),
        SetLoss(at_ns=ms(900), loss=0.25, duplication=0.0),
        Restart(at_ns=ms(950), node=0),
    )
    entry, result, _ = play(seed=6, faults=faults, duration_ns=seconds(1))
    struck = [line.split(" s  ")[-1] for line in lines_of(entry, result) if "leads" not in line]
    assert struck == [
        "[Lease service] server 0 crashes",
        "[Network] server 1 | server 2: nobody hears the groups after its own, which hear it",
        "[Network] server 1 | server 2: no side hears the other",
        "[Network] heals: nothing is cut or held any more",
        "[the store] sends and hears nothing: its messages are held",
        "[the store] sends and hears again: its messages arrive now",
        "[Environment] set-loss 0.25, duplication 0",
        "[Lease service] server 0 comes back",
    ]


def test_who_halted_is_down_and_comes_back():
    """The store halts on its full disk: a crash after that strikes nothing, the restart does."""
    blows = (FillDisk(at_ns=ms(500), node=3), Crash(at_ns=seconds(4), node=3), Restart(at_ns=seconds(5), node=3))
    entry, result, _ = play(seed=1, faults=blows, duration_ns=seconds(6))
    lines = lines_of(entry, result)
    in_order(lines, "[Environment] fill-disk node 3", "[Storage] halts: the disk is full", "[the store] comes back")
    assert not any("[the store] crashes" in line for line in lines)


def test_a_longer_lease_outlives_the_pause():
    entry, result, broken = play(parameters={"term": "15s"})
    assert broken == set() and not any("expired" in line for line in lines_of(entry, result))
    assert result.reports["LeaseProperties"]["writes refused"] == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"duration_ns": 1}, "nobody held a lease"),
        ({"network": Network(loss=1.0)}, "nobody held a lease"),
        ({"duration_ns": ms(900)}, "the store took no write"),
    ],
)
def test_a_run_that_reaches_nothing_is_not_valid(settings, said):
    entry, result, broken = play(**settings)
    verdict = entry.judge(result)
    assert broken == set() and verdict.status == UNKNOWN and verdict.lines[0].startswith(said), verdict


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("leases", "--set", "fencing=maybe"), "fencing: unknown choice 'maybe': use on or off"),
        (("leases", "--set", "trouble=storm"), "trouble: unknown trouble 'storm': use pause, stopped-clock, jump, "),
        (("leases", "--set", "term=5"), "term: cannot read '5' as a time: write it as \"5ms\""),
        (("leases", "--set", "term=50ms"), "lease.guard: 100ms leaves nothing of a lease of 50ms"),
        (("leases-hunt", "--set", "bug=LEASE-1"), "bug: unknown bug 'LEASE-1'"),
        (("failure-detectors", "--set", "model=fog"), "model: unknown network 'fog'"),
        (("failure-detectors", "--set", "heartbeat=0"), "heartbeat: 0 is too short: 1 ms or more"),
        (("failure-detectors", "--nodes", "1"), "nodes: 1 is too few: a monitor and somebody to watch"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert message in result.output, result.output


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    entry, result, _ = play()
    pictures = [tmp_path / name for name in ("one.svg", "two.svg")]
    for path in pictures:
        write_picture(path, lambda axes: entry.plot(result, axes))
    text = pictures[0].read_text()
    assert pictures[1].read_text() == text and "token 101" in text and len(text) < 60_000


# The hunt.

FOUND_FROM = {
    "LEASE-01": 40,
    "LEASE-02": 3,
    "LEASE-02b": 15,
    "LEASE-07": 1,
    "PAPER-LEASE-1": 1,
    "PAPER-LEASE-2": 14,
    "PAPER-LEASE-3": 15,
    "PAPER-LEASE-4": 0,
    "PAPER-LEASE-5": 40,
    "PAPER-LEASE-6L": 0,
    "PAPER-LEASE-7": 17,
    "PAPER-LEASE-8": 5,
}
"""Where a hunt begins, so that it is short: the rows are found from anywhere, as `simclock zoo` shows."""


@pytest.mark.parametrize("row", [bug.id for bug in ROWS])
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, FOUND_FROM[row], 40)
    assert found.found is not None, found.others
    ground = ground_of(BUGS[row])
    assert ground.scenario == ("leases-drift-hunt" if row == "PAPER-LEASE-8" else "leases-hunt")
    assert BUGS[row].property in named(ground, found.found, BUGS[row])
    assert right_one(ground, found.tried) == []


def test_the_right_protocol_passes_fresh_seeds():
    first = secrets.randbits(32)
    assert right_one(Ground("leases-hunt", None), range(first, first + 12)) == []


@pytest.mark.slow
def test_the_hunt_reaches_what_it_is_for():
    entry = entries()["leases-hunt"]
    reached = dict.fromkeys(entry.sometimes(play("leases-hunt")[1]), 0)
    for seed in range(30):
        for name, count in entry.sometimes(play("leases-hunt", seed)[1]).items():
            reached[name] += count > 0
    assert all(reached.values()), reached


def test_the_table_refuses_what_a_deposed_leader_measured():
    """The two halves of LEASE-02: where the command names the renewal, an old leader that measures on harms nobody."""
    entry, bug = entries()["leases-hunt"], BUGS["LEASE-02"]
    assert bug.parts["table"] is not LeaseTable
    half = replace(entry, bugs={bug.id: replace(bug, parts={"server": bug.parts["server"]})})
    ground = Ground("leases-hunt", None)
    for seed in range(3, 18):
        assert not run(make_scenario(half, ground.settings(seed, bug))).violations


@pytest.mark.parametrize(
    ("moments", "broken"), [((), True), ((ms(99),), True), ((ms(100),), False), ((ms(99), ms(151)), True)]
)
def test_progress_is_a_write_in_time(moments, broken):
    """Healed at 100 ms, due 50 ms later."""
    progress, control = LeaseProgress(ms(50), ms(100)), Control(1)
    for control.now_ns in moments:
        progress.on_observation(Observation(control.now_ns, 3, 1, "accepted", None), control)
    control.now_ns = ms(200)
    progress.on_finish(control)
    assert [violation.property for violation in control.violations] == [PROGRESS] * broken


def test_the_lock_is_granted_again_once_all_has_healed():
    for seed in range(4):
        _, result, broken = play("leases-hunt", seed, liveness_ns=seconds(6))
        assert broken == set() and result.reports["LeaseProgress"]["written_after_ns"] is not None


def test_rows_are_classes_of_their_own():
    assert len({bug.wrong for bug in ROWS}) == len(ROWS) and all(bug.source for bug in ROWS)
    for bug in ROWS:
        assert bug.id in (bug.wrong.__doc__ or ""), bug.id


# One digest.


@pytest.mark.parametrize("seed", [0, 3])
def test_the_story_is_the_same_everywhere(same_everywhere, seed):
    result = same_everywhere(make_scenario(entries()["leases"], Settings(seed=seed, duration_ns=seconds(14))))
    assert result.reports["LeaseProperties"]["writes refused"] == 1


@pytest.mark.parametrize("trouble", ["partition", "failover"])
def test_what_befalls_the_service_is_the_same_everywhere(same_everywhere, trouble):
    settings = Settings(seed=3, duration_ns=seconds(14), parameters={"trouble": trouble})
    assert same_everywhere(make_scenario(entries()["leases"], settings)).reports["LeaseProperties"]["writes refused"]


@pytest.mark.parametrize("seed", [14, pytest.param(secrets.randbits(32), id="fresh")])
def test_the_hunt_is_the_same_everywhere(same_everywhere, seed):
    same_everywhere(make_scenario(entries()["leases-hunt"], Settings(seed=seed, duration_ns=seconds(2))))


def test_the_detectors_are_the_same_everywhere(same_everywhere):
    settings = Settings(seed=5, nodes=4, duration_ns=seconds(60), parameters={"model": "slow-spells"})
    assert same_everywhere(make_scenario(entries()["failure-detectors"], settings)).reports["Recorded"]


@pytest.mark.ray
def test_the_story_on_ray(ray):
    scenario = make_scenario(entries()["leases"], Settings(duration_ns=ms(3500), parameters={**PARAMETERS}))
    assert run(scenario, Placement(kind="ray", hosts=2)).digest == run(scenario).digest


def test_the_report_as_json_has_the_counts():
    result = CliRunner().invoke(main, ["run", "leases", "--format", "json"])
    assert result.exit_code == 0
    assert "writes refused" in json.dumps(json.loads(result.output))
