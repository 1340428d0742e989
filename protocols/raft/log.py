"""The log: a sequence of entries on disk, each with the term in which a leader received it.

Law 1: the first entry has index 1; index 0 with term 0 stands before it in every log, so that there all logs agree.
Law 2: what is appended is volatile until the server syncs its disk; `durable_index` says how far it has.
Law 3: `durable_index <= last_index`.
Law 4: a log of which the disk cannot read a record is of no use: which entry stood there, nobody here can tell.

Positions in the list and on disk are known here alone: a snapshot will take the place of a prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.raft.messages import Entry

NAME = "log"
"""Of the log on the server's disk."""


class Change(NamedTuple):
    """What a sync made durable: of the log as it was durable before, a prefix stayed; entries follow it."""

    kept_index: int
    """The last index that stayed."""
    truncated: bool
    """Whether entries after `kept_index` had been durable before."""
    entries: tuple[Entry, ...]


class Log:
    """The log of one server."""

    __slots__ = ("_disk", "_entries", "_kept_index", "durable_index")

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._entries: list[Entry] = list(disk.records(NAME))
        self.durable_index = len(self._entries)
        """Entries up to here survive a crash."""
        self._kept_index = len(self._entries)
        """Of what was durable after the last sync, what is still in the log."""

    @property
    def corrupt_index(self) -> int | None:
        """The index of the first entry that the disk cannot read any more, None if it reads all."""
        return next((index for index, entry in enumerate(self._entries, start=1) if isinstance(entry, Corrupt)), None)

    @property
    def last_index(self) -> int:
        """The index of the last entry, 0 if there is none."""
        return len(self._entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry, 0 if there is none."""
        return self._entries[-1].term if self._entries else 0

    def entry(self, index: int) -> Entry:
        """The entry at an index."""
        assert index >= 1, "indexes start at 1"
        return self._entries[index - 1]

    def term(self, index: int) -> int | None:
        """The term of the entry at an index: 0 at index 0, None beyond the log's end."""
        if index == 0:
            return 0
        assert index > 0, "indexes start at 1"
        return self._entries[index - 1].term if index <= len(self._entries) else None

    def entries_from(self, index: int, count_max: int) -> tuple[Entry, ...]:
        """The entries from an index on, at most so many."""
        assert index >= 1, "indexes start at 1"
        return tuple(self._entries[index - 1 : index - 1 + count_max])

    def first_index_of_term(self, index: int) -> int:
        """The first index of the term that the entry at `index` has."""
        term = self.entry(index).term
        while index > 1 and self._entries[index - 2].term == term:
            index -= 1
        return index

    def first_difference(self, prev_log_index: int, entries: Sequence[Entry]) -> int | None:
        """The first index at which `entries`, which begin after `prev_log_index`, differ from the log or go beyond it.

        None where the log has them all. Entries of one index and one term are the same (Log Matching).
        """
        for index, entry in enumerate(entries, start=prev_log_index + 1):
            if self.term(index) != entry.term:
                return index
        return None

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries at the end. Volatile until the disk is synced. Raises DiskFull: they are then in memory alone."""
        self._entries += entries
        for entry in entries:
            self._disk.append(NAME, entry)

    def truncate(self, last_index: int) -> None:
        """Delete every entry after an index. Volatile until the disk is synced."""
        assert last_index >= 0, "index 0 stands before the first entry"
        self._disk.truncate(NAME, last_index)
        del self._entries[last_index:]
        self._kept_index = min(self._kept_index, last_index)

    def synced(self) -> Change | None:
        """The server has synced its disk: what that made durable, None if nothing new."""
        kept, before, now = self._kept_index, self.durable_index, len(self._entries)
        self.durable_index = self._kept_index = now
        if kept == before == now:
            return None
        return Change(kept, kept < before, tuple(self._entries[kept:]))
