"""Which keys a transaction takes, in which mode and order, and how long it works.

Law: every draw is made from the random bits it is given, with integers only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simclock import UsageError, ms
from simclock.protocols.lock_table.lock import EXCLUSIVE, SHARED

Steps = tuple[tuple[int, str], ...]
"""(key, mode), in the order in which a transaction takes them."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What every client does, one transaction after the other."""

    keys: int = 6
    keys_per_transaction: int = 3
    """Of each transaction, taken in an order that is drawn: that is what deadlocks."""
    shared_percent: int = 30
    """How many of a hundred locks are shared."""
    upgrade_percent: int = 10
    """How many of a hundred transactions take their first key shared, and exclusive at the end."""
    work_ns: int = ms(5)
    """Mean work under each lock, exponential."""
    pause_ns: int = ms(20)
    """Mean time between two transactions, and before an aborted one tries again, exponential."""
    retry_ns: int = ms(50)
    """What has not been answered by then is sent again."""
    transactions_max: int | None = None
    """How many transactions a client begins; None: no end."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("keys", 1, 1 << 20),
            ("keys_per_transaction", 1, self.keys),
            ("shared_percent", 0, 100),
            ("upgrade_percent", 0, 100),
            ("work_ns", 0, 1 << 60),
            ("pause_ns", 0, 1 << 60),
            ("retry_ns", 1, 1 << 60),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise UsageError(f"workload.{name}: {value!r} is not a whole number from {least} to {most}")

    def next_steps(self, bits: Callable[[int], int], *, all_keys: bool = False) -> Steps:
        """The steps of one transaction; `all_keys` makes it a long one that takes every key."""
        left = list(range(self.keys))
        taken = []
        for _ in range(self.keys if all_keys else self.keys_per_transaction):
            key = left.pop(bits(32) * len(left) >> 32)
            taken.append((key, SHARED if bits(32) * 100 >> 32 < self.shared_percent else EXCLUSIVE))
        if bits(32) * 100 >> 32 < self.upgrade_percent:
            first = taken[0][0]
            return ((first, SHARED), *taken[1:], (first, EXCLUSIVE))
        return tuple(taken)
