"""Lamport and vector clocks: the papers' rules, the laws of the order, and happens-before on random executions."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError
from simclock.clocks import DenseVectorClock, LamportClock, Order, VectorClock, settled

NODES = 4
ids = st.integers(0, 3) | st.sampled_from("ab")
vectors = st.dictionaries(ids, st.integers(0, 3)).map(VectorClock.of)
dense_vectors = st.lists(st.integers(0, 3), min_size=3, max_size=3).map(lambda counts: DenseVectorClock(tuple(counts)))
lamports = st.builds(LamportClock, st.integers(0, 5), ids)
clocks = st.one_of(
    st.tuples(vectors, vectors, vectors),
    st.tuples(dense_vectors, dense_vectors, dense_vectors),
    st.tuples(lamports, lamports, lamports),
)


# The order.


@given(clocks)
def test_the_order_is_a_partial_order(three):
    a, b, c = three
    assert a.compare(a) is Order.EQUAL
    assert not (a <= b <= a) or a == b
    assert not (a <= b <= c) or a <= c


@given(clocks)
def test_comparison_has_four_outcomes_and_agrees_with_the_operators(three):
    a, b, _ = three
    outcome = a.compare(b)
    assert outcome is b.compare(a).reversed
    assert (outcome is Order.BEFORE) == (a < b) == (b > a)
    assert (outcome is Order.EQUAL) == (a == b) == (a <= b and a >= b)
    assert (outcome is Order.CONCURRENT) == (not a <= b and not b <= a)


@given(lamports, lamports)
def test_lamport_timestamps_are_totally_ordered(a, b):
    """Lamport 1978: a => b iff C(a) < C(b), or C(a) = C(b) and the node of a is first."""
    assert a.compare(b) is not Order.CONCURRENT


@given(st.tuples(vectors, vectors, vectors) | st.tuples(dense_vectors, dense_vectors, dense_vectors))
def test_merge_is_the_least_upper_bound(three):
    a, b, c = three
    both = a.merge(b)
    assert a <= both and b <= both
    assert not (a <= c and b <= c) or both <= c
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(a) == a


@given(vectors, ids)
def test_a_tick_is_one_more_for_its_node_and_nothing_else(a, node):
    after = a.tick(node)
    assert a < after
    assert after[node] == a[node] + 1
    assert all(after[other] == a[other] for other in a.ids if other != node)


@pytest.mark.parametrize(
    ("a", "b", "outcome"),
    [
        ({}, {}, Order.EQUAL),
        ({}, {"x": 1}, Order.BEFORE),
        ({"x": 1}, {"y": 1}, Order.CONCURRENT),  # an absent id has counted 0: it is not left out of the comparison
        ({"x": 1}, {"x": 1, "y": 1}, Order.BEFORE),
        ({"x": 2}, {"x": 1, "y": 1}, Order.CONCURRENT),
        ({"x": 2, "y": 1}, {"x": 1, "y": 1}, Order.AFTER),
    ],
)
def test_comparison_counts_an_absent_id_as_zero(a, b, outcome):
    assert VectorClock.of(a).compare(VectorClock.of(b)) is outcome


# Clocks against happens-before.


@st.composite
def executions(draw):
    """Events (node, predecessor at the node, send that is received or None), in an order that could have happened."""
    events = []
    latest = {}
    under_way = []
    for _ in range(draw(st.integers(0, 25))):
        node = draw(st.integers(0, NODES - 1))
        arrives = draw(st.booleans()) and any(target == node for target, _ in under_way)
        received = None
        if arrives:
            target, received = draw(st.sampled_from([sent for sent in under_way if sent[0] == node]))
            if draw(st.booleans()):  # else it may be delivered again
                under_way.remove((target, received))
        elif draw(st.booleans()):
            under_way.append((draw(st.integers(0, NODES - 1)), len(events)))
        events.append((node, latest.get(node), received))
        latest[node] = len(events) - 1
    return events


def pasts(events):
    """Per event, the set of events that happened before it or are it: the definition, with no clock in it."""
    found = []
    for number, (_, before, received) in enumerate(events):
        found.append({number}.union(*(found[cause] for cause in (before, received) if cause is not None)))
    return found


def stamps(events, new, tick, receive):
    """Per event, the clock after it."""
    found = []
    for node, before, received in events:
        own = new(node) if before is None else found[before]
        found.append(tick(own, node) if received is None else receive(own, found[received], node))
    return found


@given(executions())
def test_vector_order_is_happens_before(events):
    """Mattern 1989, theorem 10."""
    past = pasts(events)
    stamp = stamps(events, lambda node: VectorClock(), VectorClock.tick, VectorClock.receive)
    for a, b in product(range(len(events)), repeat=2):
        outcome = (
            Order.EQUAL if a == b
            else Order.BEFORE if a in past[b]
            else Order.AFTER if b in past[a]
            else Order.CONCURRENT
        )  # fmt: skip
        assert stamp[a].compare(stamp[b]) is outcome


@given(executions())
def test_dense_and_sparse_vectors_are_the_same_clock(events):
    sparse = stamps(events, lambda node: VectorClock(), VectorClock.tick, VectorClock.receive)
    dense = stamps(events, lambda node: DenseVectorClock.zero(NODES), DenseVectorClock.tick, DenseVectorClock.receive)
    assert [clock.sparse() for clock in dense] == sparse
    assert [clock.dense(NODES) for clock in sparse] == dense
    for (a, s), (b, t) in product(zip(dense, sparse, strict=True), repeat=2):
        assert a.compare(b) is s.compare(t)


@given(executions())
def test_lamport_clock_condition(events):
    """Lamport 1978: if a happened before b then C(a) < C(b); and no two events have one timestamp."""
    past = pasts(events)
    stamp = stamps(
        events,
        lambda node: LamportClock(0, node),
        lambda own, node: own.tick(),
        lambda own, remote, node: own.receive(remote),
    )
    assert len(set(stamp)) == len(events)
    for a, b in product(range(len(events)), repeat=2):
        if a != b and a in past[b]:
            assert stamp[a].count < stamp[b].count
            assert stamp[a] < stamp[b]


def test_lamport_rules():
    """IR1: one more per event. IR2: max(own, message's) + 1."""
    clock = LamportClock(0, 7).tick()
    assert clock == LamportClock(1, 7)
    assert clock.receive(LamportClock(5, 2)) == LamportClock(6, 7)
    assert LamportClock(9, 7).receive(LamportClock(5, 2)) == LamportClock(10, 7)


# Pruning.


def test_pruning_makes_the_past_look_concurrent():
    before, after = VectorClock.of({"x": 1}), VectorClock.of({"x": 1, "y": 1})
    assert before < after
    assert before.compare(after.pruned(["x"])) is Order.CONCURRENT


def test_pruning_both_makes_the_concurrent_look_ordered():
    a, b = VectorClock.of({"x": 1}), VectorClock.of({"y": 1})
    assert a.compare(b) is Order.CONCURRENT
    assert a.pruned(["x"]).compare(b.pruned(["x"])) is Order.BEFORE


@given(st.lists(vectors, max_size=4), st.dictionaries(st.sampled_from("pq"), st.integers(1, 3)))
def test_pruning_settled_ids_from_all_clocks_keeps_the_order(some, retired):
    every = [clock.merge(VectorClock.of(retired)) for clock in some]
    gone = settled(every)
    assert not every or gone >= retired.keys()
    for a, b in product(every, repeat=2):
        assert a.pruned(gone).compare(b.pruned(gone)) is a.compare(b)


# Values.


@given(clocks)
def test_a_clock_is_a_value_with_one_encoding(three):
    a, b, _ = three
    again = type(a).decode(a.encode())
    assert again == a and hash(again) == hash(a) and type(again) is type(a)
    assert (a.encode() == b.encode()) == (a == b)
    with pytest.raises(AttributeError):
        a.entries = a.count = ()


def test_the_encoding_is_compact_and_sparse():
    assert VectorClock().encode() == bytes.fromhex("9190")
    assert VectorClock.of({3: 0, 9: 2, 1: 7}).entries == ((1, 7), (9, 2))
    assert len(VectorClock.of({1: 7, 9: 2}).encode()) == 8


@given(st.binary(max_size=12))
def test_decoding_takes_canonical_bytes_and_nothing_else(data):
    for kind in (LamportClock, VectorClock, DenseVectorClock):
        try:
            value = kind.decode(data)
        except UsageError:
            continue
        assert value.encode() == data


@pytest.mark.parametrize(
    "make",
    [
        lambda: VectorClock(((1, 0),)),
        lambda: VectorClock(((2, 1), (1, 1))),
        lambda: VectorClock(((1, 1), (1, 2))),
        lambda: VectorClock((("a", 1), (1, 1))),
        lambda: VectorClock(((True, 1),)),
        lambda: VectorClock.of({"a": -1}),
        lambda: LamportClock(-1, 0),
        lambda: LamportClock(1.5, 0),
        lambda: DenseVectorClock((1, -1)),
        lambda: DenseVectorClock((1, 1)).tick(2),
        lambda: DenseVectorClock((1, 1))[-1],
        lambda: DenseVectorClock((1, 1)).merge(DenseVectorClock((1,))),
        lambda: DenseVectorClock((1, 1)) <= DenseVectorClock((1,)),
        lambda: VectorClock.of({"a": 1}).dense(3),
        lambda: VectorClock.of({3: 1}).dense(3),
        lambda: VectorClock.decode(bytes.fromhex("91 91 92 01 00")),
        lambda: VectorClock.decode(bytes.fromhex("91 91 92 01 cc 05")),
    ],
)
def test_what_is_no_clock_is_refused(make):
    with pytest.raises(UsageError):
        make()


# Vectors that other people's tests agree on.


@pytest.mark.external
def test_riak_vclock_table(external_data):
    """basho/riak_dt, riak_dt_vclock EUnit."""
    table = json.loads((external_data / "riak_dt" / "cases.json").read_text())["vclock"]
    values = {}
    for line in table["ops"]:
        name, _, call = line.partition("=")
        if call == "{}":
            values[name] = VectorClock()
            continue
        operation, _, arguments = call.rstrip(")").partition("(")
        first, second = arguments.split(",")
        if operation == "inc":
            values[name] = values[second].tick(first)
        else:
            assert operation == "merge"
            values[name] = values[first].merge(values[second])
    assert len(table["descends"]) > 3
    for later, earlier, expected in table["descends"]:
        assert (values[later] >= values[earlier]) is expected, (later, earlier)
    for case in table["merge"]:
        assert VectorClock.of(case["a"]).merge(VectorClock.of(case["b"])) == VectorClock.of(case["out"])
