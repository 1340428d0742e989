"""Breadth first, in one process or several."""

from __future__ import annotations

from simclock.experiments.exploring.parallel.levels import bfs_by_many
from simclock.experiments.exploring.search import Asked, Findings, Ticked
from simclock.experiments.exploring.states.levels import BreadthFirst
from simclock.experiments.exploring.states.space import Space
from simclock.guarding.guard import guarding


def bfs(asked: Asked, ticked: Ticked) -> Findings:
    """Search level by level."""
    if asked.workers > 1 and not asked.symmetric:
        return bfs_by_many(asked, ticked)
    guards = guarding(asked.scenario.build, asked.guard)
    with guards.run:
        return BreadthFirst(Space(asked, guards), ticked).search()
