"""Wakeup trees: which steps an exploration is to try, in which order, at one place of an execution.

Abdulla, Aronis, Jonsson, Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction", JACM 2017,
section 6. A step is a weak initial of a sequence if some execution with that sequence may begin with the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simclock.experiments.exploring.executions.systems import Step, dependent

NOT_INITIAL = -2
FREE = -1
"""The step is not in the sequence, and commutes with all of it."""

StillEnabled = Callable[[Sequence[Step], Sequence[Step], Step], bool]
"""(steps of a branch, a sequence behind them, a step): whether the step is possible behind all of these."""


@dataclass(slots=True)
class Branch:
    """A step to be tried, and what is to be tried behind it; without any, whatever comes."""

    step: Step
    children: list[Branch] = field(default_factory=list)

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for equal trees."""
        return self.step, tuple(child.shape for child in self.children)


def place(step: Step, sequence: Sequence[Step]) -> int:
    """Where a weak initial stands in a sequence: its index, FREE, or NOT_INITIAL."""
    for index, other in enumerate(sequence):
        if other.process == step.process:
            return index if other == step else NOT_INITIAL
        if dependent(other, step):
            return NOT_INITIAL
    return FREE


def insert(tree: list[Branch], sequence: Sequence[Step], still_enabled: StillEnabled | None) -> bool:
    """Have a sequence tried; False if the tree does so already. `still_enabled` where steps of two processes may
    disable each other."""
    rest = list(sequence)
    path: list[Step] = []
    children = tree
    while rest:
        for branch in children:
            where = place(branch.step, rest)
            if where == NOT_INITIAL:
                continue
            if where == FREE and still_enabled is not None and not still_enabled(path, rest, branch.step):
                continue
            if where != FREE:
                del rest[where]
            if not branch.children:
                return False
            path.append(branch.step)
            children = branch.children
            break
        else:
            for step in rest:
                branch = Branch(step)
                children.append(branch)
                children = branch.children
            return True
    return False


def insert_source(
    tree: list[Branch], done: Sequence[Step], sequence: Sequence[Step], firsts: Callable[[], Sequence[Step]]
) -> bool:
    """Have one of the steps tried that the sequence may begin with, the last of them; False if one is, or was.
    `firsts` are those of its steps that are possible at once."""
    tried = [*done, *(branch.step for branch in tree)]
    if any(place(step, sequence) >= 0 for step in tried):
        return False
    tree.append(Branch(next(step for step in reversed(firsts()) if place(step, sequence) >= 0)))
    return True
