"""What a server keeps on its disk: its promise, what it has accepted, and a snapshot in place of what is long chosen.

Law 1: the journal is written at its end only; of several records of one slot the last counts.
Law 2: what is written is volatile until the server syncs its disk.
Law 3: a journal of which the disk cannot read a record is of no use: what was promised or accepted there, nobody knows.
Law 4: a snapshot takes the place of all slots up to its index, at once or, where the disk is torn, not at all
       (`places.py` of protocols/replication).

How far slots are known to be chosen is kept beside, and synced with the next record that has to be: it spares a server
that restarts to ask for what it has.
"""

from __future__ import annotations

from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.multi_paxos.messages import PValue, Snapshot
from simclock.protocols.replication.places import Places, erase_places

CHOSEN = "chosen"


class Journal:
    """The durable state of one server, as it is on disk and in memory."""

    __slots__ = ("_disk", "_places", "accepted", "chosen", "is_corrupt", "promised", "snapshot")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.snapshot = Snapshot(0, b"")
        self.promised = 0
        """The highest ballot promised."""
        self.accepted: dict[int, PValue] = {}
        """Slot -> what was accepted there in the highest ballot, or learned; of slots after the snapshot."""
        self.chosen = 0
        """All slots up to here are chosen, and what is accepted there is what was chosen."""
        self._places = Places(disk)
        chosen = disk.read(CHOSEN, 0)
        self.is_corrupt = self._places.is_corrupt or isinstance(chosen, Corrupt)
        """Whether the disk cannot read all of it any more; then nothing of it is here."""
        if self.is_corrupt:
            return
        self.snapshot = self._places.snapshot or self.snapshot
        for record in self._places.records:
            self._note(record)
        self.chosen = max(chosen, self.snapshot.index)

    def settle(self) -> None:
        """Law 4, where a crash came in between: see `Places.settle`. Raises DiskFull."""
        self._places.settle()

    def promise(self, ballot: int) -> None:
        """Raises DiskFull: then it is in memory alone."""
        self._write(ballot)

    def accept(self, pvalue: PValue) -> None:
        """Put a value in a slot after the snapshot. Raises DiskFull: then it is in memory alone."""
        self._write(pvalue)

    def choose(self, index: int) -> None:
        """All slots up to an index are chosen, as they are here. Raises DiskFull."""
        self.chosen = index
        self._disk.write(CHOSEN, index)

    def pvalues_from(self, slot: int, until: int | None = None) -> tuple[PValue, ...]:
        """What is here of the slots from one on, up to another, in order."""
        found = sorted(each for each in self.accepted if each >= slot and (until is None or each <= until))
        return tuple(self.accepted[each] for each in found)

    def replace_prefix(self, snapshot: Snapshot) -> None:
        """Law 4: put a snapshot, whose index is above the present one's, in the place of what it covers, durably.

        All that was written before is synced with it. Raises DiskFull.
        """
        kept = {slot: pvalue for slot, pvalue in self.accepted.items() if slot > snapshot.index}
        self._places.replace(snapshot, (self.promised, *(kept[slot] for slot in sorted(kept))))
        self.snapshot, self.accepted = snapshot, kept
        self.chosen = max(self.chosen, snapshot.index)

    def _write(self, record: int | PValue) -> None:
        self._note(record)
        self._places.append(record)

    def _note(self, record: int | PValue) -> None:
        if isinstance(record, int):
            self.promised = record
        else:
            self.accepted[record.slot] = record


def erase(disk: Disk) -> None:
    """Leave nothing of a journal. Volatile until the disk is synced."""
    erase_places(disk)
    disk.write(CHOSEN, 0)
