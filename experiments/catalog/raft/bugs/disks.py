"""Raft servers with one wrong line: what is made of a disk that is full, or has lost a record."""

from __future__ import annotations

from simclock.protocols.raft import RaftServer


class CutsLogAtCorruptRecord(RaftServer):
    """DISK-01: a record that cannot be read is taken for the torn end of the log; what follows is dropped."""

    def _on_corrupt_entry(self, index: int) -> None:
        self.log.truncate(index - 1)


class IgnoresFullDisk(RaftServer):
    """DISK-03: the error of a write is swallowed, and what was to be written is kept in memory alone."""

    def _on_disk_full(self) -> None:
        pass
