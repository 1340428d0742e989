"""The past of an operation: what its session did before, what it read, and all that was in the pasts of these.

Rule 1: whoever saw a write saw what its writer had seen. So what was written to a key in the past of an operation on
        that key comes before the version of that operation.
Rule 2: a past is, for every session, how many of its operations it contains (a vector clock). A write of unknown
        outcome is a session of its own, since what its process did next need not come after it; one that nobody
        read is in no past.
Rule 3: of what the past holds, what it did not hold at the session's operation before on the key is demanded, and of
        each session the last write: the rest follows.

Clocks are lists of tuples, which clocks that agree share: joining two looks at entries only where they differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush
from math import isqrt
from typing import NamedTuple

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.limits import Limits
from simclock.experiments.checkers.versions import Demands, Done, Sessions

CAUSALITY = "causality across keys"
CHUNK_MIN = 16

_Clock = list[tuple[int, ...]]


class _Thread(NamedTuple):
    """Writes of one session to one key, or one of unknown outcome."""

    places: list[int]
    """In the session."""
    writes: list[Done]


class Pasts:
    """Walks the sessions so that a read comes after the write it saw."""

    def __init__(self, sessions: Sessions, demands: Demands, limits: Limits) -> None:
        self._programs = list(sessions.programs.values())
        self._versions = sessions.versions
        self._demands = demands
        self._limits = limits
        self._readers = Counter(done.version for program in self._programs for done in program if done.is_read)
        """Version -> how many reads of it are to come."""
        self._written: dict[Hashable, dict[int, _Thread]] = {}
        self._origin: dict[int, tuple[int, int]] = {}
        """Version -> its session and place there."""
        threads = self._number_threads()
        self._chunk = max(CHUNK_MIN, isqrt(threads))
        self._nothing = (0,) * self._chunk
        chunks = -(-threads // self._chunk)
        self._current: list[_Clock] = [[self._nothing] * chunks for _ in self._programs]
        self._before: list[dict[Hashable, _Clock]] = [{} for _ in self._programs]
        """Of each session: key -> the past of its last operation there."""
        self._of_writes: dict[int, _Clock] = {}
        """Version -> its past, while reads of it are to come."""

    def _number_threads(self) -> int:
        threads = len(self._programs)
        for number, program in enumerate(self._programs):
            for place, done in enumerate(program):
                if done.is_read:
                    continue
                self._origin[done.version] = origin = (number, place)
                if done.operation.is_open:
                    if not self._readers[done.version]:
                        continue
                    self._origin[done.version] = origin = (threads, 0)
                    threads += 1
                threads_of_key = self._written.setdefault(done.operation.key, {})
                thread = threads_of_key.setdefault(origin[0], _Thread([], []))
                thread.places.append(origin[1])
                thread.writes.append(done)
        return threads

    def demand(self) -> tuple[Operation, ...]:
        """Add the demands; the reads that wait for one another in a circle."""
        done = [0] * len(self._programs)
        walked: set[int] = set()  # versions whose writes were
        waiting: dict[int, list[int]] = {}  # version -> sessions whose next reads it
        rounds = [(0, number) for number in range(len(self._programs))]
        heapify(rounds)
        while rounds:
            turn, number = heappop(rounds)
            program = self._programs[number]
            while done[number] < len(program):
                each = program[done[number]]
                if each.is_read and self._versions[each.version].write is not None and each.version not in walked:
                    waiting.setdefault(each.version, []).append(number)
                    break
                self._limits.step()
                self._walk(each, number, done[number])
                done[number] += 1
                if not each.is_read:
                    walked.add(each.version)
                    for other in waiting.pop(each.version, ()):
                        heappush(rounds, (turn if other > number else turn + 1, other))
        stuck = zip(self._programs, done, strict=True)
        return tuple(program[count].operation for program, count in stuck if count < len(program))

    def _walk(self, each: Done, number: int, place: int) -> None:
        clock, version = self._current[number], each.version
        if each.is_read and version in self._of_writes:
            self._join(clock, self._of_writes[version])
            self._advance(clock, *self._origin[version])
            self._readers[version] -= 1
            if not self._readers[version]:
                del self._of_writes[version]
        past = clock[:]
        if not each.is_read and self._readers[version]:
            self._of_writes[version] = past
        if each.is_read or not each.operation.is_open or self._readers[version]:
            self._demand_past(each, past, number)
        if not each.operation.is_open:
            self._before[number][each.operation.key] = past
            self._advance(clock, number, place)

    def _join(self, clock: _Clock, other: _Clock) -> None:
        for index, (mine, theirs) in enumerate(zip(clock, other, strict=True)):
            if mine is not theirs and theirs is not self._nothing:
                joined = tuple(map(max, mine, theirs))
                clock[index] = theirs if joined == theirs else joined if joined != mine else mine

    def _advance(self, clock: _Clock, thread: int, place: int) -> None:
        index, entry = divmod(thread, self._chunk)
        chunk = clock[index]
        if chunk[entry] <= place:
            clock[index] = (*chunk[:entry], place + 1, *chunk[entry + 1 :])

    def _demand_past(self, each: Done, past: _Clock, number: int) -> None:
        threads = self._written.get(each.operation.key)
        if threads is None:
            return
        before = self._before[number].get(each.operation.key)
        if before is None:
            before = [self._nothing] * len(past)
        for thread, known, held in self._news(threads, before, past):
            if thread == number:  # by read your writes and monotonic writes
                continue
            places, writes = threads[thread]
            last = bisect_left(places, held) - 1
            if last >= 0 and places[last] >= known and writes[last].version != each.version:
                write = writes[last]
                self._demands.add(write.version, each.version, CAUSALITY, write.operation, each.operation)

    def _news(self, threads: dict[int, _Thread], before: _Clock, past: _Clock) -> Iterator[tuple[int, int, int]]:
        """Threads, in their order, of which the past holds more: how many operations before, and now."""
        size = self._chunk
        if len(threads) <= 4 * len(past):
            for thread in threads:
                index, entry = divmod(thread, size)
                if before[index] is not past[index] and before[index][entry] != past[index][entry]:
                    yield thread, before[index][entry], past[index][entry]
            return
        for index, (old, new) in enumerate(zip(before, past, strict=True)):
            if old is not new:
                for entry, (known, held) in enumerate(zip(old, new, strict=True)):
                    if known != held and index * size + entry in threads:
                        yield index * size + entry, known, held
