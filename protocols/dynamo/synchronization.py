"""Anti-entropy: replicas compare their Merkle trees and send each other what is missing (DeCandia et al. 2007, 4.7).

    one     CompareHashes of the roots of all partitions that both keep
    other   CompareHashes of the children, where a root differs; and so on down, in turns
    other   CompareKeys: the summaries of what is under the leaves that differ
    one     Sync: what the other lacks, and what it would have itself
    other   Sync: that

Law: no record is sent whole where a part is enough, and none that the other has.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.dynamo.merkle import LEAF_LEVEL, children
from simclock.protocols.dynamo.messages import CompareHashes, CompareKeys, KeySummary, KeyVersions, Sync, TreeHash
from simclock.protocols.dynamo.observed import Synchronized
from simclock.protocols.dynamo.replica import Replica

ANTI_ENTROPY = "anti-entropy"


class SynchronizingReplica(Replica):
    """A replica that finds out what it has missed."""

    def on_start(self) -> None:
        super().on_start()
        if self.settings.anti_entropy_ns:
            self.set_timer(ANTI_ENTROPY, self.random.uniform_ns(1, self.settings.anti_entropy_ns))

    def on_timer(self, timer: Any) -> None:
        if timer == ANTI_ENTROPY:
            self._compare_with_one()
            self.set_timer(ANTI_ENTROPY, self.settings.anti_entropy_ns)
        else:
            super().on_timer(timer)

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case CompareHashes(level, hashes):
                self.hear(source)
                self._on_compare_hashes(source, level, hashes)
            case CompareKeys(leaves, keys):
                self.hear(source)
                self._on_compare_keys(source, leaves, keys)
            case Sync(lacking, wanted, _):
                self.hear(source)
                self._on_sync(source, lacking, wanted)
            case _:
                super().on_message(source, message)

    def _compare_with_one(self) -> None:
        """Pick one of the servers that keep partitions which this one keeps too."""
        n = self.settings.n
        shared: dict[int, list[int]] = {}
        for partition in self.ring.owned(self.id, n):
            for server in self.ring.walk(partition)[:n]:
                if server != self.id:
                    shared.setdefault(server, []).append(partition)
        if shared:
            peer = self.random.choice(sorted(shared))
            roots = tuple(TreeHash(partition, 0, self.tree(partition).hash(0, 0)) for partition in shared[peer])
            self.send(peer, CompareHashes(0, roots))

    def _on_compare_hashes(self, source: int, level: int, hashes: tuple[TreeHash, ...]) -> None:
        differing = [each for each in hashes if self.tree(each.partition).hash(level, each.index) != each.hash]
        if not differing:
            return
        if level == LEAF_LEVEL:
            leaves = tuple((each.partition, each.index) for each in differing)
            self.send(source, CompareKeys(leaves, self._summaries(leaves)))
            return
        below = [(each.partition, index) for each in differing for index in children(each.index)]
        finer = tuple(
            TreeHash(partition, index, self.tree(partition).hash(level + 1, index)) for partition, index in below
        )
        self.send(source, CompareHashes(level + 1, finer))

    def _summaries(self, leaves: tuple[tuple[int, int], ...]) -> tuple[KeySummary, ...]:
        return tuple(
            KeySummary(key, summary)
            for partition, leaf in leaves
            for key, summary in sorted(self.tree(partition).keys(leaf).items())
        )

    def _on_compare_keys(self, source: int, leaves: tuple[tuple[int, int], ...], keys: tuple[KeySummary, ...]) -> None:
        """Send what the other lacks; ask for what this server lacks."""
        versioning = self.versioning
        nothing = versioning.summary(versioning.empty())
        theirs = {each.key: each.summary for each in keys}
        mine = {each.key for each in self._summaries(leaves)}
        lacking, wanted = [], []
        for key in sorted(mine | set(theirs)):
            record = self.storage.records.get(key, versioning.empty())
            summary = theirs.get(key, nothing)
            missing = versioning.missing(record, summary)
            if missing:
                lacking.append(KeyVersions(key, missing))
            if versioning.lacks(record, summary):
                wanted.append(KeySummary(key, versioning.summary(record)))
        if lacking or wanted:
            self.send(source, Sync(tuple(lacking), tuple(wanted), self.storage.round))

    def _on_sync(self, source: int, lacking: tuple[KeyVersions, ...], wanted: tuple[KeySummary, ...]) -> None:
        versioning = self.versioning
        for each in lacking:
            present = self.storage.records.get(each.key, versioning.empty())
            self.store(each.key, versioning.apply(present, each.missing))
        if lacking:
            self.storage.sync()
            self.observe(Synchronized(source, len(lacking)))
        answers = []
        for asked in wanted:
            record = self.storage.records.get(asked.key, versioning.empty())
            missing = versioning.missing(record, asked.summary)
            if missing:
                answers.append(KeyVersions(asked.key, missing))
        if answers:
            self.send(source, Sync(tuple(answers), (), self.storage.round))
