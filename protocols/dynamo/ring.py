"""The consistent-hash ring: which servers keep a key, in what order they are asked (DeCandia et al. 2007, 4.2, 4.3).

    ring = Ring((0, 1, 2, 3), Layout(partitions=8, virtual_nodes=16))
    ring.walk(ring.partition(key))        # every member, each once, in the order of the ring
    ring.owners(key, 3)                   # the top 3: its preference list

The hash space is cut into equal partitions that never change. A server has several positions on the ring, its
*virtual nodes*; the preference list of a partition is the first N distinct servers clockwise from the partition's end
(the paper's 6.2, strategy 2: random tokens, partitions of equal size). So a Merkle tree belongs to a partition for
good, whoever keeps it.

Law: a ring is a function of its members alone, so servers that know the same members agree without a word. When a
server joins or leaves, only its own places in preference lists change hands.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from simclock import UsageError

HASH_BITS = 64


def position(text: str) -> int:
    """Where a text falls on the ring: 0 to 2**64 - 1."""
    return int.from_bytes(blake2b(text.encode(), digest_size=HASH_BITS // 8).digest(), "big")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What all servers of a store agree on for good."""

    partitions: int = 8
    virtual_nodes: int = 16
    """Positions on the ring of each server."""

    def __post_init__(self) -> None:
        for name in ("partitions", "virtual_nodes"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 1 << 16:
                raise UsageError(f"{name}: {value!r} is not a number of {name.replace('_', ' ')}: 1 to 65,536")


class Ring:
    """The ring of these members."""

    __slots__ = ("_layout", "_walks", "members")

    def __init__(self, members: tuple[int, ...], layout: Layout) -> None:
        self.members = members
        self._layout = layout
        numbers = range(layout.virtual_nodes)
        tokens = sorted((position(f"{node}#{number}"), node) for node in members for number in numbers)
        self._walks = tuple(self._walk(tokens, partition) for partition in range(layout.partitions))

    def _walk(self, tokens: list[tuple[int, int]], partition: int) -> tuple[int, ...]:
        end = ((partition + 1) << HASH_BITS) // self._layout.partitions
        clockwise = [node for place, node in tokens if place >= end] + [node for place, node in tokens if place < end]
        return tuple(dict.fromkeys(clockwise))

    def partition(self, key: str) -> int:
        """Which partition a key falls into."""
        return position(key) * self._layout.partitions >> HASH_BITS

    def walk(self, partition: int) -> tuple[int, ...]:
        """Every member, each once: the preference list, then who takes the place of one that is down."""
        return self._walks[partition]

    def owners(self, key: str, n: int) -> tuple[int, ...]:
        """The preference list of a key: the first `n` members on its walk, the first of them its coordinator."""
        return self._walks[self.partition(key)][:n]

    def owned(self, node: int, n: int) -> tuple[int, ...]:
        """The partitions that a server keeps."""
        return tuple(number for number, walk in enumerate(self._walks) if node in walk[:n])
