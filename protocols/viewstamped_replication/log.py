"""The log of a server and where it stands, in memory and, where it is durable, on its disk.

Law 1: op-numbers have no gaps: the log is a checkpoint and the entries after it.
Law 2: of a durable server every change is written at the end of its journal, and volatile until the disk is synced. A
       change of the view, with what is cut off the log and what comes in its place, is one record: a crash leaves all
       of it or nothing.
Law 3: a journal of which the disk cannot read a record is of no use: what was promised or acknowledged there, nobody
       knows. The server then has nothing, as after a crash without a disk, and asks the others (`recovering.py`).
Law 4: a checkpoint takes the place of what it covers at once (`places.py` of protocols/replication).

The commit-number is kept beside, and synced with the next record that has to be.
"""

from __future__ import annotations

from collections.abc import Iterable

from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.replication.places import Places, erase_places
from simclock.protocols.viewstamped_replication.messages import Checkpoint, Entry, Group, Log, Standing

COMMITTED = "committed"


class ServerLog:
    """What VRR's Figure 2 calls log, op-number, view-number and configuration, and how they are kept."""

    def __init__(self, group: Group, nodes: int, disk: Disk | None) -> None:
        """In memory alone without a disk; `group` is that of the first epoch."""
        self.group = group
        self.view = 0
        """Increases monotonically within an epoch."""
        self.last_normal_view = 0
        """The latest in which its status was normal; at most `view`."""
        self.checkpoint = Checkpoint(0, b"")
        self.entries: list[Entry] = []
        """Of the operations after the checkpoint."""
        self.crash_vector: tuple[int, ...] = (0,) * nodes
        """Of every node, by its place in the settings: how often it is known to have crashed."""
        self.committed = 0
        """The commit-number when it was last written."""
        self.is_empty = True
        """Whether nothing was ever kept here."""
        self._disk = disk
        self._places = None if disk is None else Places(disk)
        self.is_corrupt = False
        """Law 3: whether the disk could not read all of it when the server started, or a crash has cut its erasure
        short; then nothing of it is here."""
        if self._places is not None and disk is not None:
            committed = disk.read(COMMITTED, 0)
            cut_short = self._places.snapshot is not None and not self._places.records  # a checkpoint is never alone
            self.is_corrupt = self._places.is_corrupt or isinstance(committed, Corrupt) or cut_short
            if not self.is_corrupt:
                self.begin_with(self._places.snapshot, self._places.records, committed)

    @property
    def op_number(self) -> int:
        """Of the last operation."""
        return self.checkpoint.index + len(self.entries)

    def entry(self, op_number: int) -> Entry:
        """An operation after the checkpoint."""
        assert op_number > self.checkpoint.index, "what a checkpoint has replaced is gone"
        return self.entries[op_number - self.checkpoint.index - 1]

    def after(self, op_number: int, count: int | None = None) -> Log:
        """So many of the operations after that one, or all; with the checkpoint, where some are in it."""
        if op_number < self.checkpoint.index:
            return Log(self.checkpoint.index + 1, tuple(self.entries), self.checkpoint)
        first = op_number - self.checkpoint.index
        return Log(op_number + 1, tuple(self.entries[first : None if count is None else first + count]))

    # Changes. All raise DiskFull: then they are in memory alone.

    def settle(self) -> None:
        """Law 4, where a crash came in between: see `Places.settle`. Raises DiskFull."""
        if self._places is not None:
            self._places.settle()

    def append(self, entry: Entry) -> None:
        """Put an operation after the last."""
        self.entries.append(entry)
        self._write(entry)

    def stand(self, op_number: int | None = None, entries: tuple[Entry, ...] = ()) -> None:
        """Keep group, view and crash vector as they are now, the log cut to an operation, and more after it."""
        record = self._standing(self.op_number if op_number is None else op_number, entries)
        self._cut(record)
        self._write(record)

    def replace_prefix(self, checkpoint: Checkpoint) -> None:
        """Law 4. What was written before is synced with it."""
        kept = self.entries[checkpoint.index - self.checkpoint.index :]
        self._replace(checkpoint, kept)

    def install(self, log: Log) -> None:
        """A checkpoint and what follows it, in place of all there is."""
        assert log.checkpoint is not None, "what is installed has a checkpoint"
        self._replace(log.checkpoint, list(log.entries))

    def commit(self, commit_number: int) -> None:
        """Keep how far is committed."""
        self.committed = commit_number
        if self._disk is not None:
            self._disk.write(COMMITTED, commit_number)

    def erase(self) -> None:
        """Leave nothing on the disk, durably."""
        if self._disk is not None:
            erase_places(self._disk)
            self._disk.write(COMMITTED, 0)
            self._disk.sync()
            self._places = Places(self._disk)

    # On the disk.

    def begin_with(self, snapshot: Checkpoint | None, records: Iterable[Entry | Standing], committed: int) -> None:
        """Be what a journal says."""
        self.checkpoint = snapshot or self.checkpoint
        for record in records:
            self.is_empty = False
            if isinstance(record, Standing):
                self._take(record)
            else:
                self.entries.append(record)
        self.committed = max(committed, self.checkpoint.index)

    def _take(self, record: Standing) -> None:
        self.group, self.view, self.last_normal_view = record.group, record.view, record.last_normal_view
        self.crash_vector = record.crash_vector
        self._cut(record)

    def _cut(self, record: Standing) -> None:
        self.entries[record.op_number - self.checkpoint.index :] = record.entries

    def _standing(self, op_number: int, entries: tuple[Entry, ...]) -> Standing:
        return Standing(self.group, self.view, self.last_normal_view, op_number, entries, self.crash_vector)

    def _replace(self, checkpoint: Checkpoint, entries: list[Entry]) -> None:
        self.checkpoint, self.entries = checkpoint, entries
        if self._places is not None:
            self._places.replace(checkpoint, (self._standing(checkpoint.index, tuple(entries)),))

    def _write(self, record: Entry | Standing) -> None:
        self.is_empty = False
        if self._places is not None:
            self._places.append(record)
