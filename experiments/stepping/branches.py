"""The tree of what was tried: from each world, the steps that were taken, and the worlds they lead to.

Law: a branch is a world that nobody changes any more: a step is taken on a copy. So one can go back to any branch, and
take another step from there; a step that was taken from there already leads to the branch that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from simclock.actors.steering.steps import OfMessage, Step
from simclock.actors.steering.world import World
from simclock.errors import UsageError
from simclock.experiments.scripts.stage import Judge, Stage
from simclock.experiments.scripts.steps import format_steps
from simclock.experiments.scripts.telling import Shown

BRANCHES_MAX = 5_000
"""Each holds a world."""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A world, and the step that led to it."""

    number: int
    parent: int | None
    step: Step | None
    """None of the root."""
    stage: Stage = field(repr=False)
    changed: tuple[str, ...]
    """What the step changed, as lines."""

    @property
    def world(self) -> World:
        return self.stage.world

    def __str__(self) -> str:
        return "beginning" if self.step is None else str(self.step)


class Branches:
    """All that was tried, and where one stands."""

    def __init__(self, world: World, shown: Shown, judge: Judge, label: str, put_in: Sequence[str] = ()) -> None:
        self._shown, self._judge = shown, judge
        self.label = label
        """The scenario with its settings, as a script names it."""
        self._put_in = put_in
        stage = Stage(world, shown, judge)
        self.all = [Branch(number=0, parent=None, step=None, stage=stage, changed=tuple(stage.beginning()))]
        self.current = 0

    @property
    def here(self) -> Branch:
        """Where one stands."""
        return self.all[self.current]

    def take(self, step: Step) -> Branch:
        """Have it happen from here. Raises UsageError, or HandlerError where a node's code fails: then one stays."""
        step = self._in_full(step)
        for each in self.all[self.current + 1 :]:
            if each.parent == self.current and each.step == step:
                self.current = each.number
                return each
        if len(self.all) >= BRANCHES_MAX:
            raise UsageError(f"{BRANCHES_MAX:,} steps were tried, and no more are kept: save the script and begin anew")
        stage = Stage(self.here.world.copy(), self._shown, self._judge)
        changed = tuple(stage.take(step))
        made = Branch(number=len(self.all), parent=self.current, step=step, stage=stage, changed=changed)
        self.all.append(made)
        self.current = made.number
        return made

    def _in_full(self, step: Step) -> Step:
        """With link and class of the message, where it was named by its number alone."""
        if isinstance(step, OfMessage) and not step.kind and step.number in self.here.world.pending:
            each = self.here.world.pending[step.number]
            return type(step)(each.number, each.source, each.target, each.kind)
        return step

    def back(self) -> Branch:
        """One step back; raises UsageError at the beginning."""
        parent = self.here.parent
        if parent is None:
            raise UsageError("back: this is the beginning")
        return self.jump(parent)

    def jump(self, number: int) -> Branch:
        """To any branch; raises UsageError for one that there is not."""
        if not 0 <= number < len(self.all):
            raise UsageError(f"jump: there is no branch {number}: branches are 0 to {len(self.all) - 1}")
        self.current = number
        return self.here

    def path(self) -> list[Branch]:
        """From the beginning to here."""
        found = [self.here]
        while found[-1].parent is not None:
            found.append(self.all[found[-1].parent])
        return found[::-1]

    def script(self) -> str:
        """A script that leads here, for `simclock script`."""
        steps = [each.step for each in self.path() if each.step is not None]
        broken = [each.property for each in self.here.world.violations]
        return format_steps(steps, scenario=self.label, setup=self._put_in, violation=broken[0] if broken else None)

    def drawn(self) -> Iterator[str]:
        """The tree, a branch to a line; a chain without another way is not indented."""
        children: dict[int | None, list[Branch]] = {}
        for each in self.all:
            children.setdefault(each.parent, []).append(each)
        waiting = [(self.all[0], 0)]
        while waiting:
            branch, depth = waiting.pop()
            mark = "*" if branch.number == self.current else " "
            yield f"{mark} {branch.number:>4} {'  ' * depth}{branch}"
            following = children.get(branch.number, [])
            waiting += [(each, depth + (len(following) > 1)) for each in reversed(following)]

    def go_on(self, decide: Callable[[World], Step | None], steps: int) -> list[Branch]:
        """Let somebody else decide so many steps, or fewer where nothing is left or something is violated."""
        taken: list[Branch] = []
        known = len(self.here.world.violations)
        while len(taken) < steps and len(self.here.world.violations) == known:
            step = decide(self.here.world)
            if step is None:
                break
            taken.append(self.take(step))
        return taken
