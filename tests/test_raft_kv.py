"""The scenarios raft-kv and raft-kv-wan: valid, deterministic, not vacuous; and what is wrong is found."""

import secrets

import msgspec
import pytest

from simclock import Crash, DiskModel, Heal, Network, Partition, Restart, Uniform, UsageError, ms, seconds, us
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.checkers.histories import Operation
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.regions import CLIENT_REGIONS, REPLICA_REGIONS, wan_one_way_ns
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID, VIOLATED
from simclock.protocols.key_value import Command
from simclock.protocols.key_value.store import DONE
from simclock.protocols.raft import RaftServer, Role
from simclock.protocols.replication import ClientReply, Numbered, Sessions


def play(name, seed, **settings):
    entry = entries()[name]
    result = run(make_scenario(entry, Settings(seed=seed, **settings)))
    return entry, result


def fresh(count):
    return tuple(secrets.randbits(32) for _ in range(count))


@pytest.mark.parametrize(
    ("name", "seeds", "fresh_seeds"),
    [
        pytest.param("raft-kv", (1, 7), 2, id="raft-kv"),
        pytest.param("raft-kv-wan", (7,), 0, id="raft-kv-wan"),
        pytest.param("raft-kv-wan", (1,), 2, id="raft-kv-wan, more seeds", marks=pytest.mark.slow),
    ],
)
def test_it_is_valid_whatever_the_seed(name, seeds, fresh_seeds):
    for seed in (*seeds, *fresh(fresh_seeds)):
        entry, result = play(name, seed)
        verdict = entry.judge(result)
        assert verdict.status == VALID, f"seed {seed}: {verdict.lines}"
        if seed not in seeds:
            continue  # what a fresh seed reaches is luck
        raft = result.reports["RaftProperties"]
        assert raft["leaders"] >= 3 and raft["restarts"] >= 1 and raft["committed"] > 500, f"seed {seed}"
        assert result.skipped == (), f"seed {seed}"


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 9, 33])
def test_it_scales(nodes):
    entry, result = play("raft-kv", 3, nodes=nodes, duration_ns=seconds(2))
    assert entry.judge(result).status == VALID
    assert result.reports["RaftProperties"]["committed"] > 50


@pytest.mark.slow
def test_a_hundred_and_one_replicas():
    entry, result = play("raft-kv", 3, nodes=101, duration_ns=seconds(2))
    assert entry.judge(result).status == VALID


@pytest.mark.parametrize("name", ["raft-kv", "raft-kv-wan"])
def test_the_same_seed_gives_the_same_run(name):
    seed = fresh(1)[0]
    settings = {"duration_ns": seconds(30) if name == "raft-kv-wan" else seconds(3)}
    runs = [play(name, seed, **settings)[1] for _ in range(2)]
    assert len({result.digest for result in runs}) == 1, f"seed {seed}"
    assert runs[0].reports == runs[1].reports, f"seed {seed}"
    assert play(name, seed + 1, **settings)[1].digest != runs[0].digest, f"seed {seed}"


def test_slow_disks_and_an_open_loop():
    for seed in (2, *fresh(1)):
        entry, result = play(
            "raft-kv", seed, disk=DiskModel(sync_ns=us(700)), parameters={"loop": "open", "pause_ns": ms(40)}
        )
        assert entry.judge(result).status == VALID, f"seed {seed}"


def test_the_report_says_what_happened():
    entry, result = play("raft-kv-wan", 7, duration_ns=seconds(40))
    rows = dict(entry.describe(result))
    assert {"elections", "commits", "operations", "client latency"} <= set(rows)
    assert "per second" in rows["commits"] and "ok" in rows["operations"] and "p99" in rows["client latency"]


def test_a_run_too_short_for_an_answer_is_described():
    entry, result = play("raft-kv", 1, duration_ns=ms(1))
    assert entry.judge(result).status == VALID and entry.describe(result)


def test_the_latencies_are_those_that_were_published():
    """IBM Cloud, 18 Jul - 16 Aug 2026: Madrid - Frankfurt 29 ms and Sao Paulo - Tokyo 283 ms there and back."""
    one_way_ns = wan_one_way_ns()
    assert one_way_ns["Madrid", "Frankfurt"] == us(14_500) and one_way_ns["Sao Paulo", "Tokyo"] == us(141_500)
    assert len({source for source, _ in one_way_ns}) == 13
    assert set(REPLICA_REGIONS).isdisjoint(CLIENT_REGIONS)


@pytest.mark.external
def test_the_latencies_are_those_of_the_source(external_data):
    source = (external_data / "wan_latency_2026-08.csv").read_text(encoding="utf-8").splitlines()
    for line in source[1:]:
        start, end, rtt_ms = line.split(",")
        assert wan_one_way_ns()[start, end] == int(float(rtt_ms) * 1_000_000) // 2


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("raft-kv", {"nodes": 0}),
        ("raft-kv-wan", {"nodes": -3}),
        ("raft-kv", {"parameters": {"clients": 0}}),
        ("raft-kv", {"parameters": {"zipf": "steep"}}),
        ("raft-kv-wan", {"parameters": {"loop": "round"}}),
    ],
)
def test_bad_settings(name, settings):
    with pytest.raises(UsageError):
        make_scenario(entries()[name], Settings(**settings))


# What is wrong is found, and the verdict says so.


class ReadsLocally(RaftServer):
    """JEP-01: a read is answered by whoever thinks it leads, from its own state."""

    def _on_client_request(self, source, message):
        asked = msgspec.msgpack.decode(message.command, type=Numbered).command
        if self.role is Role.LEADER and msgspec.msgpack.decode(asked, type=Command).function == "get":
            response = self.state_machine.state_machine.apply(asked)
            self.send(source, ClientReply(message.request_id, "ok", response, None))
        else:
            super()._on_client_request(source, message)


class AnswersBeforeCommit(RaftServer):
    """JEP-04: a write is answered when the leader has it, before it is committed."""

    def _on_client_request(self, source, message):
        super()._on_client_request(source, message)
        if self.role is Role.LEADER and self.waiting:
            self.send(source, ClientReply(message.request_id, "ok", DONE, None))


class NoSessions(Sessions):
    """A command that is committed twice is applied twice."""

    def apply(self, command):
        self._latest.clear()
        return super().apply(command)


def split(seed, monkeypatch, server=RaftServer, sessions=Sessions, **parameters):
    """The leader is cut off from the other replicas, but not from the clients."""
    monkeypatch.setattr("simclock.experiments.catalog.raft.scenario.RaftServer", server)
    monkeypatch.setattr("simclock.experiments.catalog.raft.scenario.Sessions", sessions)
    cuts = []
    for at_s in (1, 3, 5, 7):
        cuts += [Partition(at_ns=seconds(at_s), groups=(("leader",), (0, 1, 2))), Heal(at_ns=seconds(at_s + 1))]
    crashes = [Crash(at_ns=seconds(8), node="leader"), *(Restart(at_ns=seconds(9), node=node) for node in range(3))]
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(20)), loss=0.05, duplication=0.05)
    parameters = {"keys": 2, "retry_ns": ms(80), "give_up_ns": ms(600), **parameters}
    entry, result = play(
        "raft-kv", seed, duration_ns=seconds(10), faults=(*cuts, *crashes), network=network, parameters=parameters
    )
    return entry.judge(result)


WRONG = {
    "JEP-01": {"server": ReadsLocally},
    "JEP-04": {"server": AnswersBeforeCommit},
    "no sessions": {"sessions": NoSessions},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_store_is_not_linearizable(name, monkeypatch):
    for seed in range(10):
        verdict = split(seed, monkeypatch, **WRONG[name])
        if verdict.status == VIOLATED:
            assert verdict.lines[0].startswith("ILLEGAL"), "what broke comes first, and then what holds"
            assert split(seed, monkeypatch).status == VALID, f"seed {seed}, the right store"
            return
    pytest.fail("no run was found illegal")


def test_a_history_has_open_operations_as_unknown():
    _, result = play("raft-kv-wan", 7, duration_ns=seconds(40))
    history = history_of(result)
    assert all(isinstance(operation, Operation) for operation in history)
    assert {operation.outcome for operation in history} == {"ok", "unknown"}
    assert {operation.function for operation in history} == {"get", "put", "append", "delete", "cas"}
