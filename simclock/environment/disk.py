"""A node's disk: what it writes is volatile until `sync`, and a crash loses the rest.

Two shapes cover what protocols store: *values* by name (`write`, `read`) and *logs* by name (`append`, `truncate`,
`records`). Both give back what was written last, synced or not, as an operating system does.

What may go wrong with it is told by faults: a crash may leave a prefix of what was not synced, whose last record may
be torn; a record may rot; both read as `Corrupt`. A sync may lie. A full disk raises `DiskFull`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from simclock.durations import TIME_NS_MAX
from simclock.errors import DiskFull, UsageError
from simclock.immutable import check_immutable
from simclock.readable import say


@dataclass(frozen=True, kw_only=True)
class DiskModel:
    """How long a disk takes: what a node sends after `sync` leaves `sync_ns` later (0: at once).

    What was synced is durable from the call on; a crash while the disk is still at it takes neither that back, nor what
    was sent after it.
    """

    sync_ns: int = 0

    def __post_init__(self) -> None:
        if type(self.sync_ns) is not int or not 0 <= self.sync_ns <= TIME_NS_MAX:
            raise UsageError(f"disk.sync: {say(self.sync_ns)} is not a duration: whole nanoseconds, zero to ten years")


class Corrupt(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What the disk gives in place of a record or value that it cannot read any more: its checksum is wrong."""


FULL_DISK = "the disk is full"
CORRUPT_RECORD = "a record cannot be read"
"""Why a node halts that its disk has failed."""


class DiskContents(NamedTuple):
    """What is on a disk."""

    values: dict[str, Any]
    logs: dict[str, tuple[Any, ...]]
    unsynced: int
    """Operations that a crash would lose now."""


class Disk:
    """The disk of one node; it survives the node's crash."""

    __slots__ = (
        "_durable_logs",
        "_durable_values",
        "_logs",
        "_pending",
        "_values",
        "full",
        "loses_syncs",
        "sync_ns",
        "syncs",
        "took_ns",
        "writes",
    )

    def __init__(self, sync_ns: int = 0, took_ns: Callable[[int], None] | None = None) -> None:
        # What was written is kept in a cell of its own, `(value,)`: two writes of equal values are two places on the
        # disk, even where CPython has one object for both.
        self._values: dict[str, tuple[Any]] = {}
        self._logs: dict[str, list[tuple[Any]]] = {}
        self._durable_values: dict[str, tuple[Any]] = {}
        self._durable_logs: dict[str, list[tuple[Any]]] = {}
        self._pending: list[tuple[str, str, Any]] = []
        """What was done since the last sync: (operation, name, argument)."""
        self.syncs = 0
        self.writes = 0
        self.sync_ns = sync_ns
        """How long a sync takes."""
        self.took_ns = took_ns
        """Told how long a sync took, where that is not zero."""
        self.full = False
        self.loses_syncs = False

    def read(self, name: str, default: Any = None) -> Any:
        """The value of that name, as it was written last; `Corrupt` if the disk cannot read it any more."""
        cell = self._values.get(name)
        return default if cell is None else cell[0]

    def write(self, name: str, value: Any) -> None:
        """Set a value. Volatile until `sync`. Raises DiskFull."""
        self._check_room()
        check_immutable(value, "disk.write", name)
        self._do("write", name, (value,))

    def append(self, name: str, record: Any) -> None:
        """Add a record to the end of a log. Volatile until `sync`. Raises DiskFull."""
        self._check_room()
        check_immutable(record, "disk.append", name)
        self._do("append", name, (record,))

    def truncate(self, name: str, length: int) -> None:
        """Keep the first `length` records of a log. Volatile until `sync`."""
        assert length >= 0, "a log's length is zero or more"
        self._do("truncate", name, length)

    def records(self, name: str) -> tuple[Any, ...]:
        """The records of a log, oldest first; `Corrupt` in place of each that the disk cannot read any more."""
        return tuple(record for (record,) in self._logs.get(name, ()))

    def sync(self) -> None:
        """Make everything written so far durable."""
        if not self.loses_syncs:
            self._keep(len(self._pending))
            self._pending.clear()
        self.syncs += 1
        if self.sync_ns and self.took_ns is not None:
            self.took_ns(self.sync_ns)

    def contents(self) -> DiskContents:
        """Everything on it, for who looks at a run; a node reads by name."""
        logs = {name: self.records(name) for name in sorted(self._logs)}
        return DiskContents({name: cell[0] for name, cell in sorted(self._values.items())}, logs, len(self._pending))

    def durable(self) -> DiskContents:
        """What a crash would leave of it now, for who looks at a run: what was synced."""
        logs = {name: tuple(record for (record,) in self._durable_logs[name]) for name in sorted(self._durable_logs)}
        values = {name: cell[0] for name, cell in sorted(self._durable_values.items())}
        return DiskContents(values, logs, len(self._pending))

    # What the environment does to it.

    def crash(self) -> int:
        """Lose what was not synced; gives the number of operations lost."""
        lost = len(self._pending)
        self._pending.clear()
        self._values = dict(self._durable_values)
        self._logs = {name: list(records) for name, records in self._durable_logs.items()}
        return lost

    def crash_torn(self, draw: Callable[[int], int]) -> int:
        """Keep a prefix of what was not synced, lose the rest; `draw(n)` gives a number below n.

        Every length from nothing to everything is as likely; every other time the last operation kept is torn.
        """
        kept = draw(len(self._pending) + 1)
        torn = bool(draw(2)) and kept > 0 and self._pending[kept - 1][0] != "truncate"
        if torn:
            operation, name, _ = self._pending[kept - 1]
            self._pending[kept - 1] = (operation, name, (Corrupt(),))
        self._keep(kept)
        del self._pending[:kept]
        return self.crash()

    def corrupt(self, draw: Callable[[int], int]) -> bool:
        """Make one durable record or value unreadable; False where there is none."""
        places: list[tuple[dict[str, Any], dict[str, Any], str, int | None]] = []
        for name in sorted(self._durable_values):
            places.append((self._durable_values, self._values, name, None))
        for name in sorted(self._durable_logs):
            places += [(self._durable_logs, self._logs, name, i) for i in range(len(self._durable_logs[name]))]
        if not places:
            return False
        durable, volatile, name, position = places[draw(len(places))]
        if position is None:
            if volatile[name] is durable[name]:
                volatile[name] = (Corrupt(),)
            durable[name] = (Corrupt(),)
        else:
            seen = volatile.get(name, ())
            if position < len(seen) and seen[position] is durable[name][position]:
                seen[position] = (Corrupt(),)
            durable[name][position] = (Corrupt(),)
        return True

    def _keep(self, operations: int) -> None:
        for operation, name, argument in self._pending[:operations]:
            _apply(self._durable_values, self._durable_logs, operation, name, argument)

    def _check_room(self) -> None:
        if self.full:
            raise DiskFull("the disk is full: nothing was written (who goes on without catches DiskFull, or halts)")

    def _do(self, operation: str, name: str, argument: Any) -> None:
        _apply(self._values, self._logs, operation, name, argument)
        self._pending.append((operation, name, argument))
        self.writes += 1


def _apply(values: dict[str, Any], logs: dict[str, list[Any]], operation: str, name: str, argument: Any) -> None:
    if operation == "write":
        values[name] = argument
    elif operation == "append":
        logs.setdefault(name, []).append(argument)
    else:
        del logs.setdefault(name, [])[argument:]
