"""What a server keeps on its disk: its promise, what it has accepted, and a snapshot in place of what is long chosen.

Law 1: the journal is written at its end only; of several records of one slot the last counts.
Law 2: what is written is volatile until the server syncs its disk.
Law 3: a journal of which the disk cannot read a record is of no use: what was promised or accepted there, nobody knows.
Law 4: a snapshot takes the place of all slots up to its index, at once or, where the disk is torn, not at all.

For law 4 there are two places, each a snapshot and a journal after it. The place that is not used is filled, its
snapshot last, and synced; only then the other is given up, and that synced too. So a snapshot that cannot be read was
never finished if the other place is whole, and is lost if that was given up.

How far slots are known to be chosen is kept beside, and synced with the next record that has to be: it spares a server
that restarts to ask for what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.multi_paxos.messages import PValue, Snapshot

_PLACES = (("journal", "snapshot"), ("journal.1", "snapshot.1"))
_GIVEN_UP = ()
"""In place of a snapshot: the other place is the one."""
CHOSEN = "chosen"


class Journal:
    """The durable state of one server, as it is on disk and in memory."""

    __slots__ = ("_disk", "_place", "accepted", "chosen", "is_corrupt", "promised", "snapshot")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.snapshot = Snapshot(0, b"")
        self.promised = 0
        """The highest ballot promised."""
        self.accepted: dict[int, PValue] = {}
        """Slot -> what was accepted there in the highest ballot, or learned; of slots after the snapshot."""
        self.chosen = 0
        """All slots up to here are chosen, and what is accepted there is what was chosen."""
        found = [disk.read(snapshot) for _, snapshot in _PLACES]
        self._place = _place_of(found)
        records = disk.records(_PLACES[self._place][0])
        chosen = disk.read(CHOSEN, 0)
        self.is_corrupt = any(isinstance(each, Corrupt) for each in (found[self._place], chosen, *records))
        """Whether the disk cannot read all of it any more; then nothing of it is here."""
        if self.is_corrupt:
            return
        self.snapshot = found[self._place] or self.snapshot
        for record in records:
            self._note(record)
        self.chosen = max(chosen, self.snapshot.index)

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
        before, self._place = self._place, 1 - self._place
        journal, name = _PLACES[self._place]
        self._disk.truncate(journal, 0)
        self._disk.append(journal, self.promised)
        for slot in sorted(kept):
            self._disk.append(journal, kept[slot])
        self._disk.write(name, snapshot)
        self._disk.sync()
        journal, name = _PLACES[before]
        self._disk.write(name, _GIVEN_UP)
        self._disk.truncate(journal, 0)
        self._disk.sync()  # else a snapshot that rots could pass for one that was never finished
        self.snapshot, self.accepted = snapshot, kept
        self.chosen = max(self.chosen, snapshot.index)

    def _write(self, record: int | PValue) -> None:
        self._note(record)
        self._disk.append(_PLACES[self._place][0], record)

    def _note(self, record: int | PValue) -> None:
        if isinstance(record, int):
            self.promised = record
        else:
            self.accepted[record.slot] = record


def erase(disk: Disk) -> None:
    """Leave nothing of a journal. Volatile until the disk is synced."""
    for journal, snapshot in _PLACES:
        disk.truncate(journal, 0)
        disk.write(snapshot, None)
    disk.write(CHOSEN, 0)


def _place_of(found: Sequence[Any]) -> int:
    """The place that is used, by what stands for a snapshot in each: see the module."""
    first, second = found
    if first == _GIVEN_UP or (isinstance(first, Corrupt) and second not in (None, _GIVEN_UP)):
        return 1
    if isinstance(second, Snapshot) and (first is None or second.index > first.index):
        return 1
    return 0
