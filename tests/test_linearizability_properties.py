"""The checker against the definition: permutations and a textbook search, on random histories of every object.

The objects below are plain Python and know nothing of the models they are compared with.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability import (
    Model,
    Verdict,
    by_key,
    cas_register,
    check_linearizability,
    counter,
    fifo_queue,
    flaw_of,
    key_value,
    multi_register,
    mutex,
    register,
    set_of_values,
)

OK, ILLEGAL = Verdict.OK, Verdict.ILLEGAL

# Objects, and what to ask them


class Cell:
    def __init__(self, value):
        self.start = self.value = value

    def ask(self, function, argument):
        match function:
            case "read" | "get":
                return self.value
            case "write" | "put":
                self.value = argument
            case "append":
                self.value = self.value + argument
            case "delete":
                self.value = self.start
            case "cas":
                found = self.value == argument[0]
                self.value = argument[1] if found else self.value
                return found


class Cells:
    def __init__(self):
        self.values = {"x": 0, "y": 0}

    def ask(self, function, argument):
        answer = []
        for verb, name, value in argument:
            if verb == "write":
                self.values[name] = value
            answer.append((verb, name, self.values[name]))
        return tuple(answer)


class Bag:
    def __init__(self):
        self.values = set()

    def ask(self, function, argument):
        match function:
            case "add":
                self.values.add(argument)
            case "remove":
                self.values.discard(argument)
            case "contains":
                return argument in self.values
            case "read":
                return frozenset(self.values)


class Tally:
    def __init__(self):
        self.value = 0

    def ask(self, function, argument):
        self.value += argument or 0
        return None if function == "add" else self.value


class Line:
    def __init__(self):
        self.values = []

    def ask(self, function, argument):
        if function == "dequeue":
            return self.values.pop(0) if self.values else None
        self.values.append(argument)


class Lock:
    def __init__(self):
        self.holder = None

    def ask(self, function, argument):
        if function == "acquire" and self.holder is not None:
            return False
        if function == "release" and self.holder != argument:
            return "refused"
        self.holder = argument if function == "acquire" else None
        return True


@dataclass
class Workload:
    model: Model
    make: Callable
    request: Callable
    """luck -> (function, argument)"""
    answer: dict
    """Function -> (luck, operation -> an answer it could hear, right or wrong)."""
    impossible: dict
    """Function -> an answer that no order explains; a function of the operation."""


def asks(**arguments):
    """Requests of these functions; each draws its argument."""
    functions = list(arguments)

    def request(luck):
        function = luck.choice(functions)
        return function.rstrip("_"), arguments[function](luck)

    return request


def one_of(*values):
    return lambda luck, operation=None: luck.choice(values)


def pair_of(*values):
    return lambda luck, operation=None: (luck.choice(values), luck.choice(values))


def subset_of(*values):
    return lambda luck, operation=None: frozenset(each for each in values if luck.random() < 0.5)


def unique(luck):
    return luck.randrange(1, 10**9)


def steps(luck):
    return tuple(
        (luck.choice(["read", "write"]), luck.choice("xy"), luck.randrange(3)) for _ in range(luck.randint(1, 2))
    )


def other_reads(luck, operation):
    return tuple((v, n, luck.randrange(3) if v == "read" else x) for v, n, x in operation.argument)


def reads_of_99(luck, operation):
    return tuple((v, n, 99 if v == "read" else x) for v, n, x in operation.argument)


nothing = one_of(None)
small = one_of(0, 1, 2)
flag = one_of(True, False)
text = one_of("", "a", "b", "ab", "ba", "aa", "bb", "aba", "abb")

WORKLOADS = {
    "register": Workload(
        register(initial=0),
        lambda: Cell(0),
        asks(read=nothing, write=small),
        {"read": small},
        {"read": one_of(99)},
    ),
    "register, unique values": Workload(
        register(initial=0),
        lambda: Cell(0),
        asks(read=nothing, read_=nothing, write=unique),
        {"read": one_of(0)},
        {"read": one_of(-1)},
    ),
    "cas register": Workload(
        cas_register(initial=0),
        lambda: Cell(0),
        asks(read=nothing, write=small, cas=pair_of(0, 1, 2), cas_=pair_of(0, 1, 2)),
        {"read": small, "cas": flag},
        {"read": one_of(99)},
    ),
    "key-value store": Workload(
        key_value(initial=""),
        lambda: Cell(""),
        asks(
            get=nothing,
            get_=nothing,
            delete=nothing,
            put=one_of("a", "b"),
            append=one_of("a", "b"),
            append_=one_of("a", "b"),
            cas=pair_of("", "a", "b", "ab"),
        ),
        {"get": text, "cas": flag},
        {"get": one_of("z")},
    ),
    "appends": Workload(
        key_value(initial=()),
        lambda: Cell(()),
        asks(get=nothing, append=lambda luck: (luck.randrange(9),)),
        {"get": lambda luck, operation: tuple(luck.choices(range(9), k=luck.randrange(4)))},
        {"get": one_of((99,))},
    ),
    "several registers": Workload(
        multi_register({"x": 0, "y": 0}), Cells, asks(txn=steps), {"txn": other_reads}, {"txn": reads_of_99}
    ),
    "set": Workload(
        set_of_values(),
        Bag,
        asks(read=nothing, add=small, remove=small, contains=small),
        {"read": subset_of(0, 1, 2), "contains": flag},
        {"read": one_of(frozenset({99}))},
    ),
    "counter": Workload(
        counter(),
        Tally,
        asks(read=nothing, add=one_of(-1, 1, 1, 2), add_and_get=one_of(-1, 1, 2)),
        {"read": one_of(-1, 0, 1, 2, 3), "add_and_get": one_of(-1, 0, 1, 2, 3)},
        {"read": one_of(99), "add_and_get": one_of(99)},
    ),
    "queue": Workload(
        fifo_queue(),
        Line,
        asks(dequeue=nothing, enqueue=one_of(1, 2)),
        {"dequeue": one_of(None, 1, 2)},
        {"dequeue": one_of(99)},
    ),
    "queue, unique values": Workload(
        fifo_queue(),
        Line,
        asks(dequeue=nothing, enqueue=unique),
        {"dequeue": nothing},
        {"dequeue": one_of(-1)},
    ),
    "mutex": Workload(mutex(), Lock, asks(acquire=one_of("a", "b"), release=one_of("a", "b")), {"acquire": flag}, {}),
}
every_workload = pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)


def examples(count):
    """So many runs with luck of their own."""

    def decorate(test):
        return settings(deadline=None, max_examples=count)(given(luck=SEEDS)(test))

    return decorate


SEEDS = st.integers(0, 2**63).map(random.Random)


def swapped_answers(luck, history):
    """Two answers of one function change places: unique values are told apart only so."""
    answered = [each for each in history if each.outcome == "ok" and each.argument is None]
    if len(answered) < 2:
        return history
    one, other = luck.sample(answered, 2)
    if one.function != other.function:
        return history
    results = {id(one): other.result, id(other): one.result}
    return [replace(each, result=results.get(id(each), each.result)) for each in history]


# Random histories. Hypothesis draws the seed, and shows the history of the one that failed.


def atomic(luck, workload, size_max, open_share=0.25):
    """What clients hear of an atomic object: each operation takes effect at an instant between call and finish.

    Those of unknown outcome take effect at any time after their call, or never.
    """
    width = luck.choice([4, 12, 40])
    planned = []
    for process in range(luck.randint(1, size_max)):
        function, argument = workload.request(luck)
        call = luck.randint(0, 24)
        finish = call + luck.randint(0, width)
        is_open = luck.random() < open_share
        point = luck.randint(call, finish)
        if is_open:
            point = luck.choice([None, luck.randint(call, call + 40)])
        planned.append((point, process, function, argument, call, finish, is_open))
    thing = workload.make()
    history = []
    for point, process, function, argument, call, finish, is_open in sorted(planned, key=lambda each: each[0] or 0):
        answer = None if point is None else thing.ask(function, argument)
        outcome = "unknown" if is_open else "ok"
        if answer == "refused":  # it had no effect, and the client was told
            outcome, answer = "fail", None
        finish = None if outcome == "unknown" and luck.random() < 0.5 else finish
        history.append(
            Operation(
                process=process,
                function=function,
                argument=argument,
                result=answer,
                call=call,
                finish=finish,
                outcome=outcome,
            )
        )
    luck.shuffle(history)
    note("\n".join(map(str, history)))
    return history


def doubtful(luck, workload, size_max):
    """The same, but some answers are made up: close to what is linearizable, on either side."""
    history = atomic(luck, workload, size_max, luck.choice([0.0, 0.1, 0.4, 0.7]))
    for _ in range(luck.choice([0, 1, 1, 2])):
        index = luck.randrange(len(history))
        operation = history[index]
        if operation.outcome == "ok" and operation.function in workload.answer:
            history[index] = replace(operation, result=workload.answer[operation.function](luck, operation))
    if luck.random() < 0.3:
        history = swapped_answers(luck, history)
    note("\n".join(["with made up answers:", *map(str, history)]))
    return history


# Two checkers that do nothing clever


def precedes(before, after):
    return before.outcome == "ok" and before.finish < after.call


def permuted(history, model):
    """The definition: some order of all that completed and some of what is open."""
    happened = [each for each in history if each.outcome == "ok"]
    maybe = [each for each in history if each.outcome == "unknown"]
    for count in range(len(maybe) + 1):
        for chosen in combinations(maybe, count):
            for order in permutations([*happened, *chosen]):
                if any(precedes(b, a) for i, b in enumerate(order) for a in order[:i]):
                    continue
                state, legal = model.initial, True
                for operation in order:
                    legal, state = model.step(state, operation)
                    if not legal:
                        break
                if legal:
                    return True
    return False


def searched(history, model, optional=()):
    """Wing & Gong with a memory, no more; operations at places `optional` may be left out, as open ones may."""
    must = {i for i, each in enumerate(history) if each.outcome == "ok" and i not in optional}
    usable = [i for i, each in enumerate(history) if each.outcome != "fail"]
    before = {i: {j for j in must if precedes(history[j], history[i])} for i in usable}
    seen, stack = set(), [(frozenset(), model.initial)]
    while stack:
        placed, state = configuration = stack.pop()
        if must <= placed:
            return True
        if configuration in seen:
            continue
        seen.add(configuration)
        for i in usable:
            if i not in placed and before[i] <= placed:
                legal, after = model.step(state, history[i])
                if legal:
                    stack.append((placed | {i}, after))
    return False


def known(answer):
    return OK if answer else ILLEGAL


# The properties


@every_workload
@examples(100)
def test_agrees_with_all_permutations(workload, luck):
    history = doubtful(luck, workload, 5)
    assert check_linearizability(history, workload.model).verdict is known(permuted(history, workload.model))


@every_workload
@examples(500)
def test_agrees_with_a_textbook_search(workload, luck):
    history = doubtful(luck, workload, 9)
    assert check_linearizability(history, workload.model).verdict is known(searched(history, workload.model))


@every_workload
@examples(100)
def test_what_is_atomic_is_linearizable(workload, luck):
    history = atomic(luck, workload, 12)
    judged = check_linearizability(history, workload.model)
    assert judged.verdict is OK
    asked = [each for each in history if each.outcome != "fail" and not (each.is_open and workload.model.is_read(each))]
    parts = [asked] if workload.model.partition is None else by_key(asked)
    for order, part in zip(judged.linearizations, parts, strict=True):
        assert flaw_of(order, part, workload.model) is None


@every_workload
@examples(60)
def test_one_impossible_answer_is_illegal(workload, luck):
    history = atomic(luck, workload, 12)
    for index, operation in enumerate(history):
        if operation.outcome == "ok" and operation.function in workload.impossible:
            wrong = replace(operation, result=workload.impossible[operation.function](luck, operation))
            if wrong != operation:  # a transaction may have read nothing
                judged = check_linearizability([*history[:index], wrong, *history[index + 1 :]], workload.model)
                assert judged.verdict is ILLEGAL


@every_workload
@examples(100)
def test_hints_change_no_verdict(workload, luck):
    """On longer histories than the textbook search can do; of both sides only one may be misled."""
    model = workload.model
    bare = Model(name="bare", initial=model.initial, step=model.step, partition=model.partition)
    history = doubtful(luck, workload, 14)
    judged = check_linearizability(history, bare, step_limit=20_000)
    if judged.verdict is not Verdict.UNKNOWN:
        assert check_linearizability(history, model).verdict is judged.verdict


@every_workload
@examples(60)
def test_the_prefix_is_legal_and_nothing_longer_is(workload, luck):
    model = workload.model
    history = judged = None
    while judged is None or judged.verdict is OK:
        history = [each for each in doubtful(luck, workload, 8) if each.outcome != "fail"]
        judged = check_linearizability(history, model)
    assert flaw_of(judged.prefix, history, model, complete=False) is None
    state = model.initial
    for operation in judged.prefix:
        legal, state = model.step(state, operation)
        assert legal
    assert state == judged.state
    assert judged.blocked not in judged.prefix
    assert not model.step(state, judged.blocked)[0]
    assert_is_the_first_to_fail(history, judged.blocked, model)


def assert_is_the_first_to_fail(history, blocked, model):
    """All that returned before `blocked` can be put in order, whatever was under way; not so with `blocked`."""
    returns = sorted((each for each in history if each.outcome == "ok"), key=lambda each: each.finish)
    count = next(index for index, each in enumerate(returns) if each is blocked)
    for returned, is_possible in ((returns[:count], True), (returns[: count + 1], False)):
        end = max((each.finish for each in returned), default=-1)
        called = [each for each in history if each.call <= end]
        optional = {i for i, each in enumerate(called) if not any(each is other for other in returned)}
        assert searched(called, model, optional) is is_possible


@every_workload
@examples(50)
def test_a_partition_is_judged_by_itself(workload, luck):
    """Locality: the verdict on two objects is that on each."""
    if workload.model.partition is None:
        return
    one = doubtful(luck, workload, 6)
    other = [replace(each, key="other") for each in doubtful(luck, workload, 6)]
    verdicts = {check_linearizability(each, workload.model).verdict for each in (one, other)}
    both = check_linearizability([*other, *one], workload.model)
    assert both.verdict is (ILLEGAL if ILLEGAL in verdicts else OK)


@every_workload
@examples(40)
def test_a_limit_never_makes_a_verdict(workload, luck):
    history = doubtful(luck, workload, 8)
    verdict = check_linearizability(history, workload.model).verdict
    for step_limit in (0, 1, 3, 10):
        limited = check_linearizability(history, workload.model, step_limit=step_limit)
        assert limited.verdict in (verdict, Verdict.UNKNOWN)
        assert limited.steps <= step_limit


@every_workload
@examples(60)
def test_hints_are_true(workload, luck):
    """Of every operation on every state that some order of the others leads to."""
    model = workload.model
    history = [each for each in doubtful(luck, workload, 6) if each.outcome != "fail"]
    states = {model.initial}
    for operation in history:
        states |= {after for legal, after in (model.step(state, operation) for state in states) if legal}
    for operation in history:
        moves = {state: model.step(state, operation) for state in states}
        legal = {state: after for state, (is_legal, after) in moves.items() if is_legal}
        if model.is_read(operation):
            assert all(state == after for state, after in legal.items())
        if model.is_overwrite(operation):
            assert len(legal) == len(states)
            assert len(set(legal.values())) == 1
        if model.needs(operation) is not None:
            assert set(legal) <= {model.needs(operation)[0]}
        if model.leaves(operation) is not None:
            assert set(legal.values()) <= {model.leaves(operation)[0]}
        if model.leads is not None and model.leaves(operation) is None:
            assert all(model.leads(state, after) for state, after in legal.items())
        for other in history:
            if model.effect(other) == model.effect(operation):
                assert all(model.step(state, other) == moves[state] for state in states)
