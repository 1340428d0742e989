"""Histories of replicas that lag: sequentially consistent, not linearizable, and too much for a search."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from math import inf
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.lagging import REPAIRS_MAX, order_of_lagging
from simclock.experiments.checkers.linearizability import Verdict, check_linearizability, register
from simclock.experiments.checkers.linearizability.limits import LimitHitError, Limits
from simclock.experiments.checkers.sequential import (
    _programs,
    check_sequential_consistency,
    flaw_of_sequence,
    search_for_sequence,
)


def lagging(operations: int, *, keys: int, processes: int, lag: int, seed: int = 1, unknown: float = 0.0):
    """A store with one log of writes; each process reads what a replica has applied, which is up to `lag` behind and
    never behind what the process has written."""
    luck = Random(seed)
    free = [0] * processes
    asked = []
    for _ in range(operations):
        process = min(range(processes), key=free.__getitem__)
        call, lasts = free[process] + luck.randrange(1, 50), luck.randrange(1, 400)
        asked.append((call + luck.randrange(lasts + 1), call, call + lasts, process))
        free[process] = call + lasts + 1
    log_of: dict[int, list[tuple[int, int]]] = {}
    applied = [0] * processes
    length, history = 0, []
    for _, call, finish, process in sorted(asked):
        key, base = luck.randrange(keys), {"process": process, "call": call, "finish": finish}
        if luck.random() < 0.4:
            length += 1
            log_of.setdefault(key, []).append((length, length))
            outcome = "unknown" if luck.random() < unknown else "ok"
            if outcome == "ok":
                applied[process] = length
            history.append(Operation(function="write", key=key, argument=length, outcome=outcome, **base))
        else:
            applied[process] = max(applied[process], length - luck.randrange(lag))
            seen = log_of.get(key, [])
            at = bisect_right(seen, (applied[process], inf))
            history.append(Operation(function="read", key=key, result=seen[at - 1][1] if at else None, **base))
    return history


@pytest.mark.parametrize("seed", range(2))
def test_what_replicas_that_lag_have_answered_is_sequentially_consistent(seed):
    history = lagging(500, keys=15, processes=8, lag=100, seed=seed)
    assert check_linearizability(history, register()).verdict is Verdict.ILLEGAL
    found = check_sequential_consistency(history, register())
    assert found.verdict is Verdict.OK and len(found.order) == len(history)
    assert flaw_of_sequence(found.order, history, register()) is None


def test_writes_of_unknown_outcome_happened_where_they_were_seen():
    history = lagging(300, keys=8, processes=6, lag=50, unknown=0.3)
    found = check_sequential_consistency(history, register())
    assert found.verdict is Verdict.OK
    seen = {each.result for each in history if each.function == "read"}
    unknown = [each for each in history if each.is_open]
    assert {each.argument for each in found.order if each.is_open} >= seen & {each.argument for each in unknown}


def test_what_a_read_has_before_it_is_learnt_of_every_key_at_once():
    """Each key's second write returned first: a guess by time is wrong of all, and only a few guesses are mended."""

    def done(process, function, key, value, at):
        given = {"argument" if function == "write" else "result": value}
        return Operation(process=process, function=function, key=key, call=at, finish=at + 1, **given)

    programs = []
    for key in range(2 * REPAIRS_MAX):
        programs.append([done(3 * key, "write", key, 1, 1_000)])
        programs.append([done(3 * key + 1, "write", key, 2, 0)])
        programs.append([done(3 * key + 2, "read", key, value, 2_000 + 2 * value) for value in (1, 2)])
    order = order_of_lagging(programs, register(), Limits())
    assert len(order) == 8 * REPAIRS_MAX
    assert flaw_of_sequence(order, [each for program in programs for each in program], register()) is None


def test_a_read_that_goes_back_is_never_given_an_order():
    history = lagging(200, keys=5, processes=5, lag=40)
    reads = [each for each in history if each.function == "read" and each.result is not None]
    last, first = reads[-1], reads[0]
    back = replace(last, key=first.key, result=first.result, call=10**9, finish=10**9 + 1)
    ahead = replace(last, key=first.key, result=reads[-2].result, call=10**9 - 2, finish=10**9 - 1)
    newest = max((each for each in reads if each.key == first.key), key=lambda each: each.result)
    ahead = replace(ahead, result=newest.result)
    assert ahead.result != back.result
    found = check_sequential_consistency([*history, ahead, back], register(), step_limit=20_000)
    assert found.verdict is not Verdict.OK


def small(seed: int):
    luck = Random(seed)
    return lagging(
        luck.randrange(2, 12),
        keys=luck.randrange(1, 4),
        processes=luck.randrange(1, 5),
        lag=luck.randrange(1, 8),
        seed=seed,
        unknown=luck.choice((0.0, 0.3)),
    )


@given(seed=st.integers(0, 10**6), changed=st.booleans())
@example(seed=0, changed=False)
def test_what_it_says_the_search_says(seed, changed):
    history = small(seed)
    reads = [number for number, each in enumerate(history) if each.function == "read"]
    if changed and reads:  # a read of another value, which may or may not be explained
        luck = Random(seed)
        values = [each.argument for each in history if each.function == "write"] or [None]
        number = luck.choice(reads)
        history[number] = replace(history[number], result=luck.choice(values))
    judged = [each for each in history if not (each.is_open and each.function == "read")]
    order = order_of_lagging(list(_programs(judged).values()), register(), Limits())
    searched = search_for_sequence(judged, register()).verdict
    if order:
        assert flaw_of_sequence(order, judged, register()) is None and searched is Verdict.OK
    assert not (searched is Verdict.OK and not changed and judged and not order), "of a store that lags there is one"


@pytest.mark.parametrize(
    "history",
    [
        [
            Operation(process=0, function="write", key="x", argument=1, call=0, finish=1),
            Operation(process=1, function="write", key="x", argument=1, call=0, finish=1),
        ],
        [Operation(process=0, function="read", key="x", result=7, call=0, finish=1)],
        [
            Operation(process=0, function="write", key="x", argument=None, call=0, finish=1),
            Operation(process=0, function="read", key="x", result=None, call=2, finish=3),
        ],
    ],
    ids=["a value twice", "a value that nobody wrote", "the first value again"],
)
def test_what_names_no_write_is_left_to_the_search(history):
    assert order_of_lagging([history], register(), Limits()) == ()


def test_the_limit_is_kept():
    history = lagging(300, keys=5, processes=5, lag=40)
    with pytest.raises(LimitHitError):
        order_of_lagging(list(_programs(history).values()), register(), Limits(steps_max=100))
    assert check_sequential_consistency(history, register(), step_limit=100).verdict is Verdict.UNKNOWN


@pytest.mark.slow
def test_steps_grow_with_the_operations():
    steps = {
        count: check_sequential_consistency(lagging(count, keys=count // 100, processes=10, lag=100), register()).steps
        for count in (1_000, 8_000)
    }
    assert steps[8_000] < 24 * steps[1_000]
