"""What the observers hold, as numbers: 0 is the beginning, and what nodes tell leads from one to the next.

Observers are told with the time at zero and without running numbers, so that what they hold depends on what was told,
and in which order, and on nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simclock.actors.steering.freezing import digest_of
from simclock.actors.steering.watch import Watch
from simclock.experiments.checkers.properties import SOMETIMES, PropertyReport
from simclock.faults import Crash
from simclock.kernel.mail import Observation
from simclock.observers import Violation
from simclock.scenario import Scenario

NO_ERROR = "no error in a node's code"
"""The property that an exception in a handler breaks."""


Recipe = tuple[int, int, tuple[tuple[str, Any], ...], str]
"""(what they held before, node, what it told, what its code failed of)."""


class Watched(NamedTuple):
    """What is known of a number, in words that hold in every process."""

    digest: bytes
    recipe: Recipe
    note: tuple[tuple[Violation, ...], frozenset[str]] | None
    final: bool


class Watching:
    """The observers in every state in which they were met."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        first = Watch(scenario)
        self.observers = bool(first.observers)
        self._watches: list[Watch | Recipe] = [first]
        self.recipes: list[Recipe] = [(0, -1, (), "")]
        """How each comes from one before."""
        self._digests = [digest_of(first.text())]
        self._numbers = {self._digests[0]: 0}
        self.notes: dict[int, tuple[tuple[Violation, ...], frozenset[str]]] = {}
        """Number -> what was found there, and what was reached sometimes."""
        self.final: set[int] = set()
        """Where an observer has asked for the end."""
        self._ends: dict[Any, tuple[Violation, ...]] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def after(self, number: int, node: int, observations: tuple[tuple[str, Any], ...], failure: str) -> int:
        """What they hold once the node has told that, or once its code has failed."""
        return self._numbered(self._told(number, node, observations, failure), (number, node, observations, failure))

    def _told(self, number: int, node: int, observations: tuple[tuple[str, Any], ...], failure: str) -> Watch:
        watch = self._watch(number).copy()
        watch.tell([Observation(0, node, 0, name, value) for name, value in observations])
        if failure:
            watch.control.violated(NO_ERROR, node, failure)
        return watch

    def _watch(self, number: int) -> Watch:
        """The observers themselves, made now where only their recipe is known."""
        watch = self._watches[number]
        if isinstance(watch, tuple):
            watch = self._watches[number] = self._told(*watch)
        return watch

    # A search by many: what is new here, and what is known of all.

    def since(self, size: int) -> list[Watched]:
        """What has come since there were so many."""
        return [
            Watched(self._digests[number], self.recipes[number], self.notes.get(number), number in self.final)
            for number in range(size, len(self._watches))
        ]

    def forget(self, size: int) -> None:
        """Nothing has come since there were so many."""
        for number in range(size, len(self._watches)):
            del self._numbers[self._digests[number]]
            self.notes.pop(number, None)
            self.final.discard(number)
        del self._watches[size:], self.recipes[size:], self._digests[size:]

    def placed(self, watched: Watched) -> int:
        """The number of what another process has found."""
        known = self._numbers.get(watched.digest)
        if known is None:
            self.adopt(watched)
            known = len(self._watches) - 1
        return known

    def adopt(self, watched: Watched) -> None:
        """What another process has found, under the next number."""
        number = self._numbers[watched.digest] = len(self._watches)
        self._digests.append(watched.digest)
        self._watches.append(watched.recipe)
        self.recipes.append(watched.recipe)
        if watched.note is not None:
            self.notes[number] = watched.note
        if watched.final:
            self.final.add(number)

    def _numbered(self, watch: Watch, recipe: Recipe) -> int:
        key = digest_of(watch.text())
        known = self._numbers.get(key)
        if known is None:
            reached = reached_in(watch)
            known = self._numbers[key] = len(self._watches)
            self._digests.append(key)
            self._watches.append(watch)
            self.recipes.append(recipe)
            if watch.control.violations or reached:
                self.notes[known] = tuple(watch.control.violations), reached
            if watch.stopped:
                self.final.add(known)
        return known

    def digest_renamed(self, number: int, new: tuple[int, ...]) -> bytes:
        """Of what they would hold, where several nodes may be given one number."""
        watch = self._watch(number).copy()
        for observer in watch.observers:
            observer.rename(new)  # type: ignore[attr-defined] # looked at before the search
        return digest_of(watch.text())

    def renamed(self, number: int, new: tuple[int, ...]) -> int:
        """What they hold when nodes have changed places."""
        if not self.observers:
            return number
        watch = self._watch(number).copy()
        for observer in watch.observers:
            observer.rename(new)  # type: ignore[attr-defined] # looked at before the search
        return self._numbered(watch, (number, -1, (), ""))

    def at_the_end(self, number: int, down: tuple[int, ...]) -> tuple[Violation, ...]:
        """What they find where nothing more can happen, with those nodes down."""
        key = number, down
        known = self._ends.get(key)
        if known is None:
            watch = self._watch(number).copy()
            before = len(watch.control.violations)
            watch.finish(0, exhausted=True, faults=tuple(Crash(at_ns=0, node=node) for node in down))
            known = self._ends[key] = tuple(watch.control.violations[before:])
        return known

    def violations(self, number: int) -> tuple[Violation, ...]:
        """What was found by then."""
        return self.notes.get(number, ((), frozenset()))[0]

    def ignored(self) -> int:
        """Faults that observers would have injected."""
        return max(watch.ignored for watch in self._watches if isinstance(watch, Watch))

    def sometimes(self) -> tuple[str, ...]:
        """What is to be reached sometimes."""
        reports = self._watch(0).reports()
        return tuple(name for name, report in reports.items() if _is_sometimes(report))


def _is_sometimes(report: Any) -> bool:
    return isinstance(report, PropertyReport) and report.kind == SOMETIMES


def reached_in(watch: Watch) -> frozenset[str]:
    """What is to be reached sometimes, and is reached there."""
    asked = [each for each in watch.observers if getattr(getattr(each, "of", None), "kind", "") == SOMETIMES]
    return frozenset(type(each).__name__ for each in asked if each.report().tested)
