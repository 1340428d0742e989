"""A server as a keeper of replicas: it stores, answers coordinators, gives on what belongs to others, and gossips.

Law 1: durable before acknowledged: every handler syncs before a reply leaves.
Law 2: what is given up is durable at everyone it belongs to: a hint at the one it names, a key that the ring gave to
       others at all of its owners.
Law 3: who takes a key withdraws its own offers of it. Two servers with different views of the ring may each think that
       it belongs to the other; if both counted what the other confirmed before, both would drop it.

What observers see:

    "members"      the members of a new view          "suspect"     the server that did not answer
    "hinted"       (key, the server it is meant for)   "received"    (key, the server that had it for this one)
    "delivered"    (key, the server that has it now)   "moved"       a key given up: its owners have it
    "stands-in"    (key, the server that it is kept for as a hint, or None), of a write of a key that is not its own
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.dynamo.membership import Membership
from simclock.protocols.dynamo.merkle import MerkleTree
from simclock.protocols.dynamo.messages import (
    ChangeMember,
    Gossip,
    Handoff,
    HandoffReply,
    ReadReply,
    ReadRequest,
    Repair,
    WriteReply,
    WriteRequest,
)
from simclock.protocols.dynamo.observed import Delivered, Hinted, Members, Moved, Received, StandsIn, Suspected
from simclock.protocols.dynamo.ring import Ring
from simclock.protocols.dynamo.settings import DynamoSettings
from simclock.protocols.dynamo.storage import Hint, Storage
from simclock.protocols.dynamo.versioning import Record, Versioning

GOSSIP = "gossip"
HANDOFF = "handoff"
OFFERS_MAX = 1 << 24
"""Of one incarnation; the next begins there, so that a late reply to the last one means nothing."""


class Replica(Node):
    """What every server does for the keys that it keeps."""

    def __init__(self, settings: DynamoSettings, versioning: Versioning) -> None:
        self.settings = settings
        self.versioning = versioning
        self.storage: Storage
        """Persistent: records, hints, membership, epoch."""
        self.ring: Ring
        """Of the members that this server knows of."""
        self.trees: dict[int, MerkleTree] = {}
        """Partition -> the tree of the records kept, volatile: built when the server starts."""
        self.suspects: set[int] = set()
        """4.8.3: who did not answer lately; this server's own opinion."""
        self.given: dict[str, tuple[int, Record, set[int]]] = {}
        """Key that belongs to others -> (number of the offer, the record offered, the owners that have it)."""
        self.returned: dict[Hint, tuple[int, Record]] = {}
        """Hint -> (number of the offer, the replica offered)."""
        self.offers = 0
        """Offers made by this incarnation."""

    # Events.

    def on_start(self) -> None:
        """Read the disk, build the trees, and start the clockwork."""
        first = Membership.of(self.settings.members, len(self.settings.servers))
        self.storage = Storage(self.disk, self.id, self.versioning, first)
        self.ring = Ring(self.storage.membership.members, self.settings.layout)
        for key, record in self.storage.records.items():
            self.tree(self.ring.partition(key)).put(key, self.versioning.summary(record))
        for name, every_ns in ((GOSSIP, self.settings.gossip_ns), (HANDOFF, self.settings.handoff_ns)):
            self.set_timer(name, self.random.uniform_ns(1, every_ns))

    def on_message(self, source: int, message: Any) -> None:
        self.hear(source)
        match message:
            case ReadRequest(operation, key):
                self.send(source, ReadReply(operation, self.versioning.encode(self.lookup(key))))
            case WriteRequest():
                self.on_write_request(source, message)
            case Repair(key, versions, _):
                self.on_repair(key, self.versioning.decode(versions))
            case Handoff(key, versions, offer, _):
                self.withdraw(key)
                self.store(key, self.versioning.decode(versions))
                self.storage.sync()
                self.observe(Received(key, source))
                self.send(source, HandoffReply(key, offer))
            case HandoffReply(key, offer):
                self.on_handoff_reply(source, key, offer)
            case ChangeMember(server, joins):
                self._see_members(self.storage.membership.changed(server, joins))
                self.gossip(self.settings.servers)
            case Gossip(counts):
                self._see_members(self.storage.membership.merge(counts))

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "gossip":
                others = [server for server in self.settings.servers if server != self.id]
                if others:
                    self.gossip((self.random.choice(others),))
                self.set_timer(GOSSIP, self.settings.gossip_ns)
            case "handoff":
                self.offer()
                self.set_timer(HANDOFF, self.settings.handoff_ns)
            case ("suspect", int(server)):
                self.suspects.discard(server)

    # Records.

    def lookup(self, key: str) -> Record:
        """What is kept of a key, hints included."""
        record = self.storage.records.get(key)
        if record is None:
            record = self.versioning.empty()
        for (_, hinted), replica in self.storage.hints.items():
            if hinted == key:
                record = self.versioning.merge(record, replica)
        return record

    def store(self, key: str, record: Record) -> None:
        """Add to what is kept of a key. Volatile until the sync."""
        present = self.storage.records.get(key)
        merged = record if present is None else self.versioning.merge(present, record)
        if merged != present:
            self.storage.put(key, merged)
            self.update_tree(key)

    def update_tree(self, key: str) -> None:
        """The tree shows what is kept."""
        record = self.storage.records.get(key)
        tree = self.tree(self.ring.partition(key))
        if record is None:
            tree.drop(key)
        else:
            tree.put(key, self.versioning.summary(record))

    def tree(self, partition: int) -> MerkleTree:
        """The tree of a partition; an empty one if nothing of it is kept."""
        return self.trees.setdefault(partition, MerkleTree())

    def on_repair(self, key: str, record: Record) -> None:
        """5: a coordinator has seen that this server lacks something."""
        self.store(key, record)
        self.storage.sync()

    def on_write_request(self, source: int, message: WriteRequest) -> None:
        record = self.versioning.decode(message.versions)
        if message.hint is None or message.hint == self.id:
            self.store(message.key, record)
        else:
            self.store_hint(message.hint, message.key, record)
        self.storage.sync()
        if not self.owns(message.key):
            kept = (message.hint, message.key) in self.storage.hints
            self.observe(StandsIn(message.key, message.hint if kept else None))
        self.send(source, WriteReply(message.operation))

    def store_hint(self, target: int, key: str, record: Record) -> None:
        """4.6: hinted replicas are kept apart, and looked through from time to time."""
        present = self.storage.hints.get((target, key))
        merged = record if present is None else self.versioning.merge(present, record)
        if merged != present:
            self.storage.put_hint(target, key, merged)
            self.observe(Hinted(key, target))

    # What belongs to others.

    def owns(self, key: str) -> bool:
        """Whether this server is one of the N that the key belongs to."""
        return self.id in self.ring.owners(key, self.settings.n)

    def offer(self) -> None:
        """4.6: a hinted replica is delivered when its owner is back; whether it is shows when one tries."""
        encode = self.versioning.encode
        for target, key in tuple(self.storage.hints):
            if target in self.ring.owners(key, self.settings.n):
                record = self.storage.hints[target, key]
                offer, offered = self.returned.get((target, key), (0, None))
                if offered != record:
                    offer = self._next_offer()
                    self.returned[target, key] = (offer, record)
                self.send(target, Handoff(key, encode(record), offer, self.storage.round))
            else:
                # The ring has changed: the replica is now like any other that belongs to others, or to this server.
                self.store(key, self.storage.hints[target, key])
                self.storage.forget_hint(target, key)
                self.storage.sync()
        for key, record in self.storage.records.items():
            if not self.owns(key):
                offer, offered, owners = self.given.get(key, (0, None, set()))
                if offered != record:
                    offer, owners = self._next_offer(), set()
                    self.given[key] = (offer, record, owners)
                for owner in self.ring.owners(key, self.settings.n):
                    if owner not in owners:
                        self.send(owner, Handoff(key, encode(record), offer, self.storage.round))

    def on_handoff_reply(self, source: int, key: str, offer: int) -> None:
        number, replica = self.returned.get((source, key), (0, None))
        if number == offer and replica is not None and self.storage.hints.get((source, key)) == replica:
            # 4.6: it may be deleted when the transfer has succeeded.
            self.drop_hint(source, key)
        number, record, owners = self.given.get(key, (0, None, set()))
        if number == offer and record is not None and self.storage.records.get(key) == record and not self.owns(key):
            owners.add(source)
            self.give_up(key, owners)

    def withdraw(self, key: str) -> None:
        """Forget who has confirmed a key: replies still under way are to an offer that is no more."""
        self.given.pop(key, None)

    def _next_offer(self) -> int:
        self.offers += 1
        return self.incarnation * OFFERS_MAX + self.offers

    def drop_hint(self, target: int, key: str) -> None:
        """The one it was meant for has it."""
        self.storage.forget_hint(target, key)
        self.storage.sync()
        self.returned.pop((target, key), None)
        self.observe(Delivered(key, target))

    def give_up(self, key: str, owners: set[int]) -> None:
        """4.9: keys that the ring has given to others are dropped when all of these have them."""
        if owners.issuperset(self.ring.owners(key, self.settings.n)):
            self.storage.forget(key)
            self.storage.sync()
            self.update_tree(key)
            del self.given[key]
            self.observe(Moved(key))

    # Membership, and who is well.

    def gossip(self, targets: tuple[int, ...]) -> None:
        """4.8.1: tell others which members this server knows of."""
        message = Gossip(self.storage.membership.counts)
        for target in targets:
            if target != self.id:
                self.send(target, message)

    def _see_members(self, membership: Membership) -> None:
        if membership == self.storage.membership or not membership.members:
            return  # the last member stays: a store without servers would keep nothing
        self.storage.put_membership(membership)
        self.storage.sync()
        self.ring = Ring(membership.members, self.settings.layout)
        self.given.clear()
        self.observe(Members(membership.members))

    def hear(self, source: int) -> None:
        """Anything that a server says shows that it is well."""
        self.suspects.discard(source)
        self.cancel_timer(("forward", source))

    def suspect(self, server: int) -> None:
        """4.8.3: failure is a local notion: a server that does not answer me is down for me."""
        if server not in self.suspects:
            self.suspects.add(server)
            self.observe(Suspected(server))
        self.set_timer(("suspect", server), self.settings.suspect_ns)
