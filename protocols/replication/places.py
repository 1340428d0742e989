"""A snapshot and the records after it, on a disk: two places, of which one is used.

Law 1: records are written at the end only, and are volatile until the disk is synced.
Law 2: a snapshot takes the place of all before it, at once or, where the disk is torn, not at all.
Law 3: of a place of which the disk cannot read the snapshot or a record, nothing is of use.

For law 2 each place has a snapshot and its records. The place that is not used is filled, its snapshot last, and
synced; only then the other is given up, and that synced too. So a snapshot that cannot be read was never finished if
the other place is whole, and is lost if that was given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from simclock.environment.disk import Corrupt, Disk

_PLACES = (("journal", "snapshot"), ("journal.1", "snapshot.1"))
_GIVEN_UP = ()
"""In place of a snapshot: the other place is the one."""


def digest_of(state: bytes) -> bytes:
    """What observers compare states by."""
    return blake2b(state, digest_size=8).digest()


class Places:
    """Where a server keeps what it must not forget. Snapshots have an `index`, which increases."""

    __slots__ = ("_disk", "_place", "records", "snapshot")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        found = [disk.read(snapshot) for _, snapshot in _PLACES]
        self._place = _place_of(found)
        self.records: tuple[Any, ...] = disk.records(_PLACES[self._place][0])
        """As they were when the server started; `Corrupt` in place of each that the disk cannot read."""
        self.snapshot: Any = found[self._place] or None
        """As it was when the server started; None: there was none."""

    @property
    def is_corrupt(self) -> bool:
        """Law 3."""
        return any(isinstance(each, Corrupt) for each in (self.snapshot, *self.records))

    def append(self, record: Any) -> None:
        """Write a record at the end. Raises DiskFull."""
        self._disk.append(_PLACES[self._place][0], record)

    def replace(self, records: Iterable[Any], snapshot: Any) -> None:
        """Law 2: put a snapshot, and the records after it, in the place of what is there, durably. Raises DiskFull."""
        before, self._place = self._place, 1 - self._place
        journal, name = _PLACES[self._place]
        self._disk.truncate(journal, 0)
        for record in records:
            self._disk.append(journal, record)
        self._disk.write(name, snapshot)
        self._disk.sync()
        journal, name = _PLACES[before]
        self._disk.write(name, _GIVEN_UP)
        self._disk.truncate(journal, 0)
        self._disk.sync()  # else a snapshot that rots could pass for one that was never finished


def erase(disk: Disk) -> None:
    """Leave nothing of either place. Volatile until the disk is synced."""
    for journal, snapshot in _PLACES:
        disk.truncate(journal, 0)
        disk.write(snapshot, None)


def _place_of(found: Sequence[Any]) -> int:
    """The place that is used, by what stands for a snapshot in each: see the module."""
    first, second = found
    if first == _GIVEN_UP or (isinstance(first, Corrupt) and second not in (None, _GIVEN_UP)):
        return 1
    readable = second not in (None, _GIVEN_UP) and not isinstance(second, Corrupt)
    if readable and (first is None or second.index > first.index):
        return 1
    return 0
