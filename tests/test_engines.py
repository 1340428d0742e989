"""Any engine under anything: a store, a counter and leases run on each, and what is wrong is named on each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from simclock import RunResult, ms, seconds
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.progress import PROGRESS
from simclock.experiments.command_line import main
from simclock.experiments.consensus.engine import LOG, READS, Cluster
from simclock.experiments.consensus.engines import ENGINES, engine_named, engine_of
from simclock.experiments.entries.entry import made, make_scenario
from simclock.experiments.entries.replicated_store import LINEARIZABILITY
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID, VIOLATED, Verdict
from simclock.protocols.counter import Counter
from simclock.protocols.counter.counter import VALUE_MAX, CounterCommand, decode_answer, encode_command
from simclock.protocols.key_value import KeyValueStore
from simclock.protocols.replication import Engine, Front, Numbered, Sessions
from simclock.protocols.replication.observed import Candidacy, Following, Leadership

GOLDENS = Path(__file__).with_name("goldens") / "catalog.txt"
OWN = {"raft": "raft-kv", "multi-paxos": "multi-paxos-kv", "zab": "zab-kv", "vsr": "vsr-kv"}
"""Engine -> the scenario in which its topic runs the same store."""


def play(name: str, engine: str, seed: int = 1, **more: Any) -> tuple[RunResult, Verdict]:
    entry, parameters = entries()[name], {"engine": engine, **more.pop("parameters", {})}
    parts = more.pop("parts", {})
    if parts:
        entry = replace(entry, parts=replace(entry.parts, **parts))
    result = run(make_scenario(entry, Settings(seed=seed, parameters=parameters, **more)))
    return result, entry.judge(result)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_what_a_service_asks_for(engine: str) -> None:
    value = engine_named(engine)
    assert value.name == engine and issubclass(value.server, Front) and LOG in value.reads
    asked = {name for name in vars(Engine) if not name.startswith("_")} - {"leader_id", "current_term"}
    assert all(getattr(value.server, name) is not getattr(Front, name) for name in asked)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_store_runs_as_in_the_engines_own_topic(engine: str) -> None:
    """To the digest: the seam neither adds a message nor takes one away."""
    result, verdict = play("key-value", engine)
    own = run(make_scenario(entries()[OWN[engine]], Settings(seed=1)))
    assert verdict.status == VALID and result.digest == own.digest
    assert engine_of(result).name == engine


def test_the_default_is_raft_as_it_was() -> None:
    recorded = dict(line.split()[:2] for line in GOLDENS.read_text().splitlines() if not line.startswith("#"))
    assert play("key-value", "raft")[0].digest == recorded["raft-kv:1"] == recorded["key-value:1"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["key-value-hunt", "counter", "leases"])
def test_every_scenario_runs_on_every_engine(name: str, engine: str) -> None:
    result, verdict = play(name, engine, seed=3)
    assert verdict.status == VALID
    reached = entries()[name].sometimes(result)
    assert reached["writes accepted" if name == "leases" else "operations answered"] >= 10
    assert dict(entries()[name].describe(result))["elections"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reads", READS[1:])
def test_gets_are_answered_by_a_quorum_where_the_engine_can(engine: str, reads: str) -> None:
    parameters = {"reads": reads, "engine": engine}
    if reads in engine_named(engine).reads:
        result, verdict = play("key-value", engine, parameters=parameters, duration_ns=seconds(2))
        by_log, _ = play("key-value", engine, duration_ns=seconds(2))
        agreed = engine_named(engine).agreed
        assert verdict.status == VALID
        counted = [engine_of(each).report_of(each)[agreed] for each in (result, by_log)]
        assert counted[0] < counted[1] * 3 // 4, "gets do not go through the log"
    else:
        told = CliRunner().invoke(main, ["run", "key-value", "--engine", engine, "--reads", reads])
        assert told.exit_code == 2 and told.stderr.startswith("simclock: reads: ") and told.stderr.count("\n") == 1
        assert f"answers no gets by {reads}: use log" in told.stderr


def test_an_engine_that_there_is_not_is_refused() -> None:
    for name in ("key-value", "key-value-hunt", "counter", "leases", "leases-hunt"):
        told = CliRunner().invoke(main, ["run", name, "--engine", "rafft"])
        assert told.exit_code == 2 and told.stderr.count("\n") == 1
        assert told.stderr.startswith("simclock: --engine: unknown engine 'rafft': did you mean 'raft'")


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_change_nothing(engine: str) -> None:
    for name in ("counter", "leases"):
        scenario = make_scenario(entries()[name], Settings(seed=2, parameters={"engine": engine}))
        scenario = replace(scenario, duration_ns=seconds(3))
        assert run(scenario, "windows:hosts=2").digest == run(scenario).digest


@pytest.mark.parametrize("engine", ENGINES)
def test_snapshots_are_taken_under_any_engine(engine: str) -> None:
    parameters = {"snapshot_every": 20}
    result, verdict = play("key-value", engine, parameters=parameters, duration_ns=seconds(2))
    assert verdict.status == VALID and engine_of(result).report_of(result)["snapshots"] > 3


# What is wrong is named, whichever engine is below.


class AppliesAgain(Sessions):
    """A command that is agreed upon twice is applied twice."""

    def apply(self, command: bytes) -> bytes:
        return self.state_machine.apply(msgspec.msgpack.decode(command, type=Numbered).command)


class LosesAdditions(Counter):
    """Every tenth addition is answered and not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.applied = 0

    def apply(self, command: bytes) -> bytes:
        before, answer = self.value, super().apply(command)
        self.applied += 1
        if self.applied % 10 == 0:
            self.value = before
        return answer


class ForgetsDeletes(KeyValueStore):
    """A deleted key is there when it is next asked for."""

    def apply(self, command: bytes) -> bytes:
        before, answer = dict(self.values), super().apply(command)
        self.values = before | self.values
        return answer


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "parts", "seeds"),
    [
        ("counter", {"sessions": AppliesAgain}, 1),
        ("counter", {"service": LosesAdditions}, 1),
        ("key-value-hunt", {"service": ForgetsDeletes}, 20),
    ],
)
def test_a_wrong_service_is_named_on_every_engine(name: str, parts: dict[str, Any], seeds: int, engine: str) -> None:
    found = (play(name, engine, seed, parts=parts)[1] for seed in range(seeds))
    assert any(LINEARIZABILITY in verdict.properties for verdict in found if verdict.status == VIOLATED)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bug_of_leases_is_found_on_every_engine(engine: str) -> None:
    """Rows that name no engine: who is fenced by nothing, and whose token comes again after a fail-over."""
    assert play("leases", engine, parameters={"bug": "LEASE-01"})[1].status == VIOLATED
    runs = (play("leases-hunt", engine, seed, parameters={"bug": "PAPER-LEASE-4"})[0] for seed in range(8, 17))
    assert any(each.property == "Token Monotone" for result in runs for each in result.violations)


@pytest.mark.parametrize("engine", ENGINES)
def test_who_never_leads_makes_no_progress(engine: str) -> None:
    """Liveness is asked for alike: a cluster that stays cut apart is named, one that heals is not."""
    entry = entries()["key-value-hunt"]
    settings = Settings(seed=5, nodes=3, nemesis="none", liveness_ns=seconds(6), parameters={"engine": engine})
    scenario = make_scenario(entry, settings)
    assert PROGRESS not in {violation.property for violation in run(scenario).violations}
    server = engine_named(engine).server

    class Mute(server):  # type: ignore[misc, valid-type]
        """It hears nothing of any server."""

        def on_message(self, source: int, message: Any) -> None:
            pass

    build = scenario.build
    mute = replace(scenario, build=lambda node: as_mute(build(node), server, Mute))
    assert PROGRESS in {violation.property for violation in run(mute).violations}


def as_mute(node: Any, server: type, mute: type) -> Any:
    """The same node, of the other class if it is a server."""
    if type(node) is server:
        node.__class__ = mute
    return node


@pytest.mark.parametrize("engine", ENGINES)
def test_the_store_can_be_explored_and_its_servers_shown(engine: str) -> None:
    parameters = ("--engine", engine, "--clients", "1", "--processes", "1", "--steps", "3")
    told = CliRunner().invoke(main, ["explore", "key-value", *parameters])
    assert told.exit_code == 0 and "states" in told.output
    entry = entries()["key-value"]
    server = made(entry, Settings(parameters={"engine": engine})).build_node(0)
    assert entry.shown is not None
    assert set(entry.shown(server)) - {"log"} == {"role", "term", "leader", "commit", "waiting"}


def test_every_engine_numbers_its_leaderships_first() -> None:
    """So that who reads any engine's leaders reads the number of each."""
    for value in (7, (7, 1, 2)):
        for kind in (Candidacy, Leadership, Following):
            assert kind.from_observed(value).term == 7 and kind.from_observed(value).as_observed() == value


def test_a_cluster_says_what_all_engines_are_set_up_with() -> None:
    cluster = Cluster(servers=(0, 1, 2), election_timeout_ns_min=ms(80), election_timeout_ns_max=ms(90))
    for engine in map(engine_named, ENGINES):
        made_of = engine.made(cluster)
        assert (made_of.servers, made_of.election_timeout_ns_min, made_of.election_timeout_ns_max) == (
            (0, 1, 2),
            ms(80),
            ms(90),
        )


def test_a_counter_refuses_what_no_message_could_hold() -> None:
    counter, most = Counter(), encode_command(CounterCommand("add_and_get", VALUE_MAX))
    first, second = decode_answer(counter.apply(most)), decode_answer(counter.apply(most))
    assert first.value == VALUE_MAX and second.refused and counter.value == VALUE_MAX
