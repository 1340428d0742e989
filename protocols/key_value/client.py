"""A client node: it calls the store, finds the leader, retries, and records what it heard.

What it records, for a history:

    "invoke"   (process, function, key, argument)     of a cas the argument is (expected, value)
    "ok"       (process, function, key, result)       it has happened
    "fail"     (process, function, key, None)         the store refused it: it has not happened
    "unknown"  (process, function, key, None)         no answer: it may yet happen at any time

Law 1: a time-out is never a failure; nor is `not_leader`, because another copy of the request may have been taken.
Law 2: a process has one operation open. After "unknown" it ends, and another with a session of its own goes on: the
       operation it left behind can then not be mistaken for a newer one.
Law 3: a retry has the same request number, so that it is applied once (dissertation 6.3).
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.key_value.store import Command, decode_answer, encode_command
from simclock.protocols.key_value.workload import Workload
from simclock.protocols.raft.messages import ClientReply, ClientRequest
from simclock.protocols.raft.sessions import numbered

CALLS_MAX = 1 << 24
"""Of one incarnation, and of its processes: what is numbered from 0 in the next begins there."""


class _Call:
    """An operation that is open."""

    __slots__ = ("command", "process", "redirects", "request", "server")

    def __init__(self, process: int, command: Command, request: ClientRequest) -> None:
        self.process = process
        self.command = command
        self.request = request
        self.server = 0
        """Where the last try went: a position in the list of servers."""
        self.redirects = 0
        """How often a server has named another since the last time-out."""


class Client(Node):
    """One client node with one or more processes."""

    def __init__(self, servers: tuple[int, ...], workload: Workload) -> None:
        self.servers = servers
        self.workload = workload
        self.calls: dict[int, _Call] = {}
        """Request id -> what is open."""
        self.called = 0
        """Operations called by this incarnation."""
        self.processes = 0
        """Processes begun by this incarnation."""
        self.sequence_num: dict[int, int] = {}
        """Process -> the number of its latest request in its session."""
        self.idle: list[int] = []
        """Processes with nothing open; in a closed loop they think."""
        self.seen: dict[str, str | None] = {}
        """Key -> the value last seen or written."""
        self.leader = 0
        """Where the leader is believed to be: a position in `servers`."""

    def on_start(self) -> None:
        self.leader = self.id % len(self.servers)
        if self.workload.loop == "open":
            self._wait_for_arrival()
        else:
            for _ in range(self.workload.processes):
                self._think(self._new_process())

    def on_timer(self, timer: Any) -> None:
        match timer:
            case ("call", int(process)):
                self._call(process)
            case ("retry", int(request_id)):
                self._retry(request_id)
            case ("give_up", int(request_id)):
                self._give_up(request_id)
            case "arrival":
                self._wait_for_arrival()
                self._call(self.idle.pop() if self.idle else self._new_process())

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case ClientReply(request_id, "ok", response) if request_id in self.calls:
                self.leader = self.servers.index(source)
                self._answered(request_id, response)
            case ClientReply(request_id, "not_leader", _, leader_hint) if request_id in self.calls:
                self._redirected(source, self.calls[request_id], leader_hint)

    # Calls.

    def _new_process(self) -> int:
        """A number that no other process of any client has, nor any before a crash: it names the session too."""
        number = self.incarnation * CALLS_MAX + self.processes
        self.processes += 1
        return number * self.nodes + self.id

    def _think(self, process: int) -> None:
        self.set_timer(("call", process), self.random.exponential_ns(self.workload.pause_ns))

    def _wait_for_arrival(self) -> None:
        pause_ns = self.random.exponential_ns(self.workload.pause_ns) // self.workload.processes
        self.set_timer("arrival", pause_ns)

    def _call(self, process: int) -> None:
        if self.called == self.workload.calls_max:
            return
        self.called += 1
        number = self.sequence_num[process] = self.sequence_num.get(process, 0) + 1
        command = self.workload.next_command(self.random.getrandbits, f"{process}.{number};", self.seen)
        request_id = self.incarnation * CALLS_MAX + self.called
        request = ClientRequest(request_id, numbered(process, number, encode_command(command)))
        self.calls[request_id] = call = _Call(process, command, request)
        argument = (command.expected, command.value) if command.function == "cas" else command.value
        self.observe("invoke", (process, command.function, command.key, argument))
        self.set_timer(("give_up", request_id), self.workload.give_up_ns)
        self._try(call)

    def _try(self, call: _Call) -> None:
        call.server = self.leader
        self.set_timer(("retry", call.request.request_id), self.workload.retry_ns)
        self.send(self.servers[self.leader], call.request)

    def _retry(self, request_id: int) -> None:
        """Dissertation 6.2: if the leader has crashed, requests time out; clients then try with another server.

        A server that has halted, because its disk is full or corrupt, says nothing either.
        """
        call = self.calls[request_id]
        call.redirects = 0
        if call.server == self.leader:
            self.leader = (self.leader + 1) % len(self.servers)
        self._try(call)

    def _redirected(self, source: int, call: _Call, leader_hint: int | None) -> None:
        """Dissertation 6.2: a server that is not leader rejects the request and names the leader it knows.

        Followed at once, but not for ever: two servers may name each other. Then the next try waits for its time.
        """
        if self.servers[call.server] != source:
            return
        if leader_hint is None or leader_hint == source:
            if call.server == self.leader:
                self.leader = (self.leader + 1) % len(self.servers)
            return
        self.leader = self.servers.index(leader_hint)
        if call.redirects < len(self.servers):
            call.redirects += 1
            self._try(call)

    # How calls end.

    def _answered(self, request_id: int, response: bytes) -> None:
        call = self._ended(request_id)
        answer = decode_answer(response)
        command = call.command
        if answer.refused:
            self.observe("fail", (call.process, command.function, command.key, None))
        else:
            self._see(command, answer.value)
            self.observe("ok", (call.process, command.function, command.key, answer.value))
        self._rest(call.process)

    def _see(self, command: Command, value: str | bool | None) -> None:
        """Remember what a key holds, as far as this client can tell."""
        if command.function == "get":
            self.seen[command.key] = value if isinstance(value, str) else None
        elif command.function == "delete":
            self.seen[command.key] = None
        elif command.function == "put" or value is True:
            self.seen[command.key] = command.value

    def _give_up(self, request_id: int) -> None:
        call = self._ended(request_id)
        self.observe("unknown", (call.process, call.command.function, call.command.key, None))
        del self.sequence_num[call.process]
        if self.workload.loop == "closed":
            self._think(self._new_process())

    def _ended(self, request_id: int) -> _Call:
        self.cancel_timer(("retry", request_id))
        self.cancel_timer(("give_up", request_id))
        return self.calls.pop(request_id)

    def _rest(self, process: int) -> None:
        if self.workload.loop == "closed":
            self._think(process)
        else:
            self.idle.append(process)
