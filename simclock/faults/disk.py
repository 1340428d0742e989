"""What happens to a node's disk. It survives the node's crash, so a fault strikes it also while the node is down.

A torn write is a sort of crash: `TornCrash`.
"""

from __future__ import annotations

from typing import ClassVar

from simclock.durations import format_duration
from simclock.faults.fault import NodeFault, duration_problem


class LoseSyncs(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on `sync` reports success but makes nothing durable, as a disk does that lies about its write cache.

    After `MendDisk` the next sync makes durable what no crash has lost meanwhile.
    """

    kind: ClassVar[str] = "lose-syncs"
    struck: ClassVar[str] = "unsynced"


class CorruptRecord(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """One durable record or value reads as `Corrupt` from now on; a stream of the node and the instant says which.

    No effect on a disk where nothing is durable.
    """

    kind: ClassVar[str] = "corrupt-record"
    struck: ClassVar[str] = "corrupted"


class FillDisk(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on `write` and `append` raise `DiskFull`, which the protocol may catch."""

    kind: ClassVar[str] = "fill-disk"
    struck: ClassVar[str] = "filled"


class SlowDisk(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on a sync takes that long, in place of what the disk's model says."""

    kind: ClassVar[str] = "slow-disk"
    sync_ns: int

    def problem(self) -> str:
        return duration_problem("sync", self.sync_ns)

    def describe(self) -> str:
        return f"{super().describe()}, {format_duration(self.sync_ns)} a sync"


class MendDisk(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """The disk has room again, keeps what is synced, and is as fast as its model. What is corrupt stays so."""

    kind: ClassVar[str] = "mend-disk"
