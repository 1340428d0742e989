"""What strategies that merge states have in common: what was found, and the way there as steps of a world.

A way is a list of states; its steps are found again from one state to the next, and taken in a world, where messages
have the numbers that a script names them by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simclock.actors.steering import Deliver, Drop, Duplicate, Step, World
from simclock.actors.steering.pending import may_arrive
from simclock.errors import HandlerError
from simclock.experiments.exploring.search import Findings, Found
from simclock.experiments.exploring.states.space import Space
from simclock.experiments.exploring.states.symmetry import Symmetry
from simclock.experiments.exploring.watching import NO_ERROR
from simclock.observers import Violation

Way = Callable[[], Sequence[int]]
"""The states from the first to the one in question."""


class Merged:
    """A search over the states of a space."""

    def __init__(self, space: Space, symmetry: Symmetry | None) -> None:
        self.space = space
        self.symmetry = symmetry
        self.findings = Findings()
        self._known: set[str] = set()
        self.done = False
        """Whether a violation was found, and one is enough."""

    def go_on(self, findings: Findings) -> None:
        """From what was known."""
        self.findings = findings
        self._known = {each.violation.property for each in findings.found}

    def note(self, state: int, way: Way) -> None:
        """What the observers have found at a state."""
        violations, reached = self.space.watching.notes[state >> self.space.watch_shift]
        for name in sorted(reached - self.findings.reached.keys()):
            self.findings.reached[name] = self.steps(way())
        for violation in violations:
            self._found(violation, way)

    def note_end(self, state: int, way: Way) -> None:
        """Nothing more can happen at a state: what is owed in the end is judged."""
        self.findings.ends += 1
        space = self.space
        if not space.watching.observers or state >> space.watch_shift in space.watching.final:
            return
        down = tuple(node for node in range(space.nodes) if not space.is_up(state, node))
        for violation in space.watching.at_the_end(state >> space.watch_shift, down):
            self._found(violation, way)

    def _found(self, violation: Violation, way: Way) -> None:
        if violation.property in self._known:
            return
        self._known.add(violation.property)
        self.findings.found.append(Found(violation=violation, steps=self.steps(way())))
        if violation.property == NO_ERROR or not self.space.asked.all_violations:
            self.done = True

    def tell(self) -> Findings:
        """What is known, for who reads it."""
        findings, space = self.findings, self.space
        findings.pruned = dict(sorted(space.pruned.items()))
        findings.bounded = bool(space.pruned)
        findings.heed = space.locals.heed()
        if space.watching.ignored():
            findings.heed += ("observers would inject faults, which do not happen here: bounds say what may go wrong",)
        if not findings.complete and space.fires_unbound and not self.done:
            findings.heed += ("timers are not bounded: --timers N, or --timers NAME=N, makes the search smaller",)
        findings.more = (("local states", f"{space.local_states():,} of {space.nodes} nodes"),)
        return findings

    # Ways.

    def steps(self, states: Sequence[int]) -> tuple[Step, ...]:
        """The steps that lead along those states, as a world takes them."""
        space = self.space
        real = space.initial
        moves: list[tuple[Step, int]] = []
        for wanted in states[1:]:
            moves.append(next(move for move in space.moves(real) if self._same(move[1]) == wanted))
            real = moves[-1][1]
        asked = space.asked
        world = World(asked.scenario, model=asked.model, nodes=space.locals, instant=asked.instant)
        for step, _ in moves:
            named = _named(world, step, space)
            if _fails(world, named):
                return (*world.taken, named)
            world.take(named)
        return tuple(world.taken)

    def _same(self, state: int) -> int:
        return state if self.symmetry is None else self.symmetry.representative(state)


def _fails(world: World, step: Step) -> bool:
    """Whether a node's code fails at that step."""
    try:
        world.copy().take(step)
    except HandlerError:
        return True
    return False


def _named(world: World, step: Step, space: Space) -> Step:
    """The step with the message's number in that world."""
    mail = space.mail_of(step)
    if mail is None:
        return step
    pending = world.pending.values()
    for each in may_arrive(world.model, pending) if isinstance(step, Deliver) else pending:
        if (each.source, each.target, each.message) == mail:
            kind: type[Deliver | Drop | Duplicate] = type(step)  # type: ignore[assignment]
            return kind(each.number, each.source, each.target, each.kind)
    raise AssertionError("a message that a move is about is on its way")
