"""A replica: it is asked at its own pace, connected or not, and hands on what it has.

What the three ways to hand on have in common: durable state, a version that counts its changes, one neighbour at a time
that is not known to have all, and what observers are told (`observed.py`).

Law 1: what is sent was durable before: a replica never forgets what it did under its id.
Law 2: a value is told together with the version it belongs to.
"""

from __future__ import annotations

from typing import Any

from simclock import Stream, stream
from simclock.actors import Message, Node
from simclock.kernel.encoding import encode
from simclock.protocols.crdts.crdt import Crdt, Operation
from simclock.protocols.crdts.observed import Started, Updated
from simclock.protocols.crdts.settings import ReplicaSettings
from simclock.protocols.crdts.workload import draw_operation

RETRY_DOUBLINGS = 2
"""How often the time until the next try is doubled while a neighbour is silent."""


class Replica(Node):
    """One copy of the value."""

    def __init__(self, settings: ReplicaSettings, crdt: type[Crdt]) -> None:
        self.settings = settings
        self.crdt = crdt
        # Durable.
        self.state = crdt()
        self.version = 0
        """How often the state has changed."""
        self.updates = 0
        """Operations that users have asked here."""
        # Volatile.
        self.unanswered_since_ns: dict[int, int] = {}
        """Neighbour -> since when it owes an acknowledgement, by this node's clock."""
        self.retries: dict[int, int] = {}
        """Neighbour -> how often it was told again since it was last heard."""
        self.bytes_sent: dict[str, int] = {}
        """Kind of message -> bytes since the last start."""
        self.messages_sent = 0
        self.users: Stream
        """What users ask and when is drawn apart, so that it is the same however replicas talk."""

    # A kind of replica has these.

    def recover(self) -> None:
        """Read what is durable."""
        raise NotImplementedError

    def carry_out(self, operation: Operation) -> None:
        """An operation of a user: change the state, and make it durable."""
        raise NotImplementedError

    def has_news(self, neighbour: int) -> bool:
        """Whether there is something that the neighbour has not been sent."""
        raise NotImplementedError

    def is_unacknowledged(self, neighbour: int) -> bool:
        """Whether there is something that the neighbour is not known to have."""
        raise NotImplementedError

    def push_again(self, neighbour: int) -> None:
        """Take for not sent what is not acknowledged."""
        raise NotImplementedError

    def push(self, neighbour: int) -> None:
        """Send the neighbour what it lacks."""
        raise NotImplementedError

    # What is common.

    def on_start(self) -> None:
        self.recover()
        self.users = stream(self.random.getrandbits(64), "users", self.id)
        self.observe(Started(self.version))
        self.set_timer("gossip", self.random.uniform_ns(1, self.settings.gossip_ns))
        self._await_user()

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "update":
                kind, names = self.settings.kind, self.settings.names
                wall_ns = self.clock.wall_ns()
                operation = draw_operation(kind, self.state, self.users.randrange, names=names, wall_ns=wall_ns)
                self.updates += 1
                self.version += 1
                self.carry_out(operation)
                self.observe(Updated(self.version, self.updates, operation, self.told_value()))
                self._await_user()
            case "gossip":
                self._gossip()
                self.set_timer("gossip", self.settings.gossip_ns)

    def _await_user(self) -> None:
        if self.updates < self.settings.updates_max:
            self.set_timer("update", self.users.exponential_ns(self.settings.update_pause_ns))

    def _gossip(self) -> None:
        """Tell one neighbour that lacks something, chosen by lot."""
        now_ns = self.clock.monotonic_ns()
        due = [node for node in range(self.nodes) if node != self.id and self._is_due(node, now_ns)]
        if not due:
            return
        neighbour = due[self.random.randrange(len(due))]
        if self._is_overdue(neighbour, now_ns):
            self.retries[neighbour] = self.retries.get(neighbour, 0) + 1
            self.unanswered_since_ns[neighbour] = now_ns
            self.push_again(neighbour)
        self.unanswered_since_ns.setdefault(neighbour, now_ns)
        self.push(neighbour)

    def _is_due(self, neighbour: int, now_ns: int) -> bool:
        """Whether it should be told something. One that is silent is told again now and then, and else nothing."""
        if not self.is_unacknowledged(neighbour):
            self.unanswered_since_ns.pop(neighbour, None)
            return False
        if self._is_overdue(neighbour, now_ns):
            return True
        return self.retries.get(neighbour, 0) == 0 and self.has_news(neighbour)

    def _is_overdue(self, neighbour: int, now_ns: int) -> bool:
        since_ns = self.unanswered_since_ns.get(neighbour)
        doublings = min(self.retries.get(neighbour, 0), RETRY_DOUBLINGS)
        return since_ns is not None and now_ns - since_ns >= self.settings.retry_ns << doublings

    def heard_from(self, neighbour: int) -> None:
        """It is not silent."""
        self.retries.pop(neighbour, None)

    def acknowledged_more(self, neighbour: int) -> None:
        """It has acknowledged something new: what else is under way has its time from now on."""
        if neighbour in self.unanswered_since_ns:
            self.unanswered_since_ns[neighbour] = self.clock.monotonic_ns()

    def post(self, target: int, message: Message) -> None:
        """Send, and count the bytes."""
        name = type(message).__name__
        self.bytes_sent[name] = self.bytes_sent.get(name, 0) + len(encode(message))
        self.messages_sent += 1
        self.send(target, message)

    def told_value(self) -> Any:
        """The value, for observers."""
        return self.state.value if self.settings.tells_values else None
