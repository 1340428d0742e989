"""Anti-entropy by operations: each is delivered once, after all that its source had delivered before it.

RR-7506: where operations that are concurrent commute, delivery in causal order is all that replicas need. Here a
replica sends its own operations to every other and keeps those that some neighbour is not known to have; it hands on
those of others too, where the neighbour has not told for a while that it got them. Delivery waits until everything
before has been delivered (the hold-back queue of causal broadcast: Birman, Schiper and Stephenson, "Lightweight causal
and atomic group multicast", 1991).

Law: an operation is delivered when it is the next of its origin and `after` is delivered: never twice, never early.
"""

from __future__ import annotations

from typing import Any

from simclock.clocks import VectorClock
from simclock.protocols.crdts.crdt import Crdt, Operation
from simclock.protocols.crdts.messages import CausalOperation, OperationsAck, OperationsPush
from simclock.protocols.crdts.observed import Delivered
from simclock.protocols.crdts.replica import Replica
from simclock.protocols.crdts.settings import ReplicaSettings


class OperationReplica(Replica):
    """Sends the operations that a neighbour lacks."""

    def __init__(self, settings: ReplicaSettings, crdt: type[Crdt]) -> None:
        super().__init__(settings, crdt)
        # Durable.
        self.delivered = VectorClock()
        """How many operations of each origin are in the state."""
        self.operations: tuple[CausalOperation, ...] = ()
        """What some neighbour may lack, in the order of delivery here."""
        # Volatile.
        self.known: dict[int, VectorClock] = {}
        """Neighbour -> what it is known to have delivered."""
        self.sent: dict[int, VectorClock] = {}
        """Neighbour -> that, and what it was sent."""
        self.delivered_ns: dict[tuple[int, int], int] = {}
        """(origin, number) -> when an operation of another was delivered here, by this node's clock."""
        self.held_back: dict[tuple[int, int], CausalOperation] = {}
        """(origin, number) -> what came before something it depends on."""

    def recover(self) -> None:
        stored = self.disk.read("replica")
        if stored is not None:
            state, self.version, self.updates, self.delivered, self.operations = stored
            self.state = self.crdt.decode(state)

    def _store(self) -> None:
        """Also forgets what every neighbour has."""
        others = [self.known.get(node, VectorClock()) for node in range(self.nodes) if node != self.id]
        kept = [each for each in self.operations if any(each.number > known[each.origin] for known in others)]
        for each in self.operations:
            if each not in kept:
                self.delivered_ns.pop((each.origin, each.number), None)
        self.operations = tuple(kept)
        stored = (self.state.encode(), self.version, self.updates, self.delivered, self.operations)
        self.disk.write("replica", stored)
        self.disk.sync()

    def carry_out(self, operation: Operation) -> None:
        prepared = self.state.prepare(self.id, operation)
        after = self.delivered.pruned((self.id,))  # its own are counted by `number`
        self._deliver(CausalOperation(self.id, self.updates, after, prepared))
        self._store()

    def _deliver(self, operation: CausalOperation) -> None:
        self.state = self.state.effect(operation.prepared, operation.origin)
        self.delivered = self.delivered.merge(VectorClock(((operation.origin, operation.number),)))
        self.operations += (operation,)

    # Telling.

    def has_news(self, neighbour: int) -> bool:
        return bool(self._lacking(neighbour))

    def is_unacknowledged(self, neighbour: int) -> bool:
        return not self.delivered <= self.known.get(neighbour, VectorClock())

    def push_again(self, neighbour: int) -> None:
        self.sent[neighbour] = self.known.get(neighbour, VectorClock())

    def push(self, neighbour: int) -> None:
        sent = self.sent.get(neighbour, VectorClock())
        lacking = self._lacking(neighbour)
        for each in lacking:
            sent = sent.merge(VectorClock(((each.origin, each.number),)))
        self.sent[neighbour] = sent
        self.post(neighbour, OperationsPush(tuple(lacking)))

    def _lacking(self, neighbour: int) -> list[CausalOperation]:
        """What it was not sent: of others' operations only those that their origin had time to send it."""
        sent = self.sent.get(neighbour, VectorClock())
        before_ns = self.clock.monotonic_ns() - self.settings.retry_ns
        return [
            each
            for each in self.operations
            if each.number > sent[each.origin]
            and self.delivered_ns.get((each.origin, each.number), before_ns) <= before_ns
        ]

    # Hearing.

    def on_message(self, source: int, message: Any) -> None:
        self.heard_from(source)
        match message:
            case OperationsPush(operations):
                for each in operations:
                    self._know(source, VectorClock(((each.origin, each.number),)))
                    if each.number > self.delivered[each.origin]:
                        self.held_back[each.origin, each.number] = each
                self._deliver_what_can_be()
                self.post(source, OperationsAck(self.delivered))
            case OperationsAck(delivered):
                if not delivered <= self.known.get(source, VectorClock()):
                    self.acknowledged_more(source)
                self._know(source, delivered)

    def _know(self, neighbour: int, delivered: VectorClock) -> None:
        self.known[neighbour] = self.known.get(neighbour, VectorClock()).merge(delivered)
        self.sent[neighbour] = self.sent.get(neighbour, VectorClock()).merge(delivered)

    def _deliver_what_can_be(self) -> None:
        told = []
        while ready := [key for key in sorted(self.held_back) if self._can_deliver(self.held_back[key])]:
            operation = self.held_back.pop(ready[0])
            self._deliver(operation)
            self.delivered_ns[operation.origin, operation.number] = self.clock.monotonic_ns()
            self.version += 1
            told.append(Delivered(self.version, operation.origin, operation.number, self.told_value()))
        if told:
            self._store()
        for each in told:
            self.observe(each)

    def _can_deliver(self, operation: CausalOperation) -> bool:
        """The next of its origin, and nothing before it is missing."""
        return operation.number == self.delivered[operation.origin] + 1 and operation.after <= self.delivered
