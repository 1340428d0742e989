"""A value under a chain of signatures, and what a node sends in a round."""

from __future__ import annotations

from simclock.actors import Message


class Chain(Message):
    """A value that these nodes have signed, one after the other. A right one of r signatures belongs to round r."""

    broadcast: int
    """0, 1, 2, ...: they follow each other."""
    sender: int
    """Whose value it is said to be. Several nodes may be senders at once, each of a broadcast of its own."""
    value: str
    signers: tuple[int, ...] = ()
    signatures: tuple[bytes, ...] = ()
    """One of each signer, 64 bytes: of the broadcast, its sender, the value, and all that was signed before."""

    def extended(self, signer: int, signature: bytes) -> Chain:
        """The chain with one more signature."""
        return Chain(self.broadcast, self.sender, self.value, (*self.signers, signer), (*self.signatures, signature))


class Chains(Message):
    """All that a node has to say in a round."""

    chains: tuple[Chain, ...]
