"""What every conflict-free replicated data type can do: merge, be changed by a delta, be changed by an operation.

Shapiro, Preguica, Baquero and Zawirski, "A comprehensive study of Convergent and Commutative Replicated Data Types",
INRIA RR-7506, 2011; deltas: Almeida, Shoker and Baquero, "Delta state replicated data types", 2018.

    state = state.merge(other)                              # state-based
    state = state.merge(state.delta(replica, operation))    # the delta is small, and is sent in place of the state
    prepared = state.prepare(replica, operation)            # operation-based: made once, where the operation is asked
    state = state.effect(prepared, replica)                 # carried out everywhere, once, in causal order

Law 1: values with `merge` are a join semilattice: it is commutative, associative and idempotent, and gives the least
       value above both. `<=` is its order.
Law 2: `state <= state.merge(state.delta(...))`: a change inflates. So it does not matter which states meet, how often,
       or in what order.
Law 3: `state.effect(state.prepare(...))` and `state.merge(state.delta(...))` are equal: three ways to carry one change.
Law 4: the encoding is canonical: equal states are equal bytes.

Two replicas must not use the same id, and a replica must not forget what it did under its id: laws 1 to 3 are about
states that can be reached so.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeAlias

from simclock.clocks import NodeId
from simclock.clocks.order import ClockValue
from simclock.errors import UsageError

Element: TypeAlias = int | str
"""What sets and registers hold."""
Operation: TypeAlias = tuple[Any, ...]
"""A name and arguments, such as `("add", "x")`."""


class CannotMerge(UsageError):
    """Two values that are of different types: there is no value above both."""


class Crdt(ClockValue, frozen=True):
    """A replicated value; the class without arguments is the bottom, that of a replica that has heard nothing."""

    OPERATIONS: ClassVar[str] = ""
    """What can be asked of it, for messages."""

    def merge(self, other: Self) -> Self:
        """The least upper bound."""
        raise NotImplementedError

    def beyond(self, other: Self) -> Self:
        """The least value that, merged into `other`, gives what this one would give: what is news to the other.

        Enes, Almeida, Baquero and Leitao, "Efficient synchronization of state-based CRDTs", ICDE 2019: the optimal
        delta.
        """
        raise NotImplementedError

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        """The delta-mutator: a value which, merged in, carries out the operation; seldom larger than the change."""
        raise NotImplementedError

    def prepare(self, replica: NodeId, operation: Operation) -> bytes:
        """What the source makes of an operation, without side effect, for every replica (RR-7506: "at source")."""
        return self.delta(replica, operation).encode()

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        """What every replica does with it, once, after all that its source had seen before (RR-7506: "downstream")."""
        raise NotImplementedError

    @property
    def value(self) -> Any:
        """What a user reads: plain, immutable, and one value for what is the same."""
        raise NotImplementedError

    def __le__(self, other: Self) -> bool:
        return self.merge(other) == other

    def _unknown(self, operation: Operation) -> UsageError:
        return UsageError(f"{type(self).__name__} has no operation {operation!r}: use {self.OPERATIONS}")


def is_element(value: object) -> bool:
    """Whether sets and registers can hold it."""
    return type(value) is int or type(value) is str


def element_key(value: Any) -> tuple[int, Any]:
    """What elements and the fields of maps are sorted by: numbers, then text, then fields."""
    return (0 if isinstance(value, int) else 1 if isinstance(value, str) else 2), value
