"""A node's disk: what it writes is volatile until `sync`, and a crash loses the rest.

Two shapes cover what protocols store: *values* by name (`write`, `read`) and *logs* by name (`append`, `truncate`,
`records`). Both give back what was written last, synced or not, as an operating system does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from simclock.errors import MessageTypeError, UsageError


@dataclass(frozen=True, kw_only=True)
class DiskModel:
    """How long a disk takes: what a node sends after `sync` leaves `sync_ns` later (0: at once)."""

    sync_ns: int = 0

    def __post_init__(self) -> None:
        if type(self.sync_ns) is not int or self.sync_ns < 0:
            raise UsageError(f"disk.sync: {self.sync_ns!r} is not a duration: whole nanoseconds, zero or more")


class DiskContents(NamedTuple):
    """What is on a disk."""

    values: dict[str, Any]
    logs: dict[str, tuple[Any, ...]]
    unsynced: int
    """Operations that a crash would lose now."""


class Disk:
    """The disk of one node; it survives the node's crash."""

    __slots__ = ("_durable_logs", "_durable_values", "_logs", "_pending", "_values", "syncs", "writes")

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._logs: dict[str, list[Any]] = {}
        self._durable_values: dict[str, Any] = {}
        self._durable_logs: dict[str, list[Any]] = {}
        self._pending: list[tuple[str, str, Any]] = []
        """What was done since the last sync: (operation, name, argument)."""
        self.syncs = 0
        self.writes = 0

    def read(self, name: str, default: Any = None) -> Any:
        """The value of that name, as it was written last."""
        return self._values.get(name, default)

    def write(self, name: str, value: Any) -> None:
        """Set a value. Volatile until `sync`."""
        self._do("write", name, _immutable(value))

    def append(self, name: str, record: Any) -> None:
        """Add a record to the end of a log. Volatile until `sync`."""
        self._do("append", name, _immutable(record))

    def truncate(self, name: str, length: int) -> None:
        """Keep the first `length` records of a log. Volatile until `sync`."""
        assert length >= 0, "a log's length is zero or more"
        self._do("truncate", name, length)

    def records(self, name: str) -> tuple[Any, ...]:
        """The records of a log, oldest first; empty if there is no such log."""
        return tuple(self._logs.get(name, ()))

    def sync(self) -> None:
        """Make everything written so far durable."""
        for operation, name, argument in self._pending:
            _apply(self._durable_values, self._durable_logs, operation, name, argument)
        self._pending.clear()
        self.syncs += 1

    def contents(self) -> DiskContents:
        """Everything on it, for who looks at a run; a node reads by name."""
        logs = {name: tuple(records) for name, records in sorted(self._logs.items())}
        return DiskContents(dict(sorted(self._values.items())), logs, len(self._pending))

    def crash(self) -> int:
        """Lose what was not synced; gives the number of operations lost."""
        lost = len(self._pending)
        self._pending.clear()
        self._values = dict(self._durable_values)
        self._logs = {name: list(records) for name, records in self._durable_logs.items()}
        return lost

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


def _immutable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        raise MessageTypeError(
            f"disk: {type(value).__name__} is mutable, and a later change would reach into what is durable: "
            "store a tuple, bytes, str, number or Message"
        ) from None
    return value
