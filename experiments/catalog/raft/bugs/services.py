"""Stores, sessions, servers and clients with one wrong line: the protocol below is right, what clients see is not."""

from __future__ import annotations

import msgspec

from simclock.protocols.key_value import Answer, Client, Command, KeyValueStore
from simclock.protocols.key_value.observed import Failed, Succeeded
from simclock.protocols.key_value.store import DONE, encode_command
from simclock.protocols.raft import RaftServer, Role
from simclock.protocols.replication import ClientReply, ClientRequest, Numbered, Sessions, numbered

_numbered = msgspec.msgpack.Decoder(Numbered).decode
_command = msgspec.msgpack.Decoder(Command).decode


def _read(request: ClientRequest) -> bytes | None:
    """The session's command if it is a read, else None."""
    command = _numbered(request.command).command
    return command if _command(command).function == "get" else None


def _answer(server: RaftServer, command: bytes) -> bytes:
    assert isinstance(server.state_machine, Sessions), "the hunt's servers have sessions"
    return server.state_machine.state_machine.apply(command)


class LeaderReadsLocally(RaftServer):
    """JEP-01: a leader answers reads from its own state, without asking whether it still leads."""

    def _on_client_request(self, source: int, message: ClientRequest) -> None:
        read = _read(message)
        if read is not None and self.role is Role.LEADER:
            self._reply(source, ClientReply(message.request_id, "ok", _answer(self, read), None))
        else:
            super()._on_client_request(source, message)


class EveryoneReadsLocally(RaftServer):
    """JEP-05: every replica answers reads from its own state."""

    def _on_client_request(self, source: int, message: ClientRequest) -> None:
        read = _read(message)
        if read is not None:
            self._reply(source, ClientReply(message.request_id, "ok", _answer(self, read), None))
        else:
            super()._on_client_request(source, message)


class AnswersBeforeCommit(RaftServer):
    """A write is confirmed when it is in the leader's log, before a majority has it."""

    def _on_client_request(self, source: int, message: ClientRequest) -> None:
        if self.role is Role.LEADER and _command(_numbered(message.command).command).function == "put":
            self.propose(message.command)
            self._reply(source, ClientReply(message.request_id, "ok", DONE, None))
        else:
            super()._on_client_request(source, message)


class RemembersWaiting(RaftServer):
    """A leader that steps down still answers whoever waited for an index, with whatever comes to stand there."""

    def _become_follower(self, term: int) -> None:
        waiting = dict(self.waiting)
        super()._become_follower(term)
        self.waiting.update(waiting)


class AppliesTwice(Sessions):
    """Sessions left out: a command that was committed twice is applied twice."""

    def apply(self, command: bytes) -> bytes:
        return self.state_machine.apply(_numbered(command).command)


class ComparesWithOldState(KeyValueStore):
    """LEDGER-04: a compare-and-set that follows another on its key compares with the state before that one."""

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[str, str | None] = {}

    def apply(self, command: bytes) -> bytes:
        asked = _command(command)
        now = self.values.get(asked.key)
        if asked.function == "cas" and asked.value is not None and self._before.get(asked.key, now) == asked.expected:
            self._before[asked.key] = now
            self.values[asked.key] = asked.value
            return msgspec.msgpack.encode(Answer(True))
        self._before.pop(asked.key, None)
        return super().apply(command)


class TimeoutIsFailure(Client):
    """JEP-04: no answer in time is taken for "it has not happened"."""

    def _give_up(self, request_id: int) -> None:
        call = self._ended(request_id)
        self.observe(Failed(call.process, call.command.function, call.command.key, None))
        self._rest(call.process)


class TimeoutIsSuccess(Client):
    """JEP-04, the other form: no answer in time is taken for "it has happened"."""

    def _give_up(self, request_id: int) -> None:
        function = self.calls[request_id].command.function
        if function not in ("put", "append", "delete"):
            super()._give_up(request_id)
            return
        call = self._ended(request_id)
        self.observe(Succeeded(call.process, function, call.command.key, None))
        self._rest(call.process)


class RetriesAsNew(Client):
    """A retry gets a number of its own, so that nobody knows it for one."""

    def _retry(self, request_id: int) -> None:
        call = self.calls[request_id]
        number = self.sequence_num[call.process] = self.sequence_num[call.process] + 1
        call.request = ClientRequest(request_id, numbered(call.process, number, encode_command(call.command)))
        super()._retry(request_id)
