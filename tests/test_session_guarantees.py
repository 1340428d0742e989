"""Session guarantees: the examples of Terry et al. 1994 and others, and brute force on small histories."""

from collections.abc import Iterable
from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock.experiments.checkers.histories import HistoryError, Operation
from simclock.experiments.checkers.linearizability import Verdict
from simclock.experiments.checkers.sessions import (
    CAUSALITY,
    GUARANTEES,
    MONOTONIC_READS,
    MONOTONIC_WRITES,
    READ_YOUR_WRITES,
    WRITES_FOLLOW_READS,
    WRITTEN_BEFORE,
    check_session_guarantees,
)

OK, ILLEGAL = Verdict.OK, Verdict.ILLEGAL


def history(*programs: str) -> list[Operation]:
    """One program a session, such as `x=1 y?2 x?nil z=3!`: write, read, and a write of unknown outcome."""
    operations = []
    for process, program in enumerate(programs):
        for place, word in enumerate(program.split()):
            is_open, word = word.endswith("!"), word.rstrip("!")
            value = None if word[2:] == "nil" else int(word[2:])
            write = word[1] == "="
            operations.append(
                Operation(
                    process=process,
                    function="write" if write else "read",
                    key=word[0],
                    argument=value if write else None,
                    result=None if write else value,
                    call=2 * place,
                    finish=2 * place + 1,
                    outcome="unknown" if is_open else "ok",
                )
            )
    return operations


# (what it is, history, the guarantees that are broken, alone or together)
TEXTBOOK = {
    "nothing read": (history("x=1 x=2", "y=1"), ()),
    "a session reads its write": (history("x=1 x?1"), ()),
    "a stale read of another session": (history("x=1", "x?nil"), ()),
    # Terry et al. 3.1: the password that was just changed is refused.
    "the old password": (history("p=1 p?nil"), (READ_YOUR_WRITES,)),
    "another's later password": (history("p=1 p?2", "p=2"), ()),
    "another's earlier password": (history("p?2 p=1 p?2", "p=2"), (READ_YOUR_WRITES, WRITES_FOLLOW_READS)),
    "each sees the other's as later": (history("x=1 x?2", "x=2 x?1"), (READ_YOUR_WRITES,)),
    # 3.2: the calendar that loses an appointment it has shown.
    "the appointment disappears": (history("c=1", "c?1 c?nil"), (MONOTONIC_READS,)),
    "back to an older one": (history("c=1 c=2", "c?2 c?1"), (MONOTONIC_READS, MONOTONIC_WRITES)),
    "there and back": (history("c=1", "c=2", "c?1 c?2 c?1"), (MONOTONIC_READS,)),
    "two sessions, two orders": (history("c=1", "c=2", "c?1 c?2", "c?2 c?1"), (MONOTONIC_READS,)),
    "two sessions, one order": (history("c=1", "c=2", "c?2 c?1", "c?2 c?1"), ()),
    # 3.3: the reply to an article is there before the article.
    "a reply without its article": (history("a=1", "a?1 r=1", "r?1 a?nil"), (CAUSALITY,)),
    "a reply after its article": (history("a=1", "a?1 r=1", "a?1 r?1"), ()),
    "a reply ordered before": (history("a=1", "a?1 a=2", "a?2 a?1"), (MONOTONIC_READS, WRITES_FOLLOW_READS)),
    # 3.4: the library's new version is there, what it needs is not.
    "the library before what it needs": (history("n=1 l=1", "l?1 n?nil"), (CAUSALITY,)),
    "a chain over three sessions": (history("x=1 y=1", "y?1 z=1", "z?1 x?nil"), (CAUSALITY,)),
    "an unknown write binds nobody": (history("x=1! x?nil x=2 x?2"), ()),
    "an unknown write that was read": (history("x=1! x?1 x?nil"), (MONOTONIC_READS,)),
    "an unknown write that was seen through another": (history("x=1!", "x?1 y=1", "y?1 x?nil"), (CAUSALITY,)),
    "an unknown write after what its writer wrote": (history("n=1 l=1!", "l?1 n?nil"), (CAUSALITY,)),
    "an unknown write after what its writer read": (history("a=1", "a?1 r=1!", "r?1 a?nil"), (CAUSALITY,)),
    "two unknown writes, each seen by others": (
        history("x=1!", "x=2!", "x?1 y=1", "y?1 x?2", "x?2 x?1"),
        (CAUSALITY, MONOTONIC_READS),
    ),
    "a write after an unknown one": (history("l=1! n=1", "l?1 n?nil"), ()),
    "a read of its own future": (history("x?1 x=1"), (CAUSALITY,)),
    "two reads of each other's future": (history("x?1 y=1", "y?1 x=1"), (CAUSALITY,)),
    "a value from nowhere": (history("x=1 x?7"), (WRITTEN_BEFORE,)),
}


@pytest.mark.parametrize(("operations", "broken"), TEXTBOOK.values(), ids=TEXTBOOK)
def test_textbook_histories(operations, broken):
    judged = check_session_guarantees(operations)
    assert judged.verdict is (ILLEGAL if broken else OK), judged.explain()
    named = {name for circle in judged.circles for name in circle.guarantees}
    assert named >= set(broken), judged.explain()
    assert named <= {*broken, *GUARANTEES} if CAUSALITY in broken else named == set(broken), judged.explain()


def test_each_guarantee_is_judged_alone_first():
    judged = check_session_guarantees(history("p=1 p?nil", "c=1", "c?1 c?nil"))
    assert judged.alone == {
        READ_YOUR_WRITES: ILLEGAL,
        MONOTONIC_READS: ILLEGAL,
        MONOTONIC_WRITES: OK,
        WRITES_FOLLOW_READS: OK,
    }
    only = check_session_guarantees(history("p=1 p?nil"), guarantees=(MONOTONIC_READS,))
    assert only.verdict is OK


def test_the_explanation_names_both_operations():
    said = check_session_guarantees(history("c=1 c=2", "c?2 c?1")).explain()
    assert said.startswith("ILLEGAL: not read your writes, monotonic reads")
    assert "monotonic reads + monotonic writes, key 'c':" in said
    assert "monotonic reads: process 1 'c': read() -> 2 [0..1], then process 1 'c': read() -> 1 [2..3]" in said


@pytest.mark.parametrize(
    ("operations", "said"),
    [
        (history("x=1", "x=1"), "write every value once"),
        (history("x=nil"), "it is the initial value"),
        ([Operation(process=0, function="cas", argument=(1, 2), call=0, finish=1)], "read, get, write and put alone"),
    ],
)
def test_what_cannot_be_judged_is_refused(operations, said):
    with pytest.raises(HistoryError, match=said):
        check_session_guarantees(operations)
    with pytest.raises(HistoryError, match="no session guarantee"):
        check_session_guarantees([], guarantees=("linearizability",))


def test_a_failed_write_must_not_be_read():
    failed = Operation(process=0, function="write", argument=1, call=0, finish=1, outcome="fail")
    read = Operation(process=1, function="read", result=1, call=2, finish=3)
    assert check_session_guarantees([failed]).verdict is OK
    judged = check_session_guarantees([failed, read])
    assert judged.verdict is ILLEGAL
    assert "a write that failed" in judged.explain()


# Against brute force.


@st.composite
def small_histories(draw):
    """Up to 8 operations of three sessions on two keys; every read returns something that is written there."""
    shapes = draw(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("xy"), st.integers(0, 4)), max_size=8))
    written = {key: [n for n, (_, k, kind) in enumerate(shapes) if k == key and kind < 2] for key in "xy"}
    programs: list[list[str]] = [[], [], []]
    for n, (process, key, kind) in enumerate(shapes):
        if kind < 2:
            programs[process].append(f"{key}={n}{'!' if kind == 0 and draw(st.booleans()) else ''}")
        else:
            programs[process].append(f"{key}?{draw(st.sampled_from(['nil', *written[key]]))}")
    return history(*map(" ".join, programs))


def holds(operations: list[Operation], guarantees: Iterable[str]) -> bool:
    """By the definition: some order of each key's writes meets every demand."""
    sessions = {each.process: [one for one in operations if one.process == each.process] for each in operations}
    demands = []
    for session in sessions.values():
        for early, late in combinations(session, 2):
            if early.key != late.key or early.is_open:
                continue
            which = {
                ("write", "read"): READ_YOUR_WRITES,
                ("read", "read"): MONOTONIC_READS,
                ("write", "write"): MONOTONIC_WRITES,
                ("read", "write"): WRITES_FOLLOW_READS,
            }[early.function, late.function]
            if which in guarantees:
                demands.append((early.key, value_of(early), value_of(late)))
    if set(guarantees) == set(GUARANTEES):
        demands += causal_demands(operations, sessions)
    written = {key: [value_of(one) for one in operations if one.key == key and is_write(one)] for key in "xy"}
    for orders in product(*(permutations(written[key]) for key in "xy")):
        place = {(key, value): n for key, order in zip("xy", orders, strict=True) for n, value in enumerate(order)}
        if all(place.get((key, one), -1) <= place.get((key, other), -1) for key, one, other in demands):
            return True
    return False


def is_write(operation: Operation) -> bool:
    return operation.function == "write"


def value_of(operation: Operation) -> object:
    return operation.argument if is_write(operation) else operation.result


def causal_demands(operations, sessions):
    before = {
        (one, other) for session in sessions.values() for one, other in combinations(session, 2) if not one.is_open
    }
    before |= {
        (one, other)
        for one, other in product(operations, repeat=2)
        if is_write(one) and not is_write(other) and one.key == other.key and value_of(one) == value_of(other)
    }
    for middle, one, other in product(operations, repeat=3):
        if (one, middle) in before and (middle, other) in before:
            before.add((one, other))
    return [
        (one.key, value_of(one), value_of(other)) for one, other in before if is_write(one) and one.key == other.key
    ]


def has_a_circle(operations) -> bool:
    """A read of a write that comes after it: what only came of the read."""
    sessions = {each.process: [one for one in operations if one.process == each.process] for each in operations}
    edges = {each: [] for each in operations}
    for session in sessions.values():
        for one, other in combinations(session, 2):
            if not one.is_open:
                edges[one].append(other)
    for one, other in product(operations, repeat=2):
        if is_write(one) and not is_write(other) and one.key == other.key and value_of(one) == value_of(other):
            edges[one].append(other)
    reached = {each: set(edges[each]) for each in operations}
    for _ in operations:
        for each in operations:
            for other in list(reached[each]):
                reached[each] |= reached[other]
    return any(each in reached[each] for each in operations)


@given(small_histories(), st.sets(st.sampled_from(GUARANTEES), min_size=1))
def test_the_verdict_is_that_of_brute_force(operations, guarantees):
    judged = check_session_guarantees(operations, guarantees=sorted(guarantees))
    if guarantees == set(GUARANTEES) and has_a_circle(operations):
        assert judged.verdict is ILLEGAL
    else:
        assert judged.verdict is (OK if holds(operations, guarantees) else ILLEGAL), judged.explain()


# Growth, counted in steps


def long_history(rounds: int, lost: bool) -> list[Operation]:
    """Four sessions on one key: each writes, and reads what the one before it wrote; with a lost write in between."""
    return history(
        *(
            " ".join(
                f"x={4 * n + i + 1}{f' x={-4 * n - i - 1}!' if lost else ''} x?{4 * n + (i - 1) % 4 + 1}"
                for n in range(rounds)
            )
            for i in range(4)
        )
    )


@pytest.mark.parametrize("lost", [False, True])
def test_steps_grow_little_faster_than_a_history(lost):
    """One key, so that a demand for each pair of what a session did there would be the square."""
    few, many = (check_session_guarantees(long_history(rounds, lost)).steps for rounds in (50, 400))
    assert many <= 8 * 2 * few


def test_a_circle_through_many_earlier_operations_names_one_of_them():
    """What stands for many in the graph is nobody's demand: not between versions, and not before an initial value."""
    writes = " ".join(f"x={n}" for n in range(1, 9))
    gone = check_session_guarantees(history(f"{writes} x?nil"), (READ_YOUR_WRITES,)).circles[0]
    assert [str(each) for each in (gone.demands[1].earlier.write, *gone.demands[1].because)] == [
        "process 0 'x': write(1) -> None [0..1]",
        "process 0 'x': write(1) -> None [0..1]",
        "process 0 'x': read() -> nil [16..17]".replace("nil", "None"),
    ]
    back = check_session_guarantees(history(f"{writes} x=9 x?9 x?3"), (READ_YOUR_WRITES,)).circles[0]
    for demand, following in zip(back.demands, (*back.demands[1:], back.demands[0]), strict=True):
        assert demand.later == following.earlier
        assert demand.because[0] == demand.earlier.write and demand.because[1].result == demand.later.write.argument
