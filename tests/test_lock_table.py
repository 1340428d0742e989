"""Locks, wait-die and wound-wait: the rules as tables, what no circle can pass, and checkers that can fail."""

from functools import partial

import pytest

from simclock import Control, Crash, Network, Observation, Restart, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import run
from simclock.protocols.lock_table import (
    EXCLUSIVE,
    NONE,
    POLICIES,
    SHARED,
    WAIT_DIE,
    WOUND_WAIT,
    Claim,
    Lock,
    LockManager,
    MutualExclusion,
    NoDeadlock,
    NoStarvation,
    TimestampOrder,
    TransactionClient,
    Workload,
)
from simclock.protocols.lock_table.observed import Claimed
from simclock.protocols.lock_table.properties import circle, waits_for

OLD, MIDDLE, YOUNG = 1, 2, 3
"""Clients whose timestamps are their numbers."""


def claim(client, mode=EXCLUSIVE):
    return Claim(client, 1, (client, client), mode)


def lock(policy, *holders, queue=()):
    return Lock(policy, holders, queue)


def clients(claims):
    return [each.client for each in claims]


@pytest.mark.parametrize(
    ("policy", "holder", "asks", "outcome", "wounded"),
    [
        (NONE, OLD, YOUNG, "waits", []),
        (NONE, YOUNG, OLD, "waits", []),
        (WAIT_DIE, YOUNG, OLD, "waits", []),
        (WAIT_DIE, OLD, YOUNG, "dies", []),
        (WOUND_WAIT, YOUNG, OLD, "waits", [YOUNG]),
        (WOUND_WAIT, OLD, YOUNG, "waits", []),
    ],
)
def test_the_rules_of_the_paper(policy, holder, asks, outcome, wounded):
    """Rosenkrantz, Stearns and Lewis: wait-die restarts who asks if it is younger, wound-wait who holds if it is."""
    tried = lock(policy, claim(holder))
    assert tried.request(claim(asks))[0] == outcome
    assert [who.client for who, _ in tried.wounded()] == wounded
    assert clients(tried.holders.values()) == [holder], "a wound takes nothing away"


@pytest.mark.parametrize("policy", POLICIES)
def test_modes(policy):
    shared = lock(policy, claim(OLD, SHARED))
    assert shared.request(claim(YOUNG, SHARED)) == ("granted", None)
    assert lock(policy, claim(YOUNG, SHARED)).request(claim(OLD))[0] == "waits"
    assert lock(policy, claim(YOUNG)).request(claim(OLD, SHARED))[0] == "waits"
    assert shared.request(claim(OLD, SHARED)) == ("granted", None), "asked again"
    exclusive = lock(policy, claim(OLD))
    assert exclusive.request(claim(OLD, SHARED)) == ("granted", None) and exclusive.holders[OLD].mode == EXCLUSIVE


def test_who_waits_in_the_queue_counts():
    """Law 1: a reader may not slip past a writer that waits, and under wait-die is asked about it."""
    reading = lock(WAIT_DIE, claim(MIDDLE, SHARED))
    assert reading.request(claim(OLD)) == ("waits", None)
    assert reading.request(claim(YOUNG, SHARED)) == ("dies", OLD)
    assert reading.request(Claim(0, 1, (0, 0), SHARED)) == ("waits", None)
    assert clients(reading.queue) == [OLD, 0]


def test_the_oldest_waits_first_under_wound_wait():
    tried = lock(WOUND_WAIT, Claim(0, 1, (0, 0), EXCLUSIVE))
    for client in (YOUNG, OLD, MIDDLE):
        assert tried.request(claim(client)) == ("waits", None)
    assert clients(tried.queue) == [OLD, MIDDLE, YOUNG]
    assert [tried.request(claim(YOUNG)), clients(tried.queue)] == [("waits", None), [OLD, MIDDLE, YOUNG]]
    assert clients(tried.release(0)) == [OLD] and clients(tried.release(OLD)) == [MIDDLE]


def test_upgrades_go_first_and_two_of_them_never_wait_for_each_other():
    for policy, outcome, wounded in ((WAIT_DIE, "dies", []), (WOUND_WAIT, "waits", [YOUNG])):
        tried = lock(policy, claim(OLD, SHARED), claim(YOUNG, SHARED))
        assert tried.request(claim(OLD)) == ("waits", None)
        assert tried.request(claim(YOUNG))[0] == outcome
        assert [who.client for who, _ in tried.wounded()] == wounded
        assert clients(tried.release(YOUNG)) == [OLD] and tried.holders[OLD].mode == EXCLUSIVE
    behind = lock(NONE, claim(OLD, SHARED), claim(MIDDLE, SHARED), queue=[claim(YOUNG)])
    assert behind.request(claim(OLD)) == ("waits", None) and clients(behind.queue) == [OLD, YOUNG]


def test_readers_are_granted_together():
    tried = lock(NONE, claim(OLD), queue=[claim(MIDDLE, SHARED), claim(YOUNG, SHARED), claim(9)])
    assert clients(tried.release(OLD)) == [MIDDLE, YOUNG] and clients(tried.queue) == [9]


def test_a_circle_is_found_wherever_it_is():
    assert circle({1: [2], 2: [3], 3: [4]}) is None
    assert circle({1: [2, 3], 2: [4], 3: [4], 4: []}) is None, "two ways to one place are no circle"
    assert circle({5: [1], 1: [2], 2: [7], 7: [1]}) == (1, 2, 7)
    assert circle({9: [9]}) == (9,)


def test_the_edges_of_the_graph():
    holders = (Claimed(1, 1, (1, 1), "shared"),)
    queue = (Claimed(2, 1, (2, 2), "exclusive"), Claimed(3, 1, (3, 3), "shared"))
    assert [(one.client, other.client) for one, other in waits_for(holders, queue)] == [(2, 1), (3, 2)]


# The checkers, on what nobody should see.


END_NS = seconds(100)


def judged(observer, *told, end_ns=END_NS):
    control = Control(ms(1))
    for time_ns, node, name, value in told:
        control.now_ns = time_ns
        observer.on_observation(Observation(time_ns, node, 0, name, value), control)
    control.now_ns = end_ns
    observer.on_finish(control)
    return [violation.property for violation in control.violations]


def test_mutual_exclusion_can_fail():
    first, second = (1, 3, "locked", (1, 1, 0, "shared")), (2, 4, "locked", (1, 1, 0, "exclusive"))
    assert judged(MutualExclusion(), first, second) == ["Mutual Exclusion"]
    assert judged(MutualExclusion(), first, (2, 4, "locked", (1, 1, 0, "shared"))) == []
    assert judged(MutualExclusion(), first, (2, 4, "locked", (1, 1, 1, "exclusive"))) == []
    for end, value in (("commit", (1, 1, 1)), ("abort", (1, 1, "died", 0, 4))):
        assert judged(MutualExclusion(), first, (1, 3, end, value), second) == []


def queue_of(key, holder, *waiting):
    return (key, ((holder, 1, (holder, holder), "exclusive"),), tuple((w, 1, (w, w), "exclusive") for w in waiting))


def test_no_deadlock_can_fail():
    one, other = (1, 0, "lock", queue_of(0, 3, 4)), (2, 1, "lock", queue_of(1, 4, 3))
    assert judged(NoDeadlock(seconds(1)), one, other) == ["No Deadlock"]
    assert judged(NoDeadlock(seconds(1)), one, other, (3, 1, "lock", (1, (), ()))) == []
    assert judged(NoDeadlock(seconds(1)), one, other, end_ns=ms(500)) == [], "it has not stood for long enough"
    assert judged(NoDeadlock(seconds(1), seconds(99)), one, other, end_ns=seconds(99)) == [], "not healed for long"
    assert judged(NoDeadlock(seconds(1)), one) == []


@pytest.mark.parametrize(("policy", "holder", "waits", "wrong"), [(WAIT_DIE, 1, 2, True), (WAIT_DIE, 2, 1, False)])
def test_timestamp_order_can_fail(policy, holder, waits, wrong):
    assert bool(judged(TimestampOrder(policy), (1, 0, "lock", queue_of(0, holder, waits)))) == wrong


def test_timestamp_order_of_wound_wait_looks_at_the_queue():
    assert judged(TimestampOrder(WOUND_WAIT), (1, 0, "lock", queue_of(0, 9, 1, 2))) == []
    assert judged(TimestampOrder(WOUND_WAIT), (1, 0, "lock", queue_of(0, 9, 2, 1))) == ["Timestamp Order"]
    assert judged(TimestampOrder(NONE), (1, 0, "lock", queue_of(0, 9, 2, 1))) == []


def test_no_starvation_can_fail():
    begin, commit = (1, 3, "begin", (1, (1, 3), ())), (seconds(2), 3, "commit", (1, 1, 1))
    assert judged(NoStarvation(seconds(5)), begin) == ["No Starvation"]
    assert judged(NoStarvation(seconds(5)), begin, commit) == []
    assert judged(NoStarvation(seconds(5)), begin, (1, 3, "abort", (1, 1, "crashed", -1, 3))) == []
    assert judged(NoStarvation(seconds(5), seconds(96)), begin) == [], "T was not long ago"
    late = (seconds(50), 3, "commit", (1, 1, 1))
    assert judged(NoStarvation(seconds(5)), begin, late) == ["No Starvation"], "a commit that comes too late"
    other = (seconds(4), 4, "begin", (1, (4, 4), ()))
    assert judged(NoStarvation(seconds(5)), begin, other, end_ns=seconds(4)) == []


# The nodes.


def scenario(policy, seed, *, loss=0.0, faults=(), **work):
    workload = Workload(**work)

    def build(node):
        return LockManager(policy) if node < 2 else TransactionClient((0, 1), workload, takes_all=node == 5)

    return Scenario(
        name="locks",
        seed=seed,
        nodes=6,
        build=build,
        duration_ns=seconds(3),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(4)), loss=loss, duplication=loss),
        observers=(
            MutualExclusion,
            partial(NoDeadlock, seconds(1)),
            partial(TimestampOrder, policy),
            partial(NoStarvation, seconds(3)),
        ),
        faults=faults,
    )


@pytest.mark.parametrize("policy", [WAIT_DIE, WOUND_WAIT])
def test_nothing_is_lost_where_messages_are(policy):
    for seed in range(4):
        result = run(scenario(policy, seed, loss=0.2, keys=4, upgrade_percent=50))
        assert result.violations == (), f"seed {seed}: {result.violations[0]}"
        assert result.reports["NoStarvation"]["committed"] > 10 and result.counters["dropped_lost"] > 100


def test_a_manager_that_crashes_comes_back_with_its_locks():
    faults = tuple(
        fault
        for at in range(200, 2600, 300)
        for fault in (Crash(at_ns=ms(at), node=at % 2), Restart(at_ns=ms(at + 40), node=at % 2))
    )
    result = run(scenario(WOUND_WAIT, 3, faults=faults, keys=3))
    assert result.violations == () and result.reports["NoStarvation"]["committed"] > 20


def test_a_client_that_crashes_holds_nobody_up():
    faults = tuple(
        fault
        for at in range(100, 2600, 200)
        for fault in (Crash(at_ns=ms(at), node=5), Restart(at_ns=ms(at + 60), node=5))
    )
    result = run(scenario(WAIT_DIE, 3, faults=faults, keys=3))
    assert result.violations == () and result.reports["NoStarvation"]["committed"] > 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": 0},
        {"keys_per_transaction": 7},
        {"shared_percent": 101},
        {"upgrade_percent": -1},
        {"work_ns": "5ms"},
        {"retry_ns": 0},
    ],
)
def test_bad_workloads(wrong):
    with pytest.raises(UsageError, match=f"workload.{next(iter(wrong))}: "):
        Workload(**wrong)
