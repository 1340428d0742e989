"""Merkle trees: two replicas find out in a few messages which keys they hold differently (DeCandia et al. 2007, 4.7).

A leaf hashes the (key, summary) pairs whose keys fall into it, an inner node the hashes of its children. Equal roots
mean equal contents; where they differ, only the children that differ are looked at.

Law: a tree is a function of what it holds, never of the order in which it was put in.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from simclock.protocols.dynamo.ring import HASH_BITS, position

FAN_OUT = 4
LEVELS = 3
"""Level 0 is the root; the leaves are of level LEVELS - 1."""
LEAF_LEVEL = LEVELS - 1
LEAVES = FAN_OUT**LEAF_LEVEL
HASH_BYTES = 8


def leaf_of(key: str) -> int:
    """Which leaf a key falls into: by other bits of its hash than those that choose the partition."""
    leaf: int = position(f"leaf {key}") * LEAVES >> HASH_BITS
    return leaf


class MerkleTree:
    """The tree of one partition."""

    __slots__ = ("_hashes", "_leaves")

    def __init__(self) -> None:
        self._leaves: list[dict[str, bytes]] = [{} for _ in range(LEAVES)]
        self._hashes: dict[tuple[int, int], bytes] = {}
        """(level, index) -> hash; what is absent is computed when asked."""

    def put(self, key: str, summary: bytes) -> None:
        """A key is held with that summary."""
        leaf = leaf_of(key)
        self._leaves[leaf][key] = summary
        self._forget(leaf)

    def drop(self, key: str) -> None:
        """A key is not held any more."""
        leaf = leaf_of(key)
        self._leaves[leaf].pop(key, None)
        self._forget(leaf)

    def keys(self, leaf: int) -> Mapping[str, bytes]:
        """Key -> summary of what one leaf holds."""
        return self._leaves[leaf]

    def hash(self, level: int, index: int) -> bytes:
        """The hash of a node; of an empty tree too."""
        place = (level, index)
        if place not in self._hashes:
            self._hashes[place] = self._hash_of(level, index)
        return self._hashes[place]

    def _hash_of(self, level: int, index: int) -> bytes:
        digest = blake2b(digest_size=HASH_BYTES)
        if level == LEAF_LEVEL:
            for key, summary in sorted(self._leaves[index].items()):
                for part in (key.encode(), summary):
                    digest.update(len(part).to_bytes(4, "big") + part)
        else:
            for child in children(index):
                digest.update(self.hash(level + 1, child))
        return digest.digest()

    def _forget(self, leaf: int) -> None:
        index = leaf
        for level in range(LEAF_LEVEL, -1, -1):
            self._hashes.pop((level, index), None)
            index //= FAN_OUT


def children(index: int) -> range:
    """The children of a node, by their indexes on the next level."""
    return range(index * FAN_OUT, (index + 1) * FAN_OUT)
