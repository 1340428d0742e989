"""The observed-remove set without tombstones (ORSWOT): where one adds and another removes, the element stays.

RR-7506, Specification 15 (OR-Set); Bieniusa, Zawirski, Preguica, Shapiro, Baquero, Balegas and Duarte, "An optimized
conflict-free replicated set", INRIA RR-8083, 2012; as a dot store: Almeida, Shoker and Baquero 2018.

A removal takes away the additions that its source has seen, and no others.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.crdts.causal import Causal, Change
from simclock.protocols.crdts.context import CausalContext, Dot
from simclock.protocols.crdts.crdt import Element, Operation, is_element
from simclock.protocols.crdts.dot_stores import DotMap, DotSet


class OrSet(Causal, frozen=True):
    """The elements, each with the dots of the additions that nobody has undone."""

    store: DotMap = DotMap()
    context: CausalContext = CausalContext()

    OPERATIONS = '("add", element), ("remove", element) or ("clear",)'

    @classmethod
    def changed(cls, store: Any, dot: Dot, operation: Operation) -> Change | None:
        match operation:
            case ("add", element) if is_element(element):
                # RR-8083: an addition supersedes the earlier ones of the same element, or dots would pile up.
                return DotMap(((element, DotSet((dot,))),)), frozenset((dot, *_dots_of(store, element)))
            case ("remove", element) if is_element(element):
                return DotMap(), frozenset(_dots_of(store, element))
            case ("clear",):
                return DotMap(), frozenset(store.all_dots())
        return None

    @classmethod
    def value_of(cls, store: Any) -> tuple[Element, ...]:
        return tuple([element for element, _ in store.entries])


def _dots_of(store: Any, element: Element) -> tuple[Dot, ...]:
    held = store.get(element)
    return () if held is None else tuple(held.all_dots())
