"""What a server keeps on its disk: acceptedEpoch, currentEpoch, and its history after a snapshot.

Law 1: what is written is volatile until the server syncs its disk; what was written first is not lost alone.
Law 2: zxids in a history increase; the snapshot's is below all that follow it.
Law 3: a disk that cannot read one of these is of no use: what was accepted there, nobody knows.
Law 4: a snapshot takes the place of what it covers at once, or not at all (`places.py` of protocols/replication).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.replication.places import Places, erase_places
from simclock.protocols.zab.messages import ZERO, Snapshot, Transaction, Zxid

ACCEPTED_EPOCH = "acceptedEpoch"
CURRENT_EPOCH = "currentEpoch"
"""Names of ZooKeeper's files."""


class Journal:
    """The durable state of one server, as it is on disk and in memory."""

    __slots__ = ("_disk", "_places", "accepted_epoch", "current_epoch", "is_corrupt", "snapshot", "transactions")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._places = Places(disk)
        self.accepted_epoch = 0
        """f.p: of the last NEWEPOCH accepted."""
        self.current_epoch = 0
        """f.a: of the last NEWLEADER accepted; at most `accepted_epoch`."""
        self.snapshot = Snapshot(0, ZERO, b"")
        """What stands in the place of all transactions up to its index."""
        self.transactions: list[Transaction] = []
        """h_f, after the snapshot."""
        accepted, current = disk.read(ACCEPTED_EPOCH, 0), disk.read(CURRENT_EPOCH, 0)
        self.is_corrupt = self._places.is_corrupt or isinstance(accepted, Corrupt) or isinstance(current, Corrupt)
        """Whether the disk cannot read all of it any more; then nothing of it is here."""
        if not self.is_corrupt:
            self.accepted_epoch, self.current_epoch = accepted, current
            self.snapshot = self._places.snapshot or self.snapshot
            self.transactions += self._places.records

    @property
    def last_index(self) -> int:
        """Of the last transaction, the first being 1; 0 in an empty history."""
        return self.snapshot.index + len(self.transactions)

    @property
    def last_zxid(self) -> Zxid:
        """Of the last transaction; `ZERO` in an empty history."""
        return self.transactions[-1].zxid if self.transactions else self.snapshot.zxid

    def zxid_at(self, index: int) -> Zxid:
        """Of the transaction at an index that the snapshot has not gone beyond."""
        position = index - self.snapshot.index
        return self.transactions[position - 1].zxid if position else self.snapshot.zxid

    def transaction(self, index: int) -> Transaction:
        """At an index after the snapshot's."""
        return self.transactions[index - self.snapshot.index - 1]

    def index_up_to(self, zxid: Zxid) -> int | None:
        """Of the last transaction that is not above a zxid; None where the snapshot goes beyond it."""
        if zxid < self.snapshot.zxid:
            return None
        return self.snapshot.index + bisect_right(self.transactions, zxid, key=_zxid_of)

    def after(self, index: int, count_max: int | None = None) -> tuple[Transaction, ...]:
        """The transactions after an index, at most so many."""
        first = index - self.snapshot.index
        return tuple(self.transactions[first : None if count_max is None else first + count_max])

    def accept_epoch(self, epoch: int) -> None:
        """Raises DiskFull: then it is in memory alone."""
        self.accepted_epoch = epoch
        self._disk.write(ACCEPTED_EPOCH, epoch)

    def enter_epoch(self, epoch: int) -> None:
        """Raises DiskFull: then it is in memory alone."""
        self.current_epoch = epoch
        self._disk.write(CURRENT_EPOCH, epoch)

    def settle(self) -> None:
        """Law 4, where a crash came in between: see `Places.settle`. Raises DiskFull."""
        self._places.settle()

    def append(self, transaction: Transaction) -> None:
        """Add to the end of the history. Raises DiskFull: then it is in memory alone."""
        self.transactions.append(transaction)
        self._places.append(transaction)

    def truncate(self, index: int) -> None:
        """Delete every transaction after an index, which is not before the snapshot's."""
        length = index - self.snapshot.index
        assert length >= 0, "what the snapshot has replaced is committed"
        del self.transactions[length:]
        self._places.truncate(length)

    def replace_prefix(self, snapshot: Snapshot) -> None:
        """Put a snapshot of one's own in the place of what it covers, durably. Raises DiskFull."""
        self.replace(snapshot, self.after(snapshot.index))

    def replace(self, snapshot: Snapshot, transactions: Sequence[Transaction]) -> None:
        """Put a snapshot and what follows it in the place of the history, durably. Raises DiskFull."""
        self._places.replace(snapshot, transactions)
        self.snapshot, self.transactions = snapshot, list(transactions)


def erase(disk: Disk) -> None:
    """Leave nothing of a journal. Volatile until the disk is synced."""
    erase_places(disk)
    disk.write(ACCEPTED_EPOCH, 0)
    disk.write(CURRENT_EPOCH, 0)


def _zxid_of(transaction: Transaction) -> Zxid:
    return transaction.zxid
