"""The one encoding of what nodes send and observe: what travels, what is hashed, and what a link's bandwidth counts.

Law: equal values have one encoding in every process. `encode` sorts the members of a set by `<`, which is an order only
where any two members compare: for numbers without NaN, text, bytes, and tuples of these. `encode_canonically` is the
same for these, and sorts what has no such order (NaN, sets in sets, members of several types, messages) by encoding.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Collection, Iterable
from itertools import pairwise
from typing import Any

import msgspec

encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder(order="deterministic").encode
CANNOT_ENCODE = (TypeError, OverflowError, ValueError, RecursionError, msgspec.MsgspecError)
WHAT_CAN_BE_ENCODED = "use int (64 bit), str, bytes, bool, float, None, Messages and tuples of these"

ATOMIC: frozenset[type] = frozenset((int, str, bytes, bool, float, type(None)))
"""Types whose values have no parts."""
SORTED = ({int, bool}, {str}, {bytes})
"""Types whose values are in order among themselves."""
UNSORTED: set[type] = set()
"""Classes of messages with sets that `encode` does not put in order: `encode_canonically` does."""
SETTLED: set[type] = set(ATOMIC)
"""Types whose values cannot change, and which `encode` encodes in one order: with the classes of the other messages."""


def encode_canonically(value: Any) -> bytes:
    """As `encode`, whatever the members of sets are; slower."""
    return encode(_canonical(value))


def sorts(members: Collection[Any]) -> bool:
    """Whether `encode` surely puts these members of a set in order: a quick look, that may say no too often."""
    types = set(map(type, members))
    if types == {tuple}:
        return len(set(map(len, members))) == 1 and all(map(sorts, zip(*members, strict=True)))
    if types == {float}:
        return not any(map(math.isnan, members))
    return any(types <= kinds for kinds in SORTED)


def parts_of(value: Any) -> tuple[Any, ...] | None:
    """What a tuple, a frozen set or an object with fields holds; None of what has no parts that are known here."""
    if isinstance(value, tuple | frozenset):
        return tuple(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    if isinstance(value, enum.Enum):
        return (value.value,)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple(getattr(value, field.name) for field in dataclasses.fields(value))
    return None


def _canonical(value: Any) -> Any:
    """What `encode` encodes in the one order; the value itself where `encode` needs no help."""
    if value.__class__ in ATOMIC:
        return value
    if isinstance(value, set | frozenset):
        return value if sorts(value) else _in_order(value)
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    if isinstance(value, dict):
        return {key: _canonical(each) for key, each in value.items()}
    parts = parts_of(value)
    if parts is None:
        return value
    others = [_canonical(part) for part in parts]
    if all(other is part for other, part in zip(others, parts, strict=True)):
        return value
    if isinstance(value, enum.Enum):
        return others[0]
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        if not config.array_like:
            tag = {} if config.tag is None else {config.tag_field: config.tag}
            return tag | dict(zip(value.__struct_encode_fields__, others, strict=True))
        return others if config.tag is None else [config.tag, *others]
    if isinstance(value, tuple):
        return others
    return dict(zip([field.name for field in dataclasses.fields(value)], others, strict=True))


def _in_order(members: Iterable[Any]) -> list[Any]:
    """By `<` where that is an order of all of them, as `encode` sorts; else by encoding."""
    members = list(members)
    try:
        ordered = sorted(members)
        if all(a < b and not b < a for a, b in pairwise(ordered)) and not any(map(_holds_nan, members)):
            return [_canonical(member) for member in ordered]
    except (TypeError, NotImplementedError):
        pass
    return sorted((_canonical(member) for member in members), key=encode)


def _holds_nan(value: Any) -> bool:
    """Two NaNs compare by whether they are one object, which a journey over the wire changes."""
    if isinstance(value, float):
        return math.isnan(value)
    return any(map(_holds_nan, parts_of(value) or ()))
