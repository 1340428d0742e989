"""A value under a chain of signatures, and what a node sends in a round."""

from __future__ import annotations

from simclock.actors import Message


class Link(Message):
    """A signature: of the broadcast, its sender, the value, and every link before this one."""

    signer: int
    signature: bytes
    """64 bytes."""


class Chain(Message):
    """A value that these nodes have signed, one after the other. A right one of r links belongs to round r."""

    broadcast: int
    """0, 1, 2, ...: they follow each other."""
    sender: int
    """Whose value it is said to be. Several nodes may be senders at once, each of a broadcast of its own."""
    value: str
    links: tuple[Link, ...]

    @property
    def signers(self) -> tuple[int, ...]:
        """Who has signed, the first one first."""
        return tuple([link.signer for link in self.links])

    def extended(self, signer: int, signature: bytes) -> Chain:
        """The chain with one more link."""
        return Chain(self.broadcast, self.sender, self.value, (*self.links, Link(signer, signature)))


class Chains(Message):
    """All that a node has to say in a round."""

    chains: tuple[Chain, ...]
