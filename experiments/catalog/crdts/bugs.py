"""The rows about replicated data types: their wrong classes, and where they are hunted."""

from __future__ import annotations

from functools import partial

from simclock.clocks import VectorClock
from simclock.experiments.catalog.crdts.hunt import MERGED
from simclock.experiments.catalog.crdts.properties import CONSISTENCY, MEMORY, RESURRECTION, TOTAL, VALUE
from simclock.experiments.entries.bug import Bug
from simclock.protocols.causal_broadcast import FifoQueue
from simclock.protocols.crdts import (
    CannotMerge,
    DeltaReplica,
    DotMap,
    DotSet,
    GCounter,
    Joining,
    MulticastReplica,
    Operation,
    OperationReplica,
    OrSet,
    PNCounter,
    ResetMap,
    StateReplica,
    Text,
)
from simclock.protocols.crdts.dot_stores import Knows, empty_like
from simclock.protocols.crdts.messages import CausalOperation


def _sum(one: VectorClock, other: VectorClock) -> VectorClock:
    return VectorClock.of({node: one[node] + other[node] for node in {*one.ids, *other.ids}})


class AddsCounts(GCounter, frozen=True):
    """CRDT-01: merge adds the counts of each replica up."""

    def merge(self, other: AddsCounts) -> AddsCounts:
        return AddsCounts(_sum(self.counts, other.counts))


class AddsTotals(PNCounter, frozen=True):
    """CRDT-01 in the other counter: two numbers are merged by adding them up."""

    def merge(self, other: AddsTotals) -> AddsTotals:
        return AddsTotals(_sum(self.increments, other.increments), _sum(self.decrements, other.decrements))


class _KeepsWhatBothHave(Joining):
    def sets(self, mine: DotSet, known_here: Knows, theirs: DotSet, known_there: Knows) -> DotSet:
        if mine and theirs:
            return DotSet.of({*mine.dots, *theirs.dots})
        return super().sets(mine, known_here, theirs, known_there)


class KeepsRemovedDots(OrSet, frozen=True):
    """CRDT-04: where both sides have an element, all its dots stay, also those that one side has seen and removed."""

    JOINING = _KeepsWhatBothHave()


class _KeepsEmpty(Joining):
    def maps(self, mine: DotMap, known_here: Knows, theirs: DotMap, known_there: Knows) -> DotMap:
        right = dict(super().maps(mine, known_here, theirs, known_there).entries)
        return DotMap.of({key: empty_like(store) for key, store in (*mine.entries, *theirs.entries)} | right)


class KeepsElementsWithoutDots(OrSet, frozen=True):
    """CRDT-05: an element of which no dot is left after a merge is stored with none."""

    JOINING = _KeepsEmpty()


class _KeepsWholeFields(Joining):
    def maps(self, mine: DotMap, known_here: Knows, theirs: DotMap, known_there: Knows) -> DotMap:
        joined = dict(super().maps(mine, known_here, theirs, known_there).entries)
        for one, other in ((mine, theirs), (theirs, mine)):
            joined |= {key: store for key, store in one.entries if key in joined and other.get(key) is None}
        return DotMap.of(joined)


class ForgetsWhatWasReset(ResetMap, frozen=True):
    """CRDT-07: a field that one side has removed and the other has updated comes back with all that it held."""

    JOINING = _KeepsWholeFields()


class _MergesByName(Joining):
    def maps(self, mine: DotMap, known_here: Knows, theirs: DotMap, known_there: Knows) -> DotMap:
        here = {key[0]: key for key, _ in mine.entries if isinstance(key, tuple)}
        for key, _ in theirs.entries:
            if isinstance(key, tuple) and here.get(key[0], key) != key:
                raise CannotMerge(f"field {key[0]} is a {here[key[0]][1]} here and a {key[1]} there")
        return super().maps(mine, known_here, theirs, known_there)


class MergesByName(ResetMap, frozen=True):
    """CRDT-10: fields are merged by their names, so one that was removed and added with another type cannot be."""

    JOINING = _MergesByName()


class ForgetsDeletions(Text, frozen=True):
    """CRDT-11: of what was deleted, merge keeps what both sides have deleted, and the rest is back."""

    def merge(self, other: ForgetsDeletions) -> ForgetsDeletions:
        both = super().merge(other)
        if not (self.inserted and other.inserted):  # a delta has deletions alone
            return both
        kept = tuple([span for span in both.deleted if span in self.deleted and span in other.deleted])
        return ForgetsDeletions(both.inserted, kept)


class MergesAnyDelta(DeltaReplica):
    """CRDT-08: a delta-interval is merged whatever came before it."""

    def _may_merge(self, source: int, first: int) -> bool:
        return True


class DeliversEarly(OperationReplica):
    """RR-7506, left out: an operation is delivered in the order of its origin alone, whatever it depends on."""

    def _can_deliver(self, operation: CausalOperation) -> bool:
        return operation.number == self.delivered[operation.origin] + 1


class DeliversInFifo(MulticastReplica):
    """RR-7506, left out, in the multicast: FIFO broadcast in place of causal broadcast."""

    queue_class = FifoQueue


class CarriesOutAgain(MulticastReplica):
    """An operation takes effect twice: after a crash, those that are kept for others are taken for a log of one's own
    and carried out again."""

    def recover(self) -> None:
        super().recover()
        for messages in self.kept.values():
            for message in messages.values():
                self.copy = self.copy.effect(message.payload, message.member)


class WritesWhenItHears(StateReplica):
    """What a user asked is told and sent before it is durable: the next merge makes it so."""

    def carry_out(self, operation: Operation) -> None:
        self.state = self.state.merge(self.state.delta(self.id, operation))


_RIAK = "https://github.com/basho/riak_dt"
_RR = "https://inria.hal.science/inria-00555588"


def _type(id: str, name: str, part: tuple[str, type], property: str, source: str) -> Bug:
    """A wrong type. Handed on as operations it would never be merged, so it is handed on as states or deltas."""
    kind, wrong = part
    return _row(
        id=id,
        name=name,
        parts={"crdt": wrong},
        parameters={"type": kind},
        needs={"mode": MERGED},
        property=property,
        source=source,
    )


def _replica(id: str, name: str, part: tuple[str, type], property: str, source: str) -> Bug:
    """A wrong replica, in its mode."""
    mode, wrong = part
    return _row(id=id, name=name, parts={"replica": wrong}, parameters={"mode": mode}, property=property, source=source)


_row = partial(Bug, scenario="crdt-hunt", judged=False)

BUGS: tuple[Bug, ...] = (
    _type("CRDT-01", "counter-merge-sum", ("g-counter", AddsCounts), VALUE, _RR),
    _type("CRDT-01b", "pn-counter-merge-sum", ("counter", AddsTotals), VALUE, _RR),
    _type(
        "CRDT-04", "orswot-present-but-removed", ("set", KeepsRemovedDots), RESURRECTION, f"{_RIAK} riak_dt_orswot.erl"
    ),
    _type(
        "CRDT-05", "orswot-empty-dots", ("set", KeepsElementsWithoutDots), RESURRECTION, f"{_RIAK} riak_dt_orswot.erl"
    ),
    _type("CRDT-07", "map-reset-remove", ("map", ForgetsWhatWasReset), RESURRECTION, f"{_RIAK} riak_dt_map.erl"),
    _replica(
        "CRDT-08",
        "delta-out-of-order",
        ("delta", MergesAnyDelta),
        CONSISTENCY,
        "https://github.com/akka/akka-core/issues/22890",
    ),
    _replica("PAPER-RR7506a", "delivers-early", ("operations", DeliversEarly), VALUE, _RR),
    _replica(
        "PAPER-RR7506b",
        "sent-before-durable",
        ("state", WritesWhenItHears),
        MEMORY,
        "protocols/crdts/replica.py, law 1",
    ),
    _replica("PAPER-RR7506c", "multicast-in-fifo", ("multicast", DeliversInFifo), VALUE, _RR),
    _replica("PAPER-RR7506d", "effect-twice", ("multicast", CarriesOutAgain), VALUE, _RR),
    _type(
        "CRDT-10", "re-add-other-type", ("map", MergesByName), TOTAL, "https://github.com/akka/akka-core/issues/27428"
    ),
    _type(
        "CRDT-11",
        "deletions-forgotten",
        ("sequence", ForgetsDeletions),
        RESURRECTION,
        "protocols/crdts/text.py, on merge",
    ),
)
