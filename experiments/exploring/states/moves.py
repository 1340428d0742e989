"""What a step of a node changes, as numbers, and where these stand in a state."""

from __future__ import annotations

from typing import Any, NamedTuple

from simclock.actors.standalone import Observed, Sent
from simclock.actors.steering import Step
from simclock.actors.steering.nodes import Outcome
from simclock.experiments.exploring.search import Bounds

NUMBER_BITS = 20
LOCAL_BITS = NUMBER_BITS + 1
"""A number, and above it a bit that is 0: `Numbers` adds something to all numbers of a state at once."""
PART_BITS = 2 * LOCAL_BITS
"""A node's local state and what is on its way to it."""
LOCAL_MASK = (1 << LOCAL_BITS) - 1
PART_MASK = (1 << PART_BITS) - 1
LOCALS_MAX = 1 << NUMBER_BITS
BOUND_BITS = 16
BOUND_MASK = (1 << BOUND_BITS) - 1

FAULTS = ("crashes", "torn", "drops", "duplicates", "commands")
Send = tuple[int, int, dict[int, int], tuple[int, ...]]
"""To one node: (shift, node, what was found out already, messages)."""


class Move(NamedTuple):
    """What one step of a node changes."""

    step: Step
    """A message in it is named by its number in `Inboxes.mail`."""
    delta: int
    """What is added to a state, but for what follows."""
    needs: tuple[int, ...]
    """The shifts of the bounds of which it takes one."""
    sends: tuple[Send, ...]
    told: dict[int, int] | None
    """Number of what the observers held -> the next one, as far as is known."""
    observations: tuple[tuple[str, Any], ...]
    failure: str = ""
    """What the node's code failed of."""
    instants: tuple[tuple[int, Any], ...] = ()
    """(node, message) of what comes at once."""


class OwnMoves(NamedTuple):
    """What may happen to a node in a local state whatever is on its way to it."""

    steps: tuple[Move, ...]
    """Timers, and what clients ask."""
    faults: tuple[Move, ...]


class Moves(NamedTuple):
    """All moves of a node in a local state, with that on its way to it."""

    plain: tuple[int, ...]
    """Differences of the moves that send and tell nothing, and are bound by nothing."""
    plain_steps: tuple[Step, ...]
    others: tuple[Move, ...]


def more_than_local(move: Move) -> bool:
    """Whether it changes anything but the node, and what is on its way to it."""
    return bool(move.needs or move.sends or move.instants) or move.told is not None


def taken(needs: tuple[int, ...]) -> int:
    """What a move takes of the bounds at these shifts."""
    return sum(1 << need for need in needs)


def sent(outcome: Outcome) -> list[tuple[int, Any]]:
    """(target, message) of what a node sent, in order."""
    return [(each.target, each.message) for each in outcome.effects if isinstance(each, Sent)]


def observed(outcome: Outcome) -> tuple[tuple[str, Any], ...]:
    """(name, value) of what a node told, in order."""
    return tuple((each.name, each.value) for each in outcome.effects if isinstance(each, Observed))


def bound_fields(bounds: Bounds) -> dict[str, tuple[int, int]]:
    """What is bound, and how often it may happen, each with a place in a state."""
    asked: dict[str, int | None] = {name: getattr(bounds, name) for name in FAULTS}
    bound = {name: value for name, value in asked.items() if value}
    if bounds.timers is not None:
        bound["timers"] = bounds.timers
    bound |= {f"timers {name}": value for name, value in sorted(bounds.named_timers.items())}
    return {name: (place * BOUND_BITS, value) for place, (name, value) in enumerate(bound.items())}
