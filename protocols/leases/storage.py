"""The protected resource: it takes a write only with a token that no greater one has overtaken.

Law 1: the greatest token that was ever accepted is durable before its write is acknowledged, and a write with a lesser
       one is refused (Kleppmann 2016, "How to do distributed locking": it is the storage that has to check; Chubby
       2006 calls its like a sequencer).
Law 2: of one token, later writes have greater numbers, and an earlier one that arrives late is refused too.

Law 3: where its disk is full, or cannot read the greatest token any more, it halts: what it cannot keep it does not
       acknowledge, and with what it does not know it cannot compare. It reads a lock's token when a write of that lock
       comes, so it halts then, at every such write; a lease server's engine reads all when it starts.

Deviation: law 2 is not Kleppmann's. Messages are doubled and delayed here, and an old copy of a holder's own write
would undo its newer one; a TCP connection would do as well.

What this cannot do: it refuses what comes from an older holder *after* the newer one's first write. What comes before
that is taken; it then lies before all of the new holder's effects, which is what mutual exclusion of effects asks for.
"""

from __future__ import annotations

from typing import Any

from simclock import Corrupt, DiskFull
from simclock.actors import Node
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK
from simclock.protocols.leases.messages import Write, WriteReply
from simclock.protocols.leases.observed import Accepted, Refused


class StorageNode(Node):
    """One value for each lock."""

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Write(lock, token, number):
                accepted = self._may_write(lock, token, number)
                if accepted:
                    try:
                        self._store(source, message)
                    except DiskFull:
                        self.halt(FULL_DISK)
                else:
                    self.observe(Refused(lock, token, source, self._greatest(lock)[0]))
                self.send(source, WriteReply(lock, token, number, accepted, self._greatest(lock)[0]))

    def _may_write(self, lock: str, token: int, number: int) -> bool:
        """Laws 1 and 2. The very last write again is accepted again: its answer was lost."""
        return (token, number) >= self._greatest(lock)

    def _greatest(self, lock: str) -> tuple[int, int]:
        """The greatest (token, number) accepted so far; it is on disk, so a restart forgets nothing."""
        greatest = self.disk.read(f"greatest {lock}", (0, 0))
        if isinstance(greatest, Corrupt):
            self.halt(CORRUPT_RECORD)
        token, number = greatest
        return token, number

    def _store(self, source: int, write: Write) -> None:
        self.disk.write(f"value {write.lock}", write.value)
        self._remember(write)
        self.disk.sync()
        self.observe(Accepted(write.lock, write.token, write.number, source, write.value))

    def _remember(self, write: Write) -> None:
        greatest = max((write.token, write.number), self._greatest(write.lock))
        self.disk.write(f"greatest {write.lock}", greatest)
