"""Registers: one value, with compare-and-set, under a key, several at once. Rules in `effects.py`.

`read` and `get` are one, as are `write` and `put`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

from simclock.experiments.checkers.histories import FALSE, TRUE, Operation, exact
from simclock.experiments.checkers.linearizability.effects import NOTHING, Effect, model_by_effects
from simclock.experiments.checkers.linearizability.model import Model, ModelError, One, State


def register(initial: Hashable = None) -> Model:
    """read() -> value, write(value)."""
    return _cell("register", initial, "read get write put")


def cas_register(initial: Hashable = None) -> Model:
    """A register with cas((old, new)) -> False where it found something else than `old`.

    A cas that succeeded has the result True or None, or its argument back, as Jepsen has it.
    """
    return _cell("cas-register", initial, "read get write put cas")


def key_value(initial: Hashable = None) -> Model:
    """get() -> value, put(value), append(value), delete(), cas((old, new)), each on its operation's key.

    An absent key reads as `initial`; `append` is `+`, or a put where the key is absent and initially None.
    """
    return _cell("key-value store", initial, "read get write put append delete cas")


def _cell(name: str, initial: Hashable, functions: str) -> Model:
    """What holds one value: a register of some kind, a key of a store."""
    return model_by_effects(
        name,
        initial,
        _cell_effect(initial),
        _apply_to_cell,
        functions,
        needs=_cell_needs,
        leaves=_cell_leaves,
        leads=_append_leads,
        origins=_append_origins,
    )


def _cell_effect(initial: Hashable) -> Callable[[Operation], Effect]:
    absent = exact(initial)

    def effect(operation: Operation) -> Effect:
        match operation.function:
            case "write" | "put":
                return "write", operation.argument
            case "append":
                return "append", operation.argument
            case "delete":
                return "write", absent
            case "cas":
                return _cas_effect(operation)
        return NOTHING if operation.is_open else ("equals", operation.result)

    return effect


def _cas_effect(operation: Operation) -> Effect:
    match operation.argument:
        case (old, new):
            pass
        case _:
            raise ModelError(f"{operation}: the argument of cas is a pair (old, new)")
    if not operation.is_open and operation.result == FALSE:
        return "differs", old
    if not operation.is_open and operation.result not in (TRUE, None, operation.argument):
        raise ModelError(f"{operation}: the result of cas is True, False, None or its argument")
    if old == new:  # it changes nothing, only shows that the value was there
        return NOTHING if operation.is_open else ("equals", old)
    # An unknown cas that found something else changed nothing: as if it had never been.
    return "cas", old, new


def _apply_to_cell(state: State, effect: Effect) -> tuple[bool, State]:
    match effect:
        case ("equals", value):
            return state == value, state
        case ("differs", value):
            return state != value, state
        case ("write", value):
            return True, value
        case ("append", value):
            try:
                return True, value if state is None else state + value
            except (TypeError, OverflowError):  # nothing of that kind can follow what is there
                return False, state
        case ("cas", old, new):
            return (True, new) if state == old else (False, state)
    assert effect == NOTHING, effect
    return True, state


def _cell_needs(effect: Effect) -> One | None:
    return (effect[1],) if effect[0] in ("equals", "cas") else None


def _cell_leaves(effect: Effect) -> One | None:
    return (effect[-1],) if effect[0] in ("write", "cas") else None


def _append_leads(state: State, target: State) -> bool:
    """Appending leads to what begins with the state; of what else `+` may do nothing is said."""
    if isinstance(state, str) and isinstance(target, str):
        return target.startswith(state)
    if isinstance(state, tuple) and isinstance(target, tuple):
        return target[: len(state)] == state
    return True


def _append_origins(effect: Effect, state: State) -> tuple[State, ...] | None:
    """What was appended stands at the end, of what was there or alone."""
    if effect[0] != "append":
        return None
    value = effect[1]
    for kind in (str, tuple):
        if isinstance(value, kind):
            if not isinstance(state, kind):
                return ()
            before = len(state) - len(value)
            if before < 0 or state[before:] != value:
                return ()
            return (state[:before], None) if before == 0 else (state[:before],)
    return () if state is None and value is not None else None


def multi_register(initial: Mapping[Hashable, Hashable]) -> Model:
    """Several registers, read and written together: txn((("read", name, None), ("write", name, value), ...)).

    The result is the same with the values read in place; `read` and `write` of one register name it by key.
    Steps of a transaction see the writes of those before them. ("r" and "w" will do, as in Jepsen's `txn`.)
    """
    names = sorted(initial, key=repr)
    place = {exact(name): index for index, name in enumerate(names)}

    def effect(operation: Operation) -> Effect:
        steps = []
        for verb, name, value in _transaction(operation):
            if name not in place:
                raise ModelError(f"{operation}: no register {name!r}; there are {', '.join(map(repr, names))}")
            if verb == "write" or not operation.is_open:
                steps.append((verb, place[name], value))
        written = {index for verb, index, _ in steps if verb == "write"}
        if not written:
            return ("look", *steps) if steps else NOTHING
        blind = len(written) == len(names) and len(steps) == len(written)
        return ("replace" if blind else "change"), *steps

    model = model_by_effects(
        "multi-register", tuple(initial[name] for name in names), effect, _apply_steps, "txn read write"
    )
    return replace(model, partition=None)


def _transaction(operation: Operation) -> list[tuple[str, Hashable, Hashable]]:
    """The steps of an operation: read or write, of which register, with which value."""
    if operation.function == "read":
        return [("read", operation.key, operation.result)]
    if operation.function == "write":
        return [("write", operation.key, operation.argument)]
    asked = operation.argument
    heard = asked if operation.is_open else operation.result
    if not (isinstance(asked, tuple) and isinstance(heard, tuple) and len(asked) == len(heard)):
        raise ModelError(f"{operation}: argument and result of txn are equally long tuples of steps")
    steps = []
    for one_asked, one_heard in zip(asked, heard, strict=True):
        match one_asked, one_heard:
            case ("read" | "r", name, _), ("read" | "r", same, value) if name == same:
                steps.append(("read", name, value))
            case ("write" | "w", name, value), ("write" | "w", same, _) if name == same:
                steps.append(("write", name, value))
            case _:
                raise ModelError(f"{operation}: no step ('read', name, value) or ('write', name, value)")
    return steps


def _apply_steps(state: tuple[Hashable, ...], effect: Effect) -> tuple[bool, State]:
    values = list(state)
    for verb, index, value in effect[1:]:
        if verb == "write":
            values[index] = value
        elif values[index] != value:
            return False, state
    return True, tuple(values)
