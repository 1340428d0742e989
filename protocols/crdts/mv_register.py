"""A register that keeps every value that was assigned concurrently.

RR-7506, Specification 10 (MV-Register); as a dot store: Almeida, Shoker and Baquero 2018.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.crdts.causal import Causal, Change
from simclock.protocols.crdts.context import CausalContext, Dot
from simclock.protocols.crdts.crdt import Element, Operation, is_element
from simclock.protocols.crdts.dot_stores import DotFun
from simclock.protocols.crdts.grow_sets import ascending


class MvRegister(Causal, frozen=True):
    """The values that no other assignment has overwritten, ascending, each once."""

    store: DotFun = DotFun()
    context: CausalContext = CausalContext()

    OPERATIONS = '("assign", value) or ("clear",)'

    @classmethod
    def changed(cls, store: Any, dot: Dot, operation: Operation) -> Change | None:
        match operation:
            case ("assign", value) if is_element(value):
                return DotFun(((dot, value),)), frozenset((dot, *store.all_dots()))
            case ("clear",):
                return DotFun(), frozenset(store.all_dots())
        return None

    @classmethod
    def value_of(cls, store: Any) -> tuple[Element, ...]:
        return ascending(value for _, value in store.entries)
