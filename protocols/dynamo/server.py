"""A server of the store: a replica that also coordinates what clients ask for (DeCandia et al. 2007, 4.5, 4.6, 5).

    get    all N are asked for their versions; R must answer; siblings are merged, and stale replicas repaired
    put    the coordinator makes the new version and its own copy durable, sends it to the others, and answers when W
           have it
    delete a put whose version is a tombstone: it takes the place of what its client had read, and a write that it had
           not read stays beside it (https://docs.riak.com/riak/kv/2.2.1/using/reference/object-deletion/)

Law 1: servers are counted, not messages.
Law 2: the coordinator counts itself only where it is one of the N.
Law 3: with sloppy quorums the N are the first healthy ones of the walk; each that stands in for another keeps a hint.

Deviations. A put that nobody answers is not tried again by its client or by who forwarded it: a second try would be a
second write. A coordinator that is not in the preference list forwards once, to the first healthy server that is; where
none is, it coordinates itself. Vector clocks count clients or servers as the strategy has it, not always servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from simclock.protocols.dynamo.messages import (
    Answer,
    Delete,
    Get,
    Put,
    ReadReply,
    ReadRequest,
    Repair,
    WriteReply,
    WriteRequest,
)
from simclock.protocols.dynamo.observed import Coordinates, Repaired
from simclock.protocols.dynamo.removal import RemovingReplica
from simclock.protocols.dynamo.resolution import UNAVAILABLE, Resolver, leave_siblings, resolved
from simclock.protocols.dynamo.settings import SLOPPY, DynamoSettings
from simclock.protocols.dynamo.versioning import Record, Version, Versioning, Write

OPERATIONS_MAX = 1 << 24
"""Of one incarnation; the next begins there, so that a late reply of the last one means nothing."""


@dataclass(kw_only=True)
class Operation:
    """A get or put that this server coordinates."""

    client: int
    request: int
    key: str
    chosen: list[int]
    """Who keeps or reads it: the first N healthy servers, this one perhaps among them."""
    record: Record
    """Put: the new record. Get: what all replies so far make together."""
    needed: int
    """How many servers must answer: R or W."""
    heard: dict[int, bytes] = field(default_factory=dict)
    """Server -> what it answered. The length is what counts towards R or W."""
    is_put: bool = False
    answered: bool = False
    retried: bool = False
    """Put: whether others have been asked to stand in for those that did not answer."""


class DynamoServer(RemovingReplica):
    """A server of the store."""

    def __init__(self, settings: DynamoSettings, versioning: Versioning, resolver: Resolver = leave_siblings) -> None:
        super().__init__(settings, versioning)
        self.resolver = resolver
        self.operations: dict[int, Operation] = {}
        """Number -> what is open."""
        self.begun = 0
        """Operations begun by this incarnation."""

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Get():
                self._on_get(source, message)
            case Put() | Delete():
                self._on_put(source, message)
            case ReadReply(operation, versions):
                self.hear(source)
                self._on_read_reply(source, operation, versions)
            case WriteReply(operation):
                self.hear(source)
                self._on_write_reply(source, operation)
            case _:
                super().on_message(source, message)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case ("operation", int(number)):
                self._on_timeout(number)
            case ("forward", int(server)):
                self.suspect(server)
            case _:
                super().on_timer(timer)

    # Who coordinates, and who keeps.

    def _forwarded(self, source: int, message: Get | Put | Delete) -> bool:
        """5: a server that is not in the top N of the key's preference list forwards to one that is."""
        if message.forwarded:
            # The one who forwarded learns at once that this server is well.
            self.hear(source)
            self.gossip((source,))
            return False
        owners = self.ring.owners(message.key, self.settings.n)
        able = [owner for owner in owners if owner not in self.suspects]
        if self.id in owners or not able:
            return False
        self.send(able[0], msgspec.structs.replace(message, forwarded=True))
        self.set_timer(("forward", able[0]), self.settings.replica_timeout_ns)
        return True

    def choose(self, key: str) -> list[int]:
        """4.6: the first N healthy servers of the walk, which need not be the first N."""
        walk = self.ring.walk(self.ring.partition(key))
        if self.settings.quorum == SLOPPY:
            walk = tuple(server for server in walk if server not in self.suspects)
        return list(walk[: self.settings.n])

    def hints(self, key: str, chosen: list[int]) -> dict[int, int]:
        """Server that stands in -> owner that it stands in for."""
        owners = self.ring.owners(key, self.settings.n)
        absent = [owner for owner in owners if owner not in chosen]
        return dict(zip([server for server in chosen if server not in owners], absent, strict=False))

    def works_on(self, key: str) -> bool:
        return any(operation.key == key for operation in self.operations.values())

    def _begin(self, operation: Operation) -> int:
        self.begun += 1
        number = self.incarnation * OPERATIONS_MAX + self.begun
        self.operations[number] = operation
        self.set_timer(("operation", number), self.settings.replica_timeout_ns)
        return number

    # Put and delete.

    def _on_put(self, source: int, message: Put | Delete) -> None:
        if not self.is_new(message):
            return  # the network delivered it twice: a second write would bring back what was overwritten since
        self.storage.sync()
        if self._forwarded(source, message):
            return
        self.store(message.key, self.write(message))
        self.storage.sync()
        record = self.storage.records[message.key]
        self.observe(Coordinates(message.client, message.request, message.key))
        chosen = self.choose(message.key)
        operation = Operation(
            client=message.client,
            request=message.request,
            key=message.key,
            chosen=chosen,
            record=record,
            needed=self.settings.w,
            is_put=True,
        )
        number = self._begin(operation)
        self._send_writes(number, operation, chosen)
        if self.id in chosen:
            self.count_write(self.id, number, operation)

    def is_new(self, message: Put | Delete) -> bool:
        """Whether the request comes for the first time."""
        return self.storage.is_new_request(message.client, message.request)

    def write(self, message: Put | Delete) -> Record:
        """4.5: the coordinator makes the new version, clock included, and keeps it itself; of a delete, a tombstone."""
        written_ns = self.clock.wall_ns()
        if isinstance(message, Put):
            version = Version(message.value, written_ns)
        else:
            version = Version(message.name, written_ns, deleted=True)
        write = Write(version, message.context, message.writer, message.number)
        return self.versioning.put(self.lookup(message.key), write, self.storage.id)

    def _send_writes(self, number: int, operation: Operation, targets: list[int]) -> None:
        versions = self.versioning.encode(operation.record)
        hints = self.hints(operation.key, operation.chosen)
        for target in targets:
            if target != self.id:
                self.send(target, WriteRequest(number, operation.key, versions, self.storage.round, hints.get(target)))

    def _on_write_reply(self, source: int, number: int) -> None:
        operation = self.operations.get(number)
        if operation is not None and source in operation.chosen:
            self.count_write(source, number, operation)

    def count_write(self, source: int, number: int, operation: Operation) -> None:
        """4.5: a put has succeeded when W - 1 others have answered; servers are counted, not messages."""
        operation.heard[source] = b""
        if len(operation.heard) >= operation.needed and not operation.answered:
            self.answer(operation)
        if len(operation.heard) == len(operation.chosen):
            self._end(number)

    # Get.

    def _on_get(self, source: int, message: Get) -> None:
        if self._forwarded(source, message):
            return
        chosen = self.choose(message.key)
        operation = Operation(
            client=message.client,
            request=message.request,
            key=message.key,
            chosen=chosen,
            record=self.guarded(message.key, self.versioning.empty()),
            needed=self.settings.r,
        )
        number = self._begin(operation)
        for server in chosen:
            if server != self.id:
                self.send(server, ReadRequest(number, message.key))
        if self.id in chosen:
            self._count_read(self.id, number, operation, self.versioning.encode(self.lookup(message.key)))

    def _on_read_reply(self, source: int, number: int, versions: bytes) -> None:
        operation = self.operations.get(number)
        if operation is not None and source in operation.chosen:
            self._count_read(source, number, operation, versions)

    def _count_read(self, source: int, number: int, operation: Operation, versions: bytes) -> None:
        """4.5: R answers are waited for."""
        operation.heard[source] = versions
        operation.record = self.together(operation.record, self.versioning.decode(versions))
        if len(operation.heard) >= operation.needed and not operation.answered:
            self.answer(operation)
        if len(operation.heard) == len(operation.chosen):
            self.repair(operation)
            self._end(number)

    def together(self, before: Record, answer: Record) -> Record:
        """4.5: what the answers so far and one more make: of versions that are not related, all are returned."""
        return self.versioning.merge(before, answer)

    def repair(self, operation: Operation) -> None:
        """5: read repair, of those that answered with less than all replies make together."""
        if not self.settings.read_repair:
            return
        newest = self.versioning.encode(operation.record)
        owners = self.ring.owners(operation.key, self.settings.n)
        nothing = self.versioning.encode(self.versioning.empty())
        for server, versions in operation.heard.items():
            if versions == newest or server not in owners:
                continue
            if versions == nothing and self.may_be_removed(operation.record):
                continue  # it may have dropped the tombstone, which would never go while the key is read
            self.observe(Repaired(operation.key, server))
            if server == self.id:
                self.store(operation.key, operation.record)
                self.storage.sync()
            else:
                self.send(server, Repair(operation.key, newest, self.storage.round))

    # How operations end.

    def answer(self, operation: Operation) -> None:
        """Show the client all siblings there are, or what resolution makes of them, with the context of all."""
        operation.answered = True
        self.tell(operation, self.versioning.versions(operation.record), self.versioning.context(operation.record))

    def tell(self, operation: Operation, versions: tuple[Version, ...], context: Any) -> None:
        """Send the answer."""
        status, values = resolved(versions, self.resolver)
        tombstones = tuple(sorted({version.value for version in versions if version.deleted}))
        self.send(operation.client, Answer(operation.request, status, values, context, tombstones))

    def _on_timeout(self, number: int) -> None:
        """Whoever has not answered is suspected; with sloppy quorums others stand in for a put, once."""
        operation = self.operations.get(number)
        if operation is None:
            return
        for server in operation.chosen:
            if server != self.id and server not in operation.heard:
                self.suspect(server)
        if operation.is_put and self.settings.quorum == SLOPPY and not operation.retried:
            self._find_stand_ins(number, operation)
            return
        self._refuse(operation)
        if not operation.is_put:
            self.repair(operation)
        self._end(number)

    def _refuse(self, operation: Operation) -> None:
        """Tell the client that fewer than R or W could be had, if that is so."""
        if not operation.answered:
            operation.answered = True
            self.send(operation.client, Answer(operation.request, UNAVAILABLE))

    def _find_stand_ins(self, number: int, operation: Operation) -> None:
        """4.6: what cannot reach its owner is sent to another server, which keeps it for the owner."""
        operation.retried = True
        heard = [server for server in operation.chosen if server in operation.heard]
        fresh = [server for server in self.choose(operation.key) if server not in operation.chosen]
        # No more than there are absent owners: each stands in for one of them.
        fresh = fresh[: max(0, self.settings.n - len(heard))]
        operation.chosen = heard + fresh
        self._send_writes(number, operation, fresh)
        self.set_timer(("operation", number), self.settings.replica_timeout_ns)

    def _end(self, number: int) -> None:
        """Everybody has answered, or nobody is waited for any more. Those that are well may be fewer than R or W."""
        self._refuse(self.operations.pop(number))
        self.cancel_timer(("operation", number))
