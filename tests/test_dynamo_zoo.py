"""Bugs of many-leader stores are found by the property of their own; the right store passes the same seeds."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from simclock import Observation, UsageError
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.dynamo.bugs import BUGS as ROWS
from simclock.experiments.catalog.dynamo.hunt import _draw_delete, _draw_ring, draw
from simclock.experiments.catalog.dynamo.hunt import hunt as without_seed
from simclock.experiments.catalog.dynamo.judge import StandInsKeepHints
from simclock.experiments.catalog.dynamo.scenario import Parts
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import ground_of, is_found, named
from simclock.experiments.zoo.hunt import hunt as search
from simclock.protocols.dynamo import KEEP, DynamoServer, DynamoSettings, Ring

QUICK = {
    "KV-01": 10,
    "KV-02": 10,
    "KV-02b": 10,
    "KV-04": 10,
    "KV-08": 20,
    "DYNAMO-4.4": 10,
    "DYNAMO-4.4b": 10,
    "DYNAMO-4.4c": 10,
    "DYNAMO-4.4d": 10,
    "DYNAMO-4.5": 20,
    "DYNAMO-4.5c": 10,
    "DYNAMO-4.5d": 20,
    "DYNAMO-4.6": 10,
    "DYNAMO-4.6c": 20,
    "DYNAMO-4.7": 20,
    "DYNAMO-4.9": 20,
    "DELETE-1": 20,
    "DELETE-3": 20,
    "DELETE-4": 20,
    "DELETE-5": 20,
}
SLOW = {"DELETE-2": 60, "DYNAMO-4.9b": 80, "DYNAMO-4.5b": 200, "DYNAMO-4.6b": 200, "DYNAMO-5": 60}
FIRST = {"DYNAMO-4.5": 130, "DELETE-2": 300, "DYNAMO-5": 230}
"""Where a hunt begins if not at 0, so that it is short."""


def hunt(name, settings, drawn, parts):
    """The scenario with these draws and parts, at the seed of the settings, which an entry lays over it."""
    return replace(without_seed(name, settings, drawn, parts), seed=settings.seed)


def check(row, seeds):
    found = search(row, FIRST.get(row, 0), seeds)
    assert found.found is not None, found.others
    bug = BUGS[row]
    assert is_found(bug, named(ground_of(bug), found.found, bug))
    assert named(ground_of(bug), found.found, None) == frozenset()


@pytest.mark.parametrize("row", QUICK)
def test_a_row_is_found_by_its_own_property(row):
    check(row, QUICK[row])


@pytest.mark.slow
@pytest.mark.parametrize("row", SLOW)
def test_a_rarer_row_is_found_too(row):
    check(row, SLOW[row])


def test_every_row_is_tried_here():
    assert {row.id for row in ROWS} == QUICK.keys() | SLOW.keys()
    assert len({row.wrong for row in ROWS}) == len(ROWS) and all(row.source and row.wrong.__doc__ for row in ROWS)


def test_an_unknown_row_is_refused():
    assert entries()["dynamo-hunt"].parts == Parts()
    with pytest.raises(UsageError, match="unknown bug 'KV01'"):
        make_scenario(entries()["dynamo-hunt"], Settings(parameters={"bug": "KV01"}))


SETTINGS = DynamoSettings(servers=(0, 1, 2, 3), members=(0, 1, 2, 3))
*OWNERS, OUTSIDER = Ring(SETTINGS.members, SETTINGS.layout).walk(Ring(SETTINGS.members, SETTINGS.layout).partition("k"))


def without_deletes(drawn):
    """The same as when the mistake was found: then the hunts deleted nothing."""
    return drawn._replace(deletes_percent=0, delete_mode=KEEP)


class OffersNothing(DynamoServer):
    """Keeps what belongs to others to itself."""

    def offer(self):
        pass


def test_keys_that_stay_where_they_do_not_belong_are_named():
    entry = entries()["dynamo-ring-hunt"]
    named_somewhere = set()
    for seed in range(4):
        scenario = replace(
            hunt("dynamo-ring-hunt", Settings(seed=seed), _draw_ring(seed), Parts(server=OffersNothing)), seed=seed
        )
        named_somewhere.update(entry.judge(run(scenario)).properties)
    assert "Handoff Completes" in named_somewhere


class NeverPromises(DynamoServer):
    """Does not answer who would remove a tombstone."""

    def _on_prepare(self, source, key, record, number):
        pass


@pytest.mark.parametrize(("server", "named"), [(DynamoServer, False), (NeverPromises, True)])
def test_tombstones_that_stay_though_all_could_promise_are_named(server, named):
    entry = entries()["dynamo-delete-hunt"]
    verdicts = []
    for seed in (1, 2, 4):
        scenario = replace(
            hunt("dynamo-delete-hunt", Settings(seed=seed), _draw_delete(seed), Parts(server=server)), seed=seed
        )
        verdicts.append(entry.judge(run(scenario)))
    assert ("Tombstones Go" in {name for each in verdicts for name in each.properties}) is named
    assert named or any("Tombstones Go" in each.lines[0] for each in verdicts)


class FindsTooMany(DynamoServer):
    """Asks every healthy server that it had not asked, also where fewer are missing."""

    def _find_stand_ins(self, number, operation):
        fresh = [server for server in self.choose(operation.key) if server not in operation.chosen]
        super()._find_stand_ins(number, operation)
        self._send_writes(number, operation, [server for server in fresh if server not in operation.chosen])


def test_no_more_stand_ins_are_asked_than_owners_are_missing():
    """Found by this hunt in an earlier version of the store: one too many had no owner to keep a hint for."""
    entry = entries()["dynamo-hunt"]
    verdicts = []
    for server in (FindsTooMany, DynamoServer):
        scenario = replace(
            hunt("dynamo-hunt", Settings(seed=62), without_deletes(draw(62)), Parts(server=server)), seed=62
        )
        verdicts.append(entry.judge(run(scenario)))
    assert "Stand-Ins Keep Hints violated at node 2" in verdicts[0].lines[0] and verdicts[1].status == VALID


@pytest.mark.parametrize(("target", "says"), [(None, "keeps no hint"), (OUTSIDER, f"a hint for server {OUTSIDER}")])
def test_a_stand_in_without_a_hint_for_an_owner_is_named(target, says):
    told = []
    observer = StandInsKeepHints(SETTINGS)
    control = SimpleNamespace(violated=lambda *details, stop: told.append(details))
    for value in (("k", OWNERS[0]), ("k", target)):
        observer.on_observation(Observation(0, OUTSIDER, 0, "stands-in", value), control)
    [(name, node, detail)] = told
    assert (name, node) == ("Stand-Ins Keep Hints", OUTSIDER) and says in detail


class KeepsOffers(DynamoServer):
    """Takes a key and goes on counting who confirmed its own offer of it."""

    def withdraw(self, key):
        pass


def test_two_servers_that_offer_each_other_a_key_do_not_both_drop_it():
    """Law 3 of `replica`: found by this hunt in the first version of the store."""
    entry = entries()["dynamo-ring-hunt"]
    verdicts = []
    for server in (KeepsOffers, DynamoServer):
        scenario = replace(
            hunt("dynamo-ring-hunt", Settings(seed=2770), without_deletes(_draw_ring(2770)), Parts(server=server)),
            seed=2770,
        )
        verdicts.append(entry.judge(run(scenario)))
    assert verdicts[0].properties == ("No Lost Write",) and verdicts[1].status == VALID
