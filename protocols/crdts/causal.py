"""Causal types: a dot store, and the context that says what is known beyond it.

Almeida, Shoker and Baquero 2018. A kind of type says what an operation adds and which dots it supersedes;
merge, deltas and operations are the same for all of them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeAlias

from simclock.clocks import NodeId
from simclock.errors import UsageError
from simclock.protocols.crdts.context import CausalContext, Dot
from simclock.protocols.crdts.crdt import Crdt, Operation
from simclock.protocols.crdts.dot_stores import Joining, Store, is_normal, plus, without

Change: TypeAlias = tuple[Store, frozenset[Dot]]
"""What is in the store of a delta, and what is in its context: dots that are new, and dots that are superseded."""


class Causal(Crdt, frozen=True):
    """A dot store in its causal context."""

    store: Any = None
    """Each type says of which kind it is, and what is empty."""
    context: CausalContext = CausalContext()

    JOINING: ClassVar[Joining] = Joining()

    @classmethod
    def changed(cls, store: Any, dot: Dot, operation: Operation) -> Change | None:
        """What the operation adds to the store as the event `dot`, and what it supersedes; None: no such operation."""
        raise NotImplementedError

    @classmethod
    def value_of(cls, store: Any) -> Any:
        """What a user reads of a store."""
        raise NotImplementedError

    @classmethod
    def decode(cls, data: bytes) -> Self:
        value = super().decode(data)
        if not is_normal(value.store):
            raise UsageError(f"{data.hex()} is no {cls.__name__}: its dots or keys do not ascend")
        return value

    def merge(self, other: Self) -> Self:
        store = self.JOINING.join(self.store, self.context.knows(), other.store, other.context.knows())
        return type(self)(store, self.context.merge(other.context))

    def beyond(self, other: Self) -> Self:
        """Events that the other does not know, and those it holds that are undone here."""
        new = self.context.beyond(other.context)
        held, known_here = frozenset(self.store.all_dots()), self.context.knows()
        undone = [dot for dot in other.store.all_dots() if dot not in held and known_here(dot)]
        return type(self)(without(self.store, other.context.knows()), CausalContext.of((*new, *undone)))

    def delta(self, replica: NodeId, operation: Operation) -> Self:
        change = self.changed(self.store, self.context.next(replica), operation)
        if change is None:
            raise self._unknown(operation)
        store, dots = change
        return type(self)(store, CausalContext.of(dots))

    def effect(self, prepared: bytes, source: NodeId) -> Self:
        """What is superseded goes, what is new comes: in causal order nothing else need be asked."""
        change = self.decode(prepared)
        store = plus(without(self.store, change.context.knows()), change.store)
        return type(self)(store, self.context.merge(change.context))

    @property
    def value(self) -> Any:
        return self.value_of(self.store)
