"""Breadth first, in one process or several."""

from __future__ import annotations

from simclock.experiments.exploring.parallel.levels import ByMany
from simclock.experiments.exploring.parallel.workers import workers_for
from simclock.experiments.exploring.search import Asked, Findings, Ticked
from simclock.experiments.exploring.states.levels import BreadthFirst
from simclock.experiments.exploring.states.space import Space
from simclock.guarding.guard import guarding


def bfs(asked: Asked, ticked: Ticked) -> Findings:
    """Search level by level."""
    guards = guarding(asked.scenario.build, asked.guard)
    if asked.symmetric or (asked.workers == 1 and asked.address is None):
        with guards.run:
            return BreadthFirst(Space(asked, guards), ticked).search()
    with workers_for(asked) as workers, guards.run:
        return ByMany(Space(asked, guards), ticked, workers).search()
