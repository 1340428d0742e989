"""Two places on a disk, each a snapshot and a log of what came after it: how an engine lets a snapshot take the place
of its log.

Law 1: a log is written at its end only, and cut there; what is written is volatile until the disk is synced.
Law 2: a snapshot, with the records that stay after it, takes the place of all there was, at once or, where the disk is
       torn, not at all.

For law 2 the place that is not used is filled, its snapshot last, and synced; only then the other is given up, and that
synced too. So a snapshot that cannot be read was never finished if the other place is whole, and is lost if that was
given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from simclock.environment.disk import Corrupt, Disk

_PLACES = (("journal", "snapshot"), ("journal.1", "snapshot.1"))
_GIVEN_UP = ()
"""In place of a snapshot: the other place is the one."""


class Places:
    """The two places of one server; a snapshot is any value with an `index`, by which a later one is known."""

    __slots__ = ("_disk", "_place", "records", "snapshot")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        found = [disk.read(snapshot) for _, snapshot in _PLACES]
        self._place = _place_of(found)
        self.snapshot: Any = found[self._place]
        """As it was found: None where there is none yet, `Corrupt` where the disk cannot read it."""
        self.records: tuple[Any, ...] = disk.records(_PLACES[self._place][0])
        """As they were found, oldest first, `Corrupt` in the place of each that the disk cannot read."""

    @property
    def is_corrupt(self) -> bool:
        """Whether the disk could not read all that it had kept."""
        return any(isinstance(each, Corrupt) for each in (self.snapshot, *self.records))

    def append(self, record: Any) -> None:
        """Raises DiskFull."""
        self._disk.append(_PLACES[self._place][0], record)

    def truncate(self, length: int) -> None:
        """Keep the first records alone."""
        self._disk.truncate(_PLACES[self._place][0], length)

    def replace(self, snapshot: Any, records: Iterable[Any]) -> None:
        """Law 2, durably: all that was written before is synced with it. Raises DiskFull."""
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


def erase_places(disk: Disk) -> None:
    """Leave nothing of them. Volatile until the disk is synced."""
    for journal, snapshot in _PLACES:
        disk.truncate(journal, 0)
        disk.write(snapshot, None)


def _place_of(found: Sequence[Any]) -> int:
    """The place that is used, by what stands for a snapshot in each: see the module."""
    first, second = found
    if first == _GIVEN_UP or (isinstance(first, Corrupt) and second not in (None, _GIVEN_UP)):
        return 1
    if second not in (None, _GIVEN_UP) and not isinstance(second, Corrupt):
        return int(first is None or second.index > first.index)
    return 0
