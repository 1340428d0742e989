"""Values of histories in exact form: those that JSON and EDN tell apart are not equal, nor are they one key.

To Python `True == 1 == 1.0`, in comparisons, sets, dicts and everything that remembers by value. A history that wrote 1
and read `true` is then judged as if it had read 1. So what an operation holds is *exact*: a bool is a `Truth`, a float
a `Real`, whatever tuples and frozensets they stand in, and `==` and `hash` of them ask for the type too. Every checker,
model and memory that compares values as it would anyway is right by that.

    TRUE == True, TRUE != 1, Real(1.0) == 1.0, Real(1.0) != 1
"""

from __future__ import annotations

import math
from typing import Any


class Truth:
    """true or false, and equal to nothing else: `TRUE` and `FALSE` are all there are."""

    __slots__ = ("_value",)

    def __init__(self, value: bool) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bool | Truth) and bool(other) is self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return repr(self._value)

    def __reduce__(self) -> tuple[Any, ...]:
        return Truth, (self._value,)


TRUE, FALSE = Truth(True), Truth(False)


class Real(float):
    """A float that is equal to floats alone; sums of it are such, too."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and float.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return float.__hash__(self)

    def __add__(self, other: Any) -> Any:
        total = float.__add__(self, other)
        return total if total is NotImplemented else Real(total)

    __radd__ = __add__


EXACT = frozenset({type(None), int, str, bytes, Truth, Real})
"""Classes whose values are exact as they are."""


def exact(value: Any) -> Any:
    """The value in exact form; what JSON does not have is left as it is, but for tuples and frozensets."""
    kind = type(value)
    if kind in EXACT:
        return value
    if kind is bool:
        return TRUE if value else FALSE
    if kind is float:
        return value if math.isnan(value) else Real(value)  # NaN is equal to itself by identity alone
    if kind is tuple or kind is frozenset:
        if EXACT.issuperset(map(type, value)):
            return value
        members = [exact(each) for each in value]
        return kind(members) if any(map(_is_other, members, value)) else value
    if kind is list:
        return [exact(each) for each in value]
    if kind is dict:
        return {exact(key): exact(each) for key, each in value.items()}
    return value


def _is_other(one: object, other: object) -> bool:
    return one is not other
