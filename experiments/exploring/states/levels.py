"""Breadth first: every state within the bounds once, the nearest first: what is found first has a shortest script."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from simclock.experiments.exploring.search import Enough, Findings, Ticked
from simclock.experiments.exploring.states.merged import Merged
from simclock.experiments.exploring.states.resuming import FORMAT, Kept, identity_of, keep, kept_in
from simclock.experiments.exploring.states.space import Space
from simclock.experiments.exploring.states.symmetry import Symmetry

TICK = 4096
"""States between two looks at the limits."""


class _Standing(NamedTuple):
    """Where the search stands when a level is done."""

    begins: int
    level: int
    """States of the next level."""
    findings: Findings
    pruned: dict[str, int]


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
        self.first_sizes = space.sizes()
        """What every process knows from the beginning."""
        self.begins = 0
        """Place in `order` of the level's first."""

    def search(self) -> Findings:
        """Until there is nothing new, or enough."""
        findings, resume = self.merged.findings, self.space.asked.resume
        steps = self.space.asked.bounds.steps
        if resume is not None and resume.exists():
            self._go_on(kept_in(resume, self.space.asked))
        elif self.space.initial >> self.space.watch_shift in self.space.watching.notes:
            self.merged.note(self.space.initial, lambda: self.order[:1])
        kept = self._kept()
        try:
            while self.level and not self.merged.done:
                if steps is not None and self.merged.findings.depth >= steps:
                    self.space.pruned["steps"] = len(self.level)
                    break
                self.next_level()
                kept = self._kept()
            findings = self.merged.findings
            findings.complete = not self.merged.done
            findings.ended = "a violation was found" if self.merged.done else "nothing is left within the bounds"
        except Enough as enough:
            findings = self.merged.findings
            findings.ended = str(enough)
            if resume is not None:
                order, parents = self.order[: kept.begins + kept.level], self.parents[: kept.begins + kept.level]
                news, identity = self.space.since(self.first_sizes), identity_of(self.space.asked)
                keep(resume, Kept(FORMAT, identity, news, order, parents, kept.begins, kept.findings, kept.pruned))
        return self.told()

    def _kept(self) -> _Standing:
        findings = replace(
            self.merged.findings, found=list(self.merged.findings.found), reached=dict(self.merged.findings.reached)
        )
        return _Standing(self.begins, len(self.level), findings, dict(self.space.pruned))

    def _go_on(self, kept: Kept) -> None:
        """From where it stood."""
        self.space.adopt(kept.news)
        self.space.pruned.update(kept.pruned)
        self.order, self.parents, self.begins = kept.order, kept.parents, kept.begins
        self.seen, self.level = set(kept.order), kept.order[kept.begins :]
        self.merged.go_on(kept.findings)

    def next_level(self) -> None:
        """Look at all states of a level; those that are new are the next."""
        known = len(self.order)
        self.look(self.level, self.begins)
        self.go_down(known)

    def go_down(self, known: int) -> None:
        """What was found since that many states were known is the next level."""
        self.begins, self.level = known, self.order[known:]
        self.merged.findings.depth += bool(self.level)

    def look(self, states: Sequence[int], place: int) -> None:
        """Look at states of a level, of which the first has that place in `order`."""
        expand, seen, add = self.space.expand, self.seen, self.seen.add
        order, parents, noted, symmetry = self.order, self.parents, self.space.noted, self.symmetry
        findings = self.merged.findings
        for state in states:
            successors = expand(state)
            findings.transitions += len(successors)
            if symmetry is not None:
                successors = list(map(symmetry.representative, successors))
            new = [each for each in successors if each not in seen and not add(each)]
            if new:
                order += new
                parents.extend([place] * len(new))
            if noted:
                self.note()
            if not new and not self.space.cut_short and successors.count(state) == len(successors):
                self.merged.note_end(state, lambda place=place: self.way(place))  # type: ignore[misc]
            place += 1
            if not place % TICK:
                self.ticked(self.told())

    def note(self) -> None:
        """Tell what the observers have found at states that were just met."""
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

    def told(self) -> Findings:
        """What is known."""
        self.merged.findings.states = len(self.order)
        return self.merged.tell()
