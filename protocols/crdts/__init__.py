"""Conflict-free replicated data types: values that can be changed anywhere, and merged in any order.

crdt.py            what all of them can do, and the laws
counters.py        grow-only, and both ways
lww_register.py    the last writer wins
grow_sets.py       grow-only, and two-phase
context.py         which events are known
dot_stores.py      what is left of them
causal.py          a dot store in its context; on it:
mv_register.py       all concurrent values
or_set.py            add wins, no tombstones
flags.py             enable wins; disable wins
reset_counter.py     for the fields of maps
reset_map.py         fields that are replicated values
sequence.py        a text that several write, changed in place
text.py              the same as a value, which can be merged
workload.py        what users ask
settings.py        what a replica does, and how often
messages.py        what replicas send each other
observed.py        what replicas tell
replica.py         a node that holds a copy
state_replica.py     it sends whole states, or deltas
operation_replica.py it sends operations
multicast_replica.py the same over causal broadcast

Of another shape: sequence.py has its operations beside the rules that apply them; whatever carries them brings the
message they travel in.
"""

from simclock.protocols.crdts.causal import Causal
from simclock.protocols.crdts.context import CausalContext, Dot
from simclock.protocols.crdts.counters import GCounter, PNCounter
from simclock.protocols.crdts.crdt import CannotMerge, Crdt, Element, Operation
from simclock.protocols.crdts.dot_stores import DotFun, DotMap, DotSet, Joining
from simclock.protocols.crdts.flags import DisableWinsFlag, EnableWinsFlag
from simclock.protocols.crdts.grow_sets import GSet, TwoPhaseSet
from simclock.protocols.crdts.lww_register import LwwRegister
from simclock.protocols.crdts.multicast_replica import MulticastReplica
from simclock.protocols.crdts.mv_register import MvRegister
from simclock.protocols.crdts.operation_replica import OperationReplica
from simclock.protocols.crdts.or_set import OrSet
from simclock.protocols.crdts.replica import Replica
from simclock.protocols.crdts.reset_counter import ResetCounter
from simclock.protocols.crdts.reset_map import ResetMap
from simclock.protocols.crdts.settings import ReplicaSettings
from simclock.protocols.crdts.state_replica import DeltaReplica, StateReplica
from simclock.protocols.crdts.text import Text

TYPES: dict[str, type[Crdt]] = {
    "g-counter": GCounter,
    "counter": PNCounter,
    "lww-register": LwwRegister,
    "mv-register": MvRegister,
    "g-set": GSet,
    "2p-set": TwoPhaseSet,
    "set": OrSet,
    "flag": EnableWinsFlag,
    "disable-flag": DisableWinsFlag,
    "reset-counter": ResetCounter,
    "map": ResetMap,
    "sequence": Text,
}
"""By the names that scenarios use."""

MODES: dict[str, type[Replica]] = {"state": StateReplica, "delta": DeltaReplica, "operations": OperationReplica}
"""By the names that scenarios use."""

__all__ = [
    "MODES",
    "TYPES",
    "CannotMerge",
    "Causal",
    "CausalContext",
    "Crdt",
    "DeltaReplica",
    "DisableWinsFlag",
    "Dot",
    "DotFun",
    "DotMap",
    "DotSet",
    "Element",
    "EnableWinsFlag",
    "GCounter",
    "GSet",
    "Joining",
    "LwwRegister",
    "MulticastReplica",
    "MvRegister",
    "Operation",
    "OperationReplica",
    "OrSet",
    "PNCounter",
    "Replica",
    "ReplicaSettings",
    "ResetCounter",
    "ResetMap",
    "StateReplica",
    "Text",
    "TwoPhaseSet",
]
