"""Undetected corruption: another message of the same class, with one value changed, arrives in a message's place.

Law: what arrives is a value that its class allows, on the wire too; so a placement that decodes it and one that does
not deliver the same. Where no value can be changed, the damage counts as detected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

Path = tuple[str | int, ...]
"""The way to a value inside a message: field names, and positions in tuples."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_INT_BITS = 62


def corrupted(message: Any, bits: Callable[[int], int]) -> Any | None:
    """The message with one value changed, None if no change gives a value that the class allows.

    A bit is flipped in an int, a bool or bytes, a letter drawn anew in a str; one that is drawn as it was changes
    nothing, and another value is tried. `bits(k)` gives k random bits.
    """
    leaves = list(_leaves(message, ()))
    while leaves:
        path = leaves.pop(_below(len(leaves), bits))
        try:
            other = _replaced(message, path, bits)
            encoded = msgspec.msgpack.encode(other)
            if msgspec.msgpack.decode(encoded, type=type(message)) == other != message:
                return other
        except Exception:  # not a value of its class, and a class may check its values in any way it likes
            continue
    return None


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _leaves(getattr(value, name), (*path, name))
    elif type(value) is tuple:
        for position, each in enumerate(value):
            yield from _leaves(each, (*path, position))
    elif type(value) in (int, bool) or (type(value) in (str, bytes) and value):
        yield path


def _replaced(value: Any, path: Path, bits: Callable[[int], int]) -> Any:
    if not path:
        return _altered(value, bits)
    first, rest = path[0], path[1:]
    if isinstance(first, str):
        return msgspec.structs.replace(value, **{first: _replaced(getattr(value, first), rest, bits)})
    return (*value[:first], _replaced(value[first], rest, bits), *value[first + 1 :])


def _altered(value: Any, bits: Callable[[int], int]) -> Any:
    if type(value) is bool:
        return not value
    if type(value) is int:
        return value ^ (1 << _below(min(_INT_BITS, value.bit_length() + 1), bits))
    position = _below(len(value), bits)
    if type(value) is bytes:
        return value[:position] + bytes([value[position] ^ (1 << _below(8, bits))]) + value[position + 1 :]
    return value[:position] + _LETTERS[_below(len(_LETTERS), bits)] + value[position + 1 :]


def _below(limit: int, bits: Callable[[int], int]) -> int:
    return bits(32) * limit >> 32
