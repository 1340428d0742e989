"""Flags: of "on" and "off" at the same time, one wins.

Almeida, Shoker and Baquero 2018; basho/riak_dt has the same two. Whoever wins leaves a dot, and the other
takes away the dots that it has seen.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.crdts.causal import Causal, Change
from simclock.protocols.crdts.context import CausalContext, Dot
from simclock.protocols.crdts.crdt import Operation
from simclock.protocols.crdts.dot_stores import DotSet

_OPERATIONS = '("enable",) or ("disable",)'


class EnableWinsFlag(Causal, frozen=True):
    """Off at first."""

    store: DotSet = DotSet()
    context: CausalContext = CausalContext()

    OPERATIONS = _OPERATIONS

    @classmethod
    def changed(cls, store: Any, dot: Dot, operation: Operation) -> Change | None:
        return _changed(store, dot, operation, "enable", "disable")

    @classmethod
    def value_of(cls, store: Any) -> bool:
        return bool(store)


class DisableWinsFlag(Causal, frozen=True):
    """On at first: what has no dot is what loses."""

    store: DotSet = DotSet()
    context: CausalContext = CausalContext()

    OPERATIONS = _OPERATIONS

    @classmethod
    def changed(cls, store: Any, dot: Dot, operation: Operation) -> Change | None:
        return _changed(store, dot, operation, "disable", "enable")

    @classmethod
    def value_of(cls, store: Any) -> bool:
        return not store


def _changed(store: DotSet, dot: Dot, operation: Operation, winner: str, loser: str) -> Change | None:
    if operation == (winner,):
        return DotSet((dot,)), frozenset((dot, *store.dots))
    if operation == (loser,):
        return DotSet(), frozenset(store.dots)
    return None
