"""Depth first: every state within the bounds once, the first possible step first; no shortest script.

Where a run is bounded by a number of steps, a state is looked at again if it is met after fewer.

Symmetric nodes: a state is known if the one that stands for it is, by `sorted_only`, and the search goes on from the
state itself, as in Stateright. How many states that leaves depends on the order of the search.
"""

from __future__ import annotations

from simclock.experiments.exploring.search import Asked, Enough, Findings, Ticked
from simclock.experiments.exploring.states.levels import TICK
from simclock.experiments.exploring.states.merged import Merged
from simclock.experiments.exploring.states.space import Space
from simclock.experiments.exploring.states.symmetry import Symmetry
from simclock.guarding.guard import guarding


def dfs(asked: Asked, ticked: Ticked) -> Findings:
    """Search the last step first."""
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return DepthFirst(Space(asked, guards), ticked).search()


class DepthFirst:
    """The states known so far, each with the fewest steps after which it was met."""

    def __init__(self, space: Space, ticked: Ticked) -> None:
        self.space = space
        self.ticked = ticked
        self.symmetry = Symmetry(space, space.asked.symmetric) if space.asked.symmetric else None
        self.merged = Merged(space, None)
        self.steps: dict[int, int] = {self._known_as(space.initial): 0}

    def search(self) -> Findings:
        """Until there is nothing new, or enough."""
        findings, space = self.merged.findings, self.space
        bound = space.asked.bounds.steps
        stack = [(space.initial, 0)]
        way: list[int] = []
        if space.initial >> space.watch_shift in space.watching.notes:
            self.merged.note(space.initial, lambda: [space.initial])
        try:
            while stack and not self.merged.done:
                state, depth = stack.pop()
                del way[depth:]
                way.append(state)
                if bound is not None and depth >= bound:
                    space.pruned["steps"] = space.pruned.get("steps", 0) + 1
                    continue
                self._look(state, way, stack)
                findings.depth = max(findings.depth, depth)
                if not findings.transitions % TICK:
                    self.ticked(self._told())
            findings.complete = not self.merged.done
            findings.ended = "a violation was found" if self.merged.done else "nothing is left within the bounds"
        except Enough as enough:
            findings.ended = str(enough)
        return self._told()

    def _look(self, state: int, way: list[int], stack: list[tuple[int, int]]) -> None:
        space, steps = self.space, self.steps
        depth = len(way)
        successors = space.expand(state)
        self.merged.findings.transitions += len(successors)
        for successor in reversed(successors):
            name = self._known_as(successor)
            known = steps.get(name)
            if known is None or (space.asked.bounds.steps is not None and depth < known):
                steps[name] = depth
                stack.append((successor, depth))
        for noted in space.noted:
            self.merged.note(noted, lambda noted=noted: [*way, noted])  # type: ignore[misc]
        space.noted.clear()
        if not space.cut_short and successors.count(state) == len(successors):
            self.merged.note_end(state, lambda: way)

    def _known_as(self, state: int) -> int:
        return state if self.symmetry is None else self.symmetry.sorted_only(state)

    def _told(self) -> Findings:
        self.merged.findings.states = len(self.steps)
        return self.merged.tell()
