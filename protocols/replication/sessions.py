"""Client sessions: a command that is committed twice is applied once (Ongaro 2014, "the dissertation", 6.3).

Law 1: a client has one request outstanding at a time and numbers them 1, 2, 3, ...; a retry has the same number.
Law 2: a command whose number has been applied is not applied again; its answer comes from the cache.
Law 3: sessions are part of the replicated state, so every server has the same.

Deviation: a client names itself, with a number no other client has, in place of the RegisterClient RPC; and sessions
never expire. The dissertation expires them to bound memory, and then has to refuse requests of sessions it does not
know; in a run that ends there is nothing to bound.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from simclock.actors import Message

_BETWEEN = b", "


class StateMachine(Protocol):
    """A service that is replicated: deterministic, and total, as a command cannot be refused once committed."""

    def apply(self, command: bytes) -> bytes:
        """Carry out a command; gives what the client hears."""
        ...

    def query(self, command: bytes) -> bytes:
        """Answer a command that changes nothing; one that would is refused. Only where queries are sent."""
        ...

    def snapshot(self) -> bytes:
        """The whole state, the same bytes for the same state. Only where the engine makes snapshots."""
        ...

    def restore(self, state: bytes) -> None:
        """Be in the state that a snapshot was taken of, whatever it was before."""
        ...


class CommandsAlone:
    """A state machine of which nobody asks more than that it applies commands."""

    def query(self, command: bytes) -> bytes:
        raise NotImplementedError(f"{type(self).__name__} answers no queries")

    def snapshot(self) -> bytes:
        raise NotImplementedError(f"{type(self).__name__} has no snapshots")

    def restore(self, state: bytes) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no snapshots")


class CommandsKept(CommandsAlone):
    """A state machine that takes any bytes, keeps every command, and answers with it: for schedules by hand.

    Where snapshots are made no command has ", " in it.
    """

    def __init__(self) -> None:
        self.commands: list[bytes] = []

    def apply(self, command: bytes) -> bytes:
        """Carry out a command."""
        self.commands.append(command)
        return command

    def snapshot(self) -> bytes:
        """All commands."""
        return _BETWEEN.join(self.commands)

    def restore(self, state: bytes) -> None:
        """As if these commands had been applied."""
        self.commands = state.split(_BETWEEN) if state else []


class Numbered(Message):
    """A command in its session: what a client encodes and sends, and the log keeps."""

    client_id: int
    sequence_num: int
    command: bytes


class _Snapshot(Message):
    """What sessions keep, and the state below."""

    latest: tuple[tuple[int, int, bytes], ...]
    """(client, number, answer), in order of the client."""
    state: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Numbered).decode
_decode_snapshot = msgspec.msgpack.Decoder(_Snapshot).decode


def numbered(client_id: int, sequence_num: int, command: bytes) -> bytes:
    """A command of a session, encoded."""
    return _encode(Numbered(client_id, sequence_num, command))


class Sessions:
    """A state machine that filters duplicates out and passes the rest to another."""

    def __init__(self, state_machine: StateMachine) -> None:
        self.state_machine = state_machine
        self._latest: dict[int, tuple[int, bytes]] = {}
        """Client -> the number of its latest command that was applied, and the answer."""
        self.duplicates = 0

    def apply(self, command: bytes) -> bytes:
        """Apply the command unless its number was applied before."""
        asked = _decode(command)
        sequence_num, answer = self._latest.get(asked.client_id, (0, b""))
        if asked.sequence_num <= sequence_num:
            # Dissertation 6.3: the state machine responds without re-executing the request. By law 1 the client waits
            # for nothing but its latest number, so of older ones no answer is kept.
            self.duplicates += 1
            return answer if asked.sequence_num == sequence_num else b""
        answer = self.state_machine.apply(asked.command)
        self._latest[asked.client_id] = asked.sequence_num, answer
        return answer

    def query(self, command: bytes) -> bytes:
        """A query belongs to no session: it may be answered any number of times."""
        return self.state_machine.query(command)

    def snapshot(self) -> bytes:
        """Law 3: the sessions are part of it (dissertation 6.3)."""
        latest = tuple((client, number, answer) for client, (number, answer) in sorted(self._latest.items()))
        return _encode(_Snapshot(latest, self.state_machine.snapshot()))

    def restore(self, state: bytes) -> None:
        """Duplicates are counted on: they say what this server has seen, not what is replicated."""
        kept = _decode_snapshot(state)
        self._latest = {client: (number, answer) for client, number, answer in kept.latest}
        self.state_machine.restore(kept.state)
