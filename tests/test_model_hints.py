"""The hints of a model for the checker of linearizability: none changes a verdict, and they save steps."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import combinations
from typing import Any

import pytest

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability import (
    Model,
    ModelError,
    Verdict,
    cas_register,
    check_linearizability,
    counter,
    fifo_queue,
    flaw_of,
    key_value,
    mutex,
)
from simclock.experiments.checkers.linearizability.limits import Limits
from simclock.experiments.checkers.linearizability.timeline import Timeline
from simclock.experiments.checkers.linearizability.transitions import States

HINTS = ("effect", "is_read", "is_overwrite", "needs", "leaves", "leads", "origins", "dead_ends")
NONE = {field.name: field.default for field in fields(Model) if field.name in HINTS}


def operation(luck: random.Random, process: int, function: str, argument: Any, result: Any) -> Operation:
    call = luck.randrange(8)
    if luck.random() < 0.2:
        return Operation(process=process, function=function, argument=argument, call=call, outcome="unknown")
    finish = call + luck.randrange(6)
    return Operation(process=process, function=function, argument=argument, result=result, call=call, finish=finish)


def history(luck: random.Random, ask: Callable[[random.Random], tuple[str, Any, Any]]) -> list[Operation]:
    return [operation(luck, process, *ask(luck)) for process in range(luck.randrange(2, 6))]


def cas(luck: random.Random) -> tuple[str, Any, Any]:
    value = luck.randrange(3)
    asked = [
        ("write", value, None),
        ("read", None, value),
        ("cas", (value, luck.randrange(3)), luck.random() < 0.7),
    ]
    return luck.choice(asked)


def append(luck: random.Random) -> tuple[str, Any, Any]:
    heard = "".join(luck.sample("abc", luck.randrange(4)))
    return luck.choice([("append", luck.choice("abc"), None), ("put", heard, None), ("get", None, heard)])


def queue(luck: random.Random) -> tuple[str, Any, Any]:
    return luck.choice([("enqueue", luck.randrange(3), None), ("dequeue", None, luck.choice([None, 0, 1, 2]))])


def count(luck: random.Random) -> tuple[str, Any, Any]:
    number = luck.choice([-1, 1, 2])
    return luck.choice([("add", number, None), ("read", None, number), ("add_and_get", number, luck.randrange(4))])


def lock(luck: random.Random) -> tuple[str, Any, Any]:
    holder = luck.randrange(2)
    return luck.choice([("acquire", holder, luck.random() < 0.7), ("release", holder, None)])


OBJECTS: dict[str, tuple[Model, Callable[[random.Random], tuple[str, Any, Any]]]] = {
    "cas": (cas_register(0), cas),
    "append": (key_value(""), append),
    "queue": (fifo_queue(), queue),
    "counter": (counter(), count),
    "mutex": (mutex(), lock),
}


@pytest.mark.parametrize("looks_max", [0, 200], ids=["leads at once", "origins first"])
@pytest.mark.parametrize("name", OBJECTS)
def test_no_hint_changes_a_verdict(name: str, looks_max: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simclock.experiments.checkers.linearizability.reach.LOOKS_MAX", looks_max)
    model, ask = OBJECTS[name]
    own = [hint for hint in HINTS if getattr(model, hint) is not NONE[hint]]
    kept = [set(some) for some in combinations(own, 1)] + [set(own) - set(some) for some in combinations(own, 1)]
    kept += [set(own), *map(set, combinations(own, 2))]
    luck = random.Random(7)
    verdicts = []
    for number in range(120):
        asked = history(luck, ask)
        bare = check_linearizability(asked, replace(model, **NONE))
        hinted = replace(model, **{hint: NONE[hint] for hint in HINTS if hint not in kept[number % len(kept)]})
        judged = check_linearizability(asked, hinted)
        assert judged.verdict is bare.verdict, (kept[number % len(kept)], asked)
        if judged.verdict is Verdict.OK:
            (order,) = judged.linearizations
            assert flaw_of(order, asked, model) is None
        verdicts.append(judged.verdict)
    assert min(verdicts.count(Verdict.OK), verdicts.count(Verdict.ILLEGAL)) >= 20, "both are tried"


def test_where_nothing_leads_to_what_is_needed_the_search_ends_at_once() -> None:
    """Ten appends under way, of which nobody says what they leave, only that each leads to what begins with the state.

    Without that hint every order of them is tried.
    """

    def step(state: tuple[int, ...], asked: Operation) -> tuple[bool, tuple[int, ...]]:
        if asked.function == "append":
            return True, (*state, asked.argument)  # type: ignore[arg-type]
        return state == asked.result, state

    model = Model(
        name="log",
        initial=(),
        step=step,
        is_read=lambda asked: asked.function == "read",
        needs=lambda asked: (asked.result,) if asked.function == "read" else None,
    )
    leading = replace(model, leads=lambda state, target: target[: len(state)] == state)
    appends = [Operation(process=i, function="append", argument=i, call=0, finish=100) for i in range(10)]
    read = Operation(process=10, function="read", result=(3, 3), call=0, finish=90)
    asked = [*appends, read]
    assert check_linearizability(asked, leading, step_limit=20).verdict is Verdict.ILLEGAL
    assert check_linearizability(asked, model, step_limit=200).verdict is Verdict.UNKNOWN


def test_what_is_legal_as_it_returns_needs_no_step() -> None:
    """Reads of the state that is there are placed as they are met; a step is a configuration that is tried."""
    reads = [Operation(process=0, function="read", result=0, call=2 * i, finish=2 * i + 1) for i in range(5)]
    judged = check_linearizability(reads, cas_register(0), step_limit=0)
    assert (judged.verdict, judged.steps) == (Verdict.OK, 0)


def test_a_wrong_hint_of_where_an_operation_comes_from_is_refused() -> None:
    """The append is done to the empty text, and the model says that it leaves "a" only where that was "b"."""
    model = replace(key_value(""), origins=lambda asked, state: ("b",))
    appended = Operation(process=0, function="append", argument="a", call=0, finish=1)
    with pytest.raises(ModelError, match="does not leave 'a', says the model, but does in state ''"):
        check_linearizability([appended], model)


def test_whatever_takes_long_looks_at_the_clock() -> None:
    """Laying out a history too, twice for each operation that returned and once for each other: a limit of time that
    only the search keeps is none."""

    class Counts(Limits):
        looks = 0

        def look(self) -> None:
            self.looks += 1

    limits = Counts()
    asked = [Operation(process=i, function="read", call=i, finish=i + 1) for i in range(7)]
    asked += [Operation(process=9, function="write", argument=1, call=0, outcome="unknown") for _ in range(3)]
    Timeline(asked, States(cas_register()), limits)
    assert (limits.looks, limits.steps) == (7 * 2 + 3, 0)
