"""A search over executions in pieces, which are explored ahead of their turn and taken in turn.

Law: what is found is what one search finds that explores one piece after the other, whoever explores which piece, and
when. So a piece says all that decides what comes of it (`key`); what was explored for a key that never has its turn is
thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeAlias

from simclock.actors.placements.shipping import dumps, loads
from simclock.experiments.exploring.executions.systems import System
from simclock.experiments.exploring.executions.tally import Bounds, Exploration, Seen

AHEAD = 4
"""Pieces for each worker that are explored ahead, at most."""
RUNS = 32
"""Runs of a piece, at most, where it can be left before it is done."""


class Piece(Protocol):
    """A part of a search, which can be pickled."""

    @property
    def key(self) -> Hashable:
        """What decides what comes of it."""


class Pieces(Protocol):
    """A search, as who gives out the pieces has it."""

    found: Exploration

    def front(self) -> Piece:
        """What is to be explored next."""

    def ahead(self) -> Iterator[Piece]:
        """What is to be explored after it, as far as is known; the nearest first."""

    def behind(self, piece: Any, explored: Any) -> Iterator[Piece]:
        """What is to be explored once that has come of a piece whose turn has not come."""

    def take(self, explored: Any) -> str | None:
        """What came of the piece at the front; returns why the search ends, if it does."""


class Method(Protocol):
    """A way to search, which can be pickled."""

    def measured(self, system: System, bounds: Bounds) -> Method:
        """The same with what it has to know of the system first."""

    def search(self, system: System, bounds: Bounds, seen: Seen | None) -> Exploration:
        """All of it, here."""

    def pieces(self, system: System, bounds: Bounds) -> Pieces:
        """The search in pieces."""

    def explore(self, system: System, piece: Any, bounds: Bounds, seen: Seen, most: int) -> Any:
        """A piece, or the first so many runs of it; what is given has its share of the tally as `found`."""


class Given(NamedTuple):
    """A piece for who explores it, as it stood when it was given."""

    key: Hashable
    shipped: bytes


class HasExplored(Protocol):
    """An answer of who explored a piece."""

    @property
    def explored(self) -> Any:
        """What came of it."""


Answer: TypeAlias = HasExplored | Exception


class Order:
    """Who explores what: gives out pieces for as long as there are any to explore, and takes what comes of them."""

    def __init__(self, pieces: Pieces, workers: int) -> None:
        self._pieces = pieces
        self._most = AHEAD * workers
        self._given: set[Hashable] = set()
        self._answers: dict[Hashable, tuple[Piece, Answer]] = {}
        """Those whose turn has not come."""
        self.ended: str | None = None

    def __iter__(self) -> Order:
        return self

    def __next__(self) -> Given:
        """The next one to explore. Where there is none now there may be one later."""
        if self.ended is None:
            for piece in islice(self._known(), self._most):
                key = piece.key
                if key not in self._given:
                    self._given.add(key)
                    return Given(key, dumps(piece))
        raise StopIteration

    def _known(self) -> Iterator[Piece]:
        yield self._pieces.front()
        if len(self._answers) < self._most:
            yield from self._pieces.ahead()
            for piece, answer in self._answers.values():
                if not isinstance(answer, Exception):
                    yield from self._pieces.behind(piece, answer.explored)

    def take(self, given: Given, answer: Answer, then: Callable[[Any], Any]) -> None:
        """What came of a piece; of each whose turn it is, the search takes what `then` makes of it."""
        self._answers[given.key] = loads(given.shipped), answer
        while self.ended is None:
            key = self._pieces.front().key
            if key not in self._answers:
                return
            self._given.discard(key)
            self.ended = self._pieces.take(then(self._answers.pop(key)[1]))
