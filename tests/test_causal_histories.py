"""The checkers of the many-leader store, on histories known to be good and known to be bad."""

from dataclasses import replace

from simclock import Observation
from simclock.experiments.catalog.dynamo.causality import (
    DELETED_STAYS_DELETED,
    MONOTONIC_READS,
    NO_LOST_WRITE,
    QUORUMS_INTERSECT,
    READ_YOUR_WRITES,
    REPLICAS_CONVERGE,
    SIBLINGS_ARE_CONCURRENT,
    Pasts,
    RemovedTombstone,
    Shown,
    deleted_again,
    diverged,
    lost_writes,
    reads_going_back,
    siblings_not_concurrent,
    unseen_by_reads,
)
from simclock.experiments.catalog.dynamo.judge import HINTS_ARE_DELIVERED, HintsAreDelivered
from simclock.experiments.checkers.histories import Operation
from simclock.observers import Control


def put(process, at, name, *saw, outcome="ok", key="k"):
    return Operation(
        process=process, function="put", key=key, argument=(name, *saw), call=at, finish=at + 1, outcome=outcome
    )


def get(process, at, *shown, key="k"):
    return Operation(process=process, function="get", key=key, result=("OK", *shown), call=at, finish=at + 1)


def names(values):
    return tuple(values)


def properties(found):
    return [each.property for each in found]


A_CHAIN = [put(1, 0, "a"), put(1, 10, "b", "a"), put(2, 20, "c", "b"), put(3, 20, "d")]
"""a, then b which saw a, then c which saw b; d saw nothing."""


def lost(operations, **at_end):
    return properties(lost_writes(operations, Pasts(operations), at_end))


def test_the_past_is_what_was_seen_and_what_that_had_seen():
    pasts = Pasts(A_CHAIN)
    assert pasts.of("c") == {"a", "b"} and pasts.of("a") == set() and pasts.of("d") == set()
    assert pasts.covers(["c"], "a") and not pasts.covers(["c"], "d") and not pasts.covers([], "a")


def test_a_long_history_does_not_exhaust_the_stack():
    chain = [put(1, 0, "0"), *(put(1, at, str(at), str(at - 1)) for at in range(1, 2000))]
    assert len(Pasts(chain).of("1999")) == 1999


def test_lost_writes():
    assert lost(A_CHAIN, k=["c", "d"]) == []
    assert lost(A_CHAIN, k=["c"]) == [NO_LOST_WRITE], "d is gone, and c had never seen it"
    assert lost(A_CHAIN, k=["b", "d"]) == [NO_LOST_WRITE], "c is gone: b is older"
    assert lost(A_CHAIN) == [NO_LOST_WRITE] * 4
    unknown = [put(1, 0, "a"), put(1, 10, "b", "a", outcome="unknown")]
    assert lost(unknown, k=["a"]) == [] and lost(unknown, k=["b"]) == []
    assert lost(unknown, k=[]) == [NO_LOST_WRITE], "b may never have happened, so it replaces nothing"
    other_key = [put(1, 0, "a"), put(1, 10, "b", key="l")]
    assert lost(other_key, k=["b"], l=["b"]) == [NO_LOST_WRITE]


def test_siblings():
    pasts = Pasts(A_CHAIN)

    def judged(*writes):
        return properties(siblings_not_concurrent([Shown("there", "k", writes)], pasts))

    assert judged("c", "d") == judged("a", "d") == judged("a") == judged() == []
    assert judged("b", "a") == [SIBLINGS_ARE_CONCURRENT]
    assert judged("a", "d", "c") == [SIBLINGS_ARE_CONCURRENT], "c saw b, which saw a"
    assert judged("d", "d") == [SIBLINGS_ARE_CONCURRENT]


def test_reads_where_quorums_overlap():
    def judged(*operations):
        return properties(unseen_by_reads(operations, Pasts(operations), names))

    assert judged(put(1, 0, "a"), get(2, 5, "a")) == []
    assert judged(put(1, 0, "a"), get(2, 5)) == [QUORUMS_INTERSECT]
    assert judged(put(1, 0, "a"), get(1, 5)) == [QUORUMS_INTERSECT, READ_YOUR_WRITES]
    assert judged(put(1, 0, "a"), put(2, 2, "b", "a"), get(1, 5, "b")) == []
    assert judged(put(1, 0, "a"), put(2, 2, "b"), get(1, 5, "b")) == [QUORUMS_INTERSECT, READ_YOUR_WRITES]
    assert judged(put(1, 0, "a"), get(1, 0)) == [], "the get was called before the put had ended"
    assert judged(put(1, 0, "a", outcome="unknown"), get(1, 5)) == []
    assert judged(put(1, 0, "a"), get(1, 5, key="l")) == []


def test_reads_that_go_back():
    def judged(*operations):
        return properties(reads_going_back(operations, Pasts(operations), names))

    puts = [put(1, 0, "a"), put(1, 2, "b", "a")]
    assert judged(*puts, get(2, 5, "a"), get(2, 7, "b"), get(2, 9, "b")) == []
    assert judged(*puts, get(2, 5, "b"), get(2, 7, "a")) == [MONOTONIC_READS]
    assert judged(*puts, get(2, 5, "b"), get(3, 7, "a")) == [], "of two clients"


def delete(process, at, name, *saw, outcome="ok", key="k"):
    return replace(put(process, at, name, *saw, outcome=outcome, key=key), function="delete")


def test_deletes_are_writes():
    story = [put(1, 0, "a"), delete(2, 10, "d", "a"), put(3, 20, "b")]
    assert lost(story, k=["b", "d"]) == [] and lost(story, k=["b"]) == [NO_LOST_WRITE] * 2
    removed = [RemovedTombstone(30, "k", "d")]

    def reads(*operations, removed=()):
        return properties(unseen_by_reads(operations, Pasts(operations), names, removed))

    assert reads(*story, get(4, 40, "b")) == [QUORUMS_INTERSECT] * 2, "neither a nor the delete is shown"
    assert reads(*story, get(4, 40, "b"), removed=removed) == []
    assert reads(*story, get(4, 28, "b"), removed=removed) == [QUORUMS_INTERSECT] * 2, "it was removed later"
    assert reads(*story, get(4, 40, "b"), removed=[RemovedTombstone(30, "l", "d")]) == [QUORUMS_INTERSECT] * 2


def test_what_was_deleted_stays_deleted():
    def judged(*operations, removed=(), **at_end):
        return properties(deleted_again(operations, Pasts(operations), at_end, removed, names))

    story = [put(1, 0, "a"), put(1, 2, "b", "a"), delete(2, 10, "d", "b"), put(3, 20, "c")]
    assert judged(*story, k=["c", "d"]) == judged(*story, k=["c"]) == judged(*story, k=[]) == []
    assert judged(*story, k=["a", "c"]) == judged(*story, k=["b"]) == [DELETED_STAYS_DELETED]
    assert judged(*story, l=["b"]) == [], "of another key"
    unknown = [*story[:2], delete(2, 10, "d", "b", outcome="unknown")]
    assert judged(*unknown, k=["b"]) == [], "it may never have happened"
    removed = [RemovedTombstone(30, "k", "d")]
    assert judged(*unknown, removed=removed, k=["b"]) == [DELETED_STAYS_DELETED]
    assert judged(*story, get(4, 40, "b"), removed=removed) == [DELETED_STAYS_DELETED]
    assert judged(*story, get(4, 30, "b"), removed=removed) == judged(*story, get(4, 40, "c"), removed=removed) == []
    again = [*story, delete(2, 50, "e", "d")]
    assert judged(*again, k=["d"]) == [], "an older tombstone is no value: Siblings Are Concurrent has to say so"


def test_replicas():
    assert properties(diverged({"k": {0: b"x", 1: b"x"}, "l": {0: b""}})) == []
    assert properties(diverged({"k": {0: b"x", 1: b"x", 2: b"y"}})) == [REPLICAS_CONVERGE]


def test_hints():
    """Node 3 keeps k for node 1; a hint that changes has to arrive anew."""

    def judged(*told):
        observer, control = HintsAreDelivered(), Control(lookahead_ns=1)
        for number, (node, name, value) in enumerate(told):
            observer.on_observation(Observation(number, node, number, name, value), control)
        return [each.property for each in control.violations]

    hinted, received, delivered = (3, "hinted", ("k", 1)), (1, "received", ("k", 3)), (3, "delivered", ("k", 1))
    assert judged(hinted, received, delivered) == []
    assert judged(hinted, delivered) == [HINTS_ARE_DELIVERED]
    assert judged(hinted, received, hinted, delivered) == [HINTS_ARE_DELIVERED]
    assert judged(hinted, (2, "received", ("k", 3)), delivered) == [HINTS_ARE_DELIVERED], "another one has it"
    assert judged(hinted, (1, "received", ("l", 3)), delivered) == [HINTS_ARE_DELIVERED], "it has another key"
