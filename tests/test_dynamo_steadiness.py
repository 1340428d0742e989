"""What a healed store owes, and what each of its repairs does alone: a wrong line that each property names.

Most of these wrong lines are made up for by something else in time: hunts that ask at the end alone let them pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simclock import Control, Observation, Told
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.dynamo.clients import AS_ASKED, ClientsGoOn, Promise
from simclock.experiments.catalog.dynamo.judge import id_of
from simclock.experiments.catalog.dynamo.scenario import Parts
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.protocols.dynamo import DottedSets, DynamoServer, server_name
from simclock.protocols.dynamo.messages import Gossip, Repair
from simclock.protocols.dynamo.observed import Coordinates, Heard, Repaired
from simclock.protocols.key_value.observed import Invoked

CALM, REPAIR = "dynamo-calm-hunt", "dynamo-repair-hunt"


def named(hunt: str, seed: int, parts: Parts | None = None) -> set[str]:
    """What a run names with these parts."""
    entry = entries()[hunt]
    entry = entry if parts is None else replace(entry, parts=parts)
    result = run(make_scenario(entry, Settings(seed=seed)))
    return {violation.property for violation in result.violations} | set(entry.judge(result).properties)


class NeverRefuses(DynamoServer):
    """Whoever cannot be answered is told nothing."""

    def _refuse(self, operation: Any) -> None:
        operation.answered = True


class CountsUnsent(DynamoServer):
    """A write is sent to one server fewer, which is counted all the same: anti-entropy will bring it."""

    def _send_writes(self, number: int, operation: Any, targets: Any) -> None:
        others = [target for target in targets if target != self.id]
        super()._send_writes(number, operation, others[:-1])
        if others:
            operation.heard[others[-1]] = b""


class PassesOver(DynamoServer):
    """The first of the walk is taken to be down."""

    def choose(self, key: str) -> list[int]:
        return list(self.ring.walk(self.ring.partition(key))[1 : self.settings.n + 1])


class SuspectsEverybody(DynamoServer):
    """At a time-out those that have answered are suspected too."""

    def _on_timeout(self, number: int) -> None:
        for server in self.operations[number].chosen:
            self.suspect(server)
        super()._on_timeout(number)


class RepairsEverybody(DynamoServer):
    """A read repairs whoever has answered."""

    def repair(self, operation: Any) -> None:
        for server in operation.heard:
            if server != self.id:
                self.observe(Repaired(operation.key, server))
                newest = self.versioning.encode(operation.record)
                self.send(server, Repair(operation.key, newest, self.storage.round))


class HearsNoGossip(DynamoServer):
    """Only who is told that a server joins knows it."""

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, Gossip):
            super().on_message(source, message)


class ForgetsItsEpoch(DynamoServer):
    """A server that starts counts in its first epoch again."""

    def on_start(self) -> None:
        super().on_start()
        self.storage.epoch = 0


class SendsAll(DottedSets):
    """What another has is sent all the same."""

    def missing(self, record: Any, summary: bytes) -> bytes:
        return super().missing(record, self.summary(self.empty()))


class TakesNoRepair(DynamoServer):
    """A replica that is sent what it lacks leaves it."""

    def on_repair(self, key: str, record: Any) -> None:
        pass


class RepairsInMemory(DynamoServer):
    """What a repair brings is not durable."""

    def on_repair(self, key: str, record: Any) -> None:
        self.store(key, record)


class GivesNothing(DynamoServer):
    """Anti-entropy takes what this server lacks, and gives nothing that it is asked for."""

    def _on_sync(self, source: int, lacking: Any, wanted: Any) -> None:
        super()._on_sync(source, lacking, ())


class KeepsHints(DynamoServer):
    """A hint is delivered when its owner is no more."""

    def offer(self) -> None:
        pass


class HearsOfNoRemoval(DynamoServer):
    """Who removes a tombstone waits for ever for those that have dropped theirs."""

    def _on_removed(self, source: int, key: str, number: int) -> None:
        pass


WRONG = [
    (CALM, "Every Call Succeeds", Parts(server=NeverRefuses)),
    (CALM, "Reads Are Fresh", Parts(server=CountsUnsent)),
    (CALM, "Nobody Stands In", Parts(server=PassesOver)),
    (CALM, "Nobody Stands In", Parts(server=SuspectsEverybody)),
    (CALM, "Repairs Are Needed", Parts(server=RepairsEverybody)),
    (CALM, "Orders Are Followed", Parts(server=HearsNoGossip)),
    pytest.param(CALM, "Epochs Only Grow", Parts(server=ForgetsItsEpoch), marks=pytest.mark.slow),
    (REPAIR, "Who Has All Lacks None", Parts(versioning=SendsAll)),
    (REPAIR, "Replicas Converge", Parts(server=TakesNoRepair)),
    (REPAIR, "Replicas Converge", Parts(server=RepairsInMemory)),
    (REPAIR, "Replicas Converge", Parts(server=GivesNothing)),
    (REPAIR, "Handoff Completes", Parts(server=KeepsHints)),
    (REPAIR, "Handoff Completes", Parts(server=HearsOfNoRemoval)),
]


@pytest.mark.parametrize(("hunt", "property", "parts"), WRONG)
def test_a_wrong_line_is_named(hunt: str, property: str, parts: Parts) -> None:
    found = next((seed for seed in range(25) if property in named(hunt, seed, parts)), None)
    assert found is not None
    assert named(hunt, found) == set()


def test_what_is_made_up_for_passes_elsewhere() -> None:
    for seed in range(4):
        assert named("dynamo-hunt", seed, Parts(server=GivesNothing)) == set()


@pytest.mark.slow
@pytest.mark.parametrize("hunt", [CALM, REPAIR])
def test_the_right_store_passes(hunt: str) -> None:
    entry = entries()[hunt]
    for seed in range(200, 260):
        result = run(make_scenario(entry, Settings(seed=seed)))
        assert entry.judge(result).status == VALID, seed


@pytest.mark.slow
def test_the_calm_is_not_empty() -> None:
    """Both kinds of calm are judged in some runs, and each mechanism has something to do."""
    results = [run(make_scenario(entries()[CALM], Settings(seed=seed))) for seed in range(6)]
    counts = [result.reports["StoreSteadiness"].counts for result in results]
    assert all(count["calls"] > 20 for count in counts)
    assert any(count["calls while one is down"] > 10 for count in counts)
    repaired = [run(make_scenario(entries()[REPAIR], Settings(seed=seed))) for seed in range(24)]
    reached = [entries()[REPAIR].sometimes(result) for result in repaired]
    for kind in ("synchronized", "repair", "delivered", "tombstones removed"):
        assert any(each.get(kind, 0) for each in reached), kind


# What is told of what was asked.


@pytest.mark.parametrize(
    ("told", "node", "expected"),
    [
        (Coordinates(2, 7, "k"), 0, []),
        (Coordinates(7, 2, "k"), 0, [AS_ASKED]),
        (Coordinates(2, 7, "other"), 0, [AS_ASKED]),
        (Heard("get", "k", "OK", (), (), ()), 2, []),
        (Heard("get", "OK", "k", (), (), ()), 2, [AS_ASKED]),
    ],
)
def test_what_is_told_is_of_what_was_asked(told: Told, node: int, expected: list[str]) -> None:
    promise = Promise(clients=range(2, 3), answer_within_ns=1000, call_within_ns=1000, stop_ns=0)
    observer, control = ClientsGoOn(promise), Control(1)
    for time_ns, who, each in ((1, 2, Invoked(2, "get", "k", ())), (2, node, told)):
        observer.on_observation(Observation(time_ns, who, 1, each.observed_as, each.as_observed()), control)
    assert [violation.property for violation in control.violations] == expected


def test_ids_in_clocks_are_those_of_servers() -> None:
    assert [id_of(server_name(server) + epoch) for server, epoch in ((0, ""), (3, "7"), (25, "12"))] == [
        (0, 0),
        (3, 7),
        (25, 12),
    ]
    assert id_of("c3.1") == id_of("") == id_of("A.1") == (-1, 0)
