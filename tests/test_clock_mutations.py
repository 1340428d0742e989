"""Documented bugs of clocks, each as a mutation of one method, and the law that it breaks.

The ids are those of the project's collection of bugs. Each test says what the right clock answers, and that the mutant
answers something else, so that the laws are known to notice. The mutants of CLK rows are those that the zoo hunts.
"""

import pytest

from simclock import UsageError
from simclock.clocks import (
    DottedVersionSet,
    ForwardJump,
    ForwardJumps,
    HybridClock,
    HybridTime,
    Order,
    Stamp,
    VectorClock,
)
from simclock.clocks.interval_tree import sum_ids
from simclock.experiments.catalog.clock_laws.bugs import (
    ComparesSharedIds,
    ForgetsTheGreatestReading,
    ForkCopiesTheId,
    JoinLosesAnId,
    PeekKeepsTheId,
    TakesAnyTimestamp,
)

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def test_clk_02_order_is_happens_before():
    """a = {x: 1} and b = {y: 1} are concurrent."""

    def outcome(kind):
        return kind.of({"x": 1}).compare(kind.of({"y": 1}))

    assert outcome(VectorClock) is Order.CONCURRENT
    assert outcome(ComparesSharedIds) is not Order.CONCURRENT


def test_clk_05_boundedness():
    """One node jumps an hour ahead: it does not drag the others along."""

    def ahead_ms(kind):
        clock, remote = kind(offset_ms_max=500).tick(NOW_MS), HybridTime.of(NOW_MS + HOUR_MS)
        if clock.accepts(remote, NOW_MS):
            clock = clock.receive(remote, NOW_MS)
        return clock.latest.physical_ms - NOW_MS

    assert ahead_ms(HybridClock) == 0
    assert ahead_ms(TakesAnyTimestamp) == HOUR_MS


def test_clk_07_the_greatest_reading_is_monotone():
    """Back by 700 ms between two readings, and forth again: no leap forward, and nothing to stop for."""

    def readings(kind):
        clock = kind(offset_ms_max=500, forward_jumps=ForwardJumps.REFUSE).tick(NOW_MS)
        back = clock.tick(NOW_MS - 700)
        return clock.physical_ms_max, back.physical_ms_max, back

    before, after, clock = readings(HybridClock)
    assert after >= before
    clock.tick(NOW_MS + 10)
    before, after, clock = readings(ForgetsTheGreatestReading)
    assert after < before
    with pytest.raises(ForwardJump):
        clock.tick(NOW_MS + 10)


def concurrent_after_fork(kind):
    one, other = kind.seed().fork()
    return one.tick().compare(other.tick()) is Order.CONCURRENT


def disjoint_after_peek(kind):
    one, _ = kind.seed().fork()
    try:
        sum_ids(one.id, one.peek().id)
    except UsageError:
        return False
    return True


def whole_after_join(kind):
    one, other = kind.seed().fork()
    return one.join(other).id == 1


@pytest.mark.parametrize(
    ("law", "mutant"),
    [
        (concurrent_after_fork, ForkCopiesTheId),
        (disjoint_after_peek, PeekKeepsTheId),
        (whole_after_join, JoinLosesAnId),
    ],
)
def test_clk_08_ids_are_disjoint_and_nothing_is_lost(law, mutant):
    assert law(Stamp)
    assert not law(mutant)


class KeepsEverySibling(DottedVersionSet, frozen=True):
    """KV-01: without dots, a put with an old context becomes a sibling of all values present."""

    def discard(self, context):
        return super().discard(context) if self.context <= context else self


def test_kv_01_no_more_siblings_than_concurrent_writes():
    """Two clients alternate, each with what its own last put gave back."""

    def siblings(kind):
        store, contexts = kind(), [VectorClock(), VectorClock()]
        for turn in range(20):
            store = store.put(contexts[turn % 2], turn, "a")
            contexts[turn % 2] = store.context
        return len(store.values)

    assert siblings(DottedVersionSet) == 2
    assert siblings(KeepsEverySibling) == 20


class BelievesItDominates(DottedVersionSet, frozen=True):
    """KV-02: the server counts a put with an old context, and takes the result to be newer than what it has."""

    def discard(self, context):
        return super().discard(context.merge(self.context))


def test_kv_02_no_concurrent_write_is_lost():
    """v3 was written by one that had read v1 only: v2 stays beside it."""

    def siblings(kind):
        first = kind().put(VectorClock(), "v1", "a")
        return first.put(VectorClock(), "v2", "a").put(first.context, "v3", "a").values

    assert siblings(DottedVersionSet) == ("v3", "v2")
    assert siblings(BelievesItDominates) == ("v3",)
