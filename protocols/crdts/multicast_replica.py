"""Operation-based replicas over the causal broadcast of `simclock.protocols.causal_broadcast`.

What the data types ask of it is what it gives: every operation is delivered once, after all that its source had
delivered before. There is nothing else to do: no versions, no deltas, no acknowledgements of one's own.

The broadcast works in memory; here its member has a disk, so that who crashes is the same member when it is back.

Law 1: the copy and the vector of what is delivered are made durable in one write: an operation is in the copy if and
       only if the vector counts it, so none takes effect twice or is left out.
Law 2: an operation is durable before it is sent, and kept until every member has it: no vector is given out twice.
Law 3: nobody is left behind: a member that is silent is waited for (`PATIENCE_NS`).
"""

from __future__ import annotations

from typing import Any

from simclock import Stream, Told, stream
from simclock.clocks import VectorClock
from simclock.kernel.encoding import encode
from simclock.protocols.causal_broadcast import Broadcast, Member, MemberSettings
from simclock.protocols.crdts.crdt import Crdt
from simclock.protocols.crdts.observed import Delivered, Started, Updated
from simclock.protocols.crdts.settings import ReplicaSettings
from simclock.protocols.crdts.workload import draw_operation

PATIENCE_NS = 1 << 62
"""For ever: a member that is cut off is waited for, and what it lacks is kept."""


class MulticastReplica(Member):
    """One copy of the value; what it tells observers is told as by `Replica`."""

    def __init__(self, does: ReplicaSettings, crdt: type[Crdt], founders: int) -> None:
        super().__init__(
            MemberSettings(
                founders=founders,
                tick_ns=does.gossip_ns,
                request_ns=does.retry_ns,
                suspect_ns=PATIENCE_NS,
                give_up_ns=PATIENCE_NS,
                is_quiet=True,
            )
        )
        self.does = does
        self.crdt = crdt
        # Durable, as are `count`, `queue.delivered` and `kept` of the member.
        self.copy = crdt()
        self.version = 0
        self.updates = 0
        # Volatile.
        self.told: list[Told] = []
        """What is told to observers once it is durable."""
        self.bytes_sent: dict[str, int] = {}
        self.messages_sent = 0
        self.users: Stream

    def on_start(self) -> None:
        self.member = self.id
        self.recover()
        self.users = stream(self.random.getrandbits(64), "users", self.id)
        self.observe(Started(self.version))
        self.found()

    def on_joined(self) -> None:
        self._await_user()

    def recover(self) -> None:
        """Read what is durable."""
        stored = self.disk.read("replica")
        if stored is None:
            return
        copy, self.version, self.updates, self.count, delivered, kept = stored
        self.copy = self.crdt.decode(copy)
        self.queue.delivered = dict(delivered.entries)
        for message in kept:
            self._keep(message, message.count)

    def make_durable(self) -> None:
        self._store(VectorClock.of(self.queue.delivered))
        told, self.told = self.told, []
        for each in told:
            self.observe(each)

    def _store(self, delivered: VectorClock) -> None:
        kept = tuple([message for messages in self.kept.values() for message in messages.values()])
        stored = (self.copy.encode(), self.version, self.updates, self.count, delivered, kept)
        self.disk.write("replica", stored)
        self.disk.sync()

    def on_timer(self, timer: Any) -> None:
        if timer != "update":
            super().on_timer(timer)
            return
        if self.can_broadcast:
            wall_ns = self.clock.wall_ns()
            kind, names = self.does.kind, self.does.names
            operation = draw_operation(kind, self.copy, self.users.randrange, names=names, wall_ns=wall_ns)
            prepared = self.copy.prepare(self.member, operation)
            self.copy = self.copy.effect(prepared, self.member)
            self.updates += 1
            self.version += 1
            self.told.append(Updated(self.version, self.count + 1, operation, self.told_value()))
            self.multicast(prepared)
        self._await_user()

    def _await_user(self) -> None:
        if self.updates < self.does.updates_max:
            self.set_timer("update", self.users.exponential_ns(self.does.update_pause_ns))

    def on_deliver(self, message: Broadcast) -> None:
        self.copy = self.copy.effect(message.payload, message.member)
        self.version += 1
        self.told.append(Delivered(self.version, message.member, message.count, self.told_value()))

    def told_value(self) -> Any:
        """The value, for observers."""
        return self.copy.value if self.does.tells_values else None

    def send(self, target: int, message: Any) -> None:
        """Send, and count the bytes."""
        name = type(message).__name__
        self.bytes_sent[name] = self.bytes_sent.get(name, 0) + len(encode(message))
        self.messages_sent += 1
        super().send(target, message)
