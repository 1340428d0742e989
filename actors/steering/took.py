"""What a step of a steered world has changed, for who tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from simclock.actors.steering.nodes import View
from simclock.actors.steering.pending import Pending
from simclock.actors.steering.steps import Pass, Step
from simclock.kernel.mail import Observation
from simclock.observers import Violation


class Took(NamedTuple):
    """What a step changed."""

    step: Step
    number: int
    """Of the step in this run; the first is 1, and 0 is the beginning."""
    now_ns: int
    node: int
    """Who did it; -1 where no node did anything."""
    handled: Pending | None
    """The message that was delivered, dropped or copied."""
    sent: tuple[Pending, ...]
    timers_set: tuple[tuple[int, Any, int], ...]
    """(node, name, duration)."""
    timers_cancelled: tuple[tuple[int, Any], ...]
    observations: tuple[Observation, ...]
    violations: tuple[Violation, ...]
    """Found by the observers at this step."""
    before: View | None
    """Of the node, before and after."""
    after: View | None

    @property
    def wrote(self) -> bool:
        """Whether what a crash would leave of the node's disk has changed."""
        if self.before is None or self.after is None:
            return False
        return self.before.durable[:2] != self.after.durable[:2]


def joined(began: Iterable[Took]) -> Took:
    """What several nodes did at once."""
    each = list(began)

    def all_of(field: str) -> tuple[Any, ...]:
        return tuple(part for took in each for part in getattr(took, field))

    fields = ("sent", "timers_set", "timers_cancelled", "observations", "violations")
    parts: Mapping[str, Any] = {field: all_of(field) for field in fields}
    return Took(Pass(0), 0, 0, -1, None, before=None, after=None, **parts)


def followed(first: Took, others: Iterable[Took]) -> Took:
    """What a step changed, with what followed from it at once."""
    whole = joined([first, *others])
    fields = ("sent", "timers_set", "timers_cancelled", "observations", "violations")
    return first._replace(**{field: getattr(whole, field) for field in fields})
