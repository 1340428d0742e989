"""How a scenario is explored where the user does not say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simclock.scenario import Scenario

Groups = tuple[tuple[int, ...], ...]


def nobody(scenario: Scenario) -> Groups:
    """No nodes that may change places."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """The message model, bounds and symmetric nodes of a scenario."""

    model: str = "bag"
    bounds: Mapping[str, Any] = field(default_factory=dict)
    """Of `Bounds`: steps, timers, named_timers, crashes and so on."""
    symmetric: Callable[[Scenario], Groups] = nobody
    """Groups of nodes that do the same and may change places, where `--symmetric` asks for it."""
    asks: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """What clients may ask of any node that is up: (method, arguments), each as often as `commands` bounds.

    A node that has no such method, or whose method raises UsageError, is not asked that in that state.
    """
    instant: Callable[[Scenario], tuple[int, ...]] = lambda scenario: ()
    """Nodes to which messages come in the step that sends them."""
