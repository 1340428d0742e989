"""What clients ask for: which keys, which operations, how often.

Law: every draw is made from the random bits it is given, with integers only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from itertools import accumulate
from typing import ClassVar

from simclock import UsageError, ms, seconds
from simclock.protocols.key_value.store import Command

FUNCTIONS = ("get", "put", "append", "delete", "cas")
WEIGHT_ONE = 1 << 40
_EXACT = Context(prec=30)


class Weighted:
    """Draws 0, 1, 2, ... with given whole weights."""

    def __init__(self, weights: tuple[int, ...]) -> None:
        self._edges = list(accumulate(weights))

    def draw(self, bits: Callable[[int], int]) -> int:
        """One index; takes 64 bits."""
        return bisect_right(self._edges, bits(64) * self._edges[-1] >> 64)


class Zipf(Weighted):
    """Draws 0 .. count - 1, the one of rank i in proportion to 1 / i**exponent.

    The weights come from `decimal`, which rounds alike everywhere, in units of 1 / WEIGHT_ONE. Exponent 0 is uniform.
    """

    def __init__(self, count: int, exponent: Decimal) -> None:
        power = [_EXACT.power(Decimal(rank), exponent) for rank in range(1, count + 1)]
        super().__init__(tuple(max(1, int(_EXACT.divide(Decimal(WEIGHT_ONE), each))) for each in power))


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What one client node does.

    A *process* is a thread of control with one operation outstanding. In a closed loop each of `processes` calls,
    waits for the answer, thinks, and calls again. In an open loop calls come when they come, as a Poisson stream of
    one per `pause_ns / processes`, and a call that finds no idle process makes a new one.
    """

    keys: int = 16
    zipf: str = "0"
    """Exponent of the keys' popularity, as decimal text: `"0"` is uniform, `"0.99"` is YCSB's."""
    mix: tuple[tuple[str, int], ...] = (("get", 50), ("put", 20), ("append", 10), ("delete", 5), ("cas", 15))
    """(function, weight); weights are whole numbers."""
    loop: str = "closed"
    processes: int = 1
    pause_ns: int = ms(100)
    """Mean think time (closed) or mean time between the calls of one process (open), exponential."""
    retry_ns: int = seconds(1)
    """A try that has not been answered by then is made again, at another server, with the same request number."""
    give_up_ns: int = seconds(5)
    """An operation that has not been answered by then is recorded as unknown, and its process ends."""
    calls_max: int | None = None
    """How many operations the client calls in all; None: no end."""
    queries: bool = False
    """Whether a get is sent as a query, which need not go through the log; the engine has to know queries."""
    until_ns: int | None = None
    """By the client's monotonic clock, when it is silent from then on; None: never."""
    functions: ClassVar[tuple[str, ...]] = FUNCTIONS
    """What the service knows."""
    _keys: Weighted = field(init=False, repr=False, compare=False)
    _functions: Weighted = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, least in (("keys", 1), ("processes", 1), ("pause_ns", 0), ("retry_ns", 1), ("give_up_ns", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UsageError(f"workload.{name}: {value!r} is not a whole number of {least} or more")
        if self.loop not in ("closed", "open"):
            raise UsageError(f'workload.loop: {self.loop!r} is not a loop: use "closed" or "open"')
        if self.loop == "open" and self.pause_ns < 1:
            raise UsageError("workload.pause: an open loop needs a pause between calls, above 0")
        for function, weight in self.mix:
            if function not in self.functions:
                raise UsageError(f"workload.mix: {function!r} is no operation: use {', '.join(self.functions)}")
            if type(weight) is not int or weight < 0:
                raise UsageError(f"workload.mix: the weight of {function} is {weight!r}: a whole number, 0 or more")
        if sum(weight for _, weight in self.mix) == 0:
            raise UsageError("workload.mix: at least one operation needs a weight above 0")
        try:
            exponent = Decimal(self.zipf)
        except (InvalidOperation, TypeError, ValueError):
            raise UsageError(f'workload.zipf: {self.zipf!r} is not a decimal number, such as "0.99"') from None
        if not (exponent.is_finite() and 0 <= exponent <= 5):
            raise UsageError(f"workload.zipf: {self.zipf} is out of range: 0 to 5")
        object.__setattr__(self, "_keys", Zipf(self.keys, exponent))
        object.__setattr__(self, "_functions", Weighted(tuple(weight for _, weight in self.mix)))

    def next_command(self, bits: Callable[[int], int], value: str, seen: dict[str, str | None]) -> Command:
        """Draw the next operation; `value` is what it writes if it writes, `seen` what the client last saw of a key.

        A cas expects what was seen last, so that some succeed.
        """
        function = self.mix[self._functions.draw(bits)][0]
        key = f"k{self._keys.draw(bits)}"
        if function in ("get", "delete"):
            return Command(function, key)
        if function == "cas":
            return Command(function, key, value, seen.get(key))
        return Command(function, key, value)
