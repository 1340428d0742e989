"""Interval tree clocks: the tables of fgrid/itc, the paper's example, and causal histories on random runs."""

import json
from itertools import combinations, product
from operator import le

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simclock import UsageError
from simclock.clocks import Order, Stamp
from simclock.clocks.interval_tree import (
    DEPTH_MAX,
    event_leq,
    highest,
    join_events,
    lift,
    lowest,
    normal_event,
    normal_id,
    sink,
    split_id,
    sum_ids,
)

FUNCTIONS = {
    "event.lift": lift,
    "event.sink": sink,
    "event.norm": normal_event,
    "event.min": lowest,
    "event.join": join_events,
    "event.leq": event_leq,
    "id.split": split_id,
    "id.norm": normal_id,
    "id.sum": sum_ids,
}
raw_ids = st.recursive(st.integers(0, 1), lambda trees: st.tuples(trees, trees), max_leaves=8)
id_trees = raw_ids.map(normal_id)
raw_events = st.recursive(st.integers(0, 40), lambda trees: st.tuples(st.integers(0, 3), trees, trees), max_leaves=8)
event_trees = raw_events.map(normal_event)
stamps = st.builds(Stamp, id_trees, event_trees)


def tree(value):
    return tuple(map(tree, value)) if isinstance(value, list) else value


@pytest.mark.external
def test_the_tables(external_data):
    cases = json.loads((external_data / "itc" / "fgrid_cases.json").read_text())["functions"]
    assert {case["f"] for case in cases} == FUNCTIONS.keys()
    for case in cases:
        assert FUNCTIONS[case["f"]](*map(tree, case["in"])) == tree(case["out"]), case


def test_the_papers_example():
    """The run of the paper's section 5.2, stamp by stamp."""
    seed = Stamp.seed()
    a, b = seed.fork()
    assert (a, b) == (Stamp((1, 0), 0), Stamp((0, 1), 0))
    a, b = a.tick(), b.tick()
    assert (a, b) == (Stamp((1, 0), (0, 1, 0)), Stamp((0, 1), (0, 0, 1)))
    a, c = a.fork()
    b = b.tick()
    assert (a.id, c.id, b.event) == (((1, 0), 0), ((0, 1), 0), (0, 0, 2))
    a = a.tick()
    assert a.event == (0, (1, 1, 0), 0)
    b = c.join(b)
    assert b == Stamp(((0, 1), 1), (1, 0, 1))
    c, b = b.fork()
    assert (c.id, b.id) == (((0, 1), 0), (0, 1))
    a = a.join(c)
    assert a == Stamp((1, 0), (1, (0, 1, 0), 1))
    assert a.tick() == Stamp((1, 0), 2)


def test_events_after_a_fork_are_concurrent():
    a, b = Stamp.seed().fork()
    assert a.compare(b) is Order.EQUAL
    assert a.tick().compare(b) is Order.AFTER
    assert a.tick().compare(b.tick()) is Order.CONCURRENT


# Causal histories.


@st.composite
def runs(draw):
    """Operations on a changing set of stamps, by position."""
    operations = st.sampled_from(["tick", "fork", "join", "send"])
    return draw(st.lists(st.tuples(operations, st.integers(0, 99), st.integers(0, 99)), max_size=40))


@given(runs())
def test_order_is_causal_history(run):
    """Law 1 and law 2: ids stay disjoint, and a <= b if and only if b's history has all events of a's."""
    live = [(Stamp.seed(), frozenset())]
    for number, (operation, first, second) in enumerate(run):
        here, there = first % len(live), second % len(live)
        stamp, history = live[here]
        if operation == "tick":
            live[here] = stamp.tick(), history | {number}
        elif operation == "fork":
            one, other = stamp.fork()
            live[here] = one, history
            live.append((other, history))
        elif operation == "send":
            sent, carried = live[there][0].peek(), live[there][1]
            live[here] = stamp.join(sent).tick(), history | carried | {number}
        elif here != there:
            joined, known = live[there]
            live[here] = stamp.join(joined), history | known
            del live[there]
    for (a, _), (b, _) in combinations(live, 2):
        sum_ids(a.id, b.id)  # raises where they overlap
    for (a, known_a), (b, known_b) in product(live, repeat=2):
        assert (a <= b) is (known_a <= known_b)


@given(stamps, stamps, stamps)
def test_the_order_and_its_join(a, b, c):
    a, b, c = a.peek(), b.peek(), c.peek()
    assert a.compare(a) is Order.EQUAL
    assert not (a <= b <= a) or a == b
    assert not (a <= b <= c) or a <= c
    assert a.compare(b) is b.compare(a).reversed
    both = a.join(b)
    assert a <= both and b <= both
    assert not (a <= c and b <= c) or both <= c
    assert both == b.join(a)
    assert both.join(c) == a.join(b.join(c))
    assert a.join(a) == a


@given(stamps)
def test_fork_divides_and_join_gives_back(a):
    one, other = a.fork()
    assert one.event == other.event == a.event
    assert one.join(other) == a == other.join(one)
    assert one.join(a.peek()) == one


def known(event, path):
    """How many events a tree knows at a point: a path of halves."""
    total = 0
    for half in path:
        if isinstance(event, int):
            break
        total += event[0]
        event = event[1 + half]
    return total + (event if isinstance(event, int) else 0)


POINTS = list(product((0, 1), repeat=9))
"""Deeper than any tree here, so that a path ends in a leaf."""


@given(stamps, stamps)
def test_a_join_knows_at_every_point_what_the_greater_of_both_knows(a, b):
    joined = a.peek().join(b.peek()).event
    assert [known(joined, path) for path in POINTS] == [
        max(known(a.event, path), known(b.event, path)) for path in POINTS
    ]


@given(raw_events, raw_events, st.integers(0, 5))
def test_what_an_event_tree_means_stands_at_its_points(a, b, count):
    """Normal or not: every function of event trees says what the counts at all points say."""

    def points(tree):
        return [known(tree, path) for path in POINTS]

    one, other = points(a), points(b)
    assert points(normal_event(a)) == one
    assert (lowest(a), highest(a)) == (min(one), max(one))
    assert points(lift(a, count)) == [here + count for here in one] and sink(lift(a, count), count) == a
    joined = join_events(a, b)
    assert points(joined) == list(map(max, one, other)) and normal_event(joined) == joined
    assert event_leq(normal_event(a), normal_event(b)) is all(map(le, one, other))


def fill(owned, event):
    """`fill` of the paper's section 5.3.4, line by line."""
    match owned, event:
        case 0, _:
            return event
        case 1, _:
            return highest(event)
        case _, int():
            return event
        case (1, right_id), (count, left, right):
            filled = fill(right_id, right)
            return normal_event((count, max(highest(left), lowest(filled)), filled))
        case (left_id, 1), (count, left, right):
            filled = fill(left_id, left)
            return normal_event((count, filled, max(highest(right), lowest(filled))))
        case (left_id, right_id), (count, left, right):
            return normal_event((count, fill(left_id, left), fill(right_id, right)))


def grow(owned, event):
    """`grow` of the paper's section 5.3.4, line by line; its "some large constant" is 1,000."""
    match owned, event:
        case 1, int():
            return event + 1, 0
        case _, int():
            grown, cost = grow(owned, (event, 0, 0))
            return grown, cost + 1000
        case (0, right_id), (count, left, right):
            grown, cost = grow(right_id, right)
            return (count, left, grown), cost + 1
        case (left_id, 0), (count, left, right):
            grown, cost = grow(left_id, left)
            return (count, grown, right), cost + 1
        case (left_id, right_id), (count, left, right):
            (grown_left, cost_left), (grown_right, cost_right) = grow(left_id, left), grow(right_id, right)
            if cost_left < cost_right:
                return (count, grown_left, right), cost_left + 1
            return (count, left, grown_right), cost_right + 1


@given(stamps.filter(lambda stamp: stamp.id != 0))
@example(Stamp(((1, 0), ((1, 0), 0)), (0, 0, (0, (0, 1, 0), 0))))  # two levels down, but no leaf becomes a tree
@example(Stamp(((0, 1), ((0, 1), 0)), (0, (0, 0, 1), (0, (0, 0, 1), 0))))  # the left is nearer the top
@example(Stamp(((0, (0, 1)), (1, 0)), (0, (0, 0, (0, 0, 1)), (0, 1, 0))))  # the right is
def test_a_tick_is_the_papers_event(a):
    """Where it cannot make the tree simpler it makes it grow least: no new leaf if possible, then nearest the top."""
    filled = fill(a.id, a.event)
    assert a.tick().event == (filled if filled != a.event else grow(a.id, a.event)[0])


@given(stamps, stamps)
def test_what_is_made_of_stamps_is_in_normal_form(a, b):
    """It is not checked when it is made (that would cost more than making it), so it is checked here."""
    made = [a.peek(), *a.fork(), a.join(b.peek()), a.peek().join(b)]
    made += [stamp.tick() for stamp in (*a.fork(), a.join(b.peek())) if stamp.id != 0]
    for stamp in made:
        assert Stamp(stamp.id, stamp.event) == stamp


def test_what_a_join_does_not_change_is_shared():
    """Or a join would cost as much as everything that is known."""
    deep = Stamp(0, (0, (0, 1, (0, 0, 2)), (1, 0, (0, 3, 0))))
    less = Stamp(0, (0, (0, 1, 0), 1))
    assert deep.join(less).event is deep.event and less.join(deep).event is deep.event
    one_more = Stamp(0, (0, (0, 1, (0, 0, 2)), (1, 0, (0, 4, 0))))
    assert deep.join(one_more).event[1] is deep.event[1]


@given(stamps.filter(lambda stamp: stamp.id != 0))
def test_a_tick_is_later(a):
    assert a < a.tick()
    assert a.tick().id == a.id


# Values.


@given(stamps, stamps)
def test_a_stamp_is_a_value_with_one_encoding(a, b):
    again = Stamp.decode(a.encode())
    assert again == a and hash(again) == hash(a)
    assert (a.encode() == b.encode()) == (a == b)


@given(st.binary(max_size=8))
def test_decoding_takes_canonical_bytes_and_nothing_else(data):
    try:
        value = Stamp.decode(data)
    except UsageError:
        return
    assert value.encode() == data


def test_the_encoding_is_compact():
    assert len(Stamp.seed().encode()) == 1
    assert len(Stamp(((0, 1), 0), (1, (0, 1, 0), 1)).encode()) == 4


def nested(depth, leaf, around):
    tree = leaf
    for _ in range(depth):
        tree = around(tree)
    return tree


@pytest.mark.parametrize(
    "made",
    [
        lambda depth: (nested(depth, 1, lambda tree: (tree, 0)), 0),
        lambda depth: (nested(depth, 1, lambda tree: (0, tree)), 0),
        lambda depth: (1, nested(depth, 1, lambda tree: (0, tree, 0))),
        lambda depth: (1, nested(depth, 1, lambda tree: (0, 0, tree))),
    ],
    ids=["id, to the left", "id, to the right", "event, to the left", "event, to the right"],
)
def test_a_tree_is_as_deep_as_it_may_be_and_no_deeper(made):
    """Whether it is made or decoded."""
    deepest = Stamp(*made(DEPTH_MAX))
    assert Stamp.decode(deepest.encode()) == deepest
    with pytest.raises(UsageError, match="deeper"):
        Stamp(*made(DEPTH_MAX + 1))
    with pytest.raises(UsageError, match="deeper"):
        Stamp.decode(deepest._of(*made(DEPTH_MAX + 1)).encode())


def test_bytes_that_nest_too_deep_are_refused():
    with pytest.raises(UsageError, match="deeper"):
        Stamp.decode(b"\x55" * 1000)


def test_a_tree_that_grows_too_deep_is_refused():
    stamp = Stamp.seed()
    with pytest.raises(UsageError, match="deeper"):
        for _ in range(DEPTH_MAX + 1):
            stamp, _ = stamp.fork()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stamp((1, 1), 0),
        lambda: Stamp(1, (0, 1, 1)),
        lambda: Stamp(1, (0, 1, 2)),
        lambda: Stamp(2, 0),
        lambda: Stamp(1, -1),
        lambda: Stamp(1, (1, 0)),
        lambda: Stamp([1, 0], 0),
        lambda: Stamp.seed().peek().tick(),
        lambda: Stamp.seed().join(Stamp.seed()),
    ],
)
def test_what_is_no_stamp_is_refused(make):
    with pytest.raises(UsageError):
        make()


class Named(Stamp, frozen=True):
    """A class of a user's own."""


def test_a_derived_stamp_stays_one_and_compares_with_the_base():
    left, right = Named(1, 0).fork()
    assert {type(stamp) for stamp in (left, right, left.tick(), left.peek(), left.join(right))} == {Named}
    base = Stamp(left.id, left.event)
    assert base.compare(left.tick()) is Order.BEFORE
    assert left.tick().compare(base) is Order.AFTER
    assert (base >= left, base > left.tick(), left.tick() > base) == (True, False, True)
