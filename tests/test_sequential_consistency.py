"""Sequential consistency: textbook histories, brute force on small ones, and its place below linearizability."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.histories import Operation
from experiments.linearizability import (
    Model,
    Verdict,
    by_key,
    check_linearizability,
    fifo_queue,
    key_value,
    multi_register,
    register,
)
from experiments.linearizability.limits import Limits
from experiments.sequential_consistency import check_sequential_consistency, flaw_of_sequence, search_for_sequence

OK, ILLEGAL = Verdict.OK, Verdict.ILLEGAL


def history(*programs: str, unknown: tuple[str, ...] = ()) -> list[Operation]:
    """One program a process, such as `x=1 y?2 q+1 q-2`: write, read, enqueue, dequeue; `/` lets time pass.

    An operation takes the instants 2n..2n+1, n its place in the program; those of `unknown` never return.
    """
    operations = []
    for process, program in enumerate(programs):
        for place, word in enumerate(program.split()):
            if word == "/":
                continue
            name, verb, text = word[0], word[1], word[2:]
            value = None if text == "nil" else int(text)
            function = {"=": "write", "?": "read", "+": "enqueue", "-": "dequeue"}[verb]
            asks = verb in "=+"
            is_open = word in unknown
            operations.append(
                Operation(
                    process=process,
                    function=function,
                    key=name,
                    argument=value if asks else None,
                    result=None if asks or is_open else value,
                    call=2 * place,
                    finish=None if is_open else 2 * place + 1,
                    outcome="unknown" if is_open else "ok",
                )
            )
    return operations


# (what it is, history, model, sequentially consistent, linearizable)
TEXTBOOK = {
    "one process reads its write": (history("x=1 x?1"), register(), OK, OK),
    # Attiya & Welch 1994, section 1: a read may be late for other processes.
    "a stale read of another process": (history("x=1", "/ x?nil"), register(), OK, ILLEGAL),
    "a process misses its own write": (history("x=1 x?nil"), register(), ILLEGAL, ILLEGAL),
    # Attiya & Welch 1994, proof of theorem 3.1 (after Lipton & Sandberg): both flags low, store buffering.
    "store buffering": (history("x=1 y?nil", "y=1 x?nil"), register(), ILLEGAL, ILLEGAL),
    "store buffering, one sees the other": (history("x=1 y?nil", "/ / y=1 x?1"), register(), OK, OK),
    # Herlihy & Wing 1990, figure 1 (queues), and section 3.3: sequential consistency is not local.
    "H&W: two queues": (
        history("p+1 / q+1 / / p-2", "/ q+2 / p+2 / / q-1"),
        fifo_queue(),
        ILLEGAL,
        ILLEGAL,
    ),
    "H&W: the first queue alone": (history("p+1 / / / p-2", "/ / / p+2"), fifo_queue(), OK, ILLEGAL),
    "H&W: the second queue alone": (history("/ / q+1", "/ q+2 / / / q-1"), fifo_queue(), OK, ILLEGAL),
    # Adve & Gharachorloo 1996: independent reads of independent writes.
    "IRIW": (history("x=1", "y=1", "x?1 y?nil", "y?1 x?nil"), register(), ILLEGAL, ILLEGAL),
    "message passing": (history("x=1 y=1", "y?1 x?nil"), register(), ILLEGAL, ILLEGAL),
    "message passing, not yet": (history("x=1 y=1", "/ / x?nil y?nil"), register(), OK, ILLEGAL),
    "coherence: two see two orders": (history("x=1", "x=2", "x?1 x?2", "x?2 x?1"), register(), ILLEGAL, ILLEGAL),
    "coherence: two see one order": (history("x=1", "x=2", "x?1 x?2", "x?1 x?2"), register(), OK, OK),
    "a value from nowhere": (history("x=1", "x?7"), register(), ILLEGAL, ILLEGAL),
    "an unknown write that is seen": (history("x=1", "/ x?1", unknown=("x=1",)), register(), OK, OK),
    "an unknown write that is not": (history("x=1", "/ x?nil", unknown=("x=1",)), register(), OK, OK),
    "an unknown write seen too early": (history("y?1 x=1", "x?1 y=1", unknown=("x=1",)), register(), ILLEGAL, ILLEGAL),
}


@pytest.mark.parametrize(("operations", "model", "sequential", "linear"), TEXTBOOK.values(), ids=TEXTBOOK)
def test_textbook_histories(operations, model, sequential, linear):
    judged = check_sequential_consistency(operations, model)
    assert judged.verdict is sequential, judged.explain()
    assert check_linearizability(operations, model).verdict is linear
    if sequential is OK:
        assert flaw_of_sequence(judged.order, operations, model) is None
    else:
        assert judged.blocked or judged.circle
    searched = search_for_sequence([each for each in operations if not (each.is_open and each.argument is None)], model)
    assert searched.verdict is sequential
    assert sequential is OK or searched.blocked


def test_the_explanation_shows_how_far_it_got():
    judged = check_sequential_consistency(history("x=1 y?nil", "y=1 x?nil"), register())
    said = judged.explain()
    assert said.startswith("ILLEGAL: not sequentially consistent as a register (4 operations of 2 processes")
    assert "longest legal order found: 2 of 4" in said
    assert said.endswith("after which there is no way to:\n    process 1 'x': read() -> None [2..3]")
    with pytest.raises(TypeError):
        bool(judged)


def test_the_explanation_shows_a_circle_of_demands():
    said = check_sequential_consistency(history("x=1 y=1", "y?1 x?nil"), register()).explain()
    assert said.splitlines()[1:] == [
        "  causality across keys, key 'x':",
        "    the initial value  must come before  process 0 'x': write(1) -> None [0..1]",
        "    process 0 'x': write(1) -> None [0..1]  must come before  the initial value",
        "      causality across keys: process 0 'x': write(1) -> None [0..1], "
        "then process 1 'x': read() -> None [2..3]",
    ]


def test_a_model_whose_read_is_no_register_is_not_judged_by_demands():
    """Its read answers the number of writes."""

    def step(state, operation):
        if operation.function == "write":
            return True, state + 1
        return operation.result == state, state

    counting = Model(name="counting", initial=0, step=step, partition=by_key)
    assert check_sequential_consistency(history("x=5 x=7 x?2"), counting).verdict is OK
    assert check_sequential_consistency(history("x=5 x=2 x?2 x?1"), counting).verdict is ILLEGAL
    both = multi_register({"x": None, "y": None})
    assert check_sequential_consistency(history("x=1 y?nil", "/ / y=1 x?1"), both).verdict is OK


def test_a_limit_gives_unknown():
    judged = check_sequential_consistency(history("x=1 y?nil", "y=1 x?nil"), register(), step_limit=1)
    assert judged.verdict is Verdict.UNKNOWN
    assert "gave up" in judged.explain()
    late = check_sequential_consistency(history("x=1 x?1"), register(), time_limit_s=0)
    assert late.verdict in (OK, Verdict.UNKNOWN)


def test_a_long_history_takes_few_steps():
    """1,000 operations of 10 processes on 20 keys, each key written by all, read from an order that is real."""
    operations, state = [], {}
    for n in range(1000):
        key, process = n * 7 % 20, n * 3 % 10
        write = n % 3 == 0
        fields = {"argument": n} if write else {"result": state.get(key)}
        operations.append(
            Operation(process=process, function="write" if write else "read", key=key, call=n, finish=n, **fields)
        )
        if write:
            state[key] = n
    assert check_sequential_consistency(operations, register(), step_limit=10_000).verdict is OK
    judged = search_for_sequence(operations, register(), Limits(steps_max=10_000))
    assert judged.verdict is OK
    assert judged.steps <= 1000


def test_the_replay_finds_flaws():
    operations = history("x=1 x?1", "x=2")
    one, two, three = operations
    assert flaw_of_sequence((three, one, two), operations, register()) is None
    assert "missing" in flaw_of_sequence((one, two), operations, register())
    assert "more often" in flaw_of_sequence((one, one, two, three), operations, register())
    assert "own order" in flaw_of_sequence((two, one, three), operations, register())
    assert "illegal" in flaw_of_sequence((one, three, two), operations, register())


# Against brute force.


@st.composite
def small_histories(draw):
    """Up to 7 operations on two keys by three processes; results are often wrong."""
    operations = []
    clocks = [0, 0, 0]
    for number in range(draw(st.integers(1, 7))):
        process = draw(st.integers(0, 2))
        call = clocks[process] + draw(st.integers(0, 4))
        finish = call + draw(st.integers(0, 4))
        clocks[process] = finish + 1
        is_open = draw(st.integers(0, 7)) == 0
        write = draw(st.booleans())
        value = number + 1 if write and draw(st.integers(0, 3)) else draw(st.sampled_from([None, 1, 2, 3, 4]))
        operations.append(
            Operation(
                process=process,
                function="write" if write else "read",
                key=draw(st.sampled_from("xy")),
                argument=value if write else None,
                result=None if write else value,
                call=call,
                finish=finish,
                outcome="unknown" if is_open else "ok",
            )
        )
    return operations


def is_sequentially_consistent(operations: list[Operation]) -> bool:
    """By the definition: some order of some subset that has all that are certain."""
    certain = [each for each in operations if not each.is_open]
    maybe = [each for each in operations if each.is_open and each.function == "write"]
    for chosen in range(1 << len(maybe)):
        taken = certain + [each for number, each in enumerate(maybe) if chosen >> number & 1]
        if any(keeps_programs(order) and replays(order) for order in permutations(taken)):
            return True
    return False


def keeps_programs(order: tuple[Operation, ...]) -> bool:
    return not any(
        late.process == early.process and late.call < early.call and not late.is_open
        for place, early in enumerate(order)
        for late in order[place + 1 :]
    )


def replays(order: tuple[Operation, ...]) -> bool:
    state: dict[str, int | None] = {}
    for each in order:
        if each.function == "write":
            state[each.key] = each.argument
        elif state.get(each.key) != each.result:
            return False
    return True


@given(small_histories())
def test_the_verdict_is_that_of_brute_force(operations):
    expected = OK if is_sequentially_consistent(operations) else ILLEGAL
    assert check_sequential_consistency(operations, register()).verdict is expected
    judged = [each for each in operations if not (each.is_open and each.function == "read")]
    assert search_for_sequence(judged, register()).verdict is expected


@given(small_histories())
def test_linearizable_implies_sequentially_consistent(operations):
    if check_linearizability(operations, key_value()).verdict is OK:
        assert check_sequential_consistency(operations, key_value()).verdict is OK
