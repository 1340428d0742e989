"""The scenarios vsr-kv, vsr-hunt and vsr-script: valid, the same everywhere, not vacuous."""

import secrets

import pytest
from click.testing import CliRunner

from simclock import Clog, Crash, Restart, Unclog, UsageError, ms, seconds
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID


def made(name, seed, **settings):
    entry = entries()[name]
    return entry, make_scenario(entry, Settings(seed=seed, **settings))


def play(name, seed, **settings):
    entry, scenario = made(name, seed, **settings)
    result = run(scenario)
    return entry, result, result.reports["VsrProperties"]


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("nodes", [3, 4, 5, 9])
def test_it_is_valid_whatever_the_size(nodes, durable):
    settings = {"nodes": nodes, "duration_ns": seconds(2), "parameters": {"durable": durable}}
    entry, result, _ = play("vsr-kv", seed := secrets.randbits(32), **settings)
    assert entry.judge(result).status == VALID, f"seed {seed}"
    entry, result, vsr = play("vsr-kv", 1, **settings)
    assert vsr["committed"] > 50 and vsr["restarts"] == 1 and vsr["recoveries"] == (not durable)
    assert dict(entry.describe(result))["log"].startswith(f"{vsr['committed']} committed")


@pytest.mark.parametrize("nodes", [1, 2])
def test_where_one_is_half_of_all_only_durable_servers_come_back(nodes):
    """With f = 0 a crash is more than recovery is made for: nothing wrong happens, and nothing at all."""
    for durable in (True, False):
        entry, result, vsr = play("vsr-kv", 1, nodes=nodes, parameters={"durable": durable})
        assert entry.judge(result).status == VALID
        late = [each for each in history_of(result) if each.outcome == "ok" and each.call > seconds(4)]
        assert bool(late) == durable and vsr["recoveries"] == 0


@pytest.mark.slow
def test_a_hundred_and_one_servers():
    entry, result, _ = play("vsr-kv", 3, nodes=101, duration_ns=seconds(2))
    assert entry.judge(result).status == VALID


@pytest.mark.parametrize("durable", [True, False])
def test_it_is_the_same_everywhere(same_everywhere, durable):
    parameters = {"snapshot_every": 20, "reads": "quorum", "durable": durable, "change": "1s:1+2+3"}
    entry, scenario = made("vsr-kv", 5, duration_ns=seconds(3), parameters=parameters)
    result = same_everywhere(scenario)
    assert entry.judge(result).status == VALID
    vsr = result.reports["VsrProperties"]
    assert vsr["leaders"] >= 3 and vsr["snapshots"] > 5 and vsr["transfers"] and vsr["reconfigurations"] == 1


def test_the_others_go_on_when_the_primary_is_gone():
    _, result, _ = play("vsr-kv", 1)
    gone_ns, back_ns = seconds(2) + seconds(1) // 2, seconds(3) + seconds(1) // 8
    between = [each for each in history_of(result) if gone_ns + seconds(1) // 2 < each.call < back_ns]
    assert sum(each.outcome == "ok" for each in between) > 5


def test_a_durable_cluster_that_crashes_as_a_whole_loses_nothing():
    faults = (
        *(Crash(at_ns=ms(900), node=node) for node in range(3)),
        *(Restart(at_ns=ms(1000), node=node) for node in range(3)),
    )
    for durable in (True, False):
        entry, result, vsr = play("vsr-kv", 4, duration_ns=seconds(2), faults=faults, parameters={"durable": durable})
        assert entry.judge(result).status == VALID and vsr["restarts"] == 3
        late = [each for each in history_of(result) if each.outcome == "ok" and each.call > ms(1100)]
        assert bool(late) == durable


def test_replicas_change_and_the_operations_go_on():
    parameters = {"change": "1s:1+2+3; 2s:3+4; 3s:0+2+4", "snapshot_every": 50}
    entry, result, vsr = play("vsr-kv", 1, faults=(), parameters=parameters)
    assert entry.judge(result).status == VALID and vsr["reconfigurations"] == 3
    assert sum(each.outcome == "ok" and each.call > seconds(3) + ms(500) for each in history_of(result)) > 100
    roles = [server.role for server in result.final.values() if server is not None]
    assert sorted(roles) == ["backup", "backup", "idle", "idle", "primary"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_hunt_is_the_same_everywhere(same_everywhere, seed):
    entry, scenario = made("vsr-hunt", seed)
    assert entry.judge(same_everywhere(scenario)).status == VALID


def test_what_crashes_servers_without_a_disk_leaves_a_majority():
    """Who is down, or recovering, counts as failed: of three never two."""
    struck = 0
    for seed in range(12):
        parameters = {"durable": "false"}
        _, result, vsr = play("vsr-hunt", seed, nodes=3, nemesis="none", parameters=parameters)
        crashes = [fault for fault in result.faults if isinstance(fault, Crash)]
        struck += len(crashes)
        assert len(crashes) <= vsr["recoveries"] + 1, f"seed {seed}"
    assert struck > 5


@pytest.mark.parametrize(
    ("nodes", "parameters"), [(3, {"oks": "late"}), (7, {"strays": "true"}), (None, {"oks": "late", "strays": "true"})]
)
def test_a_hunt_has_one_number_of_servers(nodes, parameters):
    with pytest.raises(UsageError, match=r"strays, oks, nodes: .* use one of the three"):
        made("vsr-hunt", 1, nodes=nodes, parameters=parameters)


def test_late_acknowledgements_are_refused_where_their_primary_leads_again():
    """What is held is let go when its primary leads again, but for the last, at the end."""
    _, result, _ = play("vsr-hunt", 1, nemesis="none", parameters={"oks": "late"})
    clogs = [fault for fault in result.faults if isinstance(fault, Clog)]
    ended = {(fault.source, fault.target) for fault in result.faults if isinstance(fault, Unclog)}
    assert {(fault.source, fault.target) for fault in clogs[:-1]} <= ended and len(clogs) > 1
    assert result.violations == ()


def test_a_small_cluster_is_explored_in_full():
    """Every order in which messages of a link arrive, one election timeout and one crash of a durable server among
    them: states as counted once."""
    command = "explore vsr-script --model fifo --timers election=1 --timers heartbeat=0 --timers retry=0 --commands 0"
    explored = CliRunner().invoke(main, f"{command} --durable true --crashes 1".split())
    assert explored.exit_code == 0 and "26,844 distinct" in explored.output and "valid" in explored.output
