"""What a search has found about the states of a space, in words that hold in every process but for numbers."""

from __future__ import annotations

from typing import NamedTuple

from simclock.actors.steering.nodes import LocalEvent
from simclock.experiments.exploring.states.inboxes import Mail
from simclock.experiments.exploring.watching import Watched

Recipe = tuple[int, LocalEvent]
"""How a local state comes from one before: (place, event)."""


class Sizes(NamedTuple):
    """How much is known."""

    places: list[int]
    mail: tuple[int, list[int]]
    watches: int


class News(NamedTuple):
    """What has become known."""

    places: list[list[tuple[bytes, Recipe]]]
    mail: list[Mail]
    boxes: list[list[tuple[int, ...]]]
    watches: list[Watched]
