"""A counter that can be reset, for the fields of a map.

What a reset has seen is gone; what was added at the same time stays, and counts for itself alone. A counter with one
running total per replica cannot do that: the total of an increment that nobody had seen holds again all that was reset
(Baquero, Almeida and Lerche, "The problem with embedded CRDT counters and a solution", PaPoC 2016). So every change
keeps a dot of its own.

Deviation: the paper folds changes of a replica together where that is safe; here none is folded, and the counter grows
by a dot with each change until it is reset. `PNCounter` is the one to use outside of maps.
"""

from __future__ import annotations

from typing import Any

from simclock.clocks.order import check_count
from simclock.protocols.crdts.causal import Causal, Change
from simclock.protocols.crdts.context import CausalContext, Dot
from simclock.protocols.crdts.crdt import Operation
from simclock.protocols.crdts.dot_stores import DotFun


class ResetCounter(Causal, frozen=True):
    """The sum of the changes that no reset has seen."""

    store: DotFun = DotFun()
    context: CausalContext = CausalContext()

    OPERATIONS = '("increment", n), ("decrement", n) or ("reset",)'

    @classmethod
    def changed(cls, store: Any, dot: Dot, operation: Operation) -> Change | None:
        match operation:
            case ("increment" | "decrement" as name, int(amount)):
                check_count(name, amount)
                return DotFun(((dot, amount if name == "increment" else -amount),)), frozenset((dot,))
            case ("reset",):
                return DotFun(), frozenset(store.all_dots())
        return None

    @classmethod
    def value_of(cls, store: Any) -> int:
        return sum(amount for _, amount in store.entries)
