"""Stores with many leaders, one wrong line each.

They are hunted in `dynamo-hunt`; where keys have to move, in `dynamo-ring-hunt`; where every read has to meet every
write, in `dynamo-quorum-hunt`; and where tombstones are removed, in `dynamo-delete-hunt`.

KV rows are those of the list of documented bugs; DELETE rows are about tombstones; DYNAMO rows are rules of the paper
left out or misread, or mistakes that the curriculum warns of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from simclock.clocks import DottedVersionSet, VectorClock
from simclock.experiments.catalog.dynamo.causality import (
    DELETED_STAYS_DELETED,
    NO_LOST_WRITE,
    QUORUMS_INTERSECT,
    REPLICAS_CONVERGE,
    SIBLINGS_ARE_CONCURRENT,
)
from simclock.experiments.catalog.dynamo.judge import HANDOFF_COMPLETES, HINTS_ARE_DELIVERED, STAND_INS_KEEP_HINTS
from simclock.experiments.entries.bug import Bug
from simclock.protocols.dynamo import ClientVectors, DottedSets, DynamoServer, Version, Write, is_deleted
from simclock.protocols.dynamo.client_vectors import ClientVersion, ClientVersions, maximal
from simclock.protocols.dynamo.messages import Delete, Put, WriteReply, WriteRequest
from simclock.protocols.dynamo.server import Operation
from simclock.protocols.dynamo.versioning import Record, encode_version

# Versions.


class KeepsAllSiblings(DottedSets):
    """KV-01: a put with an old context is stored as a sibling of all present values, also of those it had read."""

    def put(self, record: DottedVersionSet, write: Write, server: str) -> DottedVersionSet:
        if record.context <= write.context:
            return super().put(record, write, server)
        return record.event(server, encode_version(write.version))


class DominatesFalsely(ClientVectors):
    """KV-02: servers count, one clock per version: a put with an old context gets a clock above what it never read."""

    def counter(self, write: Write, server: str) -> str:
        return server

    def number(self, record: ClientVersions, write: Write, server: str) -> int:
        return max(self.context(record)[server], write.context[server]) + 1


class CountsFromContext(ClientVectors):
    """KV-02b: the same, but counted from the context alone: two puts with one context get equal clocks."""

    def counter(self, write: Write, server: str) -> str:
        return server

    def number(self, record: ClientVersions, write: Write, server: str) -> int:
        return write.context[server] + 1


class BelievesWallClocks(ClientVectors):
    """KV-04: of all versions the one with the latest wall-clock time is kept, whatever had read what."""

    def kept(self, versions: Iterable[ClientVersion]) -> ClientVersions:
        return tuple(sorted(versions, key=lambda each: (each.version.written_ns, each.version.value))[-1:])


class NeverOverwrites(DottedSets):
    """A put does not discard what its client had read: siblings are never overwritten."""

    def put(self, record: DottedVersionSet, write: Write, server: str) -> DottedVersionSet:
        return record.event(server, encode_version(write.version))


class NeverPrunesSiblings(ClientVectors):
    """Versions that others descend from are kept: siblings are never pruned."""

    def kept(self, versions: Iterable[ClientVersion]) -> ClientVersions:
        by_clock = {each.clock: each for each in versions}
        return tuple(sorted(by_clock.values(), key=lambda each: each.clock.entries))


class PrunesClocks(ClientVectors):
    """4.4: clocks are truncated while their entries still matter."""

    def __init__(self) -> None:
        super().__init__(prune_above=2)


class PrunesSiblings(ClientVectors):
    """Where there are more than two siblings the oldest is dropped, to bound their number."""

    def kept(self, versions: Iterable[ClientVersion]) -> ClientVersions:
        newest = sorted(maximal(versions), key=lambda each: each.version.written_ns)[-2:]
        return tuple(sorted(newest, key=lambda each: each.clock.entries))


# Servers.


class StampsOldValues(DynamoServer):
    """KV-08: values are those of the first replica that answered, their context that of all of them."""

    def answer(self, operation: Operation) -> None:
        first = next(iter(operation.heard.values()))
        read = self.versioning.decode(first) if first else operation.record
        operation.answered = True
        self.tell(operation, self.versioning.versions(read), self.versioning.context(operation.record))


class TellsLastAnswer(DynamoServer):
    """R answers are waited for, and all but the last are ignored: it may be that of a stale replica."""

    def together(self, before: Record, answer: Record) -> Record:
        return answer


class DropsHintsUnheard(DynamoServer):
    """A hint is dropped when it has been sent, before anybody says that it arrived."""

    def offer(self) -> None:
        super().offer()
        for target, key in tuple(self.storage.hints):
            self.drop_hint(target, key)


class NamesNoOwner(DynamoServer):
    """A stand-in is not told for whom it keeps a replica, so it never keeps a hint."""

    def hints(self, key: str, chosen: list[int]) -> dict[int, int]:
        return {}


class RepairsBlindly(DynamoServer):
    """Read repair puts what the coordinator saw in place of what is there, which may be newer."""

    def on_repair(self, key: str, record: Record) -> None:
        self.storage.put(key, record)
        self.update_tree(key)
        self.storage.sync()


class CountsMessages(DynamoServer):
    """W is counted by replies, so one that the network doubles counts twice."""

    def count_write(self, source: int, number: int, operation: Operation) -> None:
        super().count_write(source + 1000 * len(operation.heard), number, operation)


class ForgetsTree(DynamoServer):
    """The Merkle tree is not updated when a key is written."""

    def update_tree(self, key: str) -> None:
        pass


class KeepsEpoch(DynamoServer):
    """A server that gave a key away goes on counting under the same id when the key comes back."""

    def give_up(self, key: str, owners: set[int]) -> None:
        epoch = self.storage.epoch
        super().give_up(key, owners)
        self.storage.epoch = epoch


class GivesUpEarly(DynamoServer):
    """A key that the ring has given to others is dropped, not offered to them."""

    def offer(self) -> None:
        for key in [key for key in self.storage.records if not self.owns(key)]:
            self.given[key] = (0, self.storage.records[key], set())
            self.give_up(key, set(self.ring.members))
        super().offer()


class AcknowledgesBeforeSync(DynamoServer):
    """A replica says that it has a version before that is durable."""

    def on_write_request(self, source: int, message: WriteRequest) -> None:
        if message.hint is None:
            self.store(message.key, self.versioning.decode(message.versions))
            self.send(source, WriteReply(message.operation))
        else:
            super().on_write_request(source, message)


class WritesTwice(DynamoServer):
    """A put that the network delivers twice is written twice."""

    def is_new(self, message: Put | Delete) -> bool:
        return True


# Deletes.


class RemovesAfterDelay(DynamoServer):
    """A tombstone is dropped some time after it was written, whoever has not heard of it."""

    def _look_for_tombstones(self) -> None:
        for key, record in tuple(self.storage.records.items()):
            if is_deleted(self.versioning, record):
                self._remove(self.id, key, record, 0, ())


class AsksOwnersAlone(DynamoServer):
    """A tombstone is dropped when all owners hold it: hints, and what others hold or send, are not asked for."""

    def asked(self, key: str) -> tuple[int, ...]:
        return tuple(sorted({self.id, *self.ring.owners(key, self.settings.n)}))


class NeverReleases(DynamoServer):
    """A guard stays for good: it costs a record's space, and all that is written later is merged with its tombstone."""

    def _forget_guard(self, source: int, key: str, number: int) -> None:
        pass


class DeletesUnread(DynamoServer):
    """A delete takes the place of all that the coordinator has, also of what its client had not read."""

    def write(self, message: Put | Delete) -> Record:
        if isinstance(message, Delete):
            context = message.context.merge(self.versioning.context(self.lookup(message.key)))
            message = msgspec.structs.replace(message, context=context)
        return super().write(message)


class WithholdsContext(DynamoServer):
    """Where nothing is found the answer has no context, so who writes the key again does not replace the tombstone."""

    def tell(self, operation: Operation, versions: tuple[Version, ...], context: Any) -> None:
        nothing = all(version.deleted for version in versions)
        super().tell(operation, versions, VectorClock() if nothing else context)


class CountsSuspects(DynamoServer):
    """4.6: with strict quorums, too, others stand in for owners that do not answer."""

    def choose(self, key: str) -> list[int]:
        walk = self.ring.walk(self.ring.partition(key))
        return [server for server in walk if server not in self.suspects][: self.settings.n]


PAPER = "DeCandia et al. 2007"
DVV = "https://arxiv.org/abs/1011.5808"
RIAK_MODES = "https://github.com/basho/riak_kv/pull/226"
RIAK_REAPS = "https://github.com/basho/riak_kv/issues/1869"
RIAK_DELETION = "https://docs.riak.com/riak/kv/2.2.1/using/reference/object-deletion/"
RIAK_CLIENT = "https://github.com/basho/riak-java-client/pull/195"
_ROWS: tuple[tuple[str, str, dict[str, type], str, str], ...] = (
    ("KV-01", "sibling-explosion", {"versioning": KeepsAllSiblings}, SIBLINGS_ARE_CONCURRENT, DVV),
    ("KV-02", "false-dominance", {"versioning": DominatesFalsely}, NO_LOST_WRITE, DVV),
    ("KV-02b", "equal-clocks", {"versioning": CountsFromContext}, NO_LOST_WRITE, DVV),
    (
        "KV-04",
        "lww-clock-skew",
        {"versioning": BelievesWallClocks},
        NO_LOST_WRITE,
        "https://aphyr.com/posts/294-jepsen-cassandra",
    ),
    (
        "KV-08",
        "nonmonotone-vv-snapshot",
        {"server": StampsOldValues},
        NO_LOST_WRITE,
        "https://github.com/equalitie/ouisync/issues/118",
    ),
    (
        "DYNAMO-4.4",
        "sibling-never-overwritten",
        {"versioning": NeverOverwrites},
        SIBLINGS_ARE_CONCURRENT,
        f"{PAPER} 4.4",
    ),
    (
        "DYNAMO-4.4b",
        "siblings-never-pruned",
        {"versioning": NeverPrunesSiblings},
        SIBLINGS_ARE_CONCURRENT,
        f"{PAPER} 4.4",
    ),
    ("DYNAMO-4.4c", "clock-pruned-alive", {"versioning": PrunesClocks}, SIBLINGS_ARE_CONCURRENT, f"{PAPER} 4.4"),
    ("DYNAMO-4.4d", "live-sibling-pruned", {"versioning": PrunesSiblings}, NO_LOST_WRITE, f"{PAPER} 4.4"),
    ("DYNAMO-4.5", "w-counts-messages", {"server": CountsMessages}, QUORUMS_INTERSECT, f"{PAPER} 4.5"),
    ("DYNAMO-4.5b", "ack-before-sync", {"server": AcknowledgesBeforeSync}, QUORUMS_INTERSECT, f"{PAPER} 4.5"),
    ("DYNAMO-4.5c", "put-written-twice", {"server": WritesTwice}, SIBLINGS_ARE_CONCURRENT, f"{PAPER} 4.5"),
    ("DYNAMO-4.5d", "last-answer-told", {"server": TellsLastAnswer}, QUORUMS_INTERSECT, f"{PAPER} 4.5"),
    ("DYNAMO-4.6", "hint-dropped-unheard", {"server": DropsHintsUnheard}, HINTS_ARE_DELIVERED, f"{PAPER} 4.6"),
    ("DYNAMO-4.6b", "sloppy-counted-as-strict", {"server": CountsSuspects}, QUORUMS_INTERSECT, f"{PAPER} 4.6"),
    ("DYNAMO-4.6c", "no-hint-kept", {"server": NamesNoOwner}, STAND_INS_KEEP_HINTS, f"{PAPER} 4.6"),
    ("DYNAMO-4.7", "merkle-not-updated", {"server": ForgetsTree}, REPLICAS_CONVERGE, f"{PAPER} 4.7"),
    ("DYNAMO-4.9", "given-up-early", {"server": GivesUpEarly}, NO_LOST_WRITE, f"{PAPER} 4.9"),
    (
        "DYNAMO-4.9b",
        "dot-used-again",
        {"server": KeepsEpoch},
        NO_LOST_WRITE,
        "https://github.com/basho/riak_kv/issues/679",
    ),
    ("DYNAMO-5", "repair-with-older", {"server": RepairsBlindly}, NO_LOST_WRITE, f"{PAPER} 5"),
    ("DELETE-1", "tombstone-removed-early", {"server": RemovesAfterDelay}, DELETED_STAYS_DELETED, RIAK_MODES),
    ("DELETE-2", "owners-alone-asked", {"server": AsksOwnersAlone}, DELETED_STAYS_DELETED, RIAK_REAPS),
    ("DELETE-3", "unread-write-deleted", {"server": DeletesUnread}, NO_LOST_WRITE, RIAK_DELETION),
    ("DELETE-4", "tombstone-context-withheld", {"server": WithholdsContext}, SIBLINGS_ARE_CONCURRENT, RIAK_CLIENT),
    ("DELETE-5", "guard-never-released", {"server": NeverReleases}, HANDOFF_COMPLETES, "protocols/dynamo/removal.py"),
)

_SCENARIOS = {
    "DYNAMO-4.5d": "dynamo-quorum-hunt",
    "DYNAMO-4.9": "dynamo-ring-hunt",
    "DYNAMO-4.9b": "dynamo-ring-hunt",
    **{f"DELETE-{number}": "dynamo-delete-hunt" for number in range(1, 6)},
}
"""Where a row is hunted if not in `dynamo-hunt`: where quorums overlap, keys have to move, or tombstones may go."""

BUGS: tuple[Bug, ...] = tuple(
    Bug(
        id=row,
        name=name,
        parts=parts,
        property=property,
        source=source,
        scenario=_SCENARIOS.get(row, "dynamo-hunt"),
    )
    for row, name, parts, property, source in _ROWS
)
