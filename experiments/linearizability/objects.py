"""The objects that protocols implement: registers, key-value store, set, counter, queue, mutex.

Rule 1: an operation's key names the object; operations with different keys touch different objects. Only
        in `multi_register` keys are registers that one transaction may touch together.
Rule 2: an operation is first reduced to its *effect*, a tuple whose head is one of the words below; what
        an unknown outcome leaves open is decided there and nowhere else.
Rule 3: a function the object does not have, or an answer it cannot give, is a `ModelError`, not a verdict.
Rule 4: values are compared with ==, and the answers of write, put, append, delete, enqueue, add, remove,
        acquire and release are not looked at (but see `mutex`).

`read` and `get` are one, as are `write` and `put`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from experiments.histories import Operation
from experiments.linearizability.model import Model, ModelError, State, by_key

Effect = tuple[Any, ...]

NOTHING: Effect = ("nothing",)  # of a read whose answer is unknown

READS = frozenset({"nothing", "equals", "differs", "contains", "impossible", "empty", "held", "look"})
OVERWRITES = frozenset({"write", "replace"})


def _model(
    name: str,
    initial: State,
    effect: Callable[[Operation], Effect],
    apply: Callable[[State, Effect], tuple[bool, State]],
    functions: str,
    needs: Callable[[Effect], tuple[State] | None] = lambda effect: None,
    leaves: Callable[[Effect], tuple[State] | None] = lambda effect: None,
    leads: Callable[[State, State], bool] | None = None,
) -> Model:
    """A model by effects; `functions` are the words that operations of this object use."""
    known = frozenset(functions.split())

    def checked_effect(operation: Operation) -> Effect:
        if operation.function not in known:
            raise ModelError(f"{operation}: a {name} has no such function; it has {', '.join(sorted(known))}")
        return effect(operation)

    return Model(
        name=name,
        initial=initial,
        step=lambda state, operation: apply(state, checked_effect(operation)),
        partition=by_key,
        effect=checked_effect,
        is_read=lambda operation: checked_effect(operation)[0] in READS,
        is_overwrite=lambda operation: checked_effect(operation)[0] in OVERWRITES,
        needs=lambda operation: needs(checked_effect(operation)),
        leaves=lambda operation: leaves(checked_effect(operation)),
        leads=leads,
    )


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
    effect = _cell_effect(initial)
    return _model(name, initial, effect, _apply_to_cell, functions, _cell_needs, _cell_leaves, _append_leads)


def _cell_effect(initial: Hashable) -> Callable[[Operation], Effect]:
    def effect(operation: Operation) -> Effect:
        match operation.function:
            case "write" | "put":
                return "write", operation.argument
            case "append":
                return "append", operation.argument
            case "delete":
                return "write", initial
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
    if not operation.is_open and operation.result is False:
        return "differs", old
    if not operation.is_open and operation.result not in (True, None, operation.argument):
        raise ModelError(f"{operation}: the result of cas is True, False, None or its argument")
    if old == new:  # it changes nothing, only shows that the value was there
        return NOTHING if operation.is_open else ("equals", old)
    return (
        "cas",
        old,
        new,
    )  # an unknown one that finds something else changes nothing: as if it had never been


def _apply_to_cell(state: State, effect: Effect) -> tuple[bool, State]:
    match effect:
        case ("equals", value):
            return state == value, state
        case ("differs", value):
            return state != value, state
        case ("write", value):
            return True, value
        case ("append", value):
            return True, value if state is None else state + value
        case ("cas", old, new):
            return (True, new) if state == old else (False, state)
    assert effect == NOTHING, effect
    return True, state


def _cell_needs(effect: Effect) -> tuple[State] | None:
    return (effect[1],) if effect[0] in ("equals", "cas") else None


def _cell_leaves(effect: Effect) -> tuple[State] | None:
    return (effect[-1],) if effect[0] in ("write", "cas") else None


def _append_leads(state: State, target: State) -> bool:
    """Appending leads to what begins with the state; of what else `+` may do nothing is said."""
    if isinstance(state, str) and isinstance(target, str):
        return target.startswith(state)
    if isinstance(state, tuple) and isinstance(target, tuple):
        return target[: len(state)] == state
    return True


def multi_register(initial: Mapping[Hashable, Hashable]) -> Model:
    """Several registers, read and written together: txn((("read", name, None), ("write", name, value), ...)).

    The result is the same with the values read in place; `read` and `write` of one register name it by key.
    Steps of a transaction see the writes of those before them. ("r" and "w" will do, as in Jepsen's `txn`.)
    """
    names = sorted(initial, key=repr)
    place = {name: index for index, name in enumerate(names)}

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

    model = _model("multi-register", tuple(initial[name] for name in names), effect, _apply_steps, "txn read write")
    return Model(**{**vars(model), "partition": None})


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


def set_of_values(initial: frozenset[Hashable] = frozenset()) -> Model:
    """add(value), remove(value), contains(value) -> bool, read() -> all values, a frozenset or a tuple."""
    return _model("set", frozenset(initial), _set_effect, _apply_to_set, "add remove contains read get")


def _set_effect(operation: Operation) -> Effect:
    match operation.function:
        case "add" | "remove":
            return operation.function, operation.argument
        case _ if operation.is_open:
            return NOTHING
        case "contains":
            if not isinstance(operation.result, bool):
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
    """read() -> number, add(number), add_and_get(number) -> the number after it."""
    return _model("counter", initial, _counter_effect, _apply_to_counter, "read get add add_and_get")


def _counter_effect(operation: Operation) -> Effect:
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
            return True, state + number
        case ("reach", number, result):
            return (True, result) if state + number == result else (False, state)
        case ("equals", number):
            return state == number, state
    assert effect == NOTHING, effect
    return True, state


def fifo_queue(initial: tuple[Hashable, ...] = ()) -> Model:
    """enqueue(value), dequeue() -> the oldest value, or None where the queue is empty."""
    return _model("queue", tuple(initial), _queue_effect, _apply_to_queue, "enqueue dequeue")


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


def mutex() -> Model:
    """acquire(holder), release(holder); where the argument is None the process is the holder.

    An acquire with the result False found the mutex held; any other has acquired it. Only the holder may
    release. The state is the holder, None where the mutex is free.
    """
    functions = "acquire release"
    return _model("mutex", None, _mutex_effect, _apply_to_mutex, functions, _mutex_needs, _mutex_leaves)


def _mutex_effect(operation: Operation) -> Effect:
    if operation.function == "acquire" and not operation.is_open and operation.result is False:
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


def _mutex_needs(effect: Effect) -> tuple[State] | None:
    return {"acquire": (None,), "release": effect[1:]}.get(effect[0])


def _mutex_leaves(effect: Effect) -> tuple[State] | None:
    return {"acquire": effect[1:], "release": (None,)}.get(effect[0])
