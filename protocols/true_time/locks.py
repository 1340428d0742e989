"""A shard's lock table: shared locks for reads, exclusive ones for writes.

Law: a key has one exclusive holder, or shared holders. A transaction takes all it asks for, or nothing.

Why nobody waits for ever: exclusive locks are taken only by who prepares at the same moment. A transaction that waits
(to read) therefore waits for prepared ones, and a prepared one waits for no lock.
"""

from __future__ import annotations

from collections.abc import Iterable


class LockTable:
    """Which transaction holds what."""

    def __init__(self) -> None:
        self.shared: dict[int, set[int]] = {}
        """Key -> transactions."""
        self.exclusive: dict[int, int] = {}
        """Key -> transaction."""

    def conflicts(self, transaction: int, reads: Iterable[int], writes: Iterable[int]) -> list[int]:
        """The other transactions that stand in the way, in ascending order."""
        found = {self.exclusive[key] for key in (*reads, *writes) if key in self.exclusive}
        for key in writes:
            found |= self.shared.get(key, set())
        return sorted(found - {transaction})

    def take(self, transaction: int, reads: Iterable[int], writes: Iterable[int]) -> None:
        """Hold these; nothing may stand in the way."""
        reads, writes = tuple(reads), tuple(writes)
        assert not self.conflicts(transaction, reads, writes), "a lock has one holder"
        for key in reads:
            self.shared.setdefault(key, set()).add(transaction)
        for key in writes:
            self.exclusive[key] = transaction

    def holds(self, transaction: int, keys: Iterable[int]) -> bool:
        """Whether the transaction holds shared locks on all of these."""
        return all(transaction in self.shared.get(key, ()) for key in keys)

    def release(self, transaction: int) -> None:
        """Let go of everything."""
        for key in [key for key, holders in self.shared.items() if transaction in holders]:
            self.shared[key].discard(transaction)
            if not self.shared[key]:
                del self.shared[key]
        for key in [key for key, holder in self.exclusive.items() if holder == transaction]:
            del self.exclusive[key]
