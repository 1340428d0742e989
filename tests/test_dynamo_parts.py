"""The parts of the store that are pure: ring, membership, Merkle trees, resolution, storage."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError
from simclock.clocks import VectorClock
from simclock.environment.disk import Disk
from simclock.protocols.dynamo import (
    CONFLICT,
    NOT_FOUND,
    OK,
    DottedSets,
    DynamoSettings,
    Layout,
    Ring,
    Version,
    Workload,
    Write,
    answer_json,
    resolved,
    resolver_of,
    server_name,
)
from simclock.protocols.dynamo.membership import Membership
from simclock.protocols.dynamo.merkle import FAN_OUT, LEAF_LEVEL, LEAVES, MerkleTree, children, leaf_of
from simclock.protocols.dynamo.storage import Storage

LAYOUT = Layout(partitions=64, virtual_nodes=32)
KEYS = [f"key {number}" for number in range(400)]


# The ring (4.2, 4.3).


def test_a_preference_list_has_distinct_servers():
    """4.3: positions are skipped so that the list has only distinct physical nodes."""
    ring = Ring((0, 1, 2, 3, 4), LAYOUT)
    for key in KEYS:
        walk = ring.walk(ring.partition(key))
        assert sorted(walk) == [0, 1, 2, 3, 4]
        assert ring.owners(key, 3) == walk[:3]


def test_each_server_keeps_its_share():
    """4.2: with virtual nodes the load is near uniform."""
    owned = [len(Ring(tuple(range(8)), LAYOUT).owned(node, 3)) for node in range(8)]
    assert sum(owned) == 3 * 64 and min(owned) >= 12 and max(owned) <= 36


@pytest.mark.parametrize("joining", [True, False])
def test_only_the_newcomers_neighbours_are_affected(joining):
    """4.2: departure or arrival of a node only affects its immediate neighbours: no key moves between others."""
    few, many = Ring((0, 1, 2, 3, 4), LAYOUT), Ring((0, 1, 2, 3, 4, 5), LAYOUT)
    before, after = (few, many) if joining else (many, few)
    moved = 0
    for key in KEYS:
        old, new = before.owners(key, 3), after.owners(key, 3)
        assert [server for server in new if server != 5 and server in old] == [s for s in old if s != 5 and s in new]
        moved += len(set(new) - set(old))
        if joining:
            assert set(new) - set(old) <= {5}
        else:
            assert set(old) - set(new) <= {5}
    assert moved < 1.5 * len(KEYS) * 3 / 6, "about a sixth of all replicas"


def test_the_ring_does_not_depend_on_what_was_there_before():
    assert Ring((3, 1, 2), LAYOUT).owners("key", 2) == Ring((1, 2, 3), LAYOUT).owners("key", 2)


@pytest.mark.parametrize("wrong", [{"partitions": 0}, {"virtual_nodes": 0}, {"partitions": 1.5}])
def test_a_layout_is_checked(wrong):
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))}: "):
        Layout(**wrong)


# Membership (4.8.1).


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans(), st.integers(0, 2)), max_size=20))
def test_views_converge_in_whatever_order_they_meet(changes):
    views = [Membership.of((0, 1), 4)] * 3
    for at, server, joins, other in changes:
        views[at] = views[at].changed(server, joins)
        assert (server in views[at].members) is joins
        views[other] = views[other].merge(views[at].counts)
    together = views[0].merge(views[1].counts).merge(views[2].counts)
    assert together == views[2].merge(views[1].counts).merge(views[0].counts) == together.merge(together.counts)


# Merkle trees (4.7).

contents = st.dictionaries(st.sampled_from(KEYS), st.binary(max_size=3), max_size=30)


def tree_of(held):
    tree = MerkleTree()
    for key, summary in held.items():
        tree.put(key, summary)
    return tree


@given(contents, contents)
def test_equal_roots_mean_equal_contents_and_the_way_down_leads_to_what_differs(one, other):
    left, right = tree_of(one), tree_of(other)
    assert (left.hash(0, 0) == right.hash(0, 0)) is (one == other)
    differing = [0]
    for level in range(LEAF_LEVEL + 1):
        differing = [index for index in differing if left.hash(level, index) != right.hash(level, index)]
        if level < LEAF_LEVEL:
            differing = [below for index in differing for below in children(index)]
    changed = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert {leaf_of(key) for key in changed} == set(differing)


@given(contents, st.randoms(use_true_random=False))
def test_a_tree_does_not_remember_how_it_came_to_be(held, luck):
    tree = tree_of(dict.fromkeys(held, b"old") | {"gone": b"x"})
    tree.hash(0, 0)
    tree.drop("gone")
    for key in luck.sample(sorted(held), len(held)):
        tree.put(key, held[key])
    assert tree.hash(0, 0) == tree_of(held).hash(0, 0)
    assert LEAVES == FAN_OUT**LEAF_LEVEL == len(list(range(LEAVES)))


# Resolution and answers.


def siblings(*values):
    return [Version(value, at) for at, value in enumerate(values)]


@pytest.mark.parametrize(
    ("name", "values", "status", "shown"),
    [
        ("siblings", ("a", "b"), CONFLICT, ("a", "b")),
        ("siblings", ("a", "a"), OK, ("a",)),
        ("siblings", (), NOT_FOUND, ()),
        ("union", ('["milk"]', '["eggs", "milk"]'), OK, ('["eggs", "milk"]',)),
        ("union", ('["milk"]', "7"), CONFLICT, ("7", '["milk"]')),
        ("sum", ("1", "41"), OK, ("42",)),
        ("sum", ("1", "true"), CONFLICT, ("1", "true")),
        ("last", ("b", "a"), OK, ("a",)),
    ],
)
def test_resolution(name, values, status, shown):
    assert resolved(siblings(*values), resolver_of(name)) == (status, shown)


def test_a_callback_decides():
    longest = resolver_of("callback", lambda versions: max((each.value for each in versions), key=len))
    assert resolved(siblings("a", "bbb", "cc"), longest) == (OK, ("bbb",))
    with pytest.raises(UsageError, match="resolution: 'callback'"):
        resolver_of("callback")


def test_an_answer_is_json():
    clock = VectorClock.of({"A": 2, "B": 1})
    expected = {"value": ["milk"], "vector_clock": {"A": 2, "B": 1}, "status": "OK"}
    assert json.loads(answer_json(OK, ['["milk"]'], clock)) == expected
    conflict = json.loads(answer_json(CONFLICT, ['["eggs"]', '["milk"]'], clock))
    assert conflict == {"value": [["eggs"], ["milk"]], "vector_clock": {"A": 2, "B": 1}, "status": "CONFLICT"}
    assert json.loads(answer_json(OK, [], VectorClock())) == {"value": None, "vector_clock": {}, "status": "OK"}


# Storage.


def opened(disk):
    return Storage(disk, 1, DottedSets(), Membership.of((0, 1, 2), 3))


def record(name, server="B"):
    return DottedSets().put(DottedSets().empty(), Write(Version(name, 1), VectorClock(), "c", 1), server)


def test_what_was_synced_is_there_after_a_crash_and_nothing_else():
    disk = Disk()
    storage = opened(disk)
    storage.put("kept", record("v"))
    storage.put_hint(2, "hinted", record("h"))
    storage.put("given", record("g", "A"))
    storage.forget("given")
    storage.sync()
    storage.put("lost", record("w"))
    storage.forget_hint(2, "hinted")
    disk.crash()
    again = opened(disk)
    assert again.records == {"kept": record("v")} and again.hints == {(2, "hinted"): record("h")}


def test_an_id_that_counted_in_what_was_given_away_is_not_used_again():
    """Law 2; the bug of riak_kv issue 679."""
    disk = Disk()
    storage = opened(disk)
    assert storage.id == "B"
    storage.put("of another", record("v", "A"))
    storage.forget("of another")
    assert storage.id == "B", "it had counted nothing there"
    storage.put("mine", record("v"))
    storage.forget("mine")
    storage.sync()
    disk.crash()
    assert storage.id == opened(disk).id == "B1"


def test_a_request_is_new_once():
    disk = Disk()
    storage = opened(disk)
    assert storage.is_new_request(9, 1) and not storage.is_new_request(9, 1)
    assert storage.is_new_request(9, 3) and not storage.is_new_request(9, 2) and storage.is_new_request(8, 2)
    storage.sync()
    disk.crash()
    assert not opened(disk).is_new_request(9, 3)


def test_names():
    assert [server_name(server) for server in (0, 25, 26)] == ["A", "Z", "S26"]
    assert len(Counter(map(server_name, range(100)))) == 100


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"servers": (1, 2)}, "servers"),
        ({"members": ()}, "members"),
        ({"members": (7,)}, "members"),
        ({"gossip_ns": 0}, "gossip_ns"),
        ({"n": 4}, "n: 4"),
    ],
)
def test_settings_are_checked(wrong, place):
    with pytest.raises(UsageError, match="^" + place):
        DynamoSettings(**{"servers": (0, 1, 2), "members": (0, 1, 2), **wrong})


@pytest.mark.parametrize("wrong", [{"keys": 0}, {"reads_percent": 101}, {"content": "song"}, {"pause_ns": 0}])
def test_a_workload_is_checked(wrong):
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))}: "):
        Workload(**wrong)
