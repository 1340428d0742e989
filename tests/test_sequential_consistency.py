"""Sequential consistency: textbook histories, brute force on small ones, and its place below linearizability."""

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability import (
    Model,
    Verdict,
    by_key,
    check_linearizability,
    counter,
    fifo_queue,
    key_value,
    multi_register,
    register,
)
from simclock.experiments.checkers.linearizability.limits import Limits
from simclock.experiments.checkers.numbering import NumberedTuples
from simclock.experiments.checkers.sequential import (
    _Search,
    check_sequential_consistency,
    flaw_of_sequence,
    search_for_sequence,
)
from simclock.experiments.checkers.sessions import check_session_guarantees

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


REGISTER, APPEND, COUNTER, QUEUE = register(), key_value(""), counter(), fifo_queue()
WORKLOADS = {
    "register": (REGISTER, "write", "read", [1, 2, 3, 4], [None, 1, 2, 3, 4]),
    "append": (APPEND, "append", "get", ["a", "b"], ["", "a", "b", "ab", "ba", "aab"]),
    "counter": (COUNTER, "add", "read", [1, 2, -1], [0, 1, 2, 3]),
    "queue": (QUEUE, "enqueue", "dequeue", [1, 2], [None, 1, 2]),
}
every_workload = pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)


@st.composite
def small_histories(draw, workload):
    """Up to 6 operations on two keys by three processes; results are often wrong."""
    _, changes, asks, arguments, answers = workload
    operations = []
    clocks = [0, 0, 0]
    for _ in range(draw(st.integers(1, 6))):
        process = draw(st.integers(0, 2))
        call = clocks[process] + draw(st.integers(0, 4))
        finish = call + draw(st.integers(0, 4))
        clocks[process] = finish + 1
        is_change = draw(st.booleans())
        operations.append(
            Operation(
                process=process,
                function=changes if is_change else asks,
                key=draw(st.sampled_from("xxy")),
                argument=draw(st.sampled_from(arguments)) if is_change else None,
                result=None if is_change else draw(st.sampled_from(answers)),
                call=call,
                finish=finish,
                outcome="unknown" if draw(st.integers(0, 7)) == 0 else "ok",
            )
        )
    return operations


def is_sequentially_consistent(operations: list[Operation], model: Model) -> bool:
    """By the definition: some order of some subset that has all that are certain."""
    certain = [each for each in operations if not each.is_open]
    maybe = [each for each in operations if each.is_open and not model.is_read(each)]
    for chosen in range(1 << len(maybe)):
        taken = certain + [each for number, each in enumerate(maybe) if chosen >> number & 1]
        if any(keeps_programs(order) and replays(order, model) for order in permutations(taken)):
            return True
    return False


def keeps_programs(order: tuple[Operation, ...]) -> bool:
    return not any(
        late.process == early.process and late.call < early.call and not late.is_open
        for place, early in enumerate(order)
        for late in order[place + 1 :]
    )


def replays(order: tuple[Operation, ...], model: Model) -> bool:
    states = {}
    for each in order:
        legal, states[each.key] = model.step(states.get(each.key, model.initial), each)
        if not legal:
            return False
    return True


@every_workload
@given(st.data())
def test_the_verdict_is_that_of_brute_force(workload, data):
    model = workload[0]
    operations = data.draw(small_histories(workload))
    expected = OK if is_sequentially_consistent(operations, model) else ILLEGAL
    assert check_sequential_consistency(operations, model).verdict is expected
    judged = [each for each in operations if not (each.is_open and model.is_read(each))]
    assert search_for_sequence(judged, model).verdict is expected


@every_workload
@given(st.data())
def test_linearizable_implies_sequentially_consistent(workload, data):
    """By the search alone: the whole check takes the linearization for its order."""
    model = workload[0]
    operations = data.draw(small_histories(workload))
    judged = [each for each in operations if not (each.is_open and model.is_read(each))]
    if check_linearizability(judged, model).verdict is OK:
        assert search_for_sequence(judged, model).verdict is OK


def test_appends_may_lead_to_what_no_operation_leaves():
    """Nothing left leaves "ab" whatever was before, and yet it is in reach until the last append."""

    def append(process, text, call):
        return Operation(process=process, function="append", argument=text, call=call, finish=call)

    get = Operation(process=1, function="get", result="ab", call=9, finish=9)
    assert search_for_sequence([append(1, "b", 0), append(0, "a", 5), get], APPEND).verdict is OK
    assert search_for_sequence([append(1, "b", 0), append(0, "c", 5), get], APPEND).verdict is ILLEGAL
    again = Operation(process=0, function="get", result="ab", call=9, finish=9)
    clear = Operation(process=1, function="put", argument="", call=5, finish=5)
    assert search_for_sequence([append(0, "a", 0), append(0, "b", 1), again, clear, get], APPEND).verdict is OK


# Limits


def clock_that_ticks(monkeypatch):
    """Each look at the clock takes a second: how often it was looked at."""
    looks = []
    monkeypatch.setattr(
        "simclock.experiments.checkers.linearizability.limits.monotonic", lambda: looks.append(0) or len(looks)
    )
    return looks


JUDGES = {
    "linearizable": lambda operations, limit: check_linearizability(operations, register(), limit),
    "sequential": lambda operations, limit: check_sequential_consistency(operations, register(), limit),
    "session": lambda operations, limit: check_session_guarantees(operations, time_limit_s=limit),
}


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_all_that_takes_long_keeps_the_time(monkeypatch, judge):
    """With 400 operations there is no part of the judge that does not look at the clock."""
    operations = history(*(" ".join(f"x={100 * n + i}" for i in range(1, 100)) for n in range(4)))
    operations.append(Operation(process=9, function="read", key="x", result=302, call=0, finish=1000))
    looks = clock_that_ticks(monkeypatch)
    for limit in (0, 1, 50, 300):
        looks.clear()
        assert judge(operations, limit).verdict is Verdict.UNKNOWN
        assert len(looks) <= limit + 10
    assert judge(operations, 1_000_000).verdict is not Verdict.UNKNOWN


def test_steps_are_counted_over_the_short_ways_and_the_search():
    operations = history(*(" ".join(f"x={10 * n + i} x?{i}" for i in range(1, 9)) for n in range(4)))
    needed = check_sequential_consistency(operations, register()).steps
    for limit in (0, 1, 2, 5, needed // 8):
        judged = check_sequential_consistency(operations, register(), step_limit=limit)
        assert judged.verdict is Verdict.UNKNOWN and judged.steps <= limit
        sessions = check_session_guarantees(operations, step_limit=limit)
        assert sessions.verdict in (Verdict.UNKNOWN, ILLEGAL) and sessions.steps <= limit


def test_the_longest_order_is_written_down_when_it_is_left(monkeypatch):
    """Not at every step: that took time by the square of the history's length."""
    written = []
    order = _Search.order
    monkeypatch.setattr(_Search, "order", lambda search: written.append(0) or order(search))
    operations = history(*(" ".join(f"{key}={n} {key}?{n}" for n in range(1, 200)) for key in "abcd"))
    assert search_for_sequence(operations, register()).verdict is OK
    assert len(written) < 5


def test_the_short_way_may_use_half_of_what_is_left():
    """A search for a linearization that takes as many steps as that is the answer; one that takes more is given up."""
    judged = [Operation(process=i, function="add", argument=2**i, call=0, finish=50) for i in range(5)]
    judged += [
        Operation(process=9, function="read", result=sum(2**i for i in (4, 2, 0)[:n]), call=10 * n, finish=10 * n + 1)
        for n in range(1, 4)
    ]
    steps = check_linearizability(judged, counter()).steps
    assert steps > 3
    found = check_sequential_consistency(judged, counter(), step_limit=2 * steps)
    assert (found.verdict, found.steps) == (OK, steps)
    assert check_sequential_consistency(judged, counter(), step_limit=2 * steps - 1).steps > steps


def test_a_tuple_has_one_number_however_it_came_about():
    numbered = NumberedTuples(100)
    numbers = {}
    members = [0] * 100
    luck = random.Random(1)
    for _ in range(3000):
        changes = {luck.randrange(0, 100, 33): luck.randrange(3) for _ in range(luck.randrange(3))}
        for place, member in changes.items():
            members[place] = member
        number = numbered.number(changes)
        assert numbers.setdefault(tuple(members), number) == number
    assert len(set(numbers.values())) == len(numbers) > 50
