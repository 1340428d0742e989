"""The log: a sequence of entries on disk, each with the term in which a leader received it, after a snapshot.

Law 1: the first entry has index 1; index 0 with term 0 stands before it in every log, so that there all logs agree.
Law 2: what is appended is volatile until the server syncs its disk; `durable_index` says how far it has.
Law 3: `durable_index <= last_index`.
Law 4: a log of which the disk cannot read a record is of no use: which entry stood there, nobody here can tell.
Law 5: a snapshot takes the place of all entries up to its own index, at once or, where the disk is torn, not at all
       (`places.py` of protocols/replication).

Positions in the list and on disk are known here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simclock.actors import Message
from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.raft.configuration import Configuration
from simclock.protocols.raft.messages import Entry
from simclock.protocols.replication.places import Places, erase_places

NAME = "log"
"""Of the log on the server's disk."""


class Snapshot(Message):
    """The state machine as of an index (dissertation 5.1)."""

    last_included_index: int
    last_included_term: int
    configuration: Configuration
    """The latest as of that index."""
    state: bytes


class Change(NamedTuple):
    """What a sync made durable: of the log as it was durable before, a prefix stayed; entries follow it."""

    kept_index: int
    """The last index that stayed."""
    truncated: bool
    """Whether entries after `kept_index` had been durable before."""
    entries: tuple[Entry, ...]


class Log:
    """The log of one server, which begins in `configuration`. Raises DiskFull where it has to give up a place first."""

    __slots__ = (
        "_configurations",
        "_entries",
        "_kept_index",
        "_lost_snapshot",
        "_places",
        "durable_index",
        "snapshot",
    )

    def __init__(self, disk: Disk, configuration: Configuration) -> None:
        self._places = Places(disk, NAME)
        self._places.settle()
        found = self._places.snapshot
        self._lost_snapshot = isinstance(found, Corrupt)
        self.snapshot: Snapshot = found if isinstance(found, Snapshot) else Snapshot(0, 0, configuration, b"")
        """What stands in the place of the entries up to its index."""
        self._entries: list[Entry] = list(self._places.records)
        self._configurations: list[tuple[int, Configuration]] = []
        """Of the entries that have one: (index, configuration), in order."""
        self._note_configurations(self.first_index, [each for each in self._entries if isinstance(each, Entry)])
        self.durable_index = self.last_index
        """Entries up to here survive a crash."""
        self._kept_index = self.durable_index
        """Of what was durable after the last sync, what is still in the log."""

    @property
    def corrupt_index(self) -> int | None:
        """The first index that the disk cannot read any more, None if it reads all; 0 is the snapshot's."""
        if self._lost_snapshot:
            return 0
        first = self.first_index
        return next((index for index, entry in enumerate(self._entries, first) if isinstance(entry, Corrupt)), None)

    @property
    def first_index(self) -> int:
        """The index after the snapshot's: where the entries begin."""
        return self.snapshot.last_included_index + 1

    @property
    def last_index(self) -> int:
        """The index of the last entry or of the snapshot, 0 if there is none."""
        return self.snapshot.last_included_index + len(self._entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry, 0 if there is none."""
        return self._entries[-1].term if self._entries else self.snapshot.last_included_term

    @property
    def configuration(self) -> Configuration:
        """The latest, whether it is committed or not."""
        return self._configurations[-1][1] if self._configurations else self.snapshot.configuration

    @property
    def configuration_index(self) -> int:
        """Where the latest configuration stands."""
        return self._configurations[-1][0] if self._configurations else self.snapshot.last_included_index

    def configuration_at(self, index: int) -> Configuration:
        """The latest as of an index, which the snapshot has not gone beyond."""
        return next(
            (configuration for at, configuration in reversed(self._configurations) if at <= index),
            self.snapshot.configuration,
        )

    def entry(self, index: int) -> Entry:
        """The entry at an index that the snapshot has not replaced."""
        assert index >= self.first_index, "the snapshot stands there"
        return self._entries[index - self.first_index]

    def term(self, index: int) -> int | None:
        """The term of the entry at an index: 0 at index 0, None beyond the log's end and before the snapshot's."""
        position = index - self.first_index
        if position == -1:
            return self.snapshot.last_included_term
        return self._entries[position].term if 0 <= position < len(self._entries) else None

    def entries_from(self, index: int, count_max: int) -> tuple[Entry, ...]:
        """The entries from an index on, at most so many."""
        position = index - self.first_index
        assert position >= 0, "the snapshot stands there"
        return tuple(self._entries[position : position + count_max])

    def first_index_of_term(self, index: int) -> int:
        """The first index of the term that the entry at `index` has, as far as the entries go back."""
        term, first = self.term(index), self.first_index
        while index > first and self._entries[index - first - 1].term == term:
            index -= 1
        return index

    def first_difference(self, prev_log_index: int, entries: Sequence[Entry]) -> int | None:
        """The first index at which `entries`, which begin after `prev_log_index`, differ from the log or go beyond it.

        None where the log has them all. Entries of one index and one term are the same (Log Matching); what the
        snapshot replaced was committed, so there every leader's log is the same.
        """
        for index, entry in enumerate(entries, start=prev_log_index + 1):
            if index >= self.first_index and self.term(index) != entry.term:
                return index
        return None

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries at the end. Volatile until the disk is synced. Raises DiskFull: they are then in memory alone."""
        self._note_configurations(self.last_index + 1, entries)
        self._entries += entries
        for entry in entries:
            self._places.append(entry)

    def truncate(self, last_index: int) -> None:
        """Delete every entry after an index. Volatile until the disk is synced."""
        position = last_index + 1 - self.first_index
        assert position >= 0, "what the snapshot has replaced is committed"
        self._places.truncate(position)
        del self._entries[position:]
        while self._configurations and self._configurations[-1][0] > last_index:
            self._configurations.pop()
        self._kept_index = min(self._kept_index, last_index)

    def synced(self) -> Change | None:
        """The server has synced its disk: what that made durable, None if nothing new."""
        kept, before, now = self._kept_index, self.durable_index, self.last_index
        self.durable_index = self._kept_index = now
        if kept == before == now:
            return None
        return Change(kept, kept < before, tuple(self._entries[kept + 1 - self.first_index :]))

    def replace_prefix(self, snapshot: Snapshot, *, keep: bool) -> None:
        """Law 5: put a snapshot, whose index is above the present one's, in the place of what it covers, durably.

        Entries after it stay if they are to be kept. All that was written before is synced with it. Raises DiskFull.
        """
        kept = self._entries[max(0, snapshot.last_included_index + 1 - self.first_index) :] if keep else []
        self._places.replace(snapshot, kept)
        self.snapshot, self._entries = snapshot, kept
        self._configurations = [each for each in self._configurations if each[0] > snapshot.last_included_index]
        if not kept:
            self._configurations.clear()
        self.durable_index = self._kept_index = self.last_index

    def _note_configurations(self, first_index: int, entries: Sequence[Entry]) -> None:
        for index, entry in enumerate(entries, first_index):
            if entry.configuration is not None:
                self._configurations.append((index, entry.configuration))


def erase(disk: Disk) -> None:
    """Leave nothing of a log. Volatile until the disk is synced."""
    erase_places(disk, NAME)
