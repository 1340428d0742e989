"""A shard's data: every version of every key, by timestamp."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from simclock.protocols.true_time.messages import Version, Write


class Versions:
    """Law: what is there at a timestamp does not change by what is written above it."""

    def __init__(self) -> None:
        self._written: dict[int, list[tuple[int, int]]] = {}
        """Key -> (timestamp, value), ascending."""

    def write(self, timestamp: int, writes: Iterable[Write]) -> None:
        """Add versions; adding the same ones again changes nothing."""
        for write in writes:
            versions = self._written.setdefault(write.key, [])
            position = bisect_left(versions, (timestamp, write.value))
            if versions[position : position + 1] != [(timestamp, write.value)]:
                versions.insert(position, (timestamp, write.value))

    def newest(self, key: int) -> Version:
        """The last version of a key."""
        versions = self._written.get(key)
        return Version(key, *versions[-1]) if versions else Version(key, 0, 0)

    def at(self, key: int, timestamp: int) -> Version:
        """The last version of a key whose timestamp is not above the given one."""
        versions = self._written.get(key, [])
        position = bisect_right(versions, timestamp, key=lambda version: version[0])
        return Version(key, *versions[position - 1]) if position else Version(key, 0, 0)
