"""Exploring executions: each exactly once, against an enumeration of all interleavings by rules of its own."""

from __future__ import annotations

import random
from collections.abc import Hashable
from math import factorial

import pytest

import oracle_programs as oracle
from message_reference import Plain, Reference, program_of, random_program
from simclock.errors import UsageError
from simclock.experiments.exploring.executions.brute import interleavings
from simclock.experiments.exploring.executions.delays import delays
from simclock.experiments.exploring.executions.dpor import dpor
from simclock.experiments.exploring.executions.estimate import estimate
from simclock.experiments.exploring.executions.pct import Bound, pct
from simclock.experiments.exploring.executions.random_walks import random_walks
from simclock.experiments.exploring.executions.systems import CHANGED, COMPLETE, LOOKED_AT, Run, Step, Trace
from simclock.experiments.exploring.executions.tally import EXHAUSTED, TOO_MANY, VIOLATED, Bounds
from simclock.experiments.exploring.programs.program import (
    Process,
    Program,
    acquire,
    choose,
    pause,
    read,
    receive,
    release,
    send,
    spawn,
    update,
    wait,
    write,
)

MODELS = ("bag", "fifo", "causal", "mailbox")
TIMED_OUT = -2


def what_it_did(step: Step) -> Hashable:
    """A step as the reference writes it."""
    if step.needs is not None:
        return "took", step.needs
    if step.choice:
        return "chose", step.option
    if step.option == TIMED_OUT:
        return ("timeout",)
    if not step.touches:
        return ("sent",)
    return ("read",) if step.touches[0][1] is LOOKED_AT else ("wrote",)


def as_reference(plain: Plain, trace: Trace, end: str) -> Hashable:
    """An execution as the reference has it."""
    did: dict[str, list[Hashable]] = {name: [] for name in plain}
    runs: dict[str, list[tuple[str, list[str]]]] = {}
    for step in trace.steps:
        did[step.process].append(what_it_did(step))
        for name, touch in step.touches:
            how = "look" if touch is LOOKED_AT else "change" if touch is CHANGED else f"set {touch[2]!r}"  # type: ignore[index]
            known = runs.setdefault(name, [])
            if not known or known[-1][0] != how or how == "change":
                known.append((how, []))
            known[-1][1].append(step.process)
    accesses = tuple((name, tuple((how, tuple(sorted(who))) for how, who in known)) for name, known in runs.items())
    return (tuple((name, tuple(each)) for name, each in did.items()), tuple(sorted(accesses))), end == COMPLETE


def compare(plain: Plain, model: str) -> None:
    """`dpor` finds exactly the executions, final states and violations of the reference, and none twice."""
    reference = Reference(plain, model)
    ends: list[Hashable] = []

    def seen(_: Run, trace: Trace, end: str) -> None:
        ends.append(as_reference(plain, trace, end))

    found = dpor(program_of(plain, model), seen=seen)
    assert len(set(ends)) == len(ends), (model, plain)
    assert set(ends) == reference.ends, (model, plain)
    assert set(found.violations) == reference.violations, (model, plain)
    assert (found.redundant, found.ended) == (0, EXHAUSTED), (model, plain)


def compare_source(plain: Plain, model: str) -> int:
    """With source sets the executions and violations are those of optimal reduction; returns the runs in vain."""
    whole, ends, found = [], [], []
    for optimal, seen in ((True, whole), (False, ends)):
        add = lambda _, trace, end, seen=seen: seen.append((trace.canonical(), end))  # noqa: E731
        found.append(dpor(program_of(plain, model), seen=add, optimal=optimal))
    assert len(set(ends)) == len(ends), (model, plain)
    assert set(ends) == set(whole), (model, plain)
    assert set(found[0].violations) == set(found[1].violations), (model, plain)
    return found[1].redundant


def test_source_sets_explore_the_same_executions_some_runs_in_vain() -> None:
    redundant = 0
    for number in range(150):
        luck = random.Random(number)
        plain = random_program(luck, shared=bool(number % 2), timeouts=bool(number // 2 % 2))
        redundant += sum(compare_source(plain, model) for model in MODELS)
    assert redundant > 0, "nothing is tried that source sets are worse at"


def _compare_many(first: int, last: int) -> None:
    for number in range(first, last):
        luck = random.Random(number)
        plain = random_program(luck, shared=bool(number % 2), timeouts=bool(number // 2 % 2))
        for model in MODELS:
            compare(plain, model)


def test_small_random_programs_against_every_interleaving() -> None:
    _compare_many(0, 100)


@pytest.mark.slow
def test_a_thousand_small_random_programs_against_every_interleaving() -> None:
    _compare_many(100, 1_000)


def test_receives_of_two_mailboxes_that_exclude_each_other() -> None:
    """P takes B's message first, so B's reached P before A's did; then Q cannot have taken A's first."""
    take = ("receive", None, False)
    plain: Plain = {
        "A": [("send", "P", 0), ("send", "Q", 1)],
        "B": [("send", "Q", 2), ("send", "P", 0)],
        "P": [take, take],
        "Q": [take, take],
    }
    for model in MODELS:
        compare(plain, model)
    assert dpor(program_of(plain, "mailbox")).executions == 3
    assert dpor(program_of(plain, "causal")).executions == 4


def test_locks_in_opposite_order_end_in_one_deadlock() -> None:
    found = dpor(oracle.opposite_locks(12))
    assert (found.executions, found.blocked, found.redundant) == (2, 1, 0)


def test_a_spawned_process_begins_behind_its_spawning() -> None:
    def child() -> Process:
        yield send("R", "child")

    def parent() -> Process:
        yield send("R", "before")
        yield spawn("child", child)
        yield send("R", "behind")

    program = Program({"parent": parent, "R": (oracle.receives, 3)}, model="causal")
    found = dpor(program)
    assert (found.executions, found.redundant) == (2, 0)
    assert interleavings(program).executions > found.executions


def test_updates_and_waits() -> None:
    def adds() -> Process:
        yield update("count", lambda value: value + 1)

    def waits() -> Process:
        return (yield wait("count", lambda value: value == 2))

    found = dpor(Program({"a": adds, "b": adds, "w": waits}, variables={"count": 0}))
    assert (found.executions, found.blocked, found.redundant) == (2, 0, 0)


def test_a_violation_comes_with_steps_that_lead_to_it_again() -> None:
    def judge() -> Process:
        first = yield receive()
        assert first == "a", f"{first} came first"

    program = Program({"a": (oracle.does, send("j", "a")), "b": (oracle.does, send("j", "b")), "j": judge})
    found = dpor(program)
    assert list(found.violations) == ["j: b came first"]
    run = program.start()
    for step in found.violations["j: b came first"].steps:
        run.take(step)
    assert run.violations() == ["j: b came first"]
    stopped = dpor(program, Bounds(stop_at_violation=True))
    assert stopped.ended == VIOLATED
    assert stopped.runs == 2


def test_bounds_end_a_search_and_it_says_so() -> None:
    found = dpor(oracle.senders(5, 5), Bounds(executions_max=10))
    assert (found.executions, found.ended) == (10, TOO_MANY)
    short = dpor(oracle.senders(3, 3), Bounds(steps_max=4))
    assert short.cut_short > 0
    assert short.executions == 0


def test_values_that_a_process_chooses_are_all_explored() -> None:
    def chooser() -> Process:
        first = yield choose("a", "b", "c")
        second = yield choose(1, 2)
        return first, second

    ends = set()
    found = dpor(Program({"p": chooser}), seen=lambda run, _, __: ends.add(run.final()))
    assert found.executions == len(ends) == 6


def _forgets() -> Process:
    answer = yield receive()
    yield send("A", [answer])  # type: ignore[arg-type] # refused


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Program({"A": _forgets}, model="fifi"), "no message model 'fifi'"),
        (lambda: Program({}), "needs a process"),
        (lambda: Program({"A": _forgets}, daemons=frozenset({"B"})), "no process 'B'"),
        (lambda: dpor(Program({"A": lambda: [1, 2]})), "has to yield"),
        (lambda: dpor(Program({"A": (oracle.does, "send")})), "process 'A' yields 'send'"),
        (lambda: dpor(Program({"A": _forgets, "B": (oracle.does, send("A", 1))})), "send a value that can be hashed"),
        (lambda: delays(oracle.writers(2), -1), "0 or more"),
        (lambda: pct(oracle.writers(2), 0, 10), "1 or more"),
        (lambda: estimate(oracle.writers(2), 1), "2 probes or more"),
        (choose, "something to choose from"),
    ],
)
def test_what_cannot_be_explored_is_refused_in_one_line(make: object, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        make()  # type: ignore[operator]
    assert "\n" not in str(refused.value)


def test_a_process_with_luck_of_its_own_is_noticed() -> None:
    drawn = iter(range(1_000))

    def lucky() -> Process:
        yield pause()
        yield write("x", next(drawn))

    with pytest.raises(UsageError, match="was possible before and is not now"):
        dpor(Program({"a": lucky, "b": (oracle.does, read("x"))}))


def test_random_walks_and_pct_depend_on_the_seed_alone() -> None:
    program = oracle.senders(5, 5)
    for search in (random_walks, lambda *args, **named: pct(args[0], 2, args[1], **named)):
        first, again = search(program, 50, seed=3), search(program, 50, seed=3)
        other = search(program, 50, seed=4)
        assert (first.executions, first.notes, first.steps) == (again.executions, again.notes, again.steps)
        assert first.executions + first.redundant == 50
        assert other.executions > 1


def test_pct_keeps_its_bound() -> None:
    """A bug of depth 2 in a program of 2 tasks and 8 steps: one run in 16, or more."""
    program, runs = oracle.opposite_locks(8), 400
    found = sum(pct(program, 2, 1, seed=seed, tasks=2, steps=8).blocked for seed in range(runs))
    assert found >= runs * Bound(2, 8, 2).chance
    assert str(Bound(2, 20, 2)) == "1 / (2 * 20) = 0.025"


def test_estimates_are_exact_where_all_ways_down_weigh_the_same() -> None:
    guess = estimate(oracle.senders(5, 5), probes=20)
    assert (guess.executions, guess.error) == (factorial(5), 0)
    guess = estimate(oracle.two_phase_commit(4), probes=20)
    assert guess.executions == 2**4 * factorial(4)


def test_an_estimate_is_within_four_standard_errors() -> None:
    guess = estimate(oracle.last_zero(4), probes=600)
    assert guess.exact_orders
    assert abs(guess.executions - dpor(oracle.last_zero(4)).executions) < 4 * guess.error


def test_locks_keep_others_out() -> None:
    def enters(name: str) -> Process:
        yield acquire("lock")
        inside = yield update("inside", lambda value: value + 1)
        assert inside == 0, "two are inside"
        yield update("inside", lambda value: value - 1)
        yield release("lock")

    found = dpor(Program({name: (enters, name) for name in "abc"}, variables={"inside": 0}))
    assert (found.executions, found.violations) == (factorial(3), {})
