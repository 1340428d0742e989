"""What a server does with its disk, around any consensus engine.

Law 1: durable before sent. What a handler changed is synced before any message leaves that may speak of it, and before
       observers hear of it.
Law 2: a server whose disk refuses a write stops, and says nothing more: what cannot be made durable must not be
       answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock import DiskFull, Told
from simclock.actors import Message
from simclock.environment.disk import FULL_DISK
from simclock.protocols.replication.front import Front
from simclock.protocols.replication.sessions import StateMachine


class DurableFront(Front):
    """A front whose answers rest on what is on disk."""

    def __init__(self, settings: Any, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.unsynced = False
        """Whether something was written and not synced."""
        self.untold: list[Told] = []
        """What is to be told when it is durable."""

    def _write(self, write: Callable[..., None], *values: Any) -> None:
        """Have the disk keep something; not synced yet."""
        try:
            write(*values)
        except DiskFull:
            self._on_disk_full()

    def _on_disk_full(self) -> None:
        """Law 2."""
        self.halt(FULL_DISK)

    def _tell_when_durable(self, told: Told) -> None:
        """Observers hear of what was written when it is synced."""
        self.untold.append(told)
        self.unsynced = True

    def _persist(self) -> None:
        """Law 1."""
        if not self.unsynced:
            return
        self._sync_disk()
        self.unsynced = False
        untold, self.untold = self.untold, []
        for each in untold:
            self.observe(each)

    def _sync_disk(self) -> None:
        self.disk.sync()

    def _reply(self, target: int, message: Message) -> None:
        self._persist()
        self.send(target, message)
