"""The scenarios zab-kv and zab-hunt: valid, the same everywhere, not vacuous."""

import secrets

import pytest

from simclock import seconds
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID


def made(name, seed, **settings):
    entry = entries()[name]
    return entry, make_scenario(entry, Settings(seed=seed, **settings))


def play(name, seed, **settings):
    entry, scenario = made(name, seed, **settings)
    return entry, run(scenario)


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 9])
def test_it_is_valid_whatever_the_size(nodes):
    seed = secrets.randbits(32)
    entry, result = play("zab-kv", seed, nodes=nodes, duration_ns=seconds(2))
    assert entry.judge(result).status == VALID, f"seed {seed}"
    _, result = play("zab-kv", 1, nodes=nodes, duration_ns=seconds(2))
    zab = result.reports["ZabProperties"]
    assert zab["committed"] > 50 and zab["restarts"] == 1 and result.skipped == ()
    assert dict(entry.describe(result))["transactions"].startswith(f"{zab['committed']} committed")


@pytest.mark.slow
def test_a_hundred_and_one_servers():
    entry, result = play("zab-kv", 3, nodes=101, duration_ns=seconds(2))
    assert entry.judge(result).status == VALID


def test_it_is_the_same_everywhere(same_everywhere):
    parameters = {"snapshot_every": 20, "reads": "quorum"}
    entry, scenario = made("zab-kv", 5, duration_ns=seconds(3), parameters=parameters)
    result = same_everywhere(scenario)
    assert entry.judge(result).status == VALID
    zab = result.reports["ZabProperties"]
    assert zab["leaders"] >= 2 and zab["snapshots"] > 5 and zab["diffs"] > 0 and zab["snaps"] > 0


def test_the_others_go_on_when_the_leader_is_gone():
    _, result = play("zab-kv", 1)
    gone_ns, back_ns = seconds(2) + seconds(1) // 2, seconds(3) + seconds(1) // 8
    late = [each for each in history_of(result) if gone_ns + seconds(1) // 2 < each.call < back_ns]
    assert sum(each.outcome == "ok" for each in late) > 5


def test_a_leader_that_was_cut_off_deletes_what_was_not_committed():
    _, result = play("zab-kv", 1)
    zab = result.reports["ZabProperties"]
    assert zab["truncs"] >= 1 and zab["truncations"] >= 1


def test_queries_write_nothing():
    by_log, by_quorum = (play("zab-kv", 2, parameters={"reads": reads})[1] for reads in ("log", "quorum"))
    answered = [sum(each.outcome == "ok" for each in history_of(result)) for result in (by_log, by_quorum)]
    committed = [result.reports["ZabProperties"]["committed"] for result in (by_log, by_quorum)]
    assert committed[0] >= answered[0] and 0 < committed[1] < answered[1] * 3 // 4
