"""Operation-based replicas over the causal broadcast of `protocols.causal_broadcast`.

What the data types ask of it is what it gives: every operation is delivered once, after all that its source had
delivered before. There is nothing else to do: no versions, no deltas, no acknowledgements of one's own.

Unlike the replicas that gossip, this one has no disk. Who crashes comes back as another member, with the state of one
who did not, and what nobody had got of it is lost: a limit of that broadcast, which works in memory.
"""

from __future__ import annotations

from typing import Any

from protocols.causal_broadcast import Broadcast, Member, MemberSettings
from protocols.crdts.crdt import Crdt
from protocols.crdts.replica import ReplicaSettings
from protocols.crdts.workload import draw_operation
from simclock import Stream, seconds, stream
from simclock.encoding import encode

PATIENCE_NS = seconds(3600)
"""A member that is cut off is waited for: what it lacks is kept."""


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
            )
        )
        self.does = does
        self.crdt = crdt
        self.copy = crdt()
        self.version = 0
        self.updates = 0
        self.bytes_sent: dict[str, int] = {}
        self.messages_sent = 0
        self.users: Stream

    def on_start(self) -> None:
        self.users = stream(self.random.getrandbits(64), "users", self.id)
        self.observe("started", self.version)
        super().on_start()

    def on_joined(self) -> None:
        self._await_user()

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
            message = self.multicast(prepared)
            self.updates += 1
            self.version += 1
            self.observe("updated", (self.version, message.count, operation, self.told_value()))
        self._await_user()

    def _await_user(self) -> None:
        if self.updates < self.does.updates_max:
            self.set_timer("update", self.users.exponential_ns(self.does.update_pause_ns))

    def on_deliver(self, message: Broadcast) -> None:
        self.copy = self.copy.effect(message.payload, message.member)
        self.version += 1
        self.observe("delivered", (self.version, message.member, message.count, self.told_value()))

    def state(self) -> bytes:
        return self.copy.encode()

    def load(self, state: bytes) -> None:
        self.copy = self.copy.merge(self.crdt.decode(state))

    def told_value(self) -> Any:
        """The value, for observers."""
        return self.copy.value if self.does.tells_values else None

    def send(self, target: int, message: Any) -> None:
        """Send, and count the bytes."""
        name = type(message).__name__
        self.bytes_sent[name] = self.bytes_sent.get(name, 0) + len(encode(message))
        self.messages_sent += 1
        super().send(target, message)
