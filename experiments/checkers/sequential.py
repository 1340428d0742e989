"""Sequential consistency: does one order, which keeps every process's own, explain what every client heard?

"The result of any execution is the same as if the operations of all the processors were executed in some sequential
order, and the operations of each individual processor appear in this sequence in the order specified by its program"
(Lamport 1979). Between processes, time orders nothing; so every linearizable history is sequentially consistent.

Rule 1: the object is a `Model`, as for linearizability. Its parts (keys) are judged together: unlike
        linearizability, sequential consistency is not local (Attiya & Welch 1994), and two objects that each have an
        order may have none together.
Rule 2: an operation of unknown outcome comes after what its process had done before it, or never; what the process did
        afterwards need not wait for it. Operations that one process called and finished at one instant keep the order
        in which they are given.
Rule 3: OK comes with the order, which `flaw_of_sequence` replays; ILLEGAL with the longest legal prefix and what
        stands in its way; UNKNOWN where a limit was hit: the problem is NP-complete (Gibbons & Korach 1997).

Three short ways come first. A history that is linearizable is sequentially consistent, and the orders of its parts are
merged into one (locality's proof, Herlihy & Wing 1990). Of reads and writes whose written values differ, what was read
says most of the order of writes, and the rest follows (`lagging.py`). And such a history must keep the session
guarantees and causality; where these are broken, the circle of demands is the reason.

The search goes depth first over (how far each process is, the states) and remembers where it was. A read that is legal
is taken at once, since it changes nothing for anyone else; a step is refused that leaves a state which someone still
needs and nothing that is left can bring back.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple, NoReturn

from simclock.experiments.checkers.histories import HistoryError, Operation
from simclock.experiments.checkers.lagging import order_of_lagging
from simclock.experiments.checkers.linearizability import Model, Verdict
from simclock.experiments.checkers.linearizability.checker import linearizability_within
from simclock.experiments.checkers.linearizability.limits import LimitHitError, Limits, limits_of
from simclock.experiments.checkers.numbering import NumberedTuples
from simclock.experiments.checkers.sessions import session_guarantees_within

LINES_SHOWN = 5
SHORT_WAY_STEPS = 1_000_000
"""Of the search for a linearization, which is tried first."""


@dataclass(frozen=True, kw_only=True)
class SequentialConsistency:
    """A verdict and its reasons."""

    verdict: Verdict
    model: Model
    operations: int
    """How many were judged; those that failed, and reads of unknown outcome, constrain nothing."""
    processes: int
    steps: int
    """How many configurations the search tried."""
    order: tuple[Operation, ...] = field(default=(), repr=False)
    """If OK: the operations in a legal order."""
    prefix: tuple[Operation, ...] = field(default=(), repr=False)
    """If not OK: the longest legal order found that keeps every process's own."""
    blocked: tuple[Operation, ...] = ()
    """If not OK: what stands in the way after the prefix: operations that nothing left can make legal, or what each
    process would do next where none of it leads to the end."""

    circle: str = ""
    """If ILLEGAL for that reason: demands that nobody can meet together; there is no prefix then."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has three values; compare `.verdict` with Verdict.OK")

    def explain(self) -> str:
        """The verdict and, where it is not OK, why; a few lines."""
        size = f"{self.operations} operations of {self.processes} processes, {self.steps} steps"
        if self.verdict is Verdict.OK:
            return f"OK: sequentially consistent as a {self.model.name} ({size})"
        what = "not sequentially consistent" if self.verdict is Verdict.ILLEGAL else "gave up before it was certain"
        lines = [f"{self.verdict}: {what} as a {self.model.name} ({size})"]
        if self.circle:
            return "\n".join((*lines, *(f"  {line}" for line in self.circle.splitlines())))
        lines.append(f"  longest legal order found: {len(self.prefix)} of {self.operations} operations")
        if len(self.prefix) > LINES_SHOWN:
            lines.append(f"    ... {len(self.prefix) - LINES_SHOWN} more")
        lines += [f"    {self.model.describe(each)}" for each in self.prefix[-LINES_SHOWN:]]
        lines.append("  after which there is no way to:")
        lines += [f"    {self.model.describe(each)}" for each in self.blocked[:LINES_SHOWN]]
        if len(self.blocked) > LINES_SHOWN:
            lines.append(f"    ... {len(self.blocked) - LINES_SHOWN} more")
        return "\n".join(lines)


def check_sequential_consistency(
    operations: Iterable[Operation],
    model: Model,
    time_limit_s: float | None = None,
    step_limit: int | None = None,
) -> SequentialConsistency:
    """Judge a history by a model; the limits are as in `check_linearizability`, for the short ways and the search
    together: each short way may use half of what is left.
    """
    limits = limits_of(time_limit_s, step_limit)
    judged = [each for each in operations if each.outcome != "fail" and not (each.is_open and model.is_read(each))]
    processes = len({each.process for each in judged})
    share = limits.share(2)
    share.steps_max = SHORT_WAY_STEPS if share.steps_max is None else min(share.steps_max, SHORT_WAY_STEPS)
    linear = linearizability_within(share, judged, model)
    limits.steps += share.steps
    order: tuple[Operation, ...] = ()
    circle = ""
    if linear.verdict is Verdict.OK:
        order = _merged(linear.linearizations)
    if not order or flaw_of_sequence(order, judged, model) is not None:
        order = _order_of_registers(judged, model, limits)
    if not order:
        share = limits.share(2)
        circle = _broken_guarantee(judged, model, share)
        limits.steps += share.steps
    if not order and not circle:
        return search_for_sequence(judged, model, limits)
    return SequentialConsistency(
        verdict=Verdict.ILLEGAL if circle else Verdict.OK,
        model=model,
        operations=len(judged),
        processes=processes,
        steps=limits.steps,
        order=order,
        circle=circle,
    )


def search_for_sequence(
    judged: Sequence[Operation], model: Model, limits: Limits | None = None
) -> SequentialConsistency:
    """The verdict by the search alone."""
    limits = Limits() if limits is None else limits
    search = _Search(judged, model)
    try:
        verdict = Verdict.OK if search.run(limits) else Verdict.ILLEGAL
    except LimitHitError:
        verdict = Verdict.UNKNOWN
    search.keep_tip()
    found = SequentialConsistency(
        verdict=verdict,
        model=model,
        operations=len(judged),
        processes=len(search.programs),
        steps=limits.steps,
        order=tuple(search.order()) if verdict is Verdict.OK else (),
        prefix=() if verdict is Verdict.OK else search.longest,
        blocked=() if verdict is Verdict.OK else search.blocked,
    )
    if verdict is Verdict.OK:
        flaw = flaw_of_sequence(found.order, judged, model)
        assert flaw is None, f"an OK is only given with an order that replays: {flaw}"
    return found


def _merged(orders: Sequence[Sequence[Operation]]) -> tuple[Operation, ...]:
    """One order out of those of the parts that keeps precedence in time: of the heads, the one that was called first.

    Some head is preceded by nothing that is left (the union of the orders and precedence has no circle), so whatever
    head was called no later is not preceded either.
    """
    heads = [(order[0].call, number, 0) for number, order in enumerate(orders) if order]
    heapify(heads)
    merged = []
    while heads:
        _, number, place = heappop(heads)
        merged.append(orders[number][place])
        if place + 1 < len(orders[number]):
            heappush(heads, (orders[number][place + 1].call, number, place + 1))
    return tuple(merged)


def _order_of_registers(judged: Sequence[Operation], model: Model, limits: Limits) -> tuple[Operation, ...]:
    """An order that follows from what was read, where that can be told; empty where there is none, or another."""
    if not _is_of_registers(judged, model):
        return ()
    share = limits.share(2)
    try:
        order = order_of_lagging(list(_programs(judged).values()), model, share)
    except LimitHitError:
        return ()
    finally:
        limits.steps += share.steps
    return order if order and flaw_of_sequence(order, judged, model) is None else ()


def _is_of_registers(judged: Sequence[Operation], model: Model) -> bool:
    """Whether all are reads and writes, and each key is a part of its own."""
    if not all(_is_of_a_register(each, model) for each in judged):
        return False
    parts = [{each.key for each in part} for part in _parts(judged, model)]
    return all(len(keys) == 1 for keys in parts) and len(parts) == len(set().union(*parts))


def _broken_guarantee(judged: Sequence[Operation], model: Model, limits: Limits) -> str:
    """Why the history is not even causal, where that can be told: registers, and every value written once."""
    if not _is_of_registers(judged, model):
        return ""
    try:
        sessions = session_guarantees_within(limits, judged, initial=model.initial)
    except HistoryError:
        return ""
    return "\n".join(map(str, sessions.circles))


def _is_of_a_register(operation: Operation, model: Model) -> bool:
    """By what the model says of it: whatever else its functions of these names may do."""
    if operation.function in ("write", "put"):
        return model.is_overwrite(operation) and model.leaves(operation) == (operation.argument,)
    return operation.function in ("read", "get") and model.needs(operation) == (operation.result,)


def flaw_of_sequence(order: Sequence[Operation], operations: Sequence[Operation], model: Model) -> str | None:
    """What keeps `order` from proving that `operations` are sequentially consistent; None if nothing does."""
    if Counter(each for each in operations if each.outcome == "ok") - Counter(order):
        return "an operation is missing"
    if Counter(order) - Counter(each for each in operations if each.outcome != "fail"):
        return "an operation stands more often in the order than in the history"
    done: dict[int, int] = {}  # process -> how many of its certain operations stood in the order so far
    certain = {
        process: [each for each in program if each.outcome == "ok"]
        for process, program in _programs(operations).items()
    }
    for each in order:
        wanted, count = certain[each.process], done.get(each.process, 0)
        if each.is_open:
            if bisect_left(wanted, _place(each), key=_place) > count:
                return f"{each} stands before what its process had done"
        elif wanted[count] != each:
            return f"the operations of process {each.process} are not in its own order"
        else:
            done[each.process] = count + 1
    states: dict[Hashable, Any] = {}
    part_of = {each: number for number, part in enumerate(_parts(operations, model)) for each in part}
    for each in order:
        legal, states[part_of[each]] = model.step(states.get(part_of[each], model.initial), each)
        if not legal:
            return f"{each} is illegal"
    return None


def _place(operation: Operation) -> tuple[int, float]:
    return operation.call, float("inf") if operation.finish is None else operation.finish


def _programs(operations: Iterable[Operation]) -> dict[int, list[Operation]]:
    programs: dict[int, list[Operation]] = {}
    for operation in sorted(operations, key=_place):
        programs.setdefault(operation.process, []).append(operation)
    return programs


def _parts(operations: Sequence[Operation], model: Model) -> list[list[Operation]]:
    return [list(operations)] if model.partition is None else model.partition(operations)


class _Step(NamedTuple):
    """An operation as the search sees it."""

    operation: Operation
    part: int
    program: int
    """Whose; of an unknown one, whose beginning it waits for."""
    after: int
    """How many operations of that program come before it."""
    read: bool
    needs: tuple[int, Any] | None
    """(part, state), where it is legal in that state alone."""
    leaves: tuple[int, Any] | None


class _Search:
    """Depth first; `trail` is the order so far, with what it takes to go back."""

    def __init__(self, operations: Sequence[Operation], model: Model) -> None:
        self.model = model
        self.longest: tuple[Operation, ...] = ()
        self.blocked: tuple[Operation, ...] = ()
        self._length_kept = 0
        self._tip = False
        self._tip_lost: tuple[int, Any] | None = None
        parts = _parts(operations, model)
        part_of = {id(each): number for number, part in enumerate(parts) for each in part}
        self.states: list[Any] = [model.initial] * len(parts)
        self.programs: list[list[_Step]] = []
        self.floating: list[_Step] = []
        self.needed: Counter[tuple[int, Any]] = Counter()
        self.bringing: Counter[tuple[int, Any]] = Counter()
        """(part, state) -> operations left that leave it."""
        self.unforeseeable: Counter[int] = Counter()
        """Part -> operations left of which nobody knows what they leave."""
        for number, program in enumerate(_programs(operations).values()):
            steps: list[_Step] = []
            for operation in program:
                step = self._step(operation, part_of[id(operation)], number, len(steps))
                self._count(step, 1)
                (self.floating if operation.is_open else steps).append(step)
            self.programs.append(steps)
        self.done = [0] * len(self.programs)
        self._heads = sorted(
            (_place(steps[0].operation), number) for number, steps in enumerate(self.programs) if steps
        )
        """(place, program) of what each program would do next."""
        self._reading: dict[int, set[int]] = {}
        """Part -> programs that would read it next."""
        for number, steps in enumerate(self.programs):
            if steps and steps[0].read:
                self._reading.setdefault(steps[0].part, set()).add(number)
        self._state_numbers: dict[Any, int] = {}
        self._changed = set(range(len(parts) + len(self.programs)))
        """Of (the states of all parts, how far all programs are): what changed since the configuration was numbered."""
        self._numbered = NumberedTuples(len(self._changed))
        self.floated = 0
        """Bits of `floating`."""
        self.left = sum(map(len, self.programs))
        self.trail: list[tuple[_Step, int, Any]] = []
        """(step, its number in `floating` or -1, the state of its part before)."""

    def _step(self, operation: Operation, part: int, program: int, after: int) -> _Step:
        needs, leaves = self.model.needs(operation), self.model.leaves(operation)
        return _Step(
            operation,
            part,
            program,
            after,
            self.model.is_read(operation),
            None if needs is None else (part, needs[0]),
            None if leaves is None else (part, leaves[0]),
        )

    def _count(self, step: _Step, change: int) -> None:
        if step.needs is not None and not step.operation.is_open:
            self.needed[step.needs] += change
        if step.leaves is not None:
            self.bringing[step.leaves] += change
        elif not step.read:
            self.unforeseeable[step.part] += change

    def order(self) -> list[Operation]:
        return [step.operation for step, _, _ in self.trail]

    def run(self, limits: Limits) -> bool:
        """Search until an order is found, or everything was tried; raises LimitHitError."""
        seen = {self._configuration()}
        if self._cannot_begin():
            return False
        everybody = set(range(len(self.programs)))
        self._take_reads(everybody)
        self._note()
        waiting = [(self._choices(), 0)]
        while self.left:
            if not waiting:
                return False
            choices, mark = waiting[-1]
            self._undo(mark)
            chosen = next(choices, None)
            if chosen is None:
                waiting.pop()
                continue
            limits.step()
            if not self._take(*chosen):
                continue
            lost = self._lost()
            step = chosen[0]
            # The first choices undo the first reads, so what was legal before may have to be read again.
            self._take_reads(everybody if mark == 0 else {step.program, *self._reading.get(step.part, ())})
            self._note(lost)
            configuration = self._configuration()
            if lost is None and configuration not in seen:
                seen.add(configuration)
                waiting.append((self._choices(), len(self.trail)))
        return True

    def _configuration(self) -> Hashable:
        parts = len(self.states)
        changes = {
            place: self._state_numbers.setdefault(self.states[place], len(self._state_numbers))
            if place < parts
            else self.done[place - parts]
            for place in self._changed
        }
        self._changed.clear()
        return self._numbered.number(changes), self.floated

    def _choices(self) -> Iterator[tuple[_Step, int]]:
        """What may come next: what was called first is tried first, unknown ones last."""
        for _, program in self._heads[:]:
            yield self.programs[program][self.done[program]], -1
        floating = [
            (step, number)
            for number, step in enumerate(self.floating)
            if not self.floated >> number & 1 and self.done[step.program] >= step.after
        ]
        yield from floating

    def _take(self, step: _Step, number: int) -> bool:
        before = self.states[step.part]
        legal, after = self.model.step(before, step.operation)
        if not legal or (number >= 0 and after == before):
            return False
        self.states[step.part] = after
        self._changed.add(step.part)
        self.trail.append((step, number, before))
        self._count(step, -1)
        if number >= 0:
            self.floated |= 1 << number
        else:
            self._go(step.program, 1)
        return True

    def _go(self, program: int, change: int) -> None:
        """One operation of a program on, or back."""
        steps, done = self.programs[program], self.done[program]
        if done < len(steps):
            del self._heads[bisect_left(self._heads, (_place(steps[done].operation), program))]
            if steps[done].read:
                self._reading[steps[done].part].remove(program)
        self.done[program] = done = done + change
        self.left -= change
        self._changed.add(len(self.states) + program)
        if done < len(steps):
            insort(self._heads, (_place(steps[done].operation), program))
            if steps[done].read:
                self._reading.setdefault(steps[done].part, set()).add(program)

    def _undo(self, mark: int) -> None:
        if len(self.trail) > mark:
            self.keep_tip()
        while len(self.trail) > mark:
            step, number, self.states[step.part] = self.trail.pop()
            self._changed.add(step.part)
            self._count(step, 1)
            if number >= 0:
                self.floated &= ~(1 << number)
            else:
                self._go(step.program, -1)

    def _take_reads(self, numbers: set[int]) -> None:
        """Those that are legal, of programs whose next operation or its part has changed: others were not before."""
        for number in sorted(numbers):
            program = self.programs[number]
            while self.done[number] < len(program) and program[self.done[number]].read:
                if not self._take(program[self.done[number]], -1):
                    break

    def _lost(self) -> tuple[int, Any] | None:
        """What the last step left, though it is needed again and nothing brings it back."""
        step, _, before = self.trail[-1]
        state = step.part, before
        return state if self.states[step.part] != before and self._is_out_of_reach(state) else None

    def _is_out_of_reach(self, state: tuple[int, Any]) -> bool:
        return self.needed[state] > 0 and not self.bringing[state] and not self.unforeseeable[state[0]]

    def _cannot_begin(self) -> bool:
        """Something is needed that never was and never comes."""
        wanting = {state for state in self.needed if self._is_out_of_reach(state) and self.states[state[0]] != state[1]}
        steps = (step for program in self.programs for step in program)
        self.blocked = tuple(step.operation for step in steps if step.needs in wanting)
        return bool(self.blocked)

    def _note(self, lost: tuple[int, Any] | None = None) -> None:
        """Remember that the trail is the longest so far; it is kept when the search leaves it, as that takes long."""
        if len(self.trail) > self._length_kept or not self.trail:
            self._length_kept = len(self.trail)
            self._tip = True
            self._tip_lost = lost

    def keep_tip(self) -> None:
        """Keep the longest legal order found, and what stands in its way, if the trail is one."""
        if not self._tip:
            return
        self._tip = False
        self.longest = tuple(self.order())
        ahead = [program[done:] for program, done in zip(self.programs, self.done, strict=True)]
        if self._tip_lost is None:
            self.blocked = tuple(steps[0].operation for steps in ahead if steps)
        else:
            self.blocked = tuple(step.operation for steps in ahead for step in steps if step.needs == self._tip_lost)
