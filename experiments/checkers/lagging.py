"""An order for what replicas have answered that lag: each read tells how far its process had got with the writes.

A store that orders its writes, and answers reads from a replica that is behind, is sequentially consistent and rarely
linearizable; a search from the first call on guesses wrong about each write that nobody has seen yet. Here the writes
of each key are put into an order first, and then everything follows:

Rule 1: registers alone, where every value is written once: a read names the write that it has seen.
Rule 2: a write of a key that is in the past of a read comes before the write that it has seen; and what has read a
        write comes before whatever is known to follow that write. The past is all that comes before in any order: of
        the program, of what was read, and of what is so known. It is asked for again until nothing new is learnt.
Rule 3: of two writes of which that says nothing, the one comes first that had happened first for sure: by its own
        return, or by that of the first read that saw it.
Rule 4: a read comes after its write, and before the next write of its key. If these demands have no circle, an order
        that meets them is legal. A circle is met by turning round what rule 3 had guessed in it, a few times. So this
        finds an order or says nothing: that there is none it cannot tell.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.histories.collector import collector_paused
from simclock.experiments.checkers.linearizability import Model
from simclock.experiments.checkers.linearizability.limits import Limits

REPAIRS_MAX = 50
PASSES_MAX = 20
"""Of rule 2, before a guess; what is learnt later is learnt from circles."""
CLOCKS_MAX = 20_000_000
"""Operations times programs: more than that is not kept of pasts, some 200 MB."""


@collector_paused()
def order_of_lagging(programs: Sequence[Sequence[Operation]], model: Model, limits: Limits) -> tuple[Operation, ...]:
    """A legal order of what the programs have done, or nothing. Each is of one process, in its own order.

    Operations are reads and writes of registers, as `model` says. Raises LimitHitError.
    """
    demands = _Demands(programs, model, limits)
    if not demands.is_clear or len(programs) * len(demands.operations) > CLOCKS_MAX:
        return ()
    learns = repairs = 0
    while demands.arrange():
        order, stuck = demands.order()
        if not stuck:
            return tuple(demands.operations[number] for number in order)
        learns += 1
        if learns <= PASSES_MAX and demands.learn():
            continue
        repairs += 1
        if repairs > REPAIRS_MAX or not demands.turn_round():
            break
    return ()


class _Demands:
    """What the operations, by number, ask of an order."""

    def __init__(self, programs: Sequence[Sequence[Operation]], model: Model, limits: Limits) -> None:
        self.operations: list[Operation] = []
        self.is_clear = True
        """Whether each read names its write, or that there was none before."""
        self._limits = limits
        self._following: list[list[int]] = []
        """Operation -> what comes after it in any order: the next of its program, and the reads of a write."""
        self._place: list[tuple[int, int]] = []
        """Operation -> its program and place there; an uncertain write has no place that anything follows."""
        self._source: dict[int, int | None] = {}
        """Read -> the write it has seen; None: what was there at first."""
        self._reads: dict[tuple[Hashable, int | None], list[int]] = {}
        """(key, write) -> its reads."""
        self._known: dict[int, list[int]] = {}
        """Write -> writes of its key that come later for sure, as far as that was learnt."""
        self._sure_ns: dict[int, float] = {}
        """Write -> when it had happened for sure."""
        self._writes: dict[Hashable, list[int]] = {}
        """Key -> its writes, in their order."""
        self._written_by: dict[Hashable, dict[int, tuple[list[int], list[int]]]] = {}
        """Key -> program -> (places, writes)."""
        self._more: dict[int, list[int]] = {}
        """Operation -> what comes after it in the order under way, because of the order of writes."""
        self._programs = len(programs)
        wrote: dict[tuple[Hashable, Any], int] = {}
        for program in programs:
            self._number(program, model, wrote)
        self._name_sources(model, wrote)

    def _number(self, program: Sequence[Operation], model: Model, wrote: dict[tuple[Hashable, Any], int]) -> None:
        """An uncertain write follows what was done before it, and nothing of its program follows it."""
        mine, before, place = len(self._place) and self._place[-1][0] + 1, -1, 0
        for operation in program:
            number = len(self.operations)
            self.operations.append(operation)
            self._following.append([])
            self._place.append((mine, place))
            if before >= 0:
                self._following[before].append(number)
            if not model.is_read(operation):
                leaves = model.leaves(operation)
                written = operation.key, None if leaves is None else leaves[0]
                self.is_clear = self.is_clear and leaves is not None and written not in wrote
                wrote[written] = number
            if not operation.is_open:
                before, place = number, place + 1

    def _name_sources(self, model: Model, wrote: dict[tuple[Hashable, Any], int]) -> None:
        for number, operation in enumerate(self.operations):
            if not model.is_read(operation):
                continue
            needs = model.needs(operation)
            state = None if needs is None else needs[0]
            source = wrote.get((operation.key, state))
            self.is_clear = self.is_clear and needs is not None and (state == model.initial) is (source is None)
            self._source[number] = source
            self._reads.setdefault((operation.key, source), []).append(number)
            if source is not None:
                self._following[source].append(number)
        for (key, _), number in wrote.items():
            reads = self._reads.get((key, number), ())
            if self.operations[number].is_open and not reads:
                continue  # it need not have happened
            self._sure_ns[number] = min(self._finish(each) for each in (number, *reads))
            self._writes.setdefault(key, []).append(number)
            if not self.operations[number].is_open:
                program, place = self._place[number]
                places, writes = self._written_by.setdefault(key, {}).setdefault(program, ([], []))
                places.append(place)
                writes.append(number)

    def _finish(self, number: int) -> float:
        operation = self.operations[number]
        return inf if operation.is_open or operation.finish is None else operation.finish

    # What is known (rule 2).

    def arrange(self) -> bool:
        """Put all writes into an order by what is known, and the guess; False where what is known is a circle."""
        _, stuck = self._by_time()
        return not stuck

    def learn(self) -> bool:
        """Learn what pasts say; whether anything is new."""
        order, _ = self._by_time()
        return self._learn_from(self._pasts(order))

    def is_sound(self) -> bool:
        """Learn all that pasts say; False where that is a circle."""
        for _ in range(PASSES_MAX):
            order, stuck = self._by_time()
            if stuck:
                return False
            if not self._learn_from(self._pasts(order)):
                break
        return True

    def _by_time(self) -> tuple[list[int], set[int]]:
        self._more = {}
        for write, later in self._known.items():
            self._more.setdefault(write, []).extend(later)
            for read in self._reads.get((self.operations[write].key, write), ()):
                self._more.setdefault(read, []).extend(later)
        for (key, source), reads in self._reads.items():
            if source is None:
                for read in reads:
                    self._more.setdefault(read, []).extend(self._first_of_each(key))
        order, stuck = self._sorted(by_time=True)
        self._writes = {key: [] for key in self._writes}
        for number in order:
            if number in self._sure_ns:
                self._writes[self.operations[number].key].append(number)
        return order, stuck

    def _first_of_each(self, key: Hashable) -> Iterator[int]:
        return (writes[0] for _, writes in self._written_by.get(key, {}).values())

    def _pasts(self, order: Sequence[int]) -> list[list[int] | None]:
        """Operation -> program -> how many of its operations are in the past."""
        pasts: list[list[int] | None] = [None] * len(self.operations)
        nothing = [0] * self._programs
        for number in order:
            self._limits.step()
            past = pasts[number]
            if past is None:
                past = pasts[number] = nothing
            program, place = self._place[number]
            seen = past
            if not self.operations[number].is_open and past[program] <= place:
                seen = past[:]
                seen[program] = place + 1
            for after in (*self._following[number], *self._more.get(number, ())):
                other = pasts[after]
                pasts[after] = seen if other is None else list(map(max, other, seen))
        return pasts

    def _learn_from(self, pasts: Sequence[list[int] | None]) -> bool:
        """Whether anything is new: a write in the past of a read comes before the one it has seen."""
        learnt = False
        for number, past in enumerate(pasts):
            write = self._source.get(number, number)
            if past is None or write is None or write not in self._sure_ns:
                continue
            key = self.operations[number].key
            earlier = pasts[write]
            for program, (places, writes) in self._written_by.get(key, {}).items():
                at = bisect_left(places, past[program]) - 1
                if at < 0 or writes[at] == write:
                    continue
                if earlier is not None and earlier[program] > places[at] and self._have_read(key, writes[at], earlier):
                    continue
                later = self._known.setdefault(writes[at], [])
                if write not in later:
                    later.append(write)
                    learnt = True
        return learnt

    def _have_read(self, key: Hashable, write: int, past: Sequence[int]) -> bool:
        """Whether all that read it did so in that past."""
        return all(past[self._place[read][0]] > self._place[read][1] for read in self._reads.get((key, write), ()))

    # The order (rules 3 and 4).

    def order(self) -> tuple[list[int], set[int]]:
        """An order that meets all demands, and what could not be placed for a circle of them."""
        self._more = {}
        for key, writes in self._writes.items():
            for before, after in zip([None, *writes], writes, strict=False):
                for read in self._reads.get((key, before), ()):
                    self._more.setdefault(read, []).append(after)
                if before is not None:
                    self._more.setdefault(before, []).append(after)
        return self._sorted(by_time=False)

    def _sorted(self, by_time: bool) -> tuple[list[int], set[int]]:
        """What comes before what; of what is free the one that happened first, or any."""
        waits = [0] * len(self.operations)
        for follows in (*self._following, *self._more.values()):
            for after in follows:
                waits[after] += 1
        free: list[Any] = [number for number, count in enumerate(waits) if not count]
        if by_time:
            free = [(self._time(number), number) for number in free]
            heapify(free)
        order: list[int] = []
        while free:
            self._limits.step()
            number = heappop(free)[1] if by_time else free.pop()
            if number in self._source or number in self._sure_ns:
                order.append(number)
            for after in (*self._following[number], *self._more.get(number, ())):
                waits[after] -= 1
                if not waits[after]:
                    if by_time:
                        heappush(free, (self._time(after), after))
                    else:
                        free.append(after)
        return order, {number for number, count in enumerate(waits) if count}

    def _time(self, number: int) -> float:
        return self._sure_ns.get(number, self.operations[number].call)

    def turn_round(self) -> bool:
        """Have two writes of a circle the other way round that were guessed so; False where there are none.

        Where that is refuted by what is known, the guess was right, and is known from here on.
        """
        circle = self._circle(self.order()[1])
        for number, after in zip(circle, circle[1:] + circle[:1], strict=True):
            if after in self._following[number] or after not in self._more.get(number, ()):
                continue
            before = self._source.get(number, number)
            if before is None or after in self._known.get(before, ()):
                continue
            known = {write: later[:] for write, later in self._known.items()}
            self._known.setdefault(after, []).append(before)
            if self.is_sound():
                return True
            self._known = known
            self._known.setdefault(before, []).append(after)
            return self.is_sound()
        return False

    def _circle(self, stuck: set[int]) -> list[int]:
        """Some circle among these: each of them has one before it that is stuck too."""
        behind: dict[int, int] = {}
        for number in stuck:
            for after in (*self._following[number], *self._more.get(number, ())):
                if after in stuck:
                    behind[after] = number
        walked: dict[int, int] = {}
        number = next(each for each in stuck if each in behind)
        while number not in walked:
            walked[number] = len(walked)
            number = behind[number]
        return list(walked)[walked[number] :][::-1]
