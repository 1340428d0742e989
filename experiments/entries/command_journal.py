"""The state machine of scenarios for scripts and explorers: it takes any bytes."""

from __future__ import annotations

from simclock.protocols.replication import CommandsAlone


class Journal(CommandsAlone):
    """Keeps every command, and answers with it."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []

    def apply(self, command: bytes) -> bytes:
        """Carry out a command."""
        self.commands.append(command)
        return command
