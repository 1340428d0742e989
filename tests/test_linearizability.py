"""The checker on histories whose verdict is known: recorded by others, and made by hand, good and bad."""

import csv
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.histories.formats import (
    load_jepsen_log,
    load_key_value_log,
    load_knossos,
    load_small_histories,
)
from simclock.experiments.checkers.linearizability import (
    Model,
    ModelError,
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
    nondeterministic,
    reach,
    register,
    set_of_values,
)

LOST = ("append", "put")
OK, ILLEGAL, UNKNOWN = Verdict.OK, Verdict.ILLEGAL, Verdict.UNKNOWN


def done(span, function, argument=None, result=None, *, process=0, key=None):
    """An operation that completed; `span` is its call and finish."""
    return Operation(
        process=process,
        function=function,
        key=key,
        argument=argument,
        result=result,
        call=span[0],
        finish=span[1],
    )


def lost(call, function, argument=None, *, process=9, key=None):
    """An operation that never returned."""
    return Operation(process=process, function=function, key=key, argument=argument, call=call, outcome="unknown")


def verdict(operations, model, **limits):
    return check_linearizability(operations, model, **limits).verdict


# Histories of others


def rows(file):
    with open(file, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def expected(row):
    return {"true": OK, "false": ILLEGAL}[row["linearizable"]]


@pytest.mark.external
def test_verdicts_of_porcupine_on_etcd(external_data):
    cases = rows(external_data / "porcupine/verdicts_jepsen_etcd.csv")
    wrong = [
        row["file"]
        for row in cases
        if verdict(load_jepsen_log(external_data / "porcupine" / row["file"]), cas_register()) is not expected(row)
    ]
    assert (len(cases), wrong) == (50, [])


@pytest.mark.external
def test_verdicts_of_porcupine_on_key_value_logs(external_data):
    cases = rows(external_data / "porcupine/verdicts_kv.csv")
    wrong = [
        row["file"]
        for row in cases
        if verdict(load_key_value_log(external_data / "porcupine" / row["file"]), key_value(initial=""))
        is not expected(row)
    ]
    assert (len(cases), wrong) == (4, [])


@pytest.mark.external
def test_verdicts_of_knossos(external_data):
    models = {"cas-register": cas_register(initial=0), "multi-register": multi_register({"x": 0, "y": 0})}
    cases = rows(external_data / "knossos/verdicts.csv")
    wrong = []
    for row in cases:
        judged = check_linearizability(load_knossos(external_data / "knossos" / row["file"]), models[row["model"]])
        if judged.verdict is not expected(row):
            wrong.append(row["file"])
        if row["note"].startswith("first bad op index "):
            assert judged.blocked.finish == int(row["note"].split()[4]), row["file"]
    assert (len(cases), wrong) == (61, [])


def some_of(values):
    """Every subset."""
    return [frozenset(v for i, v in enumerate(values) if chosen >> i & 1) for chosen in range(1 << len(values))]


def put_some(state, operation):
    """porcupine's nondeterministic register: put-any stores some of its values, get-any answers some of them."""
    result = None if operation.result is None else frozenset(operation.result)
    match operation.function:
        case "put-any":
            return some_of(operation.argument)
        case "get-any":
            return [state] if result <= state else []
        case "get-all":
            return [state] if result == state else []
    raise AssertionError(operation)


@pytest.mark.external
def test_verdicts_of_porcupine_on_small_histories(external_data):
    models = {
        "register": register(initial=0),
        "set": set_of_values(),
        "nondeterministic_register": nondeterministic("put-any", [frozenset()], put_some),
    }
    cases = load_small_histories(external_data / "porcupine/small_histories.json")
    wrong = [
        case.name
        for case in cases
        if verdict(case.operations, models[case.object]) is not (OK if case.linearizable else ILLEGAL)
    ]
    assert (len(cases), wrong) == (9, [])


def test_nondeterministic_may_be_ok():
    model = nondeterministic("put-any", [frozenset()], put_some)
    put = done((0, 7), "put-any", (1, 2, 3, 4))
    some = done((1, 5), "get-any", result=(1, 4), process=1)
    assert verdict([put, some, done((8, 9), "get-all", result=(1, 2, 4))], model) is OK
    assert verdict([put, some, done((8, 9), "get-all", result=(1, 2))], model) is ILLEGAL


# Histories made by hand. Each good one becomes a bad one by a small change.

HAND_MADE = {
    "read what was written": (
        register(),
        [done((0, 1), "write", 1), done((2, 3), "read", result=1)],
        [done((0, 1), "write", 1), done((2, 3), "read", result=2)],
    ),
    "the initial value": (
        register(initial=0),
        [done((0, 1), "read", result=0)],
        [done((0, 1), "read", result=None)],
    ),
    "a stale read is fine only while the write runs": (
        register(initial=0),
        [done((0, 3), "write", 1), done((1, 2), "read", result=0, process=1)],
        [done((0, 1), "write", 1), done((2, 3), "read", result=0, process=1)],
    ),
    "no going back, though the write still runs": (
        register(initial=0),
        [
            done((0, 9), "write", 1),
            done((1, 2), "read", result=0, process=1),
            done((3, 4), "read", result=1, process=2),
        ],
        [
            done((0, 9), "write", 1),
            done((1, 2), "read", result=1, process=1),
            done((3, 4), "read", result=0, process=2),
        ],
    ),
    "two writes at once, in one order for all": (
        register(),
        [
            done((0, 5), "write", 1),
            done((0, 5), "write", 2, process=1),
            done((6, 7), "read", result=1, process=2),
            done((8, 9), "read", result=1, process=3),
        ],
        [
            done((0, 5), "write", 1),
            done((0, 5), "write", 2, process=1),
            done((6, 7), "read", result=1, process=2),
            done((8, 9), "read", result=2, process=3),
        ],
    ),
    "what touches in time is concurrent": (
        register(initial=0),
        [done((0, 5), "write", 1), done((5, 9), "read", result=0, process=1)],
        [done((0, 5), "write", 1), done((6, 9), "read", result=0, process=1)],
    ),
    "a lost write may take effect late, but only once": (
        register(initial=0),
        [
            lost(0, "write", 7),
            done((1, 2), "read", result=0),
            done((3, 4), "write", 1),
            done((5, 6), "read", result=7),
        ],
        [
            lost(0, "write", 7),
            done((1, 2), "read", result=7),
            done((3, 4), "write", 1),
            done((5, 6), "read", result=7),
        ],
    ),
    "a lost write takes no effect before its call": (
        register(initial=0),
        [lost(1, "write", 7), done((1, 2), "read", result=7)],
        [lost(3, "write", 7), done((1, 2), "read", result=7)],
    ),
    "two lost writes of one value, twice": (
        register(initial=0),
        [
            lost(0, "write", 7),
            lost(0, "write", 7, process=8),
            done((1, 2), "read", result=7),
            done((3, 4), "write", 1),
            done((5, 6), "read", result=7),
        ],
        [
            lost(0, "write", 7),
            lost(7, "write", 7, process=8),
            done((1, 2), "read", result=7),
            done((3, 4), "write", 1),
            done((5, 6), "read", result=7),
        ],
    ),
    "a failed write did not happen": (
        register(initial=0),
        [replace(done((0, 1), "write", 7), outcome="fail"), done((2, 3), "read", result=0)],
        [replace(done((0, 1), "write", 7), outcome="fail"), done((2, 3), "read", result=7)],
    ),
    "cas finds what is there": (
        cas_register(initial=0),
        [done((0, 1), "cas", (0, 1), True), done((2, 3), "read", result=1)],
        [done((0, 1), "cas", (2, 1), True), done((2, 3), "read", result=1)],
    ),
    "cas that found something else": (
        cas_register(initial=0),
        [done((0, 1), "cas", (1, 2), False), done((2, 3), "read", result=0)],
        [done((0, 1), "cas", (0, 2), False), done((2, 3), "read", result=0)],
    ),
    "one of two cas": (
        cas_register(initial=0),
        [done((0, 5), "cas", (0, 1), True), done((0, 5), "cas", (0, 2), False, process=1)],
        [done((0, 5), "cas", (0, 1), True), done((0, 5), "cas", (0, 2), True, process=1)],
    ),
    "a chain of lost cas": (
        cas_register(initial=0),
        [
            lost(0, "cas", (1, 2)),
            lost(0, "cas", (0, 1), process=8),
            done((1, 2), "read", result=0),
            done((3, 4), "read", result=2),
        ],
        [
            lost(0, "cas", (1, 2)),
            lost(0, "cas", (0, 3), process=8),
            done((1, 2), "read", result=0),
            done((3, 4), "read", result=2),
        ],
    ),
    "keys are independent": (
        key_value(),
        [done((0, 1), "put", 1, key="a"), done((2, 3), "get", result=None, key="b")],
        [done((0, 1), "put", 1, key="a"), done((2, 3), "get", result=None, key="a")],
    ),
    "registers by key": (
        register(initial=0),
        [done((0, 1), "write", 1, key="a"), done((2, 3), "read", result=0, key="b")],
        [done((0, 1), "write", 1, key="a"), done((2, 3), "read", result=0, key="a")],
    ),
    "append to what is there": (
        key_value(initial=""),
        [
            done((0, 1), "append", "x"),
            done((2, 5), "append", "y"),
            done((2, 5), "append", "z"),
            done((6, 7), "get", result="xzy"),
        ],
        [
            done((0, 1), "append", "x"),
            done((2, 5), "append", "y"),
            done((2, 5), "append", "z"),
            done((6, 7), "get", result="yxz"),
        ],
    ),
    "append to nothing": (
        key_value(),
        [done((0, 1), "append", ("x",)), done((2, 3), "get", result=("x",))],
        [done((0, 1), "append", ("x",)), done((2, 3), "get", result=("x", "x"))],
    ),
    "append of another kind": (
        key_value(),
        [done((0, 5), "put", 1), done((0, 5), "put", "x"), done((0, 5), "append", "y")],
        [done((0, 1), "put", 1), done((2, 5), "append", "y")],
    ),
    "delete": (
        key_value(),
        [done((0, 1), "put", 1), done((2, 3), "delete"), done((4, 5), "get", result=None)],
        [done((0, 1), "put", 1), done((2, 3), "delete"), done((4, 5), "get", result=1)],
    ),
    "cas on a key": (
        key_value(),
        [done((0, 1), "cas", (None, 1), True, key="a"), done((2, 3), "get", result=1, key="a")],
        [done((0, 1), "cas", (None, 1), True, key="a"), done((2, 3), "get", result=None, key="a")],
    ),
    "registers together": (
        multi_register({"x": 0, "y": 0}),
        [
            done((0, 5), "txn", (("write", "x", 1), ("write", "y", 1)), (("write", "x", 1), ("write", "y", 1))),
            done((1, 2), "txn", (("read", "x", None), ("read", "y", None)), (("read", "x", 1), ("read", "y", 1))),
        ],
        [
            done((0, 5), "txn", (("write", "x", 1), ("write", "y", 1)), (("write", "x", 1), ("write", "y", 1))),
            done((1, 2), "txn", (("read", "x", None), ("read", "y", None)), (("read", "x", 1), ("read", "y", 0))),
        ],
    ),
    "a transaction sees its own writes": (
        multi_register({"x": 0}),
        [done((0, 1), "txn", (("w", "x", 1), ("r", "x", None)), (("w", "x", 1), ("r", "x", 1)))],
        [done((0, 1), "txn", (("w", "x", 1), ("r", "x", None)), (("w", "x", 1), ("r", "x", 0)))],
    ),
    "a lost transaction, whole or not at all": (
        multi_register({"x": 0, "y": 0}),
        [
            lost(0, "txn", (("w", "x", 1), ("w", "y", 1), ("r", "x", None))),
            done((1, 2), "read", key="x", result=1),
            done((3, 4), "read", key="y", result=1),
        ],
        [
            lost(0, "txn", (("w", "x", 1), ("w", "y", 1), ("r", "x", None))),
            done((1, 2), "read", key="x", result=1),
            done((3, 4), "read", key="y", result=0),
        ],
    ),
    "one register of several": (
        multi_register({"x": 0, "y": 0}),
        [done((0, 1), "write", 1, key="x"), done((2, 3), "read", key="x", result=1)],
        [done((0, 1), "write", 1, key="x"), done((2, 3), "read", key="y", result=1)],
    ),
    "set": (
        set_of_values(),
        [done((0, 1), "add", 1), done((0, 5), "add", 2), done((2, 3), "read", result=frozenset({1}))],
        [done((0, 1), "add", 1), done((0, 5), "add", 2), done((2, 3), "read", result=frozenset({2}))],
    ),
    "set, read as a tuple, has no value twice": (
        set_of_values(),
        [done((0, 1), "add", 1), done((0, 1), "add", 2), done((2, 3), "read", result=(2, 1))],
        [done((0, 1), "add", 1), done((0, 1), "add", 2), done((2, 3), "read", result=(1, 1, 2))],
    ),
    "set, contains and remove": (
        set_of_values(frozenset({5})),
        [
            done((0, 1), "contains", 5, True),
            done((2, 3), "remove", 5),
            done((4, 5), "contains", 5, False),
        ],
        [
            done((0, 1), "contains", 5, True),
            done((2, 3), "remove", 5),
            done((4, 5), "contains", 5, True),
        ],
    ),
    "counter": (
        counter(),
        [lost(0, "add", 4), done((0, 1), "add", 2), done((2, 3), "read", result=6)],
        [lost(0, "add", 4), done((0, 1), "add", 2), done((2, 3), "read", result=4)],
    ),
    "counter, add and get": (
        counter(initial=10),
        [done((0, 5), "add_and_get", 1, 12), done((0, 5), "add_and_get", 1, 11, process=1)],
        [done((0, 5), "add_and_get", 1, 12), done((0, 5), "add_and_get", 1, 12, process=1)],
    ),
    "counter, a lost add and get": (
        counter(),
        [lost(0, "add_and_get", 5), done((1, 2), "read", result=5)],
        [lost(0, "add_and_get", 5), done((1, 2), "read", result=10)],
    ),
    "queue, first in first out": (
        fifo_queue(),
        [
            done((0, 1), "enqueue", 1),
            done((2, 3), "enqueue", 2),
            done((4, 5), "dequeue", result=1),
            done((6, 7), "dequeue", result=2),
        ],
        [
            done((0, 1), "enqueue", 1),
            done((2, 3), "enqueue", 2),
            done((4, 5), "dequeue", result=2),
            done((6, 7), "dequeue", result=1),
        ],
    ),
    "queue, empty": (
        fifo_queue(),
        [done((0, 5), "enqueue", 1), done((1, 2), "dequeue", result=None)],
        [done((0, 1), "enqueue", 1), done((2, 3), "dequeue", result=None)],
    ),
    "queue, nothing leaves twice": (
        fifo_queue(("a", "b")),
        [done((0, 5), "dequeue", result="b"), done((0, 5), "dequeue", result="a")],
        [done((0, 5), "dequeue", result="a"), done((0, 5), "dequeue", result="a")],
    ),
    "queue, a lost dequeue may have taken one": (
        fifo_queue(("a", "b")),
        [lost(0, "dequeue"), done((1, 2), "dequeue", result="b"), done((3, 4), "dequeue", result=None)],
        [lost(5, "dequeue"), done((1, 2), "dequeue", result="b"), done((3, 4), "dequeue", result=None)],
    ),
    "mutex, one holder at a time": (
        mutex(),
        [
            done((0, 1), "acquire", process=1),
            done((2, 5), "release", process=1),
            done((3, 6), "acquire", process=2),
        ],
        [
            done((0, 1), "acquire", process=1),
            done((7, 8), "release", process=1),
            done((3, 6), "acquire", process=2),
        ],
    ),
    "mutex, only the holder releases": (
        mutex(),
        [done((0, 1), "acquire", "a"), done((2, 3), "release", "a", process=1)],
        [done((0, 1), "acquire", "a"), done((2, 3), "release", "b", process=1)],
    ),
    "mutex, held": (
        mutex(),
        [done((0, 1), "acquire", process=1), done((2, 3), "acquire", result=False, process=2)],
        [done((0, 1), "acquire", result=False, process=1), done((2, 3), "acquire", process=2)],
    ),
    "mutex, a lost release": (
        mutex(),
        [
            done((0, 1), "acquire", process=1),
            lost(2, "release", process=1),
            done((3, 4), "acquire", process=2),
        ],
        [
            done((0, 1), "acquire", process=1),
            lost(2, "release", process=3),
            done((3, 4), "acquire", process=2),
        ],
    ),
}


@pytest.mark.parametrize(("model", "good", "bad"), HAND_MADE.values(), ids=HAND_MADE)
def test_made_by_hand(model, good, bad):
    for operations, known in ((good, OK), (bad, ILLEGAL)):
        for order in (operations, operations[::-1]):
            judged = check_linearizability(order, model)
            assert judged.verdict is known
            assert judged.explain().startswith(known)


# Found by breaking the rules of search.py one by one: on these a search that prunes too much, or too little, errs.

FOUND = {
    "4: less is better, not more": (
        cas_register(initial=0),
        OK,
        [
            done((0, 5), "write", 3),
            done((0, 2), "write", 1),
            done((1, 1), "write", 3),
            done((5, 6), "cas", (2, 3), False),
            done((3, 4), "cas", (3, 2), True),
        ],
    ),
    "4: less is better, among several": (
        key_value(initial=""),
        OK,
        [
            lost(1, "append", "c"),
            done((2, 3), "get", result="aca"),
            lost(3, "put", "a"),
            lost(0, "append", "a"),
        ],
    ),
}


@pytest.mark.parametrize(("model", "known", "operations"), FOUND.values(), ids=FOUND)
def test_found_by_breaking_the_search(model, known, operations):
    assert verdict(operations, model) is known


def test_nothing_is_linearizable():
    assert verdict([], register()) is OK
    assert verdict([], multi_register({"x": 0})) is OK
    assert verdict([lost(0, "write", 1)], register()) is OK


def test_a_model_of_three_functions():
    def step(state, operation):
        if operation.function == "write":
            return True, operation.argument
        return operation.is_open or operation.result == state, state

    model = Model(name="mine", initial=None, step=step, partition=by_key)
    good = [done((0, 1), "write", 1), lost(0, "write", 2), lost(1, "read"), done((2, 3), "read", result=2)]
    assert verdict(good, model) is OK
    assert verdict([*good, done((4, 5), "read", result=1)], model) is ILLEGAL


# What comes with a verdict


def test_ok_comes_with_an_order_for_each_partition():
    history = [
        done((0, 9), "put", 1, key="a"),
        done((0, 9), "put", 2, key="b"),
        done((1, 2), "get", result=1, key="a", process=1),
    ]
    judged = check_linearizability(history, key_value())
    assert judged.linearizations == ((history[0], history[2]), (history[1],))
    assert (judged.operations, judged.partitions, judged.blocked) == (3, 2, None)
    assert judged.explain() == "OK: linearizable as a key-value store (3 operations in 2 partitions, 4 steps)"


def test_illegal_comes_with_the_longest_legal_prefix():
    write, stale = done((0, 1), "write", 1), done((4, 5), "read", result=0, process=1)
    between = done((2, 8), "write", 2, process=2)
    judged = check_linearizability([write, done((2, 3), "read", result=1), between, stale], register(0))
    assert judged.blocked == stale
    assert judged.prefix[:2] == (write, done((2, 3), "read", result=1))
    assert judged.state in (1, 2)
    assert judged.linearizations == ()


def test_the_explanation():
    history = [done((0, 1), "write", 1), done((2, 3), "read", result=0, process=1), lost(0, "write", 5)]
    assert check_linearizability(history, register(0)).explain() == "\n".join(
        [
            "ILLEGAL: not linearizable as a register (3 operations in 1 partition, 3 steps)",
            "  longest legal order found: 1 of 3 operations",
            "    process 0 write(1) -> None [0..1]",
            "  which leaves 1",
            "  and cannot be followed by process 1 read() -> 0 [2..3]",
            "  not even after what else was under way:",
            "    process 9 write(5) -> ? [0..]",
        ]
    )


def test_the_explanation_is_short():
    history = [done((i, i), "append", "x" * 50) for i in range(100)]
    history += [lost(i, "append", f"{i}") for i in range(100)]
    judged = check_linearizability([*history, done((200, 201), "get", result="y")], key_value(initial=""))
    lines = judged.explain().splitlines()
    assert len(lines) < 20
    assert max(map(len, lines)) < 300
    assert "(95 more)" in lines[2]


@pytest.mark.parametrize("writes", [5, 6])
def test_five_operations_are_shown_and_how_many_more_there_are(writes):
    history = [done((2 * i, 2 * i + 1), "write", i) for i in range(writes)]
    lines = check_linearizability([*history, done((20, 21), "read", result=-1)], register()).explain().splitlines()
    shown = lines[2 : next(number for number, line in enumerate(lines) if "which leaves" in line)]
    assert [line.strip() for line in shown] == [
        *["(1 more)"] * (writes - 5),
        *[f"process 0 write({i}) -> None [{2 * i}..{2 * i + 1}]" for i in range(writes - 5, writes)],
    ]


def test_the_longest_prefix_is_found_though_the_search_gives_up_at_once():
    """A value that was never written is out of reach from the start; the order until its read is shown still."""
    history = [done((2 * i, 2 * i + 1), "write", i) for i in range(100)]
    wrong = done((121, 122), "read", result=-1, process=1)
    judged = check_linearizability([*history, wrong], register())
    assert judged.blocked == wrong
    assert judged.prefix == tuple(history[:61])


def test_a_value_that_nobody_takes_from_ahead_of_another_ends_the_search_at_once():
    """The orders of the seven enqueues under way make no difference: 2 stays behind 1."""
    history = [done((0, 1), "enqueue", 1), done((2, 3), "enqueue", 2), done((100, 101), "dequeue", result=2)]
    history += [done((10, 99), "enqueue", 10 + i, process=1 + i) for i in range(7)]
    assert check_linearizability(history, fifo_queue(), step_limit=100).verdict is Verdict.ILLEGAL


@pytest.mark.parametrize(
    ("steps", "overwrites"),
    [
        ((("w", "x", 1),), False),
        ((("w", "x", 1), ("w", "y", 2)), True),
        ((("w", "x", 1), ("r", "x", 1), ("w", "y", 2)), False),
    ],
)
def test_only_what_writes_every_register_and_reads_none_overwrites_them_all(steps, overwrites):
    model = multi_register({"x": 0, "y": 0})
    assert model.is_overwrite(done((0, 1), "txn", steps, steps)) is overwrites


def test_dead_ends_that_come_later_do_not_shorten_the_prefix():
    first, second = done((0, 1), "enqueue", "a"), done((2, 3), "enqueue", "b")
    again = done((16, 20), "dequeue", result="a")
    overtaken = [first, second, lost(4, "dequeue"), done((5, 7), "dequeue", result="b"), again]
    twice = [done((0, 3), "enqueue", "a"), done((0, 2), "enqueue", "b")]  # the longer one first
    twice += [done((4, 5), "dequeue", result="a"), done((6, 7), "dequeue", result="b"), again]
    for history in (overtaken, twice):
        judged = check_linearizability(history, fifo_queue())
        assert (judged.verdict, judged.blocked, len(judged.prefix)) == (ILLEGAL, again, 4)


def test_an_explanation_that_is_cut_short_is_still_one(monkeypatch):
    history = [done((2 * i, 2 * i + 1), "write", i) for i in range(100)]
    history += [done((121, 122), "read", result=-1, process=1), done((124, 126), "read", result=62, process=1)]
    for steps in (0, 1, 5, 20):
        monkeypatch.setattr("simclock.experiments.checkers.linearizability.search.EXPLANATION_STEPS", steps)
        judged = check_linearizability(history, register())
        assert judged.verdict is ILLEGAL
        assert judged.prefix
        assert flaw_of(judged.prefix, judged.partition, register(), complete=False) is None
        assert not register().step(judged.state, judged.blocked)[0]


def test_what_constrains_nothing_is_not_judged():
    history = [lost(0, "read"), lost(0, "cas", (1, 1)), replace(done((0, 1), "write", 1), outcome="fail")]
    judged = check_linearizability([*history, lost(0, "write", 2)], cas_register())
    assert (judged.verdict, judged.operations) == (OK, 1)


def test_a_verdict_is_neither_true_nor_false():
    with pytest.raises(TypeError, match=r"compare `\.verdict`"):
        assert check_linearizability([], register())


# Limits


def hard(key=None):
    """Linearizable, but which of the lost additions took effect is a subset sum."""
    numbers = [311, 523, 789, 1031, 1237, 1459, 1777, 1999, 2281]
    history = [lost(i, "add", number, key=key) for i, number in enumerate(numbers)]
    return [*history, done((20, 21), "read", result=sum(numbers[2:]), key=key)]


def test_unknown_when_the_step_limit_is_hit():
    needed = check_linearizability(hard(), counter())
    assert needed.verdict is OK
    for step_limit in (0, 1, needed.steps // 2, needed.steps - 1):
        judged = check_linearizability(hard(), counter(), step_limit=step_limit)
        assert (judged.verdict, judged.steps) == (UNKNOWN, step_limit)
        assert flaw_of(judged.prefix, judged.partition, counter(), complete=False) is None
        assert judged.explain().startswith("UNKNOWN")
    assert verdict(hard(), counter(), step_limit=needed.steps) is OK


def test_unknown_when_there_is_no_time():
    assert verdict(hard(), counter(), time_limit_s=0) is UNKNOWN
    assert verdict(hard(), counter(), time_limit_s=1e9) is OK


def test_unknown_wins_over_ok():
    easy = [done((i, i), "add", i, key="easy") for i in range(20)]
    assert verdict([*easy, *hard("hard")], counter(), step_limit=50) is UNKNOWN


def test_illegal_wins_over_unknown_and_ok():
    wrong = [done((i, i), "add", i, key="wrong") for i in range(20)]
    wrong.append(done((30, 31), "read", result=1, key="wrong"))
    easy = [done((0, 1), "add", 1, key="easy")]
    judged = check_linearizability([*hard("hard"), *easy, *wrong], counter(), step_limit=80)
    assert (judged.verdict, judged.blocked.key) == (ILLEGAL, "wrong")
    assert judged.steps <= 80


def test_what_one_partition_does_not_need_another_may_use():
    easy = [done((0, 1), "add", 1, key=number) for number in range(100)]
    needed = check_linearizability([*hard("hard"), *easy], counter()).steps
    assert verdict([*hard("hard"), *easy], counter(), step_limit=needed) is OK
    assert verdict([*hard("hard"), *easy], counter(), step_limit=needed - 1) is UNKNOWN


# What grows exponentially without the rules of search.py. Steps, not seconds: they are the same everywhere.


def simulated(seed, size, clients, unknown=0.0, keys=1):
    """A linearizable history of registers; every write has its own value, some operations time out."""
    luck = random.Random(seed)
    free_at = [0] * clients
    requests = []
    for number in range(size):
        client = free_at.index(min(free_at))
        call = free_at[client] + luck.randrange(1, 10)
        finish = free_at[client] = call + luck.randrange(1, 100)
        point, is_open = luck.randrange(call, finish + 1), luck.random() < unknown
        if is_open:
            point = luck.choice([None, point, point + 500])
        requests.append((point, number, client, call, finish, is_open, luck.random() < 0.5, luck.randrange(keys)))
    values, results = {}, {}
    for _, number, *_, is_write, key in sorted(each for each in requests if each[0] is not None):
        if is_write:
            values[key] = number
        else:
            results[number] = values.get(key)
    return [
        Operation(
            process=client,
            function="write" if is_write else "read",
            key=key,
            argument=number if is_write else None,
            result=results.get(number),
            call=call,
            finish=finish,
            outcome="unknown" if is_open else "ok",
        )
        for _, number, client, call, finish, is_open, is_write, key in requests
    ]


def with_stale_read(history):
    """One read of the second half sees what was overwritten long before."""
    for number in range(len(history) // 2, len(history)):
        read = history[number]
        if read.function == "read" and read.outcome == "ok":
            before = [w for w in history if w.function == "write" and w.outcome == "ok"]
            before = [w for w in before if w.key == read.key and w.finish < read.call - 300]
            old = max(before, key=lambda write: write.finish)
            return [*history[:number], replace(read, result=old.argument), *history[number + 1 :]]
    raise AssertionError("no read in the second half")


@pytest.mark.parametrize("clients", [5, 20, 60])
@pytest.mark.parametrize("unknown", [0.0, 0.1, 0.4])
def test_many_clients_and_time_outs_on_one_register(clients, unknown):
    history = simulated(1, 600, clients, unknown)
    assert verdict(history, register(), step_limit=2_000) is OK
    history.append(done((10**9, 10**9), "read", result=-1))
    assert verdict(history, register(), step_limit=3_000) is ILLEGAL


@pytest.mark.parametrize("clients", [5, 20])
@pytest.mark.parametrize("unknown", [0.0, 0.1, 0.4])
def test_stale_reads_are_found_among_many_clients(clients, unknown):
    history = with_stale_read(simulated(2, 600, clients, unknown))
    assert verdict(history, register(), step_limit=20_000) is ILLEGAL


@pytest.mark.parametrize("clients", [5, 20])
@pytest.mark.parametrize("unknown", [0.0, 0.1])
def test_appends_are_placed_as_they_were_read(clients, unknown):
    """Every order of appends is another state, and only the next read tells which was right."""
    luck = random.Random(5)
    appends = [
        replace(each, function="append", argument=(number,))
        for number, each in enumerate(simulated(5, 300, clients, unknown))
        if each.function == "write"
    ]
    points = {each: luck.randint(each.call, each.finish) for each in appends if not each.is_open or luck.random() < 0.5}
    read, reads = (), []
    for number, append in enumerate(sorted(points, key=points.get)):
        read += append.argument
        if number % 3 == 0:
            reads.append(done((points[append], points[append]), "get", result=read, key=append.key))
    assert verdict([*appends, *reads], key_value(), step_limit=5_000) is OK
    swapped = replace(reads[-1], result=(*read[:50], read[51], read[50], *read[52:]))
    assert verdict([*appends, *reads, swapped], key_value(), step_limit=5_000) is ILLEGAL


def test_queues_are_filled_as_they_were_emptied():
    """Every order of enqueues is another state, and only dequeues tell which was right."""
    values = list(range(10))
    random.Random(1).shuffle(values)
    enqueues = [done((0, 100), "enqueue", value, process=value) for value in range(10)]
    dequeues = [done((200 + 10 * i, 201 + 10 * i), "dequeue", result=value) for i, value in enumerate(values)]
    assert verdict([*enqueues, *dequeues], fifo_queue(), step_limit=2_000) is OK
    twice = replace(dequeues[9], result=values[8])
    assert verdict([*enqueues, *dequeues[:9], twice], fifo_queue(), step_limit=5_000) is ILLEGAL


def test_many_lost_writes_that_nobody_reads():
    history = [lost(i, "write", i, process=i) for i in range(300)]
    history += [done((1000 + 2 * i, 1001 + 2 * i), "write", -i) for i in range(300)]
    history += [done((5000, 5001), "read", result=-299), done((5002, 5003), "read", result=-298)]
    assert verdict(history, register(), step_limit=1_000) is ILLEGAL


def test_many_lost_cas():
    luck = random.Random(3)
    history = [lost(i, "cas", (luck.randrange(5), luck.randrange(5)), process=i) for i in range(60)]
    history += [done((100 + 2 * i, 101 + 2 * i), "read", result=luck.randrange(5)) for i in range(12)]
    assert verdict(history, cas_register(0), step_limit=20_000) is not UNKNOWN


def test_ten_thousand_operations_over_a_hundred_keys():
    history = simulated(4, 10_000, 50, 0.05, keys=100)
    judged = check_linearizability(history, register(), step_limit=30_000)
    assert (judged.verdict, judged.partitions) == (OK, 100)
    assert verdict(with_stale_read(history), register(), step_limit=30_000) is ILLEGAL


# What is refused

REFUSED = {
    "no such function": (register(), done((0, 1), "append", 1), "has no such function; it has get, put, read"),
    "cas without a pair": (cas_register(), done((0, 1), "cas", 1), "is a pair"),
    "cas with another answer": (cas_register(), done((0, 1), "cas", (1, 2), "no"), "result of cas is True"),
    "no such register": (multi_register({"x": 0}), done((0, 1), "read", key="y"), "no register 'y'; there are 'x'"),
    "a txn without steps": (multi_register({"x": 0}), done((0, 1), "txn", 1), "equally long tuples"),
    "a step that is none": (
        multi_register({"x": 0}),
        done((0, 1), "txn", (("cas", "x", 1),), (("cas", "x", 1),)),
        "no step",
    ),
    "a step on another": (
        multi_register({"x": 0}),
        done((0, 1), "txn", (("r", "x", None),), (("r", "y", 1),)),
        "no step",
    ),
    "contains says neither": (set_of_values(), done((0, 1), "contains", 1, None), "True or False"),
    "no members": (set_of_values(), done((0, 1), "read", result=1), "a frozenset or a tuple"),
    "nothing enqueued": (fifo_queue(), done((0, 1), "enqueue", None), "None cannot be enqueued"),
}


@pytest.mark.parametrize(("model", "operation", "text"), REFUSED.values(), ids=REFUSED)
def test_refused(model, operation, text):
    with pytest.raises(ModelError, match=text):
        check_linearizability([operation], model)


def test_a_state_that_cannot_be_hashed_is_refused():
    model = Model(name="lists", initial=[], step=lambda state, operation: (True, [*state, 1]))
    with pytest.raises(ModelError, match="cannot be hashed"):
        check_linearizability([done((0, 1), "add")], model)


def test_a_partition_that_loses_operations_is_refused():
    model = replace(register(), partition=lambda operations: [list(operations[1:])])
    with pytest.raises(ModelError, match="exactly one part"):
        check_linearizability([done((0, 1), "write", 1)], model)


WRONG_HINTS = {
    "is_read": {"is_read": lambda operation: True},
    "is_overwrite": {"is_overwrite": lambda operation: True},
    "needs": {"needs": lambda operation: (77,)},
    "leaves": {"leaves": lambda operation: (77,)},
    "effect": {"effect": lambda operation: operation.function},
}


@pytest.mark.parametrize("hints", WRONG_HINTS.values(), ids=WRONG_HINTS)
def test_a_wrong_hint_is_noticed_where_it_would_matter(hints):
    bare = Model(name="bare", initial=0, step=register(0).step)
    history = [
        done((0, 1), "write", 1),
        done((2, 3), "write", 2),
        done((4, 5), "read", result=2),
        done((6, 7), "read", result=2),
        done((8, 9), "write", 3),
        done((10, 11), "read", result=3),
    ]
    assert verdict(history, bare) is OK
    with pytest.raises(ModelError):
        check_linearizability(history, replace(bare, **hints))


def test_an_order_that_does_not_replay_is_not_believed():
    """The effect forgets what a cas leaves, which shows in no step from the initial state."""
    bare = Model(name="bare", initial=0, step=cas_register().step)
    history = [
        done((0, 1), "write", 5),
        done((2, 3), "cas", (5, 6), True),
        done((4, 5), "write", 5),
        done((6, 7), "cas", (5, 7), True),
        done((8, 9), "read", result=6),
    ]
    assert verdict(history, bare) is ILLEGAL
    forgetful = replace(bare, effect=lambda each: "cas" if each.function == "cas" else (each.argument, each.result))
    with pytest.raises(ModelError, match="the order found is none"):
        check_linearizability(history, forgetful)


# The certificate


def test_flaws_are_found():
    write, read = done((0, 1), "write", 1), done((2, 3), "read", result=1)
    never = replace(done((0, 9), "write", 5), outcome="fail")
    model = register()
    assert flaw_of([write, read], [write, read], model) is None
    assert "is missing" in flaw_of([write], [write, read], model)
    assert "is missing, though" in flaw_of([read], [write, read], replace(model, initial=1), complete=False)
    assert flaw_of([write], [write, read], model, complete=False) is None
    assert "before one that stands before it" in flaw_of([read, write], [read, write], register(1))
    assert "is illegal in state None" in flaw_of([read], [read], model)
    assert "more often" in flaw_of([write, write, read], [write, read], model)
    assert "did not happen" in flaw_of([never], [never], model)
    assert flaw_of([], [lost(0, "write", 1), never], model) is None


# Determinism

PROGRAM = """
from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability import check_linearizability, key_value
operations = [
    Operation(process=i, function="append", argument=c, call=0, finish=9, outcome="unknown" if i % 3 else "ok")
    for i, c in enumerate("abcdefghi")
]
read = Operation(process=99, function="get", result="gdcba", call=1, finish=10)
for result in ("gdacb", "hdga", "xy"):
    from dataclasses import replace
    judged = check_linearizability([*operations, replace(read, result=result)], key_value(initial=""))
    print(judged, judged.linearizations, judged.explain())
"""


def test_the_same_whatever_the_hash_seed():
    root = Path(__file__).resolve().parent.parent
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert outputs.pop().count("ILLEGAL: ") == 2


def test_the_prefix_is_the_longest_at_the_level_that_fails():
    """What is under way and can be placed stands in it, though it need not have taken effect yet."""
    adds = [Operation(process=p, function="add", argument=p, call=p, finish=100) for p in (1, 2)]
    read = Operation(process=3, function="read", result=7, call=50, finish=60)
    judged = check_linearizability([*adds, read], counter())
    assert (judged.verdict, judged.blocked, judged.state) == (ILLEGAL, read, 3)
    assert set(judged.prefix) == set(adds) and judged.under_way == ()


# What grows with the length of a history, and with what was lost.


def appended(size):
    """Puts, appends and reads in turn, a few lost appends and a write that lasts from the first to the last."""
    history = [done((0, 10 * size), "put", "last;", process=1)]
    history += [lost(1, "append", f"lost {each};", process=10 + each) for each in range(3)]
    for number in range(0, size, 4):
        start = 10 * number
        history += [
            done((start + 1, start + 9), "put", f"{number};"),
            done((start + 11, start + 17), "append", "a;", process=2),
            done((start + 12, start + 18), "append", "b;", process=3),
            done((start + 21, start + 29), "get", result=f"{number};b;a;"),
        ]
    return history


def looks(history):
    """How often what is in reach goes on to another operation."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event == "call" and frame.f_code.co_filename == reach.__file__

    sys.setprofile(profile)
    try:
        assert verdict(history, key_value()) is OK
    finally:
        sys.setprofile(None)
    return count


def test_the_looks_at_what_is_left_grow_with_the_length_of_a_history_alone():
    assert looks(appended(600)) < 6 * looks(appended(150))


@pytest.mark.parametrize("kept", [("put", "2;"), ("delete", None)])
def test_lost_appends_are_not_tried_in_every_order_where_another_order_was_wrong(kept):
    """What returns first came last: nothing that was lost makes up for the other order."""
    function, value = kept
    history = [lost(each, function, f"lost {each};", process=20 + each) for each in range(12) for function in LOST]
    history += [
        lost(50, "delete", process=50),
        done((100, 110), "put", "1;", process=1),
        done((120, 130), function, value, process=1),
        done((121, 131), "put", "other;", process=2),
        done((140, 150), "get", result=value),
    ]
    assert verdict(history, key_value(), step_limit=500) is OK


def test_an_append_before_the_write_it_was_read_after_is_given_up_at_once():
    history = [lost(each, function, f"lost {each};", process=20 + each) for each in range(12) for function in LOST]
    history += [
        done((100, 101), "put", "1;", process=1),
        done((110, 120), "append", "a;", process=1),
        done((111, 121), "put", "2;", process=2),
        done((130, 140), "append", "b;", process=1),
        done((150, 160), "get", result="2;a;b;", process=1),
    ]
    assert verdict(history, key_value(), step_limit=500) is OK


def test_where_an_append_came_from_is_exact():
    """Held against every state that there is: those from which the append leads to the other, and no others."""
    states = [None, "", "a", "b", "ab", "aab", (), (1,), (1, 2), 1, 2, 3]
    model = key_value()
    for value in ["", "a", "ab", (), (1,), 1]:
        append = done((0, 1), "append", value)
        for after in states:
            origins = model.origins(append, after)
            if origins is not None:
                assert {each for each in origins if each in states} == {
                    each for each in states if model.step(each, append) == (True, after)
                }, (value, after)
