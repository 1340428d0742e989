"""What leaves a node is immutable: what it observes, writes to its disk and names its timers by.

Law: on one placement a value is handed on as it is, on another as a copy. Only a value that nobody can change is the
same on both, so anything else is refused, at the line that lets it out. What is kept of a node at the end is a copy on
all of them.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import re
import uuid
from copy import deepcopy
from typing import Any

import msgspec

from simclock.errors import MessageTypeError
from simclock.kernel.encoding import SETTLED, UNSORTED, parts_of, sorts

_ATOMIC_TOO = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    range,
    complex,
)
"""Classes of Python's own whose values cannot change, with what derives from them."""
_INSTEAD: dict[type[Any], str] = {list: "a tuple", bytearray: "bytes", set: "a frozenset", dict: "a tuple of pairs"}

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""Where an object lies in memory is another place on every placement."""


def check_immutable(value: Any, call: str, name: Any) -> bool:
    """Raise MessageTypeError, which begins with `call(name`, where something in the value can change.

    Says whether the value needs `encode_canonically`. A message is taken at its word: its fields were declared.
    """
    cls = value.__class__
    if cls is not tuple:
        return cls not in SETTLED and _look_through(value, value, call, name)
    unsorted = False
    for part in value:  # most of what nodes tell, so it is quick
        if part.__class__ not in SETTLED and _look_through(part, value, call, name):
            unsorted = True
    return unsorted


def _look_through(value: Any, whole: Any, call: str, name: Any) -> bool:
    cls = value.__class__
    if cls is tuple:
        parts, unsorted = value, False
    elif cls in UNSORTED:
        return True
    else:
        parts = parts_of(value)
        if parts is None and isinstance(value, _ATOMIC_TOO):
            return False
        if parts is None or not _is_frozen(value):
            raise MessageTypeError(_refusal(value, whole, call, name))
        unsorted = isinstance(value, frozenset) and not sorts(value)
    for part in parts:
        if part.__class__ not in SETTLED:
            unsorted |= _look_through(part, whole, call, name)
    return unsorted


def settled_copy(value: Any, call: str, name: Any) -> Any:
    """The value where nothing in it can change, else a copy of all of it. Raises MessageTypeError for what has none."""
    try:
        check_immutable(value, call, name)
        return value
    except MessageTypeError as refusal:
        try:
            return deepcopy(value)
        except Exception as error:  # what an object's own class says to being copied
            raise MessageTypeError(f"{refusal} ({error})") from None


def _refusal(value: Any, whole: Any, call: str, name: Any) -> str:
    inside = "" if value is whole else f" in {_short(whole)}"
    what = f"{call}({_short(name)}): {type(value).__qualname__}{inside}"
    for kind, instead in _INSTEAD.items():
        if isinstance(value, kind):
            return f"{what} is mutable: hand out {instead}"
    return (
        f"{what} is not known to be immutable, or cannot be encoded: hand out int, str, bytes, bool, float, None, "
        "Messages, or tuples and frozen dataclasses of these"
    )


def _is_frozen(value: Any) -> bool:
    """Whether its own fields stay what they are."""
    if isinstance(value, msgspec.Struct):
        return bool(value.__struct_config__.frozen)
    if isinstance(value, tuple | frozenset):
        return not getattr(value, "__dict__", None)
    return isinstance(value, enum.Enum) or bool(type(value).__dataclass_params__.frozen)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python will print
        return "a long value"
    text = _ADDRESS.sub("", text)
    return text if len(text) <= 60 else f"{text[:57]}..."
