"""A client of a counter: it calls as a client of a store does, and records what it heard.

Law: what it adds it adds once. A try that had no answer is made again with the same number, so that sessions apply it
once; what it gives up is of unknown outcome, and may count or not.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.counter.counter import CounterCommand, decode_answer, encode_command
from simclock.protocols.counter.workload import CounterWorkload
from simclock.protocols.key_value import Client
from simclock.protocols.key_value.planned import PlannedOperation


class CounterClient(Client):
    """One client node with one or more processes."""

    def planned_problem(self, operation: PlannedOperation) -> str:
        known = CounterWorkload.functions
        if operation.function not in known:
            return f"function: {operation.function!r} is no operation: use {', '.join(known)}"
        if operation.function == "add_and_get" and type(operation.value) is not int:
            return f"value: {operation.value!r} is no amount, which an add_and_get needs: write value = 1"
        return ""

    def _planned_command(self, operation: PlannedOperation) -> Any:
        return CounterCommand(operation.function, operation.value if isinstance(operation.value, int) else None)

    def _encoded(self, command: Any) -> bytes:
        return encode_command(command)

    def _argument(self, command: Any) -> int | None:
        amount: int | None = command.amount
        return amount

    def _decoded(self, response: bytes) -> Any:
        return decode_answer(response)

    def _is_answer(self, command: Any, value: Any) -> bool:
        return isinstance(value, int)

    def _see(self, command: Any, value: Any) -> None:
        """Nothing that it asks for depends on what it has seen."""
