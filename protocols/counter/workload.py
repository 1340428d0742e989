"""What clients ask of a counter: additions of small amounts, and now and then what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from simclock.protocols.counter.counter import CounterCommand
from simclock.protocols.key_value import Workload

AMOUNT_BITS = 3


@dataclass(frozen=True, kw_only=True)
class CounterWorkload(Workload):
    """What one client node does. Processes, loops and times are those of any store's client; keys there are none."""

    keys: int = 1
    mix: tuple[tuple[str, int], ...] = (("add_and_get", 75), ("get", 25))
    functions: ClassVar[tuple[str, ...]] = ("add_and_get", "get")

    def next_command(self, bits: Callable[[int], int], value: str, seen: dict[str, str | None]) -> Any:
        """Draw the next operation; amounts are 1 to 8."""
        function = self.mix[self._functions.draw(bits)][0]
        return CounterCommand(function, bits(AMOUNT_BITS) + 1 if function == "add_and_get" else None)
