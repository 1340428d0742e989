"""What users ask of a replicated value: operations drawn from random bits, on few names, so that they meet.

Law: every draw is made through `below`, which gives a whole number from 0 to its argument - 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from simclock.protocols.crdts.crdt import Crdt, Operation
from simclock.protocols.crdts.lww_register import LwwRegister
from simclock.protocols.crdts.reset_map import ResetMap

Below: TypeAlias = Callable[[int], int]
NESTED = ("counter", "flag", "map", "register", "set")
NAMES = "abcdefghijklmnopqrstuvwxyz"


def draw_operation(kind: str, state: Crdt, below: Below, *, names: int = 4, wall_ns: int = 0) -> Operation:
    """One operation on a value of that type; `wall_ns` is the clock's, for what is decided by timestamps."""
    if isinstance(state, LwwRegister):
        return "assign", below(1000), state.after(max(0, wall_ns))
    return _draw(kind, state.value, below, names)


def _draw(kind: str, value: Any, below: Below, names: int) -> Operation:
    match kind:
        case "g-counter":
            return "increment", 1 + below(9)
        case "counter":
            return ("increment" if below(3) else "decrement"), 1 + below(9)
        case "reset-counter":
            return ("reset",) if below(8) == 0 else ("increment" if below(3) else "decrement", 1 + below(9))
        case "mv-register" | "register":
            return ("clear",) if below(8) == 0 else ("assign", below(1000))
        case "flag" | "disable-flag":
            return ("enable" if below(2) else "disable",)
        case "g-set":
            return "add", _name(below, names)
        case "2p-set" | "set":
            return _draw_on_set(kind, value, below, names)
        case "sequence":
            return _draw_on_text(value, below, names)
    assert kind == "map", kind
    return _draw_on_map(value, below, names)


def _draw_on_set(kind: str, value: Any, below: Below, names: int) -> Operation:
    if value and below(8) < 3:
        return "remove", value[below(len(value))]
    if value and kind == "set" and below(8 * names) == 0:
        return ("clear",)
    return "add", _name(below, names)


def _draw_on_map(value: Any, below: Below, names: int) -> Operation:
    if value and below(4) == 0:
        return "remove", value[below(len(value))][0]
    if value and below(32) == 0:
        return ("clear",)
    field = (_name(below, 2), NESTED[below(len(NESTED))])
    others = [other for other, _ in value if other[0] == field[0] and other[1] != field[1]]
    if others:  # a user removes a field before it comes back with another type
        return "remove", others[0]
    held = dict(value).get(field, ResetMap.type_of(field)().value)
    kind = "reset-counter" if field[1] == "counter" else field[1]
    return "update", field, _draw(kind, held, below, names)


def _draw_on_text(value: str, below: Below, names: int) -> Operation:
    """A few characters are typed, or taken out; half of the time at the start or the end, so that users meet there."""
    if value and below(4) == 0:
        position = below(len(value))
        return "delete", position, 1 + below(min(3, len(value) - position))
    place = below(4)
    position = 0 if place == 0 else len(value) if place == 1 else below(len(value) + 1)
    letter = below(names) % len(NAMES)
    return "insert", position, (NAMES + NAMES)[letter : letter + 1 + below(3)]


def _name(below: Below, names: int) -> str:
    """`names` different ones."""
    number = below(names)
    return NAMES[number % len(NAMES)] + (str(number // len(NAMES)) if number >= len(NAMES) else "")
