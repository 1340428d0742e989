"""Deletes: a tombstone is a version like any other; it goes when nothing older can come back."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from simclock import Clog, Crash, Cut, Mend, Partition, Restart, Unclog, ms, seconds
from simclock.clocks import VectorClock
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.dynamo.bugs import AsksOwnersAlone, RemovesAfterDelay
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.protocols.dynamo import (
    AGREED,
    CONFLICT,
    NOT_FOUND,
    OK,
    ClientVectors,
    DottedSets,
    DynamoServer,
    ServerVectors,
    Version,
    answer_json,
    resolved,
    resolver_of,
)
from simclock.protocols.dynamo.messages import Remove
from simclock.protocols.dynamo.replica import Replica

_spec = spec_from_file_location("dynamo_paper", Path(__file__).with_name("test_dynamo_paper.py"))
paper = module_from_spec(_spec)
_spec.loader.exec_module(paper)  # its script and its small store; tests put nothing on sys.path
COORDINATOR, SECOND, THIRD, OUTSIDER = paper.COORDINATOR, paper.SECOND, paper.THIRD, paper.OUTSIDER
KEY, observed, play = paper.KEY, paper.observed, paper.play

BOTH = pytest.mark.parametrize("versioning", [DottedSets, ClientVectors, ServerVectors], ids=lambda each: each.__name__)


def told_of(told):
    """Request -> (context's entries, tombstones) of its answer."""
    return {value[0]: value[1:] for _, value in observed(told, "context")}


# What a client sees.


@BOTH
def test_a_deleted_key_is_not_found_and_says_with_what_context(versioning):
    steps = (
        (ms(10), COORDINATOR, "put", "a", False),
        (ms(30), SECOND, "delete", "d", True),
        (ms(50), THIRD, "get"),
        (ms(70), THIRD, "put", "b", True),
        (ms(90), COORDINATOR, "get"),
    )
    answers, told, final = play(steps, versioning=versioning)
    assert answers[2] == answers[3] == (NOT_FOUND, ())
    context, tombstones = told_of(told)[3]
    assert context and tombstones == ("d",)
    assert answers[4] == answers[5] == (OK, ("b",)) and told_of(told)[5][1] == ()
    assert final[COORDINATOR] == ["b"], "who writes with that context replaces the tombstone"


@BOTH
def test_a_key_that_nobody_wrote_is_not_found_with_an_empty_context(versioning):
    answers, told, _ = play(((ms(10), COORDINATOR, "get"),), versioning=versioning)
    assert answers[1] == (NOT_FOUND, ()) and told_of(told)[1] == ((), ())


@pytest.mark.parametrize("versioning", [DottedSets, ClientVectors])
def test_a_put_and_a_delete_that_do_not_know_each_other_are_siblings(versioning):
    steps = (
        (ms(10), COORDINATOR, "put", "a", False),
        (ms(30), SECOND, "put", "b", False),
        (ms(50), THIRD, "delete", "d", 1),
        (ms(70), COORDINATOR, "get"),
        (ms(90), COORDINATOR, "delete", "e", True),
        (ms(110), COORDINATOR, "get"),
    )
    answers, told, _ = play(steps, versioning=versioning)
    assert answers[3] == answers[4] == (CONFLICT, ("b",)), "the delete had read a alone"
    assert told_of(told)[4][1] == ("d",)
    assert answers[5] == answers[6] == (NOT_FOUND, ()) and told_of(told)[6][1] == ("e",)


def test_a_delete_that_the_network_delivers_twice_is_one_delete():
    """And one that comes late does not take what was written since, which it had not read."""
    steps = (
        (ms(10), COORDINATOR, "put", "a", False),
        (ms(30), SECOND, "put", "b", 1),
        (ms(50), SECOND, "delete", "d", 1),
        (ms(70), SECOND, "get"),
    )
    answers, told, _ = play(steps)
    assert answers[4] == (CONFLICT, ("b",)) and told_of(told)[4][1] == ("d",)


B, D = Version("b", 1), Version("d", 2, deleted=True)


@pytest.mark.parametrize(
    ("name", "versions", "status", "shown"),
    [
        ("siblings", (D,), NOT_FOUND, ()),
        ("siblings", (D, D._replace(value="e")), NOT_FOUND, ()),
        ("siblings", (B, D), CONFLICT, ("b",)),
        ("union", (Version('["milk"]', 1), D), OK, ('["milk"]',)),
        ("union", (Version('["milk"]', 1), Version('["eggs"]', 1), D), OK, ('["eggs", "milk"]',)),
        ("union", (D,), NOT_FOUND, ()),
        ("sum", (Version("41", 1), Version("1", 1), D), OK, ("42",)),
        ("last", (B, D), NOT_FOUND, ()),
        ("last", (B._replace(written_ns=3), D), OK, ("b",)),
    ],
)
def test_resolution_with_tombstones(name, versions, status, shown):
    """The put survives where values are merged; where the last one wins that may be the delete."""
    assert resolved(versions, resolver_of(name)) == (status, shown)


def test_a_callback_is_given_what_was_put_alone():
    given = []
    assert resolved((B, D), resolver_of("callback", lambda versions: given.extend(versions) or "x")) == (OK, ("x",))
    assert given == [B]


def test_a_deleted_answer_is_json():
    clock = VectorClock.of({"A": 2})
    assert json.loads(answer_json(NOT_FOUND, (), clock, ("d",))) == {
        "value": None,
        "vector_clock": {"A": 2},
        "status": "NOT_FOUND",
    }
    assert json.loads(answer_json(CONFLICT, ("b",), clock, ("d", "e")))["value"] == ["b", None]


# When a tombstone goes.

DELETED = ((ms(10), COORDINATOR, "put", "a", False), (ms(30), COORDINATOR, "delete", "d", True))


@BOTH
@pytest.mark.parametrize("mode", ["keep", AGREED])
def test_tombstones_stay_or_go_when_all_have_agreed(versioning, mode):
    answers, told, final = play(DELETED, versioning=versioning, delete_mode=mode)
    assert answers[2] == (NOT_FOUND, ())
    if mode == "keep":
        assert [final[server] for server in (COORDINATOR, SECOND, THIRD)] == [["d"]] * 3
    else:
        assert set(final.values()) == {None}
        assert sorted(server for server, _ in observed(told, "removed")) == sorted((COORDINATOR, SECOND, THIRD))


@pytest.mark.parametrize("down", [COORDINATOR, THIRD, OUTSIDER])
def test_one_server_that_is_down_holds_the_removal_up(down):
    """Whichever it is: it might hold the old value, and what it sent might be under way."""
    crash, restart = Crash(at_ns=ms(40), node=down), Restart(at_ns=seconds(3), node=down)
    _, told, final = play(DELETED, faults=(crash,), delete_mode=AGREED)
    assert observed(told, "removed") == [] and final[SECOND] == ["d"]
    _, told, final = play(DELETED, faults=(crash, restart), delete_mode=AGREED)
    assert set(final.values()) == {None}
    assert min(each.time_ns for each in told if each.name == "removed") > seconds(3)


def test_a_server_that_is_no_member_is_asked_too():
    """It may have been one, and have kept the key or sent it."""
    _, told, final = play(DELETED, spares=1, faults=(Crash(at_ns=ms(1), node=4),), delete_mode=AGREED)
    assert observed(told, "removed") == [] and final[SECOND] == ["d"]


def test_a_server_that_was_cut_off_does_not_bring_the_value_back():
    """It has the old value; tombstones that the others dropped by themselves do not stand against it."""
    steps = (
        (ms(10), COORDINATOR, "put", "a", False),
        (ms(200), COORDINATOR, "delete", "d", True),
        (seconds(4), SECOND, "get"),
    )
    cut = (
        Partition(at_ns=ms(100), groups=((THIRD,), (COORDINATOR, SECOND, OUTSIDER, 4))),
        Partition(at_ns=seconds(2), groups=()),
    )
    shown = {}
    for server in (DynamoServer, RemovesAfterDelay):
        answers, _, _ = play(
            steps, faults=cut, server=server, delete_mode=AGREED, quorum="strict", anti_entropy_ns=ms(100)
        )
        shown[server] = answers[3]
    assert shown == {DynamoServer: (NOT_FOUND, ()), RemovesAfterDelay: (OK, ("a",))}


class TakesOldRounds(DynamoServer):
    """A record that was sent before the promise of its sender is taken after the tombstone is gone."""

    def is_fenced(self, source, message):
        return False


@pytest.mark.parametrize("server", [DynamoServer, TakesOldRounds])
def test_what_was_under_way_before_the_promise_is_not_taken_after_the_removal(server):
    """The write of a by the second server is held on its way to the third until everything is over."""
    steps = (
        (ms(10), SECOND, "put", "a", False),
        (ms(200), COORDINATOR, "delete", "d", True),
        (seconds(4), COORDINATOR, "get"),
    )
    late = (
        Clog(at_ns=ms(1), source=SECOND, target=THIRD),
        Unclog(at_ns=seconds(3), source=SECOND, target=THIRD),
        Crash(at_ns=seconds(2), node=THIRD),
        Restart(at_ns=ms(2100), node=THIRD),
    )
    answers, told, final = play(steps, faults=late, server=server, delete_mode=AGREED, quorum="strict", r=3)
    assert answers[2] == (NOT_FOUND, ())
    assert {server for server, _ in observed(told, "removed")} == {COORDINATOR, SECOND, THIRD}
    if server is DynamoServer:
        assert answers[3] == (NOT_FOUND, ()) and set(final.values()) == {None}
    else:
        assert answers[3] == (OK, ("a",)), "resurrected"


class PromisesWithoutGuard(DynamoServer):
    """A server that has promised takes what comes late as it comes."""

    def guarded(self, key, record):
        return record


@pytest.mark.parametrize("server", [DynamoServer, PromisesWithoutGuard])
def test_what_comes_between_promise_and_removal_is_covered(server):
    """The outsider promises, having nothing, while a hint with the old value is under way to it.

    The third server is down until 2 s, so nothing is removed before; and it does not hear the outsider before 4 s.
    """
    steps = (
        (ms(10), SECOND, "put", "a", False),
        (ms(300), COORDINATOR, "delete", "d", True),
    )
    trouble = (
        Crash(at_ns=ms(1), node=THIRD),
        Clog(at_ns=ms(1), source=SECOND, target=OUTSIDER),
        Cut(at_ns=ms(1), source=OUTSIDER, target=THIRD),
        Cut(at_ns=ms(250), source=COORDINATOR, target=OUTSIDER),
        Mend(at_ns=ms(600), source=COORDINATOR, target=OUTSIDER),
        Crash(at_ns=ms(1200), node=OUTSIDER),
        Restart(at_ns=ms(1300), node=OUTSIDER),
        Unclog(at_ns=ms(1500), source=SECOND, target=OUTSIDER),
        Restart(at_ns=seconds(2), node=THIRD),
        Mend(at_ns=seconds(4), source=OUTSIDER, target=THIRD),
    )
    _, _, final = play(steps, faults=trouble, server=server, delete_mode=AGREED, suspect_ns=ms(100))
    assert final[THIRD] == (None if server is DynamoServer else ["a"])


def test_what_is_written_between_promise_and_removal_stays():
    """Whenever it is written: the second server alone has it until trees are compared."""
    for at_ms in range(60, 900, 60):
        steps = (*DELETED, (ms(at_ms), SECOND, "put", "b", 2))
        cut = [Cut(at_ns=ms(at_ms), source=SECOND, target=server) for server in (COORDINATOR, THIRD)]
        mend = [Mend(at_ns=ms(at_ms + 20), source=SECOND, target=server) for server in (COORDINATOR, THIRD)]
        settings = {"delete_mode": AGREED, "removal_ns": ms(300), "anti_entropy_ns": ms(400), "quorum": "strict"}
        _, _, final = play(steps, faults=(*cut, *mend), w=1, **settings)
        assert "b" in final[COORDINATOR] and final[COORDINATOR] == final[SECOND] == final[THIRD], f"at {at_ms} ms"


def test_rounds_survive_a_crash():
    """Or all that a server sends after it would be refused."""
    crashes = [Crash(at_ns=seconds(1), node=server) for server in range(4)]
    restarts = [Restart(at_ns=ms(1200), node=server) for server in range(4)]
    steps = (*DELETED, (seconds(2), SECOND, "put", "b", False))
    answers, told, _ = play(steps, faults=(*crashes, *restarts), delete_mode=AGREED, quorum="strict", w=3)
    assert observed(told, "removed") and answers[3] == (OK, ("b",))


class PromisesAtWork(DynamoServer):
    """A server promises while it still has an older write under way."""

    def works_on(self, key):
        return False


@pytest.mark.parametrize("server", [DynamoServer, PromisesAtWork])
def test_who_has_an_older_write_under_way_does_not_promise(server):
    """The second server cannot reach the third. After a second without an answer it asks the outsider to stand in."""
    steps = ((ms(10), SECOND, "put", "a", False), (ms(100), COORDINATOR, "delete", "d", True))
    cut = (Cut(at_ns=ms(1), source=SECOND, target=THIRD),)
    _, told, final = play(steps, faults=cut, server=server, delete_mode=AGREED, w=1, replica_timeout_ns=seconds(1))
    assert observed(told, "removed") and final[THIRD] == (None if server is DynamoServer else ["a"])


def test_an_older_hint_is_covered_by_the_promise():
    """The outsider keeps the value for the third server, which does not hear it before everything is over."""
    steps = ((ms(10), SECOND, "put", "a", False), (ms(1500), COORDINATOR, "delete", "d", 1))
    trouble = (
        Crash(at_ns=ms(1), node=THIRD),
        Cut(at_ns=ms(1), source=OUTSIDER, target=THIRD),
        Restart(at_ns=ms(500), node=THIRD),
        Mend(at_ns=seconds(3), source=OUTSIDER, target=THIRD),
    )
    _, told, final = play(steps, faults=trouble, delete_mode=AGREED, w=1)
    assert (OUTSIDER, (KEY, THIRD)) in observed(told, "hinted") and observed(told, "delivered") == []
    assert {server for server, _ in observed(told, "removed")} == {COORDINATOR, SECOND, THIRD}
    assert set(final.values()) == {None}


def test_an_owner_that_missed_the_delete_gets_it_with_the_question():
    steps = ((ms(10), SECOND, "put", "a", False), (ms(100), COORDINATOR, "delete", "d", True))
    cut = (Cut(at_ns=ms(50), source=COORDINATOR, target=THIRD), Mend(at_ns=ms(250), source=COORDINATOR, target=THIRD))
    _, told, final = play(steps, faults=cut, delete_mode=AGREED, quorum="strict")
    assert {server for server, _ in observed(told, "removed")} == {COORDINATOR, SECOND, THIRD}
    assert set(final.values()) == {None}


def test_owners_alone_cannot_promise_for_a_stand_in():
    """Riak asks the owners. A stand-in that is cut off keeps the value as a hint, and delivers it later."""
    cut = (
        Partition(at_ns=ms(1), groups=((OUTSIDER, THIRD, 4), (COORDINATOR, SECOND))),
        Partition(at_ns=ms(300), groups=((OUTSIDER,), (COORDINATOR, SECOND, THIRD, 4))),
        Partition(at_ns=seconds(3), groups=()),
    )
    steps = (
        (ms(10), THIRD, "put", "a", False),
        (ms(1500), THIRD, "delete", "d", True),
        (seconds(4), COORDINATOR, "get"),
    )
    shown = {}
    for server in (DynamoServer, AsksOwnersAlone):
        answers, _, _ = play(steps, faults=cut, server=server, delete_mode=AGREED, w=1)
        shown[server] = answers[3]
    assert shown == {DynamoServer: (NOT_FOUND, ()), AsksOwnersAlone: (OK, ("a",))}


def test_a_remover_that_crashes_begins_anew():
    faults = []
    for at_ms in (60, 130, 210, 290, 370, 450, 530):
        faults += [Crash(at_ns=ms(at_ms), node=COORDINATOR), Restart(at_ns=ms(at_ms + 30), node=COORDINATOR)]
    for removal_ns in (ms(10), ms(25), ms(40)):
        _, _, final = play(DELETED, faults=tuple(faults), delete_mode=AGREED, removal_ns=removal_ns)
        assert set(final.values()) == {None}


class Guards(DynamoServer):
    """Tells at the end how many guards it has."""

    left = ()

    def on_timer(self, timer):
        super().on_timer(timer)
        type(self).left = (*type(self).left[-8:], (self.id, tuple(self.storage.guards)))


def test_a_key_that_is_written_again_is_not_removed_and_no_guard_stays():
    """The third server is down, so the attempt is still open when the key is written again."""
    steps = (*DELETED, (ms(600), SECOND, "put", "b", True))
    down = (Crash(at_ns=ms(60), node=THIRD), Restart(at_ns=seconds(2), node=THIRD))
    Guards.left = ()
    answers, told, final = play(steps, faults=down, server=Guards, delete_mode=AGREED, anti_entropy_ns=ms(100))
    assert answers[3] == (OK, ("b",)) and [final[server] for server in (COORDINATOR, SECOND, THIRD)] == [["b"]] * 3
    assert observed(told, "removed") == [] and all(not guards for _, guards in Guards.left)


class ForgetsReleased(DynamoServer):
    """A guard that is released is forgotten, and what it covered with it."""

    def _release(self, source, key, number):
        self._forget_guard(source, key, number)


class GivesAway(ForgetsReleased):
    """The same, and who has lost the key to others goes on, and may give the tombstone away meanwhile."""

    def _is_first_owner(self, key):
        return key in self.attempts or super()._is_first_owner(key)

    def give_up(self, key, owners):
        Replica.give_up(self, key, owners)


@pytest.mark.parametrize("server", [DynamoServer, GivesAway])
def test_a_key_given_away_while_its_tombstone_is_removed_stays_deleted(server):
    """The remover leaves the ring in the midst of it: two servers have dropped the tombstone, the outsider has not.

    What the second server had sent to the outsider before anybody promised arrives after it is all over.
    """
    first = COORDINATOR, THIRD
    steps = (
        (ms(10), SECOND, "get"),
        (ms(70), SECOND, "get"),
        (ms(130), SECOND, "put", "a", False),
        (ms(1700), COORDINATOR, "delete", "d", 3),
        (ms(4500), SECOND, "get"),
    )
    trouble = (
        *[Crash(at_ns=ms(1), node=node) for node in first],
        *[Restart(at_ns=ms(400), node=node) for node in first],
        Clog(at_ns=ms(125), source=SECOND, target=OUTSIDER),
        Cut(at_ns=ms(1800), source=COORDINATOR, target=OUTSIDER),
        Clog(at_ns=ms(1739), source=THIRD, target=COORDINATOR),
        Unclog(at_ns=ms(1950), source=THIRD, target=COORDINATOR),
        Mend(at_ns=ms(2350), source=COORDINATOR, target=OUTSIDER),
        Cut(at_ns=ms(1800), source=SECOND, target=OUTSIDER),
        Mend(at_ns=ms(2900), source=SECOND, target=OUTSIDER),
        Unclog(at_ns=seconds(3), source=SECOND, target=OUTSIDER),
    )
    settings = {"n": 2, "r": 1, "w": 1, "delete_mode": AGREED, "removal_ns": ms(200), "handoff_ns": ms(400)}
    orders = ((ms(1736), COORDINATOR, COORDINATOR, False),)
    answers, told, final = play(steps, faults=trouble, orders=orders, server=server, seed=49, **settings)
    assert answers[3] == (OK, ("a",)) and answers[4] == (NOT_FOUND, ())
    assert observed(told, "removed") and OUTSIDER in {server for server, (_, to) in observed(told, "hinted")}
    if server is DynamoServer:
        assert answers[5] == (NOT_FOUND, ()) and set(final.values()) == {None}
    else:
        assert answers[5] == (OK, ("a",))


@pytest.mark.parametrize("server", [DynamoServer, ForgetsReleased])
def test_a_removal_that_is_given_up_does_not_bring_the_value_back(server):
    """The key is written again at the remover alone, when all but the outsider have dropped the tombstone.

    What the second server had sent to the outsider before anybody promised arrives after the attempt is given up.
    """
    steps = (
        (ms(10), SECOND, "get"),
        (ms(70), SECOND, "put", "a", False),
        (ms(1500), COORDINATOR, "delete", "d", 2),
        (ms(2137), COORDINATOR, "put", "b", False),
        (ms(2467), THIRD, "get"),
        (ms(2537), THIRD, "get"),
    )
    trouble = (
        Crash(at_ns=ms(1), node=THIRD),
        Restart(at_ns=ms(400), node=THIRD),
        Clog(at_ns=ms(65), source=SECOND, target=OUTSIDER),
        Cut(at_ns=ms(1757), source=COORDINATOR, target=OUTSIDER),
        Mend(at_ns=ms(2247), source=COORDINATOR, target=OUTSIDER),
        Cut(at_ns=ms(2132), source=COORDINATOR, target=SECOND),
        Cut(at_ns=ms(2132), source=COORDINATOR, target=THIRD),
        Unclog(at_ns=ms(2307), source=SECOND, target=OUTSIDER),
    )
    settings = {"r": 1, "w": 1, "delete_mode": AGREED, "removal_ns": ms(200), "handoff_ns": ms(50)}
    answers, told, _ = play(steps, faults=trouble, server=server, **settings)
    assert answers[3] == (NOT_FOUND, ()) and observed(told, "removed")
    assert (OUTSIDER, (KEY, THIRD)) in observed(told, "delivered")
    assert answers[6] == ((NOT_FOUND, ()) if server is DynamoServer else (OK, ("a",)))


class HearsOldRemove(DynamoServer):
    """A Remove of an attempt that was released here long ago comes again and again."""

    def on_timer(self, timer):
        super().on_timer(timer)
        if self.id == SECOND and KEY in self.storage.records:
            record = self.versioning.encode(self.storage.records[KEY])
            self.on_message(COORDINATOR, Remove(KEY, record, 1, (0, 0, 0, 0)))


def test_a_remove_without_a_guard_drops_nothing():
    """It may come late: the attempt was given up, and the tombstone is needed."""
    _, told, final = play(DELETED, server=HearsOldRemove)
    assert observed(told, "removed") == [] and final[SECOND] == ["d"]


@pytest.mark.parametrize("gap_ms", [0, 150, 50])
def test_a_tombstone_goes_though_its_key_is_read(gap_ms):
    """Read repair does not write it back to those that have just dropped it."""
    servers = COORDINATOR, SECOND, THIRD, OUTSIDER
    gets = range(300, 4800, gap_ms) if gap_ms else ()
    reads = [(ms(at_ms), servers[place % 4], "get") for place, at_ms in enumerate(gets)]
    _, told, final = play((*DELETED, *reads), delete_mode=AGREED, anti_entropy_ns=ms(200), read_repair=True)
    assert set(final.values()) == {None} and len(observed(told, "removed")) == 3


def test_a_remover_that_crashes_keeps_no_guard_of_its_own():
    """The key is written again before it begins anew: nobody but itself would release its guard."""
    steps = (*DELETED, (ms(600), SECOND, "put", "b", True))
    faults = (
        Crash(at_ns=ms(1), node=OUTSIDER),
        Crash(at_ns=ms(500), node=COORDINATOR),
        Restart(at_ns=ms(550), node=COORDINATOR),
        Restart(at_ns=seconds(2), node=OUTSIDER),
    )
    Guards.left = ()
    answers, told, final = play(steps, faults=faults, server=Guards, delete_mode=AGREED, removal_ns=ms(300))
    assert answers[3] == (OK, ("b",)) and observed(told, "removed") == [] and final[COORDINATOR] == ["b"]
    assert all(not guards for _, guards in Guards.left)


# The scenario.


@pytest.mark.parametrize("parameters", [{}, {"versioning": "vector"}, {"resolution": "union"}, {"resolution": "sum"}])
def test_a_store_with_deletes_is_valid_on_every_placement(parameters, same_everywhere):
    entry = entries()["dynamo"]
    asked = {"deletes": 30, "delete_mode": AGREED, **parameters}
    result = same_everywhere(make_scenario(entry, Settings(seed=3, parameters=asked)))
    verdict = entry.judge(result)
    assert verdict.status == VALID, verdict.lines
    assert ("Deleted Stays Deleted" in verdict.lines[0]) is (parameters.get("resolution") != "sum")
    assert entry.sometimes(result)["deletes acknowledged"] > 10
