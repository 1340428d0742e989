"""Two places on a disk, each a snapshot and a log of what came after it: how an engine lets a snapshot take the place
of its log.

Law 1: a log is written at its end only, and cut there; what is written is volatile until the disk is synced.
Law 2: a snapshot, with the records that stay after it, takes the place of all there was, at once or, where the disk is
       torn, not at all.

For law 2 the place that is not used is filled, its snapshot last, and synced; only then the other is given up, and that
synced too, before anything rests on it; who starts in between, with two that are whole, gives up one of them first. So
a snapshot that cannot be read was never finished if the other place is whole, and is lost if that was given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from simclock.environment.disk import Corrupt, Disk

JOURNAL = "journal"
_GIVEN_UP = ()
"""In place of a snapshot: the other place is the one."""


class Places:
    """The two places of one server, whose log has a name on its disk; a snapshot is any value but None and ()."""

    __slots__ = ("_disk", "_names", "_place")

    def __init__(self, disk: Disk, log: str = JOURNAL) -> None:
        self._disk = disk
        self._names = _names_of(log)
        self._place = _place_of([disk.read(snapshot) for _, snapshot in self._names])

    @property
    def snapshot(self) -> Any:
        """None where there is none yet, `Corrupt` where the disk cannot read it."""
        return self._disk.read(self._names[self._place][1])

    @property
    def records(self) -> tuple[Any, ...]:
        """Oldest first, `Corrupt` in the place of each that the disk cannot read."""
        return self._disk.records(self._names[self._place][0])

    @property
    def is_corrupt(self) -> bool:
        """Whether the disk cannot read all that it has kept."""
        return any(isinstance(each, Corrupt) for each in (self.snapshot, *self.records))

    def settle(self) -> None:
        """Give up, durably, the place that a crash has left over, before anything rests on this one: else it would pass
        for all there is where this one's snapshot is lost. Raises DiskFull."""
        other = 1 - self._place
        if _is_whole(self._disk.read(self._names[other][1])):
            self._give_up(other)

    def append(self, record: Any) -> None:
        """Raises DiskFull."""
        self._disk.append(self._names[self._place][0], record)

    def truncate(self, length: int) -> None:
        """Keep the first records alone."""
        self._disk.truncate(self._names[self._place][0], length)

    def replace(self, snapshot: Any, records: Iterable[Any]) -> None:
        """Law 2, durably: all that was written before is synced with it. Raises DiskFull."""
        before, self._place = self._place, 1 - self._place
        log, name = self._names[self._place]
        self._disk.truncate(log, 0)
        for record in records:
            self._disk.append(log, record)
        self._disk.write(name, snapshot)
        self._disk.sync()
        self._give_up(before)

    def _give_up(self, place: int) -> None:
        log, name = self._names[place]
        self._disk.write(name, _GIVEN_UP)
        self._disk.truncate(log, 0)
        self._disk.sync()  # else a snapshot that rots could pass for one that was never finished


def erase_places(disk: Disk, log: str = JOURNAL) -> None:
    """Leave nothing of them. Volatile until the disk is synced."""
    for name, snapshot in _names_of(log):
        disk.truncate(name, 0)
        disk.write(snapshot, None)


def _names_of(log: str) -> tuple[tuple[str, str], ...]:
    """Of each place: its log and its snapshot."""
    return (log, "snapshot"), (f"{log}.1", "snapshot.1")


def _is_whole(found: Any) -> bool:
    """Whether it is a snapshot that can be read."""
    return found not in (None, _GIVEN_UP) and not isinstance(found, Corrupt)


def _place_of(found: Sequence[Any]) -> int:
    """The place that is used, by what stands for a snapshot in each: see the module."""
    first, second = found
    if first == _GIVEN_UP or (isinstance(first, Corrupt) and second not in (None, _GIVEN_UP)):
        return 1
    return 0
