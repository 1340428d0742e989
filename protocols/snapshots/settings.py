"""How much money there is, and how often what happens."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, ms, seconds

BALANCE_MAX = 1 << 40


@dataclass(frozen=True, kw_only=True)
class SnapshotSettings:
    """One value for all nodes."""

    balance: int = 100
    """What each node has at first."""
    transfer_ns: int = ms(10)
    """Mean time between two transfers of a node, exponential."""
    retry_ns: int = ms(40)
    """What has not been acknowledged by then is sent again."""
    snapshot_ns: int = seconds(1)
    """Mean time between two snapshots that a node begins, exponential; 0: it begins none."""
    timeout_ns: int = seconds(1)
    """A snapshot that is not complete by then has failed."""

    def __post_init__(self) -> None:
        if type(self.balance) is int and self.balance > BALANCE_MAX:
            raise UsageError(f"snapshots.balance: {self.balance} is more than {BALANCE_MAX}")
        for name, least in (("balance", 0), ("transfer_ns", 1), ("retry_ns", 1), ("snapshot_ns", 0), ("timeout_ns", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UsageError(f"snapshots.{name}: {value!r} is not a whole number of {least} or more")
