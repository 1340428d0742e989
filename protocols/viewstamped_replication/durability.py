"""What a durable server owes after a restart, by what it has told before: that a view, an operation, a commit-number
or a crash is on its disk.

Law 1: what it tells when it is durable is owed from then on; a commit-number, which is synced with what is synced next,
       from the next such observation on.
Law 2: a log that takes another's place in a later view takes it at once. A server that stopped in between, and told
       nothing more, may have it on its disk: then only what it has executed is still owed.
"""

from __future__ import annotations

from collections.abc import Iterator

from simclock import Told, reader
from simclock.protocols.replication.observed import Applied, CommitIndex
from simclock.protocols.replication.properties import Record
from simclock.protocols.viewstamped_replication.observed import (
    CrashesKnown,
    Follower,
    Handed,
    Installed,
    Joined,
    Kept,
    Leader,
    Prepared,
    Recovered,
    Snapshotted,
    Transferred,
    ViewChange,
)

read_durable = reader(
    CommitIndex,
    Applied,
    ViewChange,
    Handed,
    Prepared,
    Joined,
    Leader,
    Follower,
    Recovered,
    Transferred,
    Snapshotted,
    Installed,
    CrashesKnown,
)
"""What is read of a server for this; all but the first two are told when they are durable."""


class Durability:
    """Of one server, since its disk was last empty."""

    def __init__(self) -> None:
        self.normal = 0
        """The latest term in which its status was normal."""
        self._operations: dict[int, tuple[int, Record]] = {}
        """Op-number -> the term in which it was told last, and the operation."""
        self._executed = 0
        self._written = 0
        """The last commit-number."""
        self._synced = 0
        """The last that is owed."""
        self._crash_vector: tuple[int, ...] = ()

    def hears(self, told: Told) -> None:
        """What it tells (`read_durable`)."""
        match told:
            case CommitIndex(index):
                self._written = index
                return
            case Applied(op_number, taken_in, command):
                self._executed = max(self._executed, op_number)
                self._operations[op_number] = 0, Record(taken_in, command)
                return
            case Prepared(op_number, term, taken_in, command):
                self.normal = max(self.normal, term)
                self._operations[op_number] = term, Record(taken_in, command)
            case Joined(term, op_number) | Leader(term, op_number) | Recovered(term, op_number):
                self._enters(term, op_number)
            case Snapshotted(index) | Installed(index):
                self._has_checkpoint(index)
            case CrashesKnown(crash_vector):
                self._crash_vector = crash_vector
        self._synced = max(self._synced, self._written)

    def _enters(self, term: int, op_number: int) -> None:
        """Its status is normal in that view, with a log up to there. What it has not told of again there is not in the
        log any more, or is committed and executed at once."""
        self.normal = max(self.normal, term)
        self._operations = {
            number: (told_in, operation)
            for number, (told_in, operation) in self._operations.items()
            if number <= op_number and (told_in >= term or number <= self._executed)
        }

    def _has_checkpoint(self, index: int) -> None:
        """In place of what was executed."""
        self._executed = max(self._executed, index)
        self._written = max(self._written, index)
        self._operations = {number: each for number, each in self._operations.items() if number > index}

    def restarts(self, kept: Kept, normal: int) -> list[str]:
        """What it owes and has not, where it was normal last in that term."""
        missing = list(self._missing(kept, normal))
        self._written = kept.commit_number
        if normal > self.normal:
            self._enters(normal, self._executed)  # law 2
        return missing

    def _missing(self, kept: Kept, normal: int) -> Iterator[str]:
        if kept.commit_number < self._synced:
            yield f"had committed {self._synced} operations, restarts with {kept.commit_number} committed"
        if any(now < before for now, before in zip(kept.crash_vector, self._crash_vector, strict=False)):
            yield f"knew of the crashes {self._crash_vector}, restarts with {kept.crash_vector}"
        last = self._executed if normal > self.normal else max(self._operations, default=0)
        for number, (_, operation) in sorted(self._operations.items()):
            place = number - kept.first
            if number <= last and 0 <= place < len(kept.operations):
                found = Record(*kept.operations[place])
                if found != operation:
                    yield f"had told of {operation} as operation {number}, restarts with {found}"
                    return
