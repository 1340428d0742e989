"""The network between nodes: its model (a value), and the state of its links (what is cut right now).

Laws: the *sender* draws latency, loss and duplication from its own streams, so nobody else is asked. A link is judged
when a message is sent and again when it would arrive: a message under way when the link is cut is lost. A message to
oneself takes the model's delay and is never lost, duplicated or cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from simclock.durations import MILLISECOND
from simclock.errors import UsageError
from simclock.latency import Constant, Latency

PROBABILITY_BITS = 32
ORDERS = ("any", "fifo")


def probability_threshold(value: float | str, place: str) -> int:
    """A probability as a whole number out of 2**32, exactly as its decimal text says."""
    try:
        exact = Fraction(str(value))
    except ValueError:
        raise UsageError(f"{place}: {value!r} is not a probability: write a number from 0 to 1, such as 0.01") from None
    if not 0 <= exact <= 1:
        raise UsageError(f"{place}: {value} is not a probability: it must be from 0 to 1")
    return int(exact * (1 << PROBABILITY_BITS))


@dataclass(frozen=True, kw_only=True)
class Network:
    """What every link does: latency, loss, duplication, order.

    `loss` and `duplication` are probabilities per message, 0 to 1. `order` is `"any"` (a later message may overtake)
    or `"fifo"` (per link, a message never arrives before one sent earlier).
    """

    latency: Latency = field(default_factory=lambda: Constant(delay_ns=MILLISECOND))
    loss: float = 0.0
    duplication: float = 0.0
    order: str = "any"

    def __post_init__(self) -> None:
        probability_threshold(self.loss, "network.loss")
        probability_threshold(self.duplication, "network.duplication")
        if self.order not in ORDERS:
            raise UsageError(f"network.order: {self.order!r} is not an order: use {' or '.join(map(repr, ORDERS))}")

    @cached_property
    def loss_threshold(self) -> int:
        """Loss out of 2**32."""
        return probability_threshold(self.loss, "network.loss")

    @cached_property
    def duplication_threshold(self) -> int:
        """Duplication out of 2**32."""
        return probability_threshold(self.duplication, "network.duplication")

    def __str__(self) -> str:
        parts = [str(self.latency), f"loss {self.loss:g}", f"duplication {self.duplication:g}", f"order {self.order}"]
        return ", ".join(parts)


class Links:
    """Which links are cut at this moment. Falsy when none is."""

    def __init__(self) -> None:
        self._cut: set[tuple[int, int]] = set()
        self._group: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._cut or self._group)

    def cut(self, source: int, target: int) -> None:
        """Cut the link one way."""
        self._cut.add((source, target))

    def mend(self, source: int, target: int) -> None:
        """Undo a cut of that link."""
        self._cut.discard((source, target))

    def partition(self, groups: Iterable[Iterable[int]]) -> None:
        """Separate the groups from each other, in place of any earlier partition.

        A node belongs to the first group that names it; a node in no group talks to everybody.
        """
        self._group = {}
        for number, group in enumerate(groups):
            for node in group:
                self._group.setdefault(node, number)

    def heal(self) -> None:
        """Mend every cut and end the partition."""
        self._cut.clear()
        self._group = {}

    def blocked(self, source: int, target: int) -> bool:
        """Whether a message from source to target is lost now."""
        if (source, target) in self._cut:
            return source != target
        group = self._group.get(source)
        if group is None:
            return False
        other = self._group.get(target)
        return other is not None and other != group
