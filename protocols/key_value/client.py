"""A client node: it calls the store, and records what it heard. How it finds the leader is the `Caller`'s matter.

What it records, for a history:

    "invoke"   (process, function, key, argument)     of a cas the argument is (expected, value)
    "ok"       (process, function, key, result)       it has happened
    "fail"     (process, function, key, None)         the store refused it: it has not happened
    "unknown"  (process, function, key, None)         no answer: it may yet happen at any time

Law 1: a time-out is never a failure; nor is `not_leader`, because another copy of the request may have been taken.
Law 2: a process has one operation open. After "unknown" it ends, and another with a session of its own goes on: the
       operation it left behind can then not be mistaken for a newer one. A plan calls the same process again: it goes
       on in its session, with a number of its own for each operation.
Law 3: a retry has the same request number, so that it is applied once (dissertation 6.3).
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any

from simclock.protocols.key_value.observed import Failed, Invoked, Succeeded, Unknown
from simclock.protocols.key_value.planned import Planned, PlannedOperation
from simclock.protocols.key_value.store import Answer, Command, decode_answer, encode_command
from simclock.protocols.key_value.workload import FUNCTIONS, Workload
from simclock.protocols.replication import Call, Caller, ClientQuery, ClientReply, ClientRequest, numbered

CALLS_MAX = 1 << 24
"""Of one incarnation, and of its processes: what is numbered from 0 in the next begins there."""


_ANSWERS: dict[str, UnionType | type] = {"get": str | None, "cas": bool | None}
"""What may be answered, where it is more than None, which is also what a refusal answers."""


class _Call(Call):
    """An operation that is open."""

    __slots__ = ("command", "process")

    def __init__(self, process: int, command: Command, request: ClientRequest | ClientQuery) -> None:
        super().__init__(request)
        self.process = process
        self.command = command


class Client(Caller, Planned):
    """One client node with one or more processes."""

    def __init__(self, servers: tuple[int, ...], workload: Workload) -> None:
        super().__init__(servers, workload.retry_ns)
        self.workload = workload
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

    def on_start(self) -> None:
        super().on_start()
        if self.planned is not None:
            self.wait_for_planned()
        elif self.workload.loop == "open":
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
            case ("planned", int(place)):
                self.on_planned(place)
            case "arrival":
                self._wait_for_arrival()
                self._call(self.idle.pop() if self.idle else self._new_process())

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, ClientReply):
            self._on_reply(source, message)

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
        until_ns = self.workload.until_ns
        if self.called == self.workload.calls_max or (until_ns is not None and self.clock.monotonic_ns() >= until_ns):
            return
        number = self.sequence_num.get(process, 0) + 1
        self._ask(process, self.workload.next_command(self.random.getrandbits, f"{process}.{number};", self.seen))

    def planned_problem(self, operation: PlannedOperation) -> str:
        if operation.function not in FUNCTIONS:
            return f"function: {operation.function!r} is no operation: use {', '.join(FUNCTIONS)}"
        for name in ("key", "value", "expected"):
            value = getattr(operation, name)
            needed = name == "key" or (name == "value" and operation.function in ("put", "append", "cas"))
            if not isinstance(value, str) and (needed or value is not None):
                return f'{name}: {value!r} is not text, which a {operation.function} needs: write {name} = "k0"'
        return ""

    def call_planned(self, operation: PlannedOperation) -> None:
        if all(call.process != operation.process for call in self.calls.values()):
            self._ask(operation.process, self._planned_command(operation))

    def _planned_command(self, operation: PlannedOperation) -> Command:
        key, value, expected = operation.key, operation.value, operation.expected
        assert isinstance(key, str), "`planned_problem` has been asked"
        assert not isinstance(value, int) and not isinstance(expected, int)
        return Command(operation.function, key, value, expected)

    def _ask(self, process: int, command: Command) -> None:
        self.called += 1
        number = self.sequence_num[process] = self._last_number(process) + 1
        request_id = self.incarnation * CALLS_MAX + self.called
        request = self._request(request_id, process, number, command)
        self.observe(Invoked(process, command.function, command.key, self._argument(command)))
        self.set_timer(("give_up", request_id), self.workload.give_up_ns)
        self._call_service(_Call(process, command, request))

    def _last_number(self, process: int) -> int:
        """Of a process's requests. One in a plan goes on after a crash, in its session: numbers of a later life are
        above all of an earlier one."""
        return self.sequence_num.get(process, 0 if self.planned is None else self.incarnation * CALLS_MAX)

    def _request(self, request_id: int, process: int, number: int, command: Command) -> ClientRequest | ClientQuery:
        if self.workload.queries and command.function == "get":
            return ClientQuery(request_id, self._encoded(command))
        return ClientRequest(request_id, numbered(process, number, self._encoded(command)))

    # What is asked of a store and what it answers: another service's client has others.

    def _encoded(self, command: Command) -> bytes:
        return encode_command(command)

    def _argument(self, command: Command) -> Any:
        """As a history has it."""
        return (command.expected, command.value) if command.function == "cas" else command.value

    def _decoded(self, response: bytes) -> Answer:
        return decode_answer(response)

    def _is_answer(self, command: Command, value: Any) -> bool:
        return isinstance(value, _ANSWERS.get(command.function, NoneType))

    # How calls end.

    def _answered(self, call: _Call, response: bytes) -> None:
        answer = self._decoded(response)
        command = call.command
        if not self._is_answer(command, answer.value):
            self._end_process(call)  # nobody answers so: it was damaged on the way
            return
        if answer.refused:
            self.observe(Failed(call.process, command.function, command.key, None))
        else:
            self._see(command, answer.value)
            self.observe(Succeeded(call.process, command.function, command.key, answer.value))
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
        self._end_process(self._ended(request_id))

    def _end_process(self, call: _Call) -> None:
        """Law 2: what became of it is unknown."""
        self.observe(Unknown(call.process, call.command.function, call.command.key, None))
        if self.planned is not None:
            return  # the process may be called again, and then goes on in its session
        del self.sequence_num[call.process]
        if self.workload.loop == "closed":
            self._think(self._new_process())

    def _ended(self, request_id: int) -> _Call:
        call: _Call = super()._ended(request_id)
        self.cancel_timer(("give_up", request_id))
        return call

    def _rest(self, process: int) -> None:
        if self.planned is not None:
            return
        if self.workload.loop == "closed":
            self._think(process)
        else:
            self.idle.append(process)
