"""Ed25519 signatures (RFC 8032), by `cryptography`: who signs, and the list of all public keys.

Law: a key follows from the run's seed and the node's number alone, and an Ed25519 signature from key and content: no
luck is drawn, so a run has one digest wherever its nodes are. What a scenario carries are numbers; keys are made where
they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from struct import pack
from typing import TYPE_CHECKING

from simclock.protocols.dolev_strong.messages import Chain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEYS_KEPT = 4096
"""Of each sort, in a process."""
SIGNATURE_BYTES = 64


def missing() -> str:
    """What has to be installed for signatures and is not, with the mend; empty where all is there."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        return "needs cryptography, which is not here: pip install 'simclock[crypto]'"
    return ""


@lru_cache(KEYS_KEPT)
def private_key(seed: int, node: int) -> Ed25519PrivateKey:
    """The key that the node of a run signs with."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    secret = blake2b(f"{seed}:{node}".encode(), digest_size=32, person=b"dolev-strong").digest()
    return Ed25519PrivateKey.from_private_bytes(secret)


@lru_cache(KEYS_KEPT)
def public_key(seed: int, node: int) -> Ed25519PublicKey:
    """The key that everybody knows of it."""
    return private_key(seed, node).public_key()


def content_of(chain: Chain, before: int) -> bytes:
    """What the signature signs that has `before` others before it. Nothing else has the same."""
    value = chain.value.encode()
    signers = chain.signers[:before]
    numbers = pack(f">{3 + before}q", chain.broadcast, chain.sender, len(value), *signers)
    return b"".join((numbers, value, *chain.signatures[:before]))


@dataclass(frozen=True)
class Signer:
    """Signs as one node, with the key that nobody else has."""

    seed: int
    node: int

    def sign(self, content: bytes) -> bytes:
        """64 bytes."""
        return private_key(self.seed, self.node).sign(content)


@dataclass(frozen=True)
class Directory:
    """The public keys of all nodes, which all of them have had before they start."""

    seed: int
    nodes: int

    def is_signed(self, node: int, signature: bytes, content: bytes) -> bool:
        """Whether that node has signed this."""
        from cryptography.exceptions import InvalidSignature

        if not 0 <= node < self.nodes or len(signature) != SIGNATURE_BYTES:
            return False
        try:
            public_key(self.seed, node).verify(signature, content)
        except InvalidSignature:
            return False
        return True
