"""Replicated data types by hand: cases that others have found, and what is refused."""

import pytest

from simclock import UsageError
from simclock.clocks import VectorClock
from simclock.protocols.crdts import (
    TYPES,
    CannotMerge,
    CausalContext,
    DotMap,
    DotSet,
    EnableWinsFlag,
    OrSet,
    ResetCounter,
    ResetMap,
)


def ask(state, replica, *operation):
    return state.merge(state.delta(replica, operation))


def test_present_on_both_sides_but_removed():
    """The case that basho/riak_dt's EQC found (present_but_removed): an old dot must not come back."""
    one = ask(OrSet(), "a", "add", "Z")
    copy = one
    one = ask(one, "a", "remove", "Z")
    other = ask(OrSet(), "b", "add", "Z")
    one = one.merge(other)
    other = ask(other, "b", "remove", "Z")
    assert copy.merge(other).merge(one).value == ()


def test_no_dots_left():
    """riak_dt_orswot's no_dots_left: each removed what the other had added first."""
    one, two = ask(OrSet(), "a", "add", "Z"), ask(OrSet(), "b", "add", "Z")
    three = one
    one = ask(one, "a", "remove", "Z")
    one = one.merge(two)
    two = ask(two, "b", "remove", "Z")
    assert three.merge(two).merge(one) == two.merge(one).merge(three)
    assert three.merge(two).merge(one).value == () and three.merge(two).merge(one).store.entries == ()


def test_add_wins_and_enable_wins():
    one = ask(OrSet(), 0, "add", "x")
    two = one
    assert ask(one, 0, "remove", "x").merge(ask(two, 1, "add", "x")).value == ("x",)
    on = ask(EnableWinsFlag(), 0, "enable")
    assert ask(on, 0, "disable").merge(ask(on, 1, "enable")).value is True


def test_there_are_no_tombstones():
    state = OrSet()
    for number in range(300):
        state = ask(state, 0, "add", number)
        state = ask(state, 1, "remove", number)
    assert state.value == () and len(state.encode()) < 20


def test_a_removed_field_comes_back_with_the_new_alone():
    field = ("cart", "set")
    held = ask(ResetMap(), 0, "update", field, ("add", "old"))
    removed = ask(held, 0, "remove", field)
    updated = ask(held, 1, "update", field, ("add", "new"))
    assert removed.merge(updated).value == ((field, ("new",)),)
    count = ("n", "counter")
    held = ask(ResetMap(), 0, "update", count, ("increment", 5))
    assert ask(held, 0, "remove", count).merge(ask(held, 0, "update", count, ("increment", 1))).value == ((count, 1),)
    assert ask(held, 1, "remove", count).merge(ask(held, 0, "update", count, ("increment", 1))).value == ((count, 1),)


def test_a_field_of_another_type_is_another_field():
    one = ask(ResetMap(), 0, "update", ("x", "set"), ("add", "a"))
    two = ask(ResetMap(), 1, "update", ("x", "counter"), ("increment", 2))
    assert one.merge(two).value == ((("x", "counter"), 2), (("x", "set"), ("a",)))


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("counter", ("add", "x")),
        ("g-counter", ("increment", -1)),
        ("g-counter", ("increment", True)),
        ("g-set", ("remove", "x")),
        ("set", ("add", 1.5)),
        ("lww-register", ("assign", "x", -3)),
        ("map", ("update", ("x", "list"), ("add", "y"))),
        ("map", ("update", ("x", "set"), ("increment", 1))),
        ("flag", ("toggle",)),
    ],
)
def test_an_operation_that_makes_no_sense_is_refused(kind, operation):
    for method in ("delta", "prepare"):
        with pytest.raises(UsageError):
            getattr(TYPES[kind](), method)(0, operation)


@pytest.mark.parametrize("kind", TYPES)
def test_bytes_that_are_no_state_are_refused(kind):
    for data in (b"", b"\xc1", b"\x00", b"\xa1\xff"):
        with pytest.raises(UsageError):
            TYPES[kind].decode(data)
        with pytest.raises(UsageError):
            TYPES[kind]().effect(b"\xc1" + data, 0)


@pytest.mark.parametrize(
    "store",
    [
        DotMap((("b", DotSet(((0, 1),))), ("a", DotSet(((0, 2),))))),
        DotMap((("a", DotSet(((0, 2), (0, 1)))),)),
        DotMap((("a", DotSet(((0, 1), (0, 1)))),)),
    ],
)
def test_a_store_has_one_form(store):
    wrong = OrSet(store, CausalContext.of([(0, 1), (0, 2)]))
    with pytest.raises(UsageError, match="do not ascend"):
        OrSet.decode(wrong.encode())


def test_a_context_has_one_form():
    assert CausalContext.of([(0, 2), (0, 1), (1, 3)]) == CausalContext(VectorClock(((0, 2),)), ((1, 3),))
    with pytest.raises(UsageError, match="not canonical"):
        CausalContext(VectorClock(((0, 1),)), ((0, 2),))
    with pytest.raises(CannotMerge):
        OrSet(store=OrSet().store).merge(ResetCounter())
