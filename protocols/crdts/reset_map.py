"""A map of replicated values, with reset-remove: removing a field undoes what its source has seen of it.

After basho/riak_dt's riak_dt_map; as a dot store: Almeida, Shoker and Baquero 2018 (ORMap). A field that
is updated while another replica removes it stays, and holds that update alone: what it held before does not come back.

Law: a field is there while anything is in it. A set that has become empty, a register that was cleared and a flag that
was switched off are not there.
"""

from __future__ import annotations

from typing import Any, ClassVar

from simclock.errors import UsageError
from simclock.protocols.crdts.causal import Causal, Change
from simclock.protocols.crdts.context import CausalContext, Dot
from simclock.protocols.crdts.crdt import Operation
from simclock.protocols.crdts.dot_stores import DotMap, Field
from simclock.protocols.crdts.flags import EnableWinsFlag
from simclock.protocols.crdts.mv_register import MvRegister
from simclock.protocols.crdts.or_set import OrSet
from simclock.protocols.crdts.reset_counter import ResetCounter

DEPTH_MAX = 16
"""Of maps in maps."""


class ResetMap(Causal, frozen=True):
    """Fields by (name, type), each with the store of its type; one context for all."""

    store: DotMap = DotMap()
    context: CausalContext = CausalContext()

    OPERATIONS = '("update", (name, type), operation), ("remove", (name, type)) or ("clear",)'
    TYPES: ClassVar[dict[str, type[Causal]]] = {
        "counter": ResetCounter,
        "flag": EnableWinsFlag,
        "register": MvRegister,
        "set": OrSet,
    }

    @classmethod
    def changed(cls, store: Any, dot: Dot, operation: Operation) -> Change | None:
        match operation:
            case ("update", (str(), str()) as field, tuple() as inner):
                return cls._updated(store, dot, field, inner)
            case ("remove", (str(), str()) as field):
                held = store.get(field)
                return DotMap(), frozenset(() if held is None else held.all_dots())
            case ("clear",):
                return DotMap(), frozenset(store.all_dots())
        return None

    @classmethod
    def _updated(cls, store: Any, dot: Dot, field: Field, inner: Operation) -> Change:
        kind = cls.type_of(field)
        held = store.get(field)
        change = kind.changed(kind().store if held is None else held, dot, inner)
        if change is None:
            raise UsageError(f"a field of type {field[1]} has no operation {inner!r}: use {kind.OPERATIONS}")
        new, dots = change
        return DotMap(((field, new),)) if new else DotMap(), dots

    @classmethod
    def type_of(cls, field: Field) -> type[Causal]:
        """The class of a field's type."""
        kind = cls.TYPES.get(field[1])
        if kind is None:
            raise UsageError(f"field {field[0]!r}: {field[1]!r} is not a type of field: use {', '.join(cls.TYPES)}")
        return kind

    @classmethod
    def value_of(cls, store: Any) -> tuple[tuple[Field, Any], ...]:
        return tuple([(field, cls.type_of(field).value_of(inner)) for field, inner in store.entries])


ResetMap.TYPES["map"] = ResetMap
