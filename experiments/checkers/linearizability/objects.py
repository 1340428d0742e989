"""Other objects that protocols implement: set, counter, queue, mutex. Rules in `effects.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial

from simclock.experiments.checkers.histories import FALSE, Operation, Truth, exact
from simclock.experiments.checkers.linearizability.effects import NOTHING, Effect, model_by_effects
from simclock.experiments.checkers.linearizability.model import Model, ModelError, One, State


def set_of_values(initial: frozenset[Hashable] = frozenset()) -> Model:
    """add(value), remove(value), contains(value) -> bool, read() -> all values, a frozenset or a tuple."""
    return model_by_effects(
        "set", frozenset(map(exact, initial)), _set_effect, _apply_to_set, "add remove contains read get"
    )


def _set_effect(operation: Operation) -> Effect:
    match operation.function:
        case "add" | "remove":
            return operation.function, operation.argument
        case _ if operation.is_open:
            return NOTHING
        case "contains":
            if not isinstance(operation.result, Truth):
                raise ModelError(f"{operation}: the result of contains is True or False")
            return "contains", operation.argument, operation.result
    if not isinstance(operation.result, tuple | frozenset):
        raise ModelError(f"{operation}: the result of read is a frozenset or a tuple")
    members = frozenset(operation.result)
    # A value that was read twice is in no set.
    return ("equals", members) if len(members) == len(operation.result) else ("impossible",)


def _apply_to_set(state: frozenset[Hashable], effect: Effect) -> tuple[bool, State]:
    match effect:
        case ("add", value):
            return True, state | {value}
        case ("remove", value):
            return True, state - {value}
        case ("contains", value, answer):
            return (value in state) == answer, state
        case ("equals", members):
            return state == members, state
        case ("impossible",):
            return False, state
    assert effect == NOTHING, effect
    return True, state


def counter(initial: int = 0) -> Model:
    """read() -> number, add(number), add_and_get(number) -> the number after it.

    Whole numbers and fractions are different: what 1 was added to is read as 1, and as 1.0 only where 1.0 was added.
    """
    if not _is_number(initial):
        raise ModelError(f"counter: it begins with a number, not {initial!r}")
    return model_by_effects("counter", initial, _counter_effect, _apply_to_counter, "read get add add_and_get")


def _is_number(value: object) -> bool:
    """NaN is not even equal to itself, and nothing adds up to infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _counter_effect(operation: Operation) -> Effect:
    if operation.function in ("add", "add_and_get") and not _is_number(operation.argument):
        raise ModelError(f"{operation}: what is added to a counter is a number")
    if operation.function == "add" or (operation.function == "add_and_get" and operation.is_open):
        return "add", operation.argument
    if operation.is_open:
        return NOTHING
    if operation.function == "add_and_get":
        return "reach", operation.argument, operation.result
    return "equals", operation.result


def _apply_to_counter(state: int, effect: Effect) -> tuple[bool, State]:
    match effect:
        case ("add", number):
            return True, _sum(state, number)
        case ("reach", number, result):
            return (True, result) if _sum(state, number) == result else (False, state)
        case ("equals", number):
            return state == number, state
    assert effect == NOTHING, effect
    return True, state


def _sum(state: int, number: int) -> int:
    try:
        return state + number
    except OverflowError:
        raise ModelError(f"counter: {number!r} and a number this large cannot be added; use whole numbers") from None


def fifo_queue(initial: tuple[Hashable, ...] = ()) -> Model:
    """enqueue(value), dequeue() -> the oldest value, or None where the queue is empty."""
    model = model_by_effects("queue", tuple(initial), _queue_effect, _apply_to_queue, "enqueue dequeue")
    return replace(model, dead_ends=partial(_queue_dead_ends, model.initial))


def _queue_effect(operation: Operation) -> Effect:
    if operation.function == "enqueue":
        if operation.argument is None:
            raise ModelError(f"{operation}: None cannot be enqueued; it is the answer of an empty queue")
        return "enqueue", operation.argument
    if operation.is_open:
        return ("take",)
    return ("empty",) if operation.result is None else ("dequeue", operation.result)


def _apply_to_queue(state: tuple[Hashable, ...], effect: Effect) -> tuple[bool, State]:
    match effect:
        case ("enqueue", value):
            return True, (*state, value)
        case ("dequeue", value):
            return (True, state[1:]) if state and state[0] == value else (False, state)
        case ("empty",):
            return not state, state
    assert effect == ("take",), effect
    return (True, state[1:]) if state else (False, state)


def _queue_dead_ends(
    initial: tuple[Hashable, ...], must: Sequence[Operation], may: Sequence[Operation]
) -> Callable[[tuple[Hashable, ...]], bool]:
    """Two values in the queue leave in their order, so the dequeue of the first is not called too late.

    Nothing is said where a value was enqueued twice: which one was dequeued is then not known.
    (The order condition of Henzinger, Sezgin & Vafeiadis 2013, "Aspect-oriented linearizability proofs".)
    """
    operations = (*must, *may)
    values = [*initial, *(each.argument for each in operations if each.function == "enqueue")]
    if len(set(values)) != len(values):
        return lambda state: False
    answers = [each for each in operations if _queue_effect(each)[0] == "dequeue"]
    call: dict[Hashable, int] = {}  # of the first dequeue that answered the value
    for each in answers:
        call[each.result] = min(each.call, call.get(each.result, each.call))
    finish = {each.result: each.finish for each in must if _queue_effect(each)[0] == "dequeue"}
    takes = [each.call for each in operations if _queue_effect(each) == ("take",)]

    def is_dead_end(state: tuple[Hashable, ...]) -> bool:
        call_latest = -math.inf  # of what is ahead and must leave by its own dequeue
        others: list[float] = []  # calls of dequeues of what else is ahead, inf where there is none
        for value in state:
            last = finish.get(value)
            if last is None:
                others.append(call.get(value, math.inf))
                continue
            if call_latest > last:
                return True
            taken = sum(each > last for each in others)  # by dequeues whose answers are unknown
            if taken and taken > sum(each <= last for each in takes):
                return True
            call_latest = max(call_latest, call[value])
        return False

    return is_dead_end


def mutex() -> Model:
    """acquire(holder), release(holder); where the argument is None the process is the holder.

    An acquire with the result False found the mutex held; any other has acquired it. Only the holder may
    release. The state is the holder, None where the mutex is free.
    """
    return model_by_effects(
        "mutex",
        None,
        _mutex_effect,
        _apply_to_mutex,
        "acquire release",
        needs=_mutex_needs,
        leaves=_mutex_leaves,
    )


def _mutex_effect(operation: Operation) -> Effect:
    if operation.function == "acquire" and not operation.is_open and operation.result == FALSE:
        return ("held",)
    return operation.function, operation.process if operation.argument is None else operation.argument


def _apply_to_mutex(state: Hashable, effect: Effect) -> tuple[bool, State]:
    match effect:
        case ("acquire", holder):
            return (True, holder) if state is None else (False, state)
        case ("release", holder):
            return (True, None) if state == holder else (False, state)
    assert effect == ("held",), effect
    return state is not None, state


def _mutex_needs(effect: Effect) -> One | None:
    return {"acquire": (None,), "release": effect[1:]}.get(effect[0])


def _mutex_leaves(effect: Effect) -> One | None:
    return {"acquire": effect[1:], "release": (None,)}.get(effect[0])
