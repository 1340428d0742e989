"""The search for a linearization of one partition.

A *configuration* is a level (a return, see `timeline.py`), the state, and which operations under way have taken
effect. Every operation that returned before the level has. From a configuration, operations under way are
placed one by one until the one that returns here is placed; then the search goes on to the next return whose
operation is not yet placed. That loses nothing: whatever stands before an operation in a linearization was
called before it returned, so it is under way here (Lowe 2017, just-in-time linearization). Configurations that
were tried are remembered and not tried again (Lowe 2017, after Wing & Gong 1993). The search is depth first; the
deepest level reached is one that no order gets beyond, whatever the order of trying.

Call a configuration *good* when the history can be completed from it. Left out is only what keeps this true:
if a configuration that is tried is good, then so is one of those tried next, and one step nearer to the end.

1. *Reads are placed as soon as they are legal.* A read changes no state: taken from its place in a completion
   and put here it leaves the others as they are, and here is early enough for its return.

2. *Of operations with one effect, only the one that returns first is tried; an open one if there is no other.*
   Both are under way. If a completion has the later one here, exchange the two: each is legal in the other's
   place, having the same effect, and the earlier return, now served earlier, is served in time; so is the later
   return, at a place before the earlier return. An open operation has no return to be late for.

3. *An overwrite that nobody sees need not be placed until its return.* An overwrite is legal in every state and
   leaves the same state always, like a write. One that was under way when another overwrite x was placed may
   therefore be put just before x, afterwards, without any trace: call it *coverable*, and *fresh* if it arrived
   after the last overwrite was placed. At its return a coverable one is covered, or placed as usual.
   In a completion, take an overwrite a that is placed next, does not return here, and stands directly before
   another overwrite b: both are under way here (b is not beyond the return, or a would be the one returning).
   Place b instead; a is coverable then, and the rest is a completion. So an overwrite is tried before its turn
   only if something under way that is no overwrite is legal right after it.

4. *Less is better.* Take two configurations of one level and state, with the same placed operations except for
   overwrites and open operations. Whatever completes the second also completes the first, if the first
   used no open operation that the second did not, and each overwrite under way is, in the first, coverable, or
   the same as in the second. For an open operation may stay unused, and a coverable one be covered where the
   second had placed it or could have. The second need not be tried; placed and fresh overwrites and used
   open operations are the *cost*, a set of bits, and a configuration is left out if one of the same *core* was
   tried whose cost is a subset of its own. That keeps histories with many time-outs from growing exponentially.

5. *An open operation that leaves the state as it is is not tried.* By 4, nothing is gained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple

from experiments.histories import Operation
from experiments.linearizability.model import Model, State
from experiments.linearizability.timeline import ILLEGAL_STEP, Alike, Level, Slotted, States, Timeline

TIME_CHECK_STEPS = 256

Path = Any  # nested pairs (path before, number), None at the start: an order that shares its beginnings


class Configuration(NamedTuple):
    """A point of the search; the sets of operations are bits."""

    level: int
    placed: int  # slots of completed operations under way
    fresh: int  # slots of overwrites under way that came after the last overwrite that was placed
    used: int  # open operations
    state: int
    path: Path


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
    """After `order`; of a prefix."""
    blocked: Operation | None = None
    """What returns next and cannot follow the prefix."""
    under_way: tuple[Operation, ...] = ()
    """What else might have stood between: not in the prefix, and called before `blocked` returned."""


class Search:
    """One partition's search."""

    def __init__(self, operations: Sequence[Operation], model: Model) -> None:
        self.states = States(model)
        self.timeline = Timeline(operations, self.states)
        self.steps = 0
        self._seen: list[dict[int, int | list[int]]] = [{} for _ in self.timeline.levels]
        self._deepest: tuple[tuple[int, int], Configuration] | None = None

    def run(self, deadline: float | None = None, steps_max: int | None = None) -> Found:
        """Search until an order is found, all are tried, or a limit is hit."""
        levels = self.timeline.levels
        start = self.states.number(self.states.model.initial)
        if not levels:
            return Found(linearizable=True, order=(), steps=0)
        first = Configuration(0, 0, levels[0].arriving_overwrites, 0, start, None)
        stack: list[tuple[Configuration, bool]] = [(first, True)]
        while stack:
            configuration, is_new = stack.pop()
            if not is_new:
                stack.extend((each, True) for each in self._detours(configuration))
                continue
            if self._is_over(deadline, steps_max):
                return self._prefix(None)
            self.steps += 1
            configuration = self._settled(configuration)
            if configuration.level == len(levels):
                return Found(linearizable=True, order=self._order(configuration.path), steps=self.steps)
            if not self._is_covered(configuration):
                self._note(configuration)
                stack.append((configuration, False))
                stack.extend((each, True) for each in self._served(configuration))
        return self._prefix(False)

    def _is_over(self, deadline: float | None, steps_max: int | None) -> bool:
        if steps_max is not None and self.steps >= steps_max:
            return True
        return deadline is not None and self.steps % TIME_CHECK_STEPS == 0 and monotonic() >= deadline

    def _settled(self, configuration: Configuration) -> Configuration:
        """Places the reads that are legal, and passes the returns of all that is placed."""
        number, placed, fresh, used, state, path = configuration
        levels = self.timeline.levels
        reads = levels[number].reads
        while True:
            for read in reads:  # 1
                if not placed & read.bit and read.transitions[state] != ILLEGAL_STEP:
                    placed |= read.bit
                    path = path, read.place
            returning = levels[number].returning.bit
            if not placed & returning:
                break
            placed ^= returning
            number += 1
            if number == len(levels):
                break
            fresh |= levels[number].arriving_overwrites
            reads = levels[
                number
            ].arriving_reads  # the others were not legal in this state before, nor are now
        return Configuration(number, placed, fresh, used, state, path)

    def _is_covered(self, configuration: Configuration) -> bool:
        """Whether one as good was tried (4); if not, this one is remembered."""
        number, placed, fresh, used, state, _ = configuration
        overwrites = self.timeline.levels[number].overwrites
        slots = self.timeline.slots
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
        level = self.timeline.levels[number]
        place, bit, transitions = level.returning
        if transitions.is_overwrite and not fresh & bit:  # 3: covered
            yield Configuration(number, placed | bit, fresh, used, state, (path, ~place))
        target = transitions[state]
        if target != ILLEGAL_STEP:
            fresh = 0 if transitions.is_overwrite else fresh
            yield Configuration(number, placed | bit, fresh, used, target, (path, place))

    def _detours(self, configuration: Configuration) -> list[Configuration]:
        """What places another operation first, the likelier last."""
        number, placed, fresh, used, state, path = configuration
        level = self.timeline.levels[number]
        returning = level.returning.transitions
        helpful, others = [], []
        for group in self.timeline.groups(level):
            transitions = group.transitions
            if transitions is returning:  # 2: the one that returns is the first of its effect
                continue
            target = transitions[state]
            if target == ILLEGAL_STEP:
                continue
            if transitions.is_overwrite and not self._is_seen(target, level, configuration):
                continue
            after_fresh = 0 if transitions.is_overwrite else fresh
            chosen = next((each for each in group.completed if not placed & each.bit), None)  # 2
            if chosen is not None:
                after = Configuration(
                    number, placed | chosen.bit, after_fresh, used, target, (path, chosen.place)
                )
            else:
                unused = group.open_mask & ~used
                if not unused or target == state:  # 5
                    continue
                bit = unused & -unused
                place = len(self.timeline.completed) + bit.bit_length() - 1
                after = Configuration(number, placed, after_fresh, used | bit, target, (path, place))
            (helpful if returning[target] != ILLEGAL_STEP else others).append(after)
        return [*reversed(others), *reversed(helpful)]

    def _is_seen(self, target: int, level: Level, configuration: Configuration) -> bool:
        """Whether something that is no overwrite is legal right after an overwrite that leaves `target` (3)."""
        placed, used = configuration.placed, configuration.used
        for read in level.reads:
            if not placed & read.bit and read.transitions[target] != ILLEGAL_STEP:
                return True
        for transitions, _, mask, open_mask in self.timeline.groups(level):
            if not transitions.is_overwrite and (mask & ~placed or open_mask & ~used):
                if transitions[target] != ILLEGAL_STEP:
                    return True
        return False

    def _note(self, configuration: Configuration) -> None:
        """Keeps the deepest configuration; of one level the one with most operations in order."""
        number, placed, _, used, _, _ = configuration
        depth = number, number + placed.bit_count() + used.bit_count()
        if self._deepest is None or depth > self._deepest[0]:
            self._deepest = depth, configuration

    def _prefix(self, linearizable: bool | None) -> Found:
        if self._deepest is None:
            return Found(linearizable=linearizable, order=(), steps=self.steps)
        configuration = self._deepest[1]
        timeline = self.timeline
        level = timeline.levels[configuration.level]
        order = self._order(configuration.path)
        others = [
            timeline.completed[each.place]
            for each in level.under_way
            if not configuration.placed & each.bit and each.place != level.returning.place
        ]
        unused = [
            timeline.open[index] for index in range(level.open_called) if not configuration.used >> index & 1
        ]
        return Found(
            linearizable=linearizable,
            order=order,
            steps=self.steps,
            state=self.states.values[configuration.state],
            blocked=timeline.completed[level.returning.place],
            under_way=(*others, *unused),
        )

    def _order(self, path: Path) -> tuple[Operation, ...]:
        """The operations of a path; a covered one (~number) goes before the last overwrite, where nobody sees it."""
        timeline = self.timeline
        operations = [*timeline.completed, *timeline.open]
        transitions = [*timeline.transitions, *timeline.open_transitions]
        numbers = []
        while path is not None:
            path, number = path
            numbers.append(number)
        order: list[Operation] = []
        last_overwrite = -1
        for number in reversed(numbers):
            if number < 0:
                assert last_overwrite >= 0, "only what an overwrite follows can be covered"
                order.insert(last_overwrite, operations[~number])
                last_overwrite += 1
            else:
                if transitions[number].is_overwrite:
                    last_overwrite = len(order)
                order.append(operations[number])
        return tuple(order)
