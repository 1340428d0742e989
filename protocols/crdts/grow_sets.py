"""Sets without causality: one from which nothing is removed, and one to which nothing comes back.

RR-7506, Specifications 11 and 12 (G-Set, 2P-Set).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import msgspec

from simclock.clocks import NodeId
from simclock.errors import UsageError
from simclock.protocols.crdts.crdt import Crdt, Element, Operation, element_key, is_element

_decode_element = msgspec.msgpack.Decoder(Element).decode
_decode_either = msgspec.msgpack.Decoder(tuple[bool, Element] | None).decode


def ascending(elements: Iterable[Element]) -> tuple[Element, ...]:
    """Each once, in the order in which sets keep them."""
    return tuple(sorted(frozenset(elements), key=element_key))


def _check(place: str, elements: tuple[Element, ...]) -> None:
    if any(not is_element(element) for element in elements) or ascending(elements) != elements:
        raise UsageError(f"{place}: {elements} are not whole numbers and texts, ascending, each once")


def _missing(elements: tuple[Element, ...], other: tuple[Element, ...]) -> tuple[Element, ...]:
    held = frozenset(other)
    return tuple([element for element in elements if element not in held])


class GSet(Crdt, frozen=True):
    """A set that only grows; merge is union."""

    elements: tuple[Element, ...] = ()

    OPERATIONS = '("add", element)'

    def __post_init__(self) -> None:
        _check("GSet", self.elements)

    def merge(self, other: Self) -> Self:
        return type(self)(ascending((*self.elements, *other.elements)))

    def beyond(self, other: Self) -> Self:
        return type(self)(_missing(self.elements, other.elements))

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        element = self._element(operation)
        return type(self)() if element in self.elements else type(self)((element,))

    def prepare(self, replica: NodeId, operation: Operation) -> bytes:
        return msgspec.msgpack.encode(self._element(operation))

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        return type(self)(ascending((*self.elements, _read(prepared, _decode_element))))

    @property
    def value(self) -> tuple[Element, ...]:
        return self.elements

    def _element(self, operation: Operation) -> Element:
        match operation:
            case ("add", int() | str() as element) if is_element(element):
                return element
        raise self._unknown(operation)


class TwoPhaseSet(Crdt, frozen=True):
    """What was added and what was removed; an element that was removed once never comes back.

    A removal is of what its source has (RR-7506: a precondition); of anything else it does nothing.
    """

    added: tuple[Element, ...] = ()
    removed: tuple[Element, ...] = ()

    OPERATIONS = '("add", element) or ("remove", element)'

    def __post_init__(self) -> None:
        _check("TwoPhaseSet", self.added)
        _check("TwoPhaseSet", self.removed)

    def merge(self, other: Self) -> Self:
        return type(self)(
            ascending((*self.added, *other.added)),
            ascending((*self.removed, *other.removed)),
        )

    def beyond(self, other: Self) -> Self:
        return type(self)(_missing(self.added, other.added), _missing(self.removed, other.removed))

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        match self._change(operation):
            case (True, element) if element not in self.added:
                return type(self)(added=(element,))
            case (False, element) if element not in self.removed:
                return type(self)(removed=(element,))
        return type(self)()

    def prepare(self, replica: NodeId, operation: Operation) -> bytes:
        return msgspec.msgpack.encode(self._change(operation))

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        match _read(prepared, _decode_either):
            case (True, element):
                return type(self)(ascending((*self.added, element)), self.removed)
            case (False, element):
                return type(self)(self.added, ascending((*self.removed, element)))
        return self

    @property
    def value(self) -> tuple[Element, ...]:
        gone = frozenset(self.removed)
        return tuple([element for element in self.added if element not in gone])

    def _change(self, operation: Operation) -> tuple[bool, Element] | None:
        """(whether it is added, the element); None where there is nothing to remove."""
        match operation:
            case ("add", int() | str() as element) if is_element(element):
                return True, element
            case ("remove", int() | str() as element) if is_element(element):
                return (False, element) if element in self.added else None
        raise self._unknown(operation)


def _read(prepared: bytes, decode: Callable[[bytes], Any]) -> Any:
    try:
        return decode(prepared)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{prepared.hex()} is no operation on a set: {error}") from None
