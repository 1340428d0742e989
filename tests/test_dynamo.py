"""The scenarios dynamo and its hunts: valid, deterministic, not vacuous; bad input is one line."""

import json
import secrets

import pytest
from click.testing import CliRunner

from simclock import Crash, Restart, UsageError, seconds
from simclock.actors import Placement, run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.dynamo.judge import at_end_of
from simclock.experiments.catalog.dynamo.scenario import PARAMETERS
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED

STORES = {
    "dotted": {},
    "vector": {"versioning": "vector"},
    "vector by server": {"versioning": "vector", "ids": "server"},
    "union": {"resolution": "union"},
    "callback": {"resolution": "callback", "versioning": "vector"},
    "sum": {"resolution": "sum"},
}


def play(name, seed, **settings):
    entry = entries()[name]
    result = run(make_scenario(entry, Settings(seed=seed, **settings)))
    return entry, result


@pytest.mark.parametrize("store", STORES)
def test_it_is_valid_whatever_the_seed(store):
    for seed in (1, secrets.randbits(32)):
        entry, result = play("dynamo", seed, parameters=STORES[store])
        verdict = entry.judge(result)
        assert verdict.status == VALID, f"seed {seed}: {verdict.lines}"
        assert ("No Lost Write" in verdict.lines[0]) is (store != "sum"), "numbers do not tell their writes"
        assert result.skipped == (), f"seed {seed}"
        if seed != 1:
            continue  # what a fresh seed reaches is luck
        reached = entry.sometimes(result)
        assert reached["puts acknowledged"] > 80
        assert (reached["answers with siblings"] > 5) is ("resolution" not in STORES[store])
        assert reached["hinted"] and reached["delivered"] and reached["moved"], reached


def test_quorums_that_overlap_show_every_write_that_was_acknowledged():
    """R + W > N, strict, nobody joins or leaves: then, and only then, the report promises it."""
    overlapping = {"quorum": "strict", "churn": False, "r": 3}
    entry, result = play("dynamo", 4, parameters=overlapping)
    (line,) = entry.judge(result).lines
    assert "Quorums Intersect, Read Your Writes, Monotonic Reads" in line
    for fewer in ({"r": 1, "w": 2}, {"quorum": "sloppy"}, {"churn": True}):
        entry, result = play("dynamo", 4, parameters=overlapping | fewer)
        (line,) = entry.judge(result).lines
        assert "No Lost Write" in line and "Quorums" not in line, fewer


def test_last_writer_wins_loses_writes_and_the_judge_says_so():
    entry, result = play("dynamo", 1, parameters={"resolution": "last"})
    verdict = entry.judge(result)
    assert verdict.status == VIOLATED and verdict.properties == ("No Lost Write",)


def test_clocks_that_are_pruned_show_what_is_no_conflict():
    """4.4: with a truncated clock the store cannot tell descendants any more."""
    entry, result = play("dynamo", 1, parameters={"versioning": "vector", "prune_above": 3})
    assert "Siblings Are Concurrent" in entry.judge(result).properties
    entry, result = play("dynamo", 1, parameters={"versioning": "vector", "prune_above": 1000})
    assert entry.judge(result).status == VALID


def test_one_digest_everywhere(same_everywhere):
    entry = entries()["dynamo-hunt"]
    for seed, versioning in ((3, "dotted"), (7, "vector")):
        result = same_everywhere(make_scenario(entry, Settings(seed=seed, parameters={"versioning": versioning})))
        assert result.digest == play("dynamo-hunt", seed, parameters={"versioning": versioning})[1].digest
        assert entry.judge(result).status == VALID


@pytest.mark.ray
@pytest.mark.slow
def test_one_digest_on_ray(ray):
    scenario = make_scenario(entries()["dynamo"], Settings(seed=2, duration_ns=seconds(2)))
    assert run(scenario, Placement(kind="ray", hosts=2)).digest == run(scenario).digest


@pytest.mark.parametrize("name", ["dynamo-hunt", "dynamo-ring-hunt", "dynamo-quorum-hunt"])
def test_the_right_store_passes_what_the_seed_draws(name):
    reached = {}
    for seed in (*range(11), secrets.randbits(32)):
        entry, result = play(name, seed)
        verdict = entry.judge(result)
        assert verdict.status == VALID, f"seed {seed}: {verdict.lines}"
        for what, count in entry.sometimes(result).items():
            reached[what] = reached.get(what, 0) + count
    never = {"hinted", "delivered", "moved"} if name == "dynamo-quorum-hunt" else set()
    assert all(count for what, count in reached.items() if what not in never), f"something not reached: {reached}"


@pytest.mark.slow
def test_every_versioning_passes_every_kind_of_trouble():
    for versioning, ids in (("dotted", "client"), ("vector", "client"), ("vector", "server")):
        for seed in range(100, 125):
            entry, result = play("dynamo-hunt", seed, parameters={"versioning": versioning, "ids": ids})
            verdict = entry.judge(result)
            assert verdict.status == VALID, f"{versioning} {ids}, seed {seed}: {verdict.lines}"


def test_what_a_client_had_open_when_it_crashed_is_of_unknown_outcome():
    """It comes back as another process, and nothing it numbers then was numbered before."""
    entry = entries()["dynamo-hunt"]
    calm = [each for each in history_of(play("dynamo-hunt", 7, faults=())[1]) if each.finish]
    struck = max((each for each in calm if each.call < seconds(2)), key=lambda each: each.finish - each.call)
    at_ns = (struck.call + struck.finish) // 2
    faults = (Crash(at_ns=at_ns, node=struck.process), Restart(at_ns=at_ns + 1, node=struck.process))
    _, result = play("dynamo-hunt", 7, faults=faults)
    assert entry.judge(result).status == VALID, entry.judge(result).lines
    history = history_of(result)
    left = [each for each in history if each.process == struck.process][-1]
    assert (left.call, left.outcome, left.finish) == (struck.call, "unknown", None)
    scenario = make_scenario(entry, Settings(seed=7))
    later = [each for each in history if each.process == struck.process + scenario.nodes]
    assert later, "it goes on"
    written = [each.argument[0] for each in history if each.function != "get"]
    assert len(written) == len(set(written))


@pytest.mark.parametrize("name", ["dynamo-hunt", "dynamo-ring-hunt", "dynamo-delete-hunt", "dynamo-quorum-hunt"])
@pytest.mark.parametrize("nemesis", ["crash", "torn", "pause+clog"])
def test_a_hunt_under_a_nemesis_strikes_servers_heals_and_is_judged(name, nemesis):
    for seed in range(2):
        entry, result = play(name, seed, nemesis=nemesis)
        assert entry.judge(result).status == VALID, entry.judge(result).lines
        clients = {each.process for each in history_of(result)}
        assert not clients & {getattr(fault, "node", -1) for fault in result.faults}


def test_a_run_that_cannot_be_judged_is_unknown():
    down = (Crash(at_ns=seconds(1), node=0),)
    entry, result = play("dynamo", 1, faults=down)
    assert entry.judge(result).status == UNKNOWN and at_end_of(result).down == "server 0 is down"
    entry, result = play("dynamo", 1, duration_ns=seconds(3))
    assert entry.judge(result).status == UNKNOWN


# What a user sees.


def simclock(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_answers_are_json_with_value_vector_clock_and_status():
    shown = simclock("run", "dynamo", "--seed", 1).stdout
    answers = [line[line.index("{") :] for line in shown.splitlines() if '"vector_clock"' in line]
    parsed = [json.loads(answer) for answer in answers]
    assert len(parsed) > 5 and all(set(each) == {"value", "vector_clock", "status"} for each in parsed)
    assert {each["status"] for each in parsed} == {"OK", "CONFLICT"}
    for each in parsed:
        assert isinstance(each["value"], list) is (each["status"] == "CONFLICT")
    assert "hinted handoff" in shown and "members are now B C D E F" in shown


def test_the_history_says_what_each_write_had_seen():
    _, result = play("dynamo", 1)
    puts = [each for each in history_of(result) if each.function == "put"]
    assert len({each.argument[0] for each in puts}) == len(puts)
    assert any(len(each.argument) > 2 for each in puts), "a write that replaces siblings has seen them all"


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({"versioning": "matrix"}, "versioning: 'matrix'"),
        ({"ids": "session"}, "ids: 'session'"),
        ({"resolution": "coin"}, "resolution: 'coin'"),
        ({"quorum": "loose"}, "quorum: 'loose'"),
        ({"n": 6}, "n: 6"),
        ({"r": 4}, "r: 4"),
        ({"w": 0}, "w: 0"),
        ({"delete_mode": "maybe"}, "delete_mode: 'maybe' is no delete mode: use keep or agreed"),
        ({"deletes": 101}, "deletes: 101"),
        ({"deletes": -1}, "deletes: -1"),
        ({"clients": 0}, "clients: 0"),
        ({"prune_above": 5}, "prune_above: only vector clocks"),
        ({"prune_above": -1}, "prune_above: -1 is not a number"),
        ({"prune_above": -1, "versioning": "vector"}, "prune_above: -1"),
        ({"bug": "KV-99"}, "bug: unknown bug 'KV-99'"),
    ],
)
def test_bad_settings_are_one_line(parameters, place):
    with pytest.raises(UsageError, match="^" + place):
        make_scenario(entries()["dynamo"], Settings(parameters=parameters)).build(0)


def test_a_bad_flag_is_one_line_of_the_command():
    result = simclock("run", "dynamo", "--versioning", "matrix")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and "use vector or dotted" in result.stderr


def test_the_store_and_its_hunts_are_listed_under_one_project():
    named = {name: entry.project for name, entry in entries().items() if name.startswith("dynamo")}
    assert set(named.values()) == {10} and "projects 3 and 10" in entries()["dynamo"].summary
    assert PARAMETERS["versioning"] == "dotted"
