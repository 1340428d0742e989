"""What a server has on its disk: records, hints, its view of the membership, and what it must not repeat.

Law 1: what is in memory after a start is what was durable; nothing is told to others before `sync`.
Law 2: a server never uses an id of a clock again for a key whose record it gave away, because it cannot know any more
       how far it had counted: `forget` takes the next *epoch*, which is part of the id. Without it a new write would
       repeat an old one's event and vanish (the bug of Riak's https://github.com/basho/riak_kv/issues/679).
"""

from __future__ import annotations

from typing import NamedTuple

from simclock.environment.disk import Disk
from simclock.protocols.dynamo.membership import Membership
from simclock.protocols.dynamo.settings import server_name
from simclock.protocols.dynamo.versioning import Record, Versioning

Hint = tuple[int, str]
"""(the server it is meant for, key)."""


Guarded = tuple[int, str]
"""(the server that would remove the tombstone, key)."""


class Guard(NamedTuple):
    """A tombstone that somebody would remove, and what this server has promised for it."""

    number: int
    """Which attempt."""
    round: int
    """The first round of records sent after the promise."""
    record: Record


class Storage:
    """The disk of one server, read when it starts and written through."""

    __slots__ = (
        "_disk",
        "_node",
        "_versioning",
        "epoch",
        "fences",
        "guards",
        "hints",
        "membership",
        "records",
        "round",
    )

    def __init__(self, disk: Disk, node: int, versioning: Versioning, membership: Membership) -> None:
        self._disk = disk
        self._node = node
        self._versioning = versioning
        decode = versioning.decode
        self.records: dict[str, Record] = {key: decode(disk.read(f"record/{key}")) for key in disk.read("records", ())}
        """Key -> what is kept of it, as an owner or until the owners have it."""
        self.hints: dict[Hint, Record] = {
            (target, key): decode(disk.read(f"hint/{target}/{key}")) for target, key in disk.read("hints", ())
        }
        """4.6: replicas kept for others, apart from the rest."""
        self.guards: dict[Guarded, Guard] = {
            (remover, key): Guard(number, round, decode(disk.read(f"guard/{remover}/{key}")))
            for remover, key, number, round in disk.read("guards", ())
        }
        """What must not come back while tombstones are removed: see `removal`."""
        self.round: int = disk.read("round", 0)
        """Of the records that this server sends; one more with every guard."""
        self.fences: dict[int, int] = dict(disk.read("fences", ()))
        """Server -> the first round of it whose records are taken."""
        self.epoch: int = disk.read("epoch", 0)
        self.membership = Membership(disk.read("membership", membership.counts))

    @property
    def id(self) -> str:
        """The server's id in clocks, now."""
        return server_name(self._node) + (str(self.epoch) if self.epoch else "")

    def put(self, key: str, record: Record) -> None:
        """Keep a record. Volatile until `sync`, as all here."""
        if key not in self.records:
            self._disk.write("records", (*self.records, key))
        self.records[key] = record
        self._disk.write(f"record/{key}", self._versioning.encode(record))

    def forget(self, key: str) -> None:
        """Give a record up: others have it."""
        record = self.records.pop(key)
        self._disk.write("records", tuple(self.records))
        self._disk.write(f"record/{key}", b"")
        if self._versioning.counts(record, self.id):
            self._next_epoch()

    def put_hint(self, target: int, key: str, record: Record) -> None:
        """Keep a replica that is meant for another."""
        if (target, key) not in self.hints:
            self._disk.write("hints", (*self.hints, (target, key)))
        self.hints[target, key] = record
        self._disk.write(f"hint/{target}/{key}", self._versioning.encode(record))

    def forget_hint(self, target: int, key: str) -> None:
        """The one it was meant for has it. No epoch ends: a server's own events are in its records."""
        del self.hints[target, key]
        self._disk.write("hints", tuple(self.hints))
        self._disk.write(f"hint/{target}/{key}", b"")

    def put_guard(self, remover: int, key: str, number: int, record: Record) -> Guard:
        """Promise to send nothing older than that record; gives the guard, with a round of its own."""
        self.round += 1
        self._disk.write("round", self.round)
        guard = self.guards[remover, key] = Guard(number, self.round, record)
        self._disk.write(f"guard/{remover}/{key}", self._versioning.encode(record))
        self._write_guards()
        return guard

    def forget_guard(self, remover: int, key: str) -> None:
        """It is not needed any more."""
        del self.guards[remover, key]
        self._disk.write(f"guard/{remover}/{key}", b"")
        self._write_guards()

    def _write_guards(self) -> None:
        listed = tuple((remover, key, guard.number, guard.round) for (remover, key), guard in self.guards.items())
        self._disk.write("guards", listed)

    def raise_fences(self, rounds: tuple[int, ...]) -> None:
        """Take no record of a server from before its round."""
        self.fences = {server: max(round, self.fences.get(server, 0)) for server, round in enumerate(rounds)}
        self._disk.write("fences", tuple(self.fences.items()))

    def put_membership(self, membership: Membership) -> None:
        """A newer view."""
        self.membership = membership
        self._disk.write("membership", membership.counts)

    def is_new_request(self, client: int, request: int) -> bool:
        """Whether a client's put is seen for the first time; from now on it is not. A client numbers its requests."""
        if request <= self._disk.read(f"request/{client}", 0):
            return False
        self._disk.write(f"request/{client}", request)
        return True

    def sync(self) -> None:
        """Make it durable."""
        self._disk.sync()

    def _next_epoch(self) -> None:
        self.epoch += 1
        self._disk.write("epoch", self.epoch)
