"""Who decides what happens next: a list of steps, or the seed. An explorer or a script is one more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from simclock.actors.steering.steps import Step
from simclock.actors.steering.world import USUAL, World
from simclock.errors import UsageError
from simclock.streams import stream


class Decider(Protocol):
    """Says what happens next."""

    def next(self, world: World) -> Step | None:
        """A step that is possible now, or None where the run ends."""


class Listed:
    """The steps of a list, one after the other, to the last: also where an observer has asked for the end."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = iter(steps)

    def next(self, world: World) -> Step | None:
        """The next of the list."""
        return next(self._steps, None)


class Seeded:
    """Draws among the possible steps of some kinds, each as likely, until there is none, or `steps` have been taken,
    or an observer asks for the end.

    The stream is named by the seed, so the same seed draws the same steps.
    """

    def __init__(self, seed: int, kinds: Collection[type[Step]] = USUAL, steps: int = 1000) -> None:
        if type(steps) is not int or steps < 0:
            raise UsageError(f"steps: {steps!r} is not a number of steps: zero or more")
        self._luck = stream(seed, "steering")
        self._kinds = tuple(kinds)
        self._left = steps

    def next(self, world: World) -> Step | None:
        """One of those that are possible."""
        possible = world.enabled(self._kinds)
        if not possible or not self._left or world.watch.stopped:
            return None
        self._left -= 1
        return possible[self._luck.randrange(len(possible))]
