"""Breadth first: every state within the bounds once, the nearest first: what is found first has a shortest script."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from simclock.experiments.exploring.merged import Merged
from simclock.experiments.exploring.search import Asked, Enough, Findings, Ticked
from simclock.experiments.exploring.space import Space
from simclock.experiments.exploring.symmetry import Symmetry
from simclock.guarding.guard import guarding

TICK = 4096
"""States between two looks at the limits."""


def bfs(asked: Asked, ticked: Ticked) -> Findings:
    """Search level by level."""
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return BreadthFirst(Space(asked, guards), ticked).search()


class BreadthFirst:
    """The states known so far, in the order in which they were found."""

    def __init__(self, space: Space, ticked: Ticked) -> None:
        self.space = space
        self.ticked = ticked
        symmetric = space.asked.symmetric
        self.symmetry = Symmetry(space, symmetric) if symmetric else None
        self.merged = Merged(space, self.symmetry)
        first = space.initial if self.symmetry is None else self.symmetry.representative(space.initial)
        self.order = [first]
        self.seen = {first}
        self.parents = array("L", [0])
        """Place in `order` of the state before."""
        self.level = [first]
        self.begins = 0
        """Place in `order` of the level's first."""

    def search(self) -> Findings:
        """Until there is nothing new, or enough."""
        findings = self.merged.findings
        steps = self.space.asked.bounds.steps
        if self.space.initial >> self.space.watch_shift in self.space.watching.notes:
            self.merged.note(self.space.initial, lambda: self.order[:1])
        try:
            while self.level and not self.merged.done:
                if steps is not None and findings.depth >= steps:
                    self.space.pruned["steps"] = len(self.level)
                    break
                self._next_level()
            findings.complete = not self.merged.done
            findings.ended = "a violation was found" if self.merged.done else "nothing is left within the bounds"
        except Enough as enough:
            findings.ended = str(enough)
        return self._told()

    def _next_level(self) -> None:
        """Look at all states of a level; those that are new are the next."""
        expand, seen, add = self.space.expand, self.seen, self.seen.add
        order, parents, noted, symmetry = self.order, self.parents, self.space.noted, self.symmetry
        findings, place = self.merged.findings, self.begins
        known = len(order)
        for state in self.level:
            successors = expand(state)
            findings.transitions += len(successors)
            if symmetry is not None:
                successors = list(map(symmetry.representative, successors))
            new = [each for each in successors if each not in seen and not add(each)]
            if new:
                order += new
                parents.extend([place] * len(new))
            if noted:
                self._note()
            if not successors and not self.space.cut_short:
                self.merged.note_end(state, lambda place=place: self.way(place))  # type: ignore[misc]
            place += 1
            if not place % TICK:
                self.ticked(self._told())
        self.begins, self.level = known, order[known:]
        findings.depth += bool(self.level)

    def _note(self) -> None:
        for state in self.space.noted:
            known = state if self.symmetry is None else self.symmetry.representative(state)
            self.merged.note(state, lambda known=known: self.way(self.order.index(known)))  # type: ignore[misc]
        self.space.noted.clear()

    def way(self, place: int) -> Sequence[int]:
        """The states that lead to that one."""
        way = [self.order[place]]
        while place:
            place = self.parents[place]
            way.append(self.order[place])
        return way[::-1]

    def _told(self) -> Findings:
        self.merged.findings.states = len(self.order)
        return self.merged.tell()
