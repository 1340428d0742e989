"""The checker of external consistency: good histories pass, and each bad one is named by its own property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock.experiments.checkers.external_consistency import (
    ATOMIC,
    EXTERNAL_CONSISTENCY,
    REPEATABLE,
    TIMESTAMP_ORDER,
    Transaction,
    check_external_consistency,
)


def write(number, began_ns, ended_ns, timestamp, *writes, seen=(), outcome="ok"):
    """A read-write transaction; it writes its own number."""
    return Transaction(
        id=number,
        kind="write",
        began_ns=began_ns,
        ended_ns=ended_ns,
        outcome=outcome,
        timestamp=timestamp,
        seen=tuple(seen),
        writes=tuple((key, number) for key in writes),
    )


def read(number, began_ns, ended_ns, timestamp, *seen, kind="read", outcome="ok"):
    return Transaction(
        id=number,
        kind=kind,
        began_ns=began_ns,
        ended_ns=ended_ns,
        outcome=outcome,
        timestamp=timestamp,
        seen=tuple(seen),
    )


def broken(*transactions, timestamps=None):
    return set(check_external_consistency(transactions, timestamps).findings)


GOOD = (
    write(1, 0, 30, 20, 5),
    write(2, 31, 70, 50, 5, 6, seen=[(5, 20, 1)]),
    write(3, 35, 90, 60, 6),
    read(4, 71, 75, 80, (5, 50, 2), (6, 60, 3)),
    read(5, 72, 95, 55, (6, 50, 2), kind="snapshot"),
    read(6, 96, 99, 55, (6, 50, 2), kind="snapshot"),
    read(7, 96, 99, 19, (5, 0, 0), kind="snapshot"),
)


def test_a_good_history_holds_and_says_what_was_judged():
    judged = check_external_consistency(GOOD)
    assert judged.holds and judged.committed == 3 and judged.repeated == 1
    assert judged.replayed == 6, "every read"
    assert judged.ordered == 3, "transactions 2, 3 and 4 began after another had ended; snapshots are of the past"


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        (write(2, 31, 70, 19, 6), EXTERNAL_CONSISTENCY),
        (write(2, 31, 70, 20, 6), EXTERNAL_CONSISTENCY),
        (write(2, 30, 70, 19, 6), None),  # it began no later than the first had ended
        (write(2, 31, 70, 21, 6), None),
        (read(2, 31, 70, 19, (5, 0, 0)), EXTERNAL_CONSISTENCY),
        (read(2, 31, 70, 20, (5, 20, 1)), None),
        (read(2, 31, 70, 19, (5, 0, 0), kind="snapshot"), None),
        (write(2, 31, 70, 19, 6, outcome="aborted"), None),
        (write(2, 31, None, None, 6, outcome="unknown"), None),
    ],
)
def test_who_began_after_the_end_has_the_larger_timestamp(changed, wrong):
    """4.1.2: if the start of T2 occurs after the commit of T1, then s1 < s2."""
    assert broken(write(1, 0, 30, 20, 5), changed) == ({wrong} if wrong else set())


def test_one_of_unknown_outcome_counts_by_what_the_servers_committed():
    late = write(2, 31, None, None, 6, outcome="unknown")
    assert broken(write(1, 0, 30, 20, 5), late, timestamps={1: [20], 2: [19]}) == {EXTERNAL_CONSISTENCY}
    assert broken(write(1, 0, 30, 20, 5), late, timestamps={1: [20], 2: [21]}) == set()


def test_what_has_been_seen_stays_seen():
    """A read that saw a version too early: who begins afterwards must not be put before that version."""
    early = (write(1, 0, 60, 50, 5), read(2, 10, 20, 55, (5, 50, 1)))
    assert broken(*early, read(3, 21, 25, 40, (5, 0, 0))) == {EXTERNAL_CONSISTENCY}
    assert broken(*early, read(3, 19, 25, 40, (5, 0, 0))) == set()


def test_a_read_in_the_future_binds_nobody_to_it():
    """It read at 90, and had ended at 20: who begins at 21 may commit at 40, if it writes something else."""
    assert broken(read(1, 10, 20, 90, (5, 0, 0)), write(2, 21, 60, 40, 6)) == set()
    assert broken(read(1, 10, 20, 90, (5, 0, 0)), write(2, 21, 60, 40, 5)) == {TIMESTAMP_ORDER}
    assert broken(read(1, 10, 20, 90, (5, 0, 0)), write(2, 21, 60, 19, 6)) == {EXTERNAL_CONSISTENCY}


ORDER = [
    (read(3, 40, 60, 70, (5, 20, 1)), "an old version"),
    (read(3, 40, 60, 70, (5, 0, 0)), "nothing"),
    (read(3, 20, 25, 30, (5, 50, 2)), "a version of the future"),
    (read(3, 40, 60, 70, (5, 50, 9)), "a value that nobody wrote"),
    (read(3, 40, 60, 70, (5, 49, 2)), "a wrong timestamp"),
    (read(3, 40, 60, 19, (5, 20, 1), kind="snapshot"), "a snapshot that is too new"),
    (read(3, 40, None, 70, (5, 20, 1), outcome="unknown"), "an old version, though it never ended"),
    (write(3, 40, 90, 60, 6, seen=[(5, 20, 1)]), "a lost update"),
    (write(3, 40, 90, 50, 5), "two versions of one timestamp"),
    (write(3, 40, 90, None, 6, seen=[(5, 33, 7)], outcome="aborted"), "aborted, and saw what nobody committed"),
]


@pytest.mark.parametrize("changed", [each for each, _ in ORDER], ids=[name for _, name in ORDER])
def test_reads_are_what_the_timestamps_say(changed):
    history = (write(1, 0, 30, 20, 5), write(2, 10, 55, 50, 5))
    assert broken(*history, changed) == {TIMESTAMP_ORDER}


def test_an_aborted_transaction_may_have_read_any_commit():
    history = (write(1, 0, 30, 20, 5), write(2, 10, 55, 50, 5))
    aborted = write(3, 40, 90, None, 6, seen=[(5, 20, 1)], outcome="aborted")
    assert broken(*history, aborted) == set()


def test_an_aborted_write_is_not_there():
    assert broken(write(1, 0, 30, None, 5, outcome="aborted"), read(2, 40, 50, 60, (5, 20, 1))) == {TIMESTAMP_ORDER}


def test_a_snapshot_is_repeatable():
    """The second read at one timestamp sees more: one of the two is not what the replay says, either."""
    first, second = (
        read(n, 10 * n, 10 * n + 5, 30, seen, kind="snapshot") for n, seen in ((6, (5, 0, 0)), (7, (5, 20, 1)))
    )
    assert broken(write(1, 0, 30, 20, 5), first, second) == {REPEATABLE, TIMESTAMP_ORDER}


@pytest.mark.parametrize(
    ("outcome", "heard", "given", "wrong"),
    [
        ("ok", 20, [20, 20], False),
        ("ok", 20, [20, 21], True),
        ("ok", 20, [21], True),
        ("aborted", None, [20], True),
        ("aborted", None, [], False),
        ("unknown", None, [20], False),
        ("unknown", None, [20, 30], True),
    ],
)
def test_a_transaction_has_one_outcome(outcome, heard, given, wrong):
    history = write(1, 0, 30, heard, 5, outcome=outcome)
    assert broken(history, timestamps={1: given}) == ({ATOMIC} if wrong else set())


def test_findings_are_counted_and_the_first_is_told():
    judged = check_external_consistency([write(1, 0, 30, 90, 5), *(write(n, 40 + n, 99, n, 6) for n in (2, 3, 4))])
    assert judged.findings[EXTERNAL_CONSISTENCY].count == 3
    assert str(judged.findings[EXTERNAL_CONSISTENCY]) == (
        "External Consistency: transaction 1 of timestamp 90ns had ended when transaction 2 began, which has the "
        "timestamp 2ns (and 2 more)"
    )


def test_an_empty_history_holds_and_judges_nothing():
    judged = check_external_consistency([])
    assert judged.holds and (judged.committed, judged.ordered, judged.replayed) == (0, 0, 0)


@given(st.data())
def test_a_serial_history_holds_and_a_changed_read_does_not(data):
    """Transactions one after the other, each at its true time, read what is there; then one of them reads wrong."""
    state, history, time_ns = {}, [], 0
    for number in range(1, data.draw(st.integers(2, 12)) + 1):
        keys = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))
        seen = [(key, *state.get(key, (0, 0))) for key in keys]
        began_ns, timestamp, ended_ns = time_ns + 1, time_ns + 5, time_ns + 9
        if data.draw(st.booleans()):
            history.append(write(number, began_ns, ended_ns, timestamp, *keys, seen=seen))
            state.update(dict.fromkeys(keys, (timestamp, number)))
        else:
            history.append(read(number, began_ns, ended_ns, timestamp, *seen))
        time_ns += 10
    assert broken(*history) == set()
    at = data.draw(st.integers(0, len(history) - 1))
    each = history[at]
    key, timestamp, value = each.seen[0]
    history[at] = Transaction(
        **{
            name: getattr(each, name)
            for name in ("id", "kind", "began_ns", "ended_ns", "outcome", "timestamp", "writes")
        },
        seen=((key, timestamp, value + 1), *each.seen[1:]),
    )
    assert TIMESTAMP_ORDER in broken(*history)
