"""Raft's later features in whole runs: the livelock without them, changes, snapshots, leases, on every placement."""

from dataclasses import replace
from functools import partial

import pytest

from simclock import Crash, Cut, Heal, Network, Partition, Restart, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Node, run
from simclock.experiments.catalog.raft.bugs.membership import ChangesOneByOne
from simclock.experiments.catalog.raft.change_hunt import RAFT_CHANGE_HUNT
from simclock.experiments.catalog.raft.operating import schedule_of
from simclock.experiments.catalog.raft.scenario import RAFT_KV
from simclock.experiments.catalog.raft.story import story
from simclock.experiments.catalog.raft.whole_hunt import Parts
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.protocols.key_value import Client, KeyValueStore, Workload
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings
from simclock.protocols.replication import Sessions

SERVERS = (0, 1, 2, 3, 4)
UNTIL_NS = seconds(10)


def cluster(faults, *, until_ns=UNTIL_NS, **settings):
    """Five servers and a client that all of them hear; gives the report of Raft's properties."""
    raft = RaftSettings(servers=SERVERS, **settings)
    workload = Workload(pause_ns=ms(20), retry_ns=ms(200), give_up_ns=seconds(1))

    def build(node: int) -> Node:
        return RaftServer(raft, Sessions(KeyValueStore())) if node in SERVERS else Client(SERVERS, workload)

    result = run(
        Scenario(
            name="cut",
            nodes=6,
            build=build,
            duration_ns=until_ns,
            network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
            faults=faults,
            observers=(partial(RaftProperties, SERVERS),),
            seed=1,
        )
    )
    assert result.violations == ()
    return result.reports["RaftProperties"]


def half_connected():
    """0, 1 and 2 hear each other; 3 hears 1 alone, and 4 hears 2 alone (Jensen, Howard & Mortier, PaPoC 2021)."""
    heard = {(0, 1), (0, 2), (1, 2), (1, 3), (2, 4)}
    for a in SERVERS:
        for b in SERVERS:
            if a != b and (a, b) not in heard and (b, a) not in heard:
                yield Cut(at_ns=seconds(1), source=a, target=b)


@pytest.mark.parametrize(
    ("settings", "is_stable"),
    [
        ({}, False),
        ({"pre_vote": True, "check_quorum": True}, True),
    ],
    ids=["without", "pre-vote and check-quorum"],
)
def test_servers_that_are_half_connected_depose_leaders_for_ever_or_not(settings, is_stable):
    """RAFT-13: in nine seconds after the links were cut."""
    report = cluster(tuple(half_connected()), **settings)
    assert (report["leaders"] <= 4) is is_stable, report
    assert report["committed"] > 50


def test_a_leader_that_hears_nobody_steps_down_only_where_it_looks():
    """RAFT-13, the other half: it may send, and nobody can answer."""
    deaf = tuple(Cut(at_ns=seconds(1), source=server, target="leader") for server in SERVERS)
    assert cluster(deaf)["leaders"] == 1, "its heartbeats keep all others from standing, and nothing is committed"
    report = cluster(deaf, check_quorum=True)
    assert report["quorums_lost"] >= 1 and report["leaders"] >= 2


def test_a_server_that_was_away_deposes_nobody_when_it_comes_back():
    """9.6: it has raised its term, alone, all the time."""
    away = (
        Partition(at_ns=seconds(1), groups=((0,), (1, 2, 3, 4, 5))),
        Heal(at_ns=seconds(6)),
    )
    with_it, without = (cluster(away, pre_vote=pre_vote)["term"] for pre_vote in (True, False))
    assert with_it <= 3
    assert without > 10


WHOLE = {
    "change": "1s:+3,-0;2500ms:+0,-1",
    "transfer": "3s:2",
    "snapshot_every": 40,
    "reads": "lease",
    "pre_vote": True,
}


def whole():
    return make_scenario(RAFT_KV, Settings(seed=5, parameters=WHOLE))


def test_a_run_with_everything_has_one_digest():
    """In this process, and on hosts between which messages are encoded."""
    results = [run(whole(), placement) for placement in ("inline", "windows:hosts=3")]
    assert len({result.digest for result in results}) == 1
    report = results[0].reports["RaftProperties"]
    assert report["configurations"] >= 6 and report["transfers"] == 1 and report["snapshots"] > 10
    assert results[0].violations == ()


def test_a_story_tells_of_changes_transfers_and_snapshots_in_order():
    lines = [line.split(maxsplit=1)[1] for line in story(run(whole()))]
    told = iter(lines)
    for begin in (
        "node 1 is elected leader",
        "node 1 puts the first snapshot in place of entries 1 to 40",
        "node 7 asks for a change: +3,-0",
        "node 2 has servers learn, (0 1 2), learners (3)",
        "node 2 has old and new cluster decide together, (1 2 3)&&(0 1 2)",
        "node 2 goes on with the cluster (1 2 3)",
        "node 7 hears that it is done",
    ):
        assert any(line.startswith(begin) for line in told), (begin, lines)
    assert sum("puts the first snapshot" in line for line in lines) == 1
    assert any(line.startswith("node 7 asks node 2 to lead") for line in lines)


def test_a_story_says_that_a_leader_lost_its_quorum():
    deaf = tuple(Cut(at_ns=seconds(1), source=server, target="leader") for server in SERVERS)
    asked = Settings(seed=5, parameters={**WHOLE, "check_quorum": True})
    scenario = replace(make_scenario(RAFT_KV, asked), faults=deaf, duration_ns=seconds(2))
    assert any("has not heard a quorum, and leads term" in line for line in story(run(scenario)))


CHANGES_SEEDS = range(6)


def test_the_hunt_of_changes_parts_leaders_and_finds_nothing_in_the_right_servers():
    reports = []
    for seed in CHANGES_SEEDS:
        for server in (RaftServer, ChangesOneByOne):
            result = run(RAFT_CHANGE_HUNT.make(Settings(seed=seed), Parts(server=server)))
            assert result.violations == () and RAFT_CHANGE_HUNT.judge(result).properties == ()
            reports.append(result.reports["RaftProperties"])
    assert all(report["configurations"] >= 3 for report in reports)
    assert sum(report["leaders"] for report in reports) > 3 * len(reports)


@pytest.mark.parametrize("text", ["2s", "2s:3", "2s:+x", "+3", "2:+3"])
def test_a_change_that_cannot_be_read_is_told(text):
    with pytest.raises(UsageError, match=r"^change: "):
        schedule_of(text, "")


def test_a_server_that_was_away_catches_up_by_the_log_or_by_a_snapshot():
    """Chapter 5: what a follower lacks is compacted where snapshots are made."""
    faults = (Crash(at_ns=seconds(1), node=4), Restart(at_ns=seconds(4), node=4))
    by_log, by_snapshot = (cluster(faults, until_ns=seconds(6), snapshot_every=every) for every in (None, 20))
    assert by_log["installs"] == 0 and by_snapshot["installs"] >= 1
