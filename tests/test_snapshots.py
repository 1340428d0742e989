"""Global snapshots: channels, cuts and money; checkers that can fail; failures that are told; rows of the zoo."""

from dataclasses import replace
from functools import partial

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some

from simclock import (
    Control,
    Crash,
    Network,
    Observation,
    Partition,
    Restart,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.snapshots.bugs import BUGS
from simclock.experiments.catalog.snapshots.scenario import ALGORITHMS
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.experiments.zoo.hunt import hunt
from simclock.protocols.snapshots import (
    ChandyLamport,
    Cuts,
    Incoming,
    LaiYang,
    Outgoing,
    SnapshotEnds,
    SnapshotSettings,
)

# Channels.


@given(some.lists(some.integers(0, 6), max_size=40))
def test_a_fifo_channel_gives_everything_once_and_in_order(numbers):
    channel, given_back = Incoming(True), []
    for number in numbers:
        kept = Incoming(True, *channel.state())
        delivered = channel.receive(number, f"m{number}")
        assert kept.receive(number, f"m{number}") == delivered, "what is kept on disk is all there is"
        given_back += delivered
    arrived = set(numbers)
    prefix = next(number for number in range(8) if number not in arrived)
    assert given_back == [f"m{number}" for number in range(prefix)]


@given(some.lists(some.integers(0, 6), max_size=40))
def test_a_channel_that_is_not_fifo_gives_everything_once_and_at_once(numbers):
    channel = Incoming(False)
    given_back = [payload for number in numbers for payload in channel.receive(number, number)]
    assert given_back == list(dict.fromkeys(numbers))
    assert all(channel.has(number) for number in numbers) and not channel.has(7)


def test_what_is_not_acknowledged_is_kept():
    channel = Outgoing()
    assert [channel.send("a"), channel.send("b")] == [0, 1]
    assert channel.acknowledge(0) and not channel.acknowledge(0)
    assert Outgoing(*channel.state()).unacknowledged == {1: "b"} and Outgoing(*channel.state()).send("c") == 2


# Runs.


DURATION_NS = ms(1500)


def scenario(kind, seed, *, nodes=3, loss=0.1, faults=(), duration_ns=DURATION_NS, **settings):
    chosen = SnapshotSettings(**{"snapshot_ns": ms(400), "timeout_ns": ms(500), **settings})
    return Scenario(
        name="snapshots",
        seed=seed,
        nodes=nodes,
        build=lambda node: kind(chosen),
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(20)), loss=loss, duplication=loss),
        observers=(partial(Cuts, nodes, nodes * chosen.balance), partial(SnapshotEnds, seconds(1))),
        faults=faults,
    )


KINDS = [ChandyLamport, LaiYang]


@pytest.mark.parametrize("kind", KINDS)
def test_every_snapshot_is_a_consistent_cut_and_money_is_conserved(kind):
    at_once = under_way = 0
    for seed in range(6):
        result = run(scenario(kind, seed, nodes=2 + seed % 4, loss=0.2 * (seed % 2)))
        assert result.violations == (), f"seed {seed}: {result.violations[0]}"
        told = result.reports["Cuts"]
        assert told["complete"] > 0 and told["failed"] == 0, f"seed {seed}"
        at_once, under_way = max(at_once, told["at_once_max"]), under_way + told["under_way"]
    assert at_once > 1 and under_way > 50


@pytest.mark.parametrize("kind", KINDS)
def test_the_cut_by_definition_from_the_trace(kind):
    """No transfer is sent after its sender recorded and received before its receiver did: read from the trace."""
    trace = []
    run(scenario(kind, 3, nodes=4), trace=trace.append)
    observed = [(record.node, *record.detail) for record in trace if record.what == "observe"]
    place = {}  # (node, what) -> its position in the trace
    for position, (node, name, value) in enumerate(observed):
        if name == "recorded":
            place[node, value[0]] = position
    ended = [value[0] for _, name, value in observed if name == "complete"]
    sent = {}
    checked = crossing = 0
    for position, (node, name, value) in enumerate(observed):
        if name == "sent":
            sent[node, value[0], value[1]] = position
        elif name == "received":
            left = sent[value[0], node, value[1]]
            for snapshot in ended:
                if position < place[node, snapshot]:
                    assert left < place[value[0], snapshot]
                    checked += 1
                elif left < place[value[0], snapshot]:
                    crossing += 1
    assert len(ended) >= 3 and checked > 100 and crossing > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_that_stays_fails_every_snapshot_from_then_on(kind):
    made = scenario(kind, 1, faults=(Crash(at_ns=ms(100), node=2),), duration_ns=seconds(3))
    result = run(replace(made, observers=(*made.observers[:1], partial(Recorded, ("initiated", "complete", "failed")))))
    told = result.reports["Cuts"]
    assert told["failed"] > 3 and told["complete"] <= 1 and result.violations == ()
    ended = {each.value[0] for each in recorded(result) if each.name != "initiated"}
    for each in recorded(result):
        if each.name == "initiated" and each.node != 2 and each.time_ns < ms(2400):
            assert each.value[0] in ended, "whoever is up ends what it began"


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_that_heals_costs_no_money(kind):
    faults = tuple(
        fault
        for at in range(50, 1400, 130)
        for fault in (Crash(at_ns=ms(at), node=at % 3), Restart(at_ns=ms(at + 30), node=at % 3))
    )
    failed = 0
    for seed in range(2):
        result = run(scenario(kind, seed, faults=faults, snapshot_ns=ms(100), duration_ns=seconds(2)))
        assert result.violations == (), f"seed {seed}: {result.violations[0]}"
        assert result.reports["Cuts"]["complete"] > 5
        failed += result.reports["Cuts"]["failed"]
    assert failed > 1, "some lost their part, and said so"


@pytest.mark.parametrize("kind", KINDS)
def test_who_takes_part_forgets_what_its_initiator_never_ends(kind):
    """Node 0 is down for good when some of its snapshots are under way: nobody says that they have failed."""
    crash = (Crash(at_ns=ms(700), node=0),)
    cut_short = 0
    for seed in range(4):
        made = scenario(kind, seed, loss=0.4, faults=crash, snapshot_ns=ms(60), timeout_ns=ms(300))
        short = run(replace(made, duration_ns=ms(740), final=lambda node: tuple(node.recordings))).final
        cut_short += any(snapshot[0] == 0 for node in (1, 2) for snapshot in short[node])
        left = run(replace(made, final=lambda node: tuple(node.recordings))).final
        assert not any(snapshot[0] == 0 for node in (1, 2) for snapshot in left[node]), f"seed {seed}: {left}"
    assert cut_short, "some were under way"


def test_a_partition_fails_a_snapshot_and_it_does_not_hang():
    faults = (Partition(at_ns=ms(1), groups=((0,), (1, 2))),)
    told = run(scenario(ChandyLamport, 1, faults=faults)).reports["Cuts"]
    assert told["complete"] == 0 and told["failed"] > 0


def test_the_same_seed_everywhere(same_everywhere):
    for kind in KINDS:
        result = same_everywhere(scenario(kind, 5, duration_ns=ms(700)))
        assert result.reports["Cuts"]["complete"] > 0


@pytest.mark.slow
@pytest.mark.ray
def test_the_same_on_ray(ray):
    from simclock.actors import Placement

    made = make_scenario(entries()["snapshots-hunt"], Settings(seed=3, duration_ns=ms(500)))
    assert run(made, Placement(kind="ray", nodes_per_actor=2)).digest == run(made).digest


# The checkers, on what nobody should see.


def judged(observer, *told, end_ns=None):
    control = Control(ms(1))
    for time_ns, node, name, value in told:
        control.now_ns = time_ns
        observer.on_observation(Observation(time_ns, node, 0, name, value), control)
    control.now_ns = control.now_ns if end_ns is None else end_ns
    observer.on_finish(control)
    return [violation.property for violation in control.violations]


S = (0, 0)
BEGIN = (1, 0, "initiated", (S,))


def cut(node, time_ns):
    return (time_ns, node, "recorded", (S, 0))


def complete(states, *channels):
    return (9, 0, "complete", (S, tuple(enumerate(states)), channels))


def test_an_inconsistent_cut_is_seen():
    """Sent after node 0 recorded, received before node 1 did."""
    run_of = (BEGIN, cut(0, 2), (3, 0, "sent", (1, 0, 5)), (4, 1, "received", (0, 0, 5)), cut(1, 5))
    assert "Consistent Cut" in judged(Cuts(2, 20), *run_of, complete((10, 15), (0, 1, ()), (1, 0, ())))
    assert judged(Cuts(2, 20), BEGIN, cut(0, 2), complete((20, 0))) == ["Consistent Cut"], "node 1 has no part"


def test_a_chain_of_messages_makes_a_cut_inconsistent():
    """Node 2 has heard of what node 0 did after its recording, by way of node 1 alone."""
    chain = (
        (3, 0, "sent", (1, 0, 1)),
        (4, 1, "received", (0, 0, 1)),
        (5, 1, "sent", (2, 0, 1)),
        (6, 2, "received", (1, 0, 1)),
    )
    told = (BEGIN, cut(0, 2), *chain, cut(1, 7), cut(2, 8))
    assert "Consistent Cut" in judged(Cuts(3, 30), *told, complete((10, 10, 10)))


def test_a_wrong_channel_and_wrong_money_are_seen():
    run_of = (BEGIN, (2, 0, "sent", (1, 0, 5)), cut(0, 3), cut(1, 4), (5, 1, "received", (0, 0, 5)))
    assert judged(Cuts(2, 20), *run_of, complete((5, 10), (0, 1, (5,)), (1, 0, ()))) == []
    assert judged(Cuts(2, 20), *run_of, complete((5, 10), (0, 1, ()), (1, 0, (5,)))) == ["Channel State"]
    assert judged(Cuts(2, 20), *run_of, complete((5, 10), (0, 1, ()), (1, 0, ()))) == ["Channel State", "Conservation"]
    assert judged(Cuts(2, 20), *run_of, complete((5, 11), (0, 1, (5,)), (1, 0, ()))) == ["Conservation"]
    again = (6, 1, "received", (0, 0, 5))
    assert judged(Cuts(2, 20), *run_of, again) == ["Conservation"], "one transfer, taken in twice"


@pytest.mark.parametrize("number", [0, 2])
def test_a_sender_that_has_lost_count_is_seen(number):
    """After a crash it sends under a number that was sent before, or leaves one out."""
    told = (BEGIN, (2, 0, "sent", (1, 0, 5)), (3, 0, "sent", (1, number, 7)))
    assert judged(Cuts(2, 20), *told) == ["Conservation"]


@pytest.mark.parametrize("before", [(), (BEGIN, (2, 0, "failed", (S, "no report")))])
def test_a_snapshot_that_is_complete_and_cannot_be_is_seen(before):
    assert judged(Cuts(2, 20), *before, complete((10, 10), (0, 1, ()), (1, 0, ()))) == ["Consistent Cut"]


def test_what_is_sent_between_the_two_recordings_crosses_the_cut():
    """The receiver records first; the sender sends, and it arrives, before the sender records."""
    run_of = (BEGIN, cut(1, 2), (3, 0, "sent", (1, 0, 5)), (4, 1, "received", (0, 0, 5)), cut(0, 5))
    assert judged(Cuts(2, 20), *run_of, complete((5, 10), (0, 1, (5,)), (1, 0, ()))) == []
    assert "Channel State" in judged(Cuts(2, 20), *run_of, complete((5, 15), (0, 1, ()), (1, 0, ())))


def test_a_snapshot_that_never_ends_is_seen():
    assert judged(SnapshotEnds(seconds(1)), BEGIN, end_ns=seconds(2)) == ["Snapshot Ends"]
    assert judged(SnapshotEnds(seconds(1)), BEGIN, end_ns=ms(900)) == []
    assert judged(SnapshotEnds(seconds(1), seconds(5)), BEGIN, end_ns=seconds(6)) == [], "healed a second ago"
    late = (seconds(3), 0, "complete", (S, (), ()))
    assert judged(SnapshotEnds(seconds(1)), BEGIN, late) == ["Snapshot Ends"]
    failed = (5, 0, "failed", (S, "no report"))
    assert judged(SnapshotEnds(seconds(1)), BEGIN, failed, end_ns=seconds(9)) == ["Snapshot Ends"], "not one complete"
    assert judged(SnapshotEnds(seconds(1), 3), BEGIN, failed, end_ns=seconds(9)) == [], "begun before T"


# The scenarios.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_scenario_tells_each_snapshot(algorithm):
    entry = entries()["snapshots"]
    result = run(make_scenario(entry, Settings(seed=0, parameters={"algorithm": algorithm})))
    assert entry.judge(result).status == VALID
    lines = list(entry.story(result))
    totals = [line for line in lines if line.startswith("  TOTAL: ")]
    assert len(totals) >= 3 and all(line.endswith("= 400, conserved") for line in totals)
    assert sum(line.startswith("[SNAPSHOT ") for line in lines) == len(totals)
    channels = [line for line in lines if line.startswith(("  channel ", "  nothing on "))]
    assert sum(line.count(" -> ") for line in channels) == 12 * len(totals), "a channel with nothing on it is told too"
    assert any(line.startswith("  channel ") for line in channels)
    assert result.reports["Cuts"]["at_once_max"] > 1


def test_the_scenario_with_a_crash_says_that_it_failed():
    entry = entries()["snapshots"]
    result = run(make_scenario(entry, Settings(seed=0, parameters={"crash": 2})))
    assert entry.judge(result).status == VALID
    failed = [line for line in entry.story(result) if "FAILED" in line]
    assert failed and all("no marker of node 2 in time" in line for line in failed)


@pytest.mark.parametrize("row", [bug.id for bug in BUGS if bug.id not in ("SNAP-07", "SNAP-10")])
def test_a_row_is_found_by_its_own_property(row):
    assert hunt(row, 30 if row == "SNAP-06" else 0, 10).found is not None


@pytest.mark.slow
@pytest.mark.parametrize("row", ["SNAP-07", "SNAP-10"])
def test_a_rare_row_is_found_too(row):
    assert hunt(row, 0, 60).found is not None


def test_the_right_snapshots_pass_the_seeds():
    entry = entries()["snapshots-hunt"]
    for seed in range(8):
        result = run(make_scenario(entry, Settings(seed=seed)))
        assert result.violations == (), f"seed {seed}: {result.violations[0]}"
        assert entry.judge(result).status == VALID


@pytest.mark.slow
def test_they_end_once_everything_has_healed():
    entry = entries()["snapshots-hunt"]
    for seed in range(8):
        result = run(make_scenario(entry, Settings(seed=seed, liveness_ns=ms(2500))))
        assert result.violations == (), f"seed {seed}: {result.violations[0]}"
        assert result.reports["SnapshotEnds"]["completed_after_healing"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--algorithm", "lamport"], "algorithm: unknown algorithm 'lamport': did you mean 'chandy-lamport'?"),
        (["--crash", "4"], "crash: 4 is not a node from 0 to 3, or -1 for none"),
        (["--crash", "-2"], "crash: -2 is not a node from 0 to 3, or -1 for none"),
        (["--nodes", "1"], "nodes: 1 is not enough: a channel needs two"),
        (["--transfer", "often"], "transfer: "),
        (["--balance", "9000000000000000000"], "snapshots.balance: 9000000000000000000 is more than"),
        (["--balance", "-1"], "snapshots.balance: -1 is not a whole number of 0 or more"),
        (["--timeout", "0s"], "snapshots.timeout_ns: 0 is not"),
    ],
)
def test_bad_settings(arguments, said):
    done = CliRunner().invoke(main, ["run", "snapshots", *arguments])
    assert done.exit_code == 2 and said in done.output and done.output.count("\n") == 1


def test_an_unknown_bug():
    with pytest.raises(UsageError, match="unknown bug"):
        make_scenario(entries()["snapshots-hunt"], Settings(parameters={"bug": "SNAP-99"}))
    assert len({bug.wrong for bug in BUGS}) == len(BUGS)
