"""The search for a linearization of one partition.

A *configuration* is a level (a return, see `timeline.py`), the state, and which operations under way have
taken effect; every operation that returned before the level has. From a configuration, operations under way
are placed one by one until the one that returns here is placed; then the search goes on to the next return
whose operation is not placed yet. That loses nothing: whatever stands before an operation in a
linearization was called before it returned, so it is under way here (Lowe 2017, just-in-time linearization).
Configurations that were tried are remembered and not tried again (Lowe 2017, after Wing & Gong 1993). The
search is depth first.

Call a configuration *good* when the history can be completed from it, and take a completion: the operations
it still places, in order. What is left out of the search keeps this true: of a good configuration that is
tried, one that is tried after it is good and nearer to the end, by operations still to be placed and returns
still to come.

1. *Reads are placed as soon as they are legal.* A read changes no state: taken from its place in a
   completion and put here it leaves the others as they are, and here is early enough for its return.

2. *Of operations with one effect, only the one that returns first is tried; an open one if none returns.*
   If a completion has the later one here, exchange the two, or put the earlier in place of the later if it
   is not in the completion (by 3, or because it is open). All have one effect and are under way; the earlier
   return is served earlier than it was, and the later one before the earlier return comes. If by 3 the
   earlier was not in the completion, then both are overwrites, and the later is coverable from here on.

3. *An overwrite that nobody sees need not be placed until its return.* An overwrite is legal in every state
   and always leaves the same one, as a write does. If it was under way when another overwrite was placed it
   may afterwards be put just before that one, without a trace. Call it *coverable* then, and *fresh* if no
   overwrite was placed since it was called. At the return of a coverable one it is covered, or placed as any
   other; completions need not place it.
   Take a completion whose first operation is an overwrite that does not return here, and whose second is
   one as well. Both are under way here, since what returns here is not beyond the second. Place only the
   second: the first is coverable then, and the rest is a completion. So an overwrite is placed before its
   return only if something under way that is no overwrite is legal right after it.

4. *Less is better.* Take two configurations of one level and state in which the same operations have taken
   effect, overwrites and open ones aside. A completion of the second completes the first too, if the first
   used no open operation that the second did not, and if every overwrite under way is in the first either
   coverable, or the same as in the second: open operations may stay unused, and coverable ones be covered.
   The second need not be tried if the first was. Placed and fresh overwrites and used open operations are
   the *cost* of a configuration, a set of bits, the rest is its *core*; it is left out if one of the same
   core was tried whose cost is a subset of its own. So time-outs do not multiply what is to be tried.

5. *An open operation that leaves the state as it is is not tried.* By 4, nothing is gained.

6. *What is needed must be in reach.* If an operation is legal in one state alone, that is not the current
   one, and nothing that could lead there is left to be placed before its return, there is no completion. It
   is asked at the start for every such state; then for a state that is left, or whose last leaver is covered,
   and for the state that is needed next.

7. *The model may know dead ends*, states from which answers that were heard can no longer come about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.limits import LimitHitError, Limits
from simclock.experiments.checkers.linearizability.model import Model, State
from simclock.experiments.checkers.linearizability.reach import Reach
from simclock.experiments.checkers.linearizability.timeline import Configuration, Level, Timeline
from simclock.experiments.checkers.linearizability.transitions import ILLEGAL_STEP, States

EXPLANATION_STEPS = 100_000  # a second or so; the verdict ILLEGAL stands, its prefix may be the shorter for it


@dataclass(frozen=True, kw_only=True)
class Found:
    """How a search ended."""

    linearizable: bool | None
    """None where a limit was hit."""
    order: tuple[Operation, ...]
    """A linearization, or the longest legal prefix that was found."""
    steps: int
    """How many configurations were tried."""
    state: State = None
    """After a prefix."""
    blocked: Operation | None = None
    """What returns next; if not linearizable it cannot follow the prefix."""
    under_way: tuple[Operation, ...] = ()
    """What else might have stood between: not in the prefix, and called before `blocked` returned."""


class Search:
    """One partition's search; raises LimitHitError where the limits do not even allow to begin it."""

    def __init__(self, operations: Sequence[Operation], model: Model, limits: Limits) -> None:
        self.limits = limits
        self.states = States(model)
        self.timeline = Timeline(operations, self.states, limits)
        self.reach = Reach(self.timeline, self.states)
        self._seen: list[dict[int, int | list[int]]] = []
        self._deepest = self._settled(self._start())

    def run(self) -> Found:
        """Search until an order is found, none is left to be tried, or a limit is hit."""
        limits = self.limits
        goal = len(self.timeline.levels)
        linearizable: bool | None = None
        try:
            linearizable = self._reaches(goal)
            if not linearizable:
                explained = limits.steps + EXPLANATION_STEPS
                limits.steps_max = explained if limits.steps_max is None else min(limits.steps_max, explained)
                self._go_deepest(goal)
        except LimitHitError:
            pass
        if linearizable:
            return Found(linearizable=True, order=self._order(self._deepest.path), steps=limits.steps)
        return self._prefix(linearizable)

    def _go_deepest(self, failed: int) -> None:
        """Reach the last level that can be reached, knowing one that cannot.

        A search for the end gives up, by 6 and 7, long before it is stuck, so the level where it did says little.
        If a level can be reached so can all before it: double the stride, then halve what is between.
        """
        stride = 1
        while self._deepest.level + 1 < failed:
            goal = min(self._deepest.level + stride, (self._deepest.level + failed + 1) // 2)
            if self._reaches(goal):
                stride *= 2
            else:
                failed = goal

    def _reaches(self, goal: int) -> bool:
        """Whether all that returns before the level `goal` can be put in order; depth first."""
        self.reach.aim(goal)
        self._seen = [{} for _ in range(goal)]
        first = self._settled(self._start())
        if first.level >= goal:
            return True
        if any(self.reach.is_lost(state, first) for state in self.reach.needed):
            return False
        stack: list[tuple[Configuration, bool]] = [(first, True)]
        while stack:
            configuration, is_new = stack.pop()
            if not is_new:
                stack.extend((each, True) for each in self._detours(configuration))
                continue
            self.limits.step()
            configuration = self._settled(configuration)
            self._keep_deepest(configuration)
            if configuration.level >= goal:
                return True
            if not self._is_known(configuration):
                stack.append((configuration, False))
                stack.extend((each, True) for each in self._served(configuration))
        return False

    def _start(self) -> Configuration:
        levels = self.timeline.levels
        fresh = levels[0].arriving_overwrites if levels else 0
        return Configuration(0, 0, fresh, 0, self.states.number(self.states.model.initial), None)

    def _keep_deepest(self, configuration: Configuration) -> None:
        deepest = self._deepest
        if configuration.level > deepest.level or (
            configuration.level == deepest.level and _placed_count(configuration) > _placed_count(deepest)
        ):
            self._deepest = configuration

    def _settled(self, configuration: Configuration) -> Configuration:
        """Place the reads that are legal, and pass the returns of all that is placed."""
        number, placed, fresh, used, state, path = configuration
        levels = self.timeline.levels
        if number == len(levels):
            return configuration
        reads = levels[number].reads
        while True:
            for read in reads:  # 1
                if not placed & read.bit and read.transitions[state] != ILLEGAL_STEP:
                    placed |= read.bit
                    path = path, read.level
            returning = levels[number].returning.bit
            if not placed & returning:
                break
            placed ^= returning
            number += 1
            if number == len(levels):
                break
            fresh |= levels[number].arriving_overwrites
            reads = levels[number].arriving_reads  # the others were not legal in this state, nor are they now
        return Configuration(number, placed, fresh, used, state, path)

    def _is_known(self, configuration: Configuration) -> bool:
        """Whether one as good was tried (4); if not, remember this one."""
        number, placed, fresh, used, state, _ = configuration
        slots = self.timeline.slots
        overwrites = self.timeline.levels[number].overwrites
        core = state << slots | placed & ~overwrites
        cost = (used << slots | fresh) << slots | placed & overwrites
        seen = self._seen[number]
        before = seen.get(core)
        if before is None:
            seen[core] = cost
        elif isinstance(before, int):
            if before & ~cost == 0:
                return True
            seen[core] = cost if cost & ~before == 0 else [before, cost]
        else:
            for each in before:
                if each & ~cost == 0:
                    return True
            seen[core] = [*(each for each in before if cost & ~each != 0), cost]
        return False

    def _served(self, configuration: Configuration) -> Iterator[Configuration]:
        """What places the operation that returns here, the likelier last."""
        number, placed, fresh, used, state, path = configuration
        level, _, bit, transitions = self.timeline.levels[number].returning
        if transitions.is_overwrite and not fresh & bit:  # 3
            covered = Configuration(number, placed | bit, fresh, used, state, (path, ~level))
            if not self.reach.is_lost(transitions.overwritten_with, covered):
                yield covered
        target = transitions[state]
        if target != ILLEGAL_STEP:
            fresh = 0 if transitions.is_overwrite else fresh
            after = Configuration(number, placed | bit, fresh, used, target, (path, level))
            if not self.reach.is_lost(state, after):
                yield after

    def _detours(self, configuration: Configuration) -> list[Configuration]:
        """What places another operation first, the likelier last."""
        number, placed, fresh, used, state, path = configuration
        timeline = self.timeline
        level = timeline.levels[number]
        returning = level.returning.transitions
        helpful: list[Configuration] = []
        others: list[Configuration] = []
        for transitions, completed, _, open_mask in timeline.groups(level):
            if transitions is returning:  # 2: the one that returns is the first of its effect
                continue
            target = transitions[state]
            if target == ILLEGAL_STEP:
                continue
            if transitions.is_overwrite and not self._is_seen(target, level, configuration):  # 3
                continue
            after_fresh = 0 if transitions.is_overwrite else fresh
            chosen = next((each for each in completed if not placed & each.bit), None)  # 2
            if chosen is not None:
                step = path, chosen.level
                after = Configuration(number, placed | chosen.bit, after_fresh, used, target, step)
            else:
                unused = open_mask & ~used
                if not unused or target == state:  # 5
                    continue
                bit = unused & -unused
                step = path, timeline.open_number(bit)
                after = Configuration(number, placed, after_fresh, used | bit, target, step)
            if not self.reach.is_lost(state, after):
                (helpful if returning[target] != ILLEGAL_STEP else others).append(after)
        return [*reversed(others), *reversed(helpful)]

    def _is_seen(self, target: int, level: Level, configuration: Configuration) -> bool:
        """Whether something that is no overwrite is legal after an overwrite that leaves `target` (3)."""
        placed, used = configuration.placed, configuration.used
        for read in level.reads:
            if not placed & read.bit and read.transitions[target] != ILLEGAL_STEP:
                return True
        for transitions, _, mask, open_mask in self.timeline.groups(level):
            if transitions.is_overwrite or not (mask & ~placed or open_mask & ~used):
                continue
            if transitions[target] != ILLEGAL_STEP:
                return True
        return False

    def _prefix(self, linearizable: bool | None) -> Found:
        """The deepest configuration, and what kept it from going on."""
        timeline = self.timeline
        configuration = self._deepest if linearizable is None else self._gone_on(self._deepest)
        level = timeline.levels[configuration.level]
        others = (each for each in level.under_way if not configuration.placed & each.bit)
        return Found(
            linearizable=linearizable,
            order=self._order(configuration.path),
            steps=self.limits.steps,
            state=self.states.values[configuration.state],
            blocked=timeline.operations[level.returning.level],
            under_way=(
                *(timeline.operations[each.level] for each in others if each != level.returning),
                *timeline.open_operations(level.open_called & ~configuration.used),
            ),
        )

    def _gone_on(self, configuration: Configuration) -> Configuration:
        """As far as returns can be placed one by one: nowhere, but where an explanation hit its limit."""
        while True:
            number, placed, fresh, used, state, path = configuration
            level, _, bit, transitions = self.timeline.levels[number].returning
            target = transitions[state]
            if target == ILLEGAL_STEP:
                return configuration
            fresh = 0 if transitions.is_overwrite else fresh
            after = Configuration(number, placed | bit, fresh, used, target, (path, level))
            configuration = self._settled(after)
            assert configuration.level < len(self.timeline.levels), "what has no order has no end"

    def _order(self, path: Any) -> tuple[Operation, ...]:
        """The operations of a path; a covered one (~number) goes just before the last overwrite."""
        timeline = self.timeline
        numbers = []
        while path is not None:
            path, number = path
            numbers.append(number)
        order: list[Operation] = []
        last_overwrite = -1
        for number in reversed(numbers):
            if number < 0:
                assert last_overwrite >= 0, "only what an overwrite follows can be covered"
                order.insert(last_overwrite, timeline.operations[~number])
                last_overwrite += 1
            else:
                if timeline.transitions[number].is_overwrite:
                    last_overwrite = len(order)
                order.append(timeline.operations[number])
        return tuple(order)


def _placed_count(configuration: Configuration) -> int:
    """How many operations have taken effect, besides those that returned."""
    return configuration.placed.bit_count() + configuration.used.bit_count()
