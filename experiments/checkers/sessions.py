"""Session guarantees: what one client may count on while it talks to replicas that lag (Terry et al. 1994).

    read your writes      a read sees what its session wrote before, or something later
    monotonic reads       a read sees what its session read before, or something later
    monotonic writes      the writes of a session are ordered as it made them
    writes follow reads   a write is ordered after what its session had read

A session is a process. "Later" is the write order that all replicas agree on, which clients do not see; so every
guarantee says which versions of a key must come before which, and it holds if *some* order of the versions obeys. A
version is a write; the one a read returned is known by its value, so the values written to one key must differ.

Rule 1: each guarantee is first judged alone: `ILLEGAL` by itself if its own demands go in a circle.
Rule 2: then those asked for are judged together, with causality across keys if they are all four: a session that saw a
        write also saw what its writer had written and read before (with the write order this is causal convergence;
        Brzezinski et al. 2004 show that the four are causal consistency). A circle names the guarantees whose demands
        it is made of: they cannot all hold. Monotonic reads, say, are mostly broken *against* monotonic writes: a
        client that reads 2 and then 1 is only wrong if 1 was written before 2.
Rule 3: a write of unknown outcome binds nobody until it is read; a failed one must not be read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from simclock.experiments.checkers.histories import HistoryError, Operation, exact
from simclock.experiments.checkers.linearizability import Verdict
from simclock.experiments.checkers.linearizability.limits import LimitHitError, Limits, limits_of

READ_YOUR_WRITES = "read your writes"
MONOTONIC_READS = "monotonic reads"
MONOTONIC_WRITES = "monotonic writes"
WRITES_FOLLOW_READS = "writes follow reads"
GUARANTEES = (READ_YOUR_WRITES, MONOTONIC_READS, MONOTONIC_WRITES, WRITES_FOLLOW_READS)
CAUSALITY = "causality across keys"
WRITTEN_BEFORE = "a read returns what was written"

_READS = ("read", "get")
_WRITES = ("write", "put")


class Version(NamedTuple):
    """A write, or what was there before all: then `write` is None."""

    key: Hashable
    write: Operation | None

    def __hash__(self) -> int:  # an operation has many fields
        return hash((self.key, None if self.write is None else self.write.argument))

    def __str__(self) -> str:
        return "the initial value" if self.write is None else str(self.write)


class Demand(NamedTuple):
    """One version must come before another."""

    earlier: Version
    later: Version
    guarantee: str
    """By which; empty: the initial value is the first."""
    because: tuple[Operation, ...]


@dataclass(frozen=True, kw_only=True)
class Circle:
    """Demands that cannot be met together."""

    guarantees: tuple[str, ...]
    demands: tuple[Demand, ...]
    waiting: tuple[Operation, ...] = ()
    """Or: reads of writes that come, through what was done and read between, after these very reads."""

    def __str__(self) -> str:
        if self.guarantees == (WRITTEN_BEFORE,):
            (demand,) = self.demands
            what = "nobody wrote" if demand.earlier.write is None else "a write that failed was to write"
            return f"{WRITTEN_BEFORE}: {demand.because[0]} returned what {what}"
        if self.waiting:
            return "\n".join(
                (f"{CAUSALITY}: these read what only came of them:", *(f"  {each}" for each in self.waiting))
            )
        key = self.demands[0].earlier.key
        head = " + ".join(self.guarantees)
        lines = [f"{head}, key {key!r}:" if key is not None else f"{head}:"]
        for demand in self.demands:
            lines.append(f"  {demand.earlier}  must come before  {demand.later}")
            if demand.guarantee:
                lines.append(f"    {demand.guarantee}: " + ", then ".join(map(str, demand.because)))
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class SessionGuarantees:
    """The verdict on those that were asked for."""

    verdict: Verdict
    alone: dict[str, Verdict]
    """Guarantee -> whether its own demands can be met."""
    circles: tuple[Circle, ...]
    """One for each guarantee that fails alone, or one for all together."""
    sessions: int
    operations: int
    steps: int = 0

    def explain(self) -> str:
        """The verdict and, where it is ILLEGAL, why."""
        size = f"{self.operations} operations of {self.sessions} sessions"
        names = ", ".join(self.alone)
        if self.verdict is Verdict.OK:
            return f"OK: {names} ({size})"
        if self.verdict is Verdict.UNKNOWN:
            left = ", ".join(name for name, verdict in self.alone.items() if verdict is Verdict.UNKNOWN)
            return f"UNKNOWN: a limit was hit ({size}, {self.steps} steps); not judged: {left or 'all together'}"
        reasons = [f"  {line}" for each in self.circles for line in str(each).split("\n")]
        return "\n".join((f"ILLEGAL: not {names} ({size})", *reasons))


def check_session_guarantees(
    operations: Iterable[Operation],
    guarantees: Sequence[str] = GUARANTEES,
    initial: Hashable = None,
    time_limit_s: float | None = None,
    step_limit: int | None = None,
) -> SessionGuarantees:
    """Judge reads and writes (get and put) of registers by key; `initial` is what an unwritten key reads as.

    A step is an operation whose past is asked for, or a demand. Raises HistoryError where two writes of a key have one
    value, or an operation is neither read nor write.
    """
    return session_guarantees_within(limits_of(time_limit_s, step_limit), operations, guarantees, initial)


def session_guarantees_within(
    limits: Limits, operations: Iterable[Operation], guarantees: Sequence[str] = GUARANTEES, initial: Hashable = None
) -> SessionGuarantees:
    """The verdict by limits that others set, whose steps are counted there."""
    for name in guarantees:
        if name not in GUARANTEES:
            raise HistoryError(f"{name!r} is no session guarantee; use {', '.join(GUARANTEES)}")
    history = _History(operations, exact(initial))
    circles = [] if history.nowhere is None else [history.nowhere]
    alone = dict.fromkeys(guarantees, Verdict.UNKNOWN)
    verdict = Verdict.OK
    try:
        for name in guarantees:
            circle = _circle(_demands(history, (name,)), limits)
            alone[name] = Verdict.OK if circle is None else Verdict.ILLEGAL
            circles += [] if circle is None else [circle]
        if not circles and len(guarantees) > 1:
            circle = _circle_of_all(history, guarantees, limits)
            circles += [] if circle is None else [circle]
    except LimitHitError:
        verdict = Verdict.UNKNOWN
    return SessionGuarantees(
        verdict=Verdict.ILLEGAL if circles else verdict,
        alone=alone,
        circles=tuple(circles),
        sessions=len(history.sessions),
        operations=sum(map(len, history.sessions.values())),
        steps=limits.steps,
    )


def _circle_of_all(history: _History, guarantees: Sequence[str], limits: Limits) -> Circle | None:
    causal: Sequence[Demand] = ()
    waiting: tuple[Operation, ...] = ()
    if set(guarantees) == set(GUARANTEES):
        causal, waiting = _causal_demands(history, limits)
    circle = _circle(chain(_demands(history, guarantees), causal), limits)
    if circle is None and waiting:
        circle = Circle(guarantees=(CAUSALITY,), demands=(), waiting=waiting)
    return circle


class _History:
    """Sessions in their order, and the version that every read returned."""

    def __init__(self, operations: Iterable[Operation], initial: Hashable) -> None:
        self.sessions: dict[int, list[Operation]] = {}
        self.nowhere: Circle | None = None
        """A read that returned what nobody wrote."""
        written: dict[tuple[Hashable, Hashable], Operation] = {}
        given = list(operations)
        self.operations = given  # kept: they are known by id
        for each in given:
            if each.function in _WRITES:
                other = written.setdefault((each.key, each.argument), each)
                if other is not each or each.argument == initial:
                    says = f"{other} writes it too" if other is not each else "it is the initial value"
                    raise HistoryError(
                        f"{each}: {says}; session guarantees are judged by value: write every value once to a key"
                    )
            elif each.function not in _READS:
                raise HistoryError(f"{each}: session guarantees are of read, get, write and put alone")
        self.seen: dict[int, Version] = {}
        """id of a read -> the version that it returned."""
        for each in sorted(given, key=lambda one: (one.call, one.call if one.finish is None else one.finish)):
            read = each.function in _READS
            if each.outcome == "fail" or (read and each.is_open):
                continue
            if read:
                source = None if each.result == initial else written.get((each.key, each.result))
                if each.result != initial and (source is None or source.outcome == "fail"):
                    nobody = Demand(Version(each.key, source), Version(each.key, None), WRITTEN_BEFORE, (each,))
                    self.nowhere = self.nowhere or Circle(guarantees=(WRITTEN_BEFORE,), demands=(nobody,))
                    continue
                self.seen[id(each)] = Version(each.key, source)
            self.sessions.setdefault(each.process, []).append(each)

    def version(self, operation: Operation) -> Version:
        """What a read returned or a write made."""
        return self.seen.get(id(operation)) or Version(operation.key, operation)


def _demands(history: _History, guarantees: Sequence[str]) -> Iterator[Demand]:
    """What these guarantees say of versions of one key; demands that follow from others are left out."""
    wanted = frozenset(guarantees)
    for session in history.sessions.values():
        wrote: dict[Hashable, list[Operation]] = {}
        read: dict[Hashable, list[Operation]] = {}
        for each in session:
            version = history.version(each)
            own, heard = wrote.setdefault(each.key, []), read.setdefault(each.key, [])
            if id(each) in history.seen:
                yield from _before(
                    history, own, each, version, READ_YOUR_WRITES, wanted=wanted, chained=MONOTONIC_WRITES
                )
                yield from _before(
                    history, heard, each, version, MONOTONIC_READS, wanted=wanted, chained=MONOTONIC_READS
                )
                if not heard or history.version(heard[-1]) != version:
                    heard.append(each)
            else:
                yield from _before(
                    history, own, each, version, MONOTONIC_WRITES, wanted=wanted, chained=MONOTONIC_WRITES
                )
                yield from _before(
                    history, heard, each, version, WRITES_FOLLOW_READS, wanted=wanted, chained=MONOTONIC_READS
                )
                if not each.is_open:
                    own.append(each)


def _before(
    history: _History,
    earlier: Sequence[Operation],
    later: Operation,
    version: Version,
    guarantee: str,
    *,
    wanted: frozenset[str],
    chained: str,
) -> Iterator[Demand]:
    """`earlier` come before `version`; only the last of them where `chained` already orders them."""
    if guarantee in wanted:
        for each in earlier[-1:] if chained in wanted else earlier:
            if history.version(each) != version:
                yield Demand(history.version(each), version, guarantee, (each, later))


def _causal_demands(history: _History, limits: Limits) -> tuple[list[Demand], tuple[Operation, ...]]:
    """Whoever saw a write saw what its writer had seen; and the reads that wait for themselves.

    So the latest version of each session in the past of an operation comes before its own version.

    The past of an operation is, for every session, how many of its operations it contains (a vector clock). A write of
    unknown outcome is a session of its own, since what its process did next need not come after it.
    """
    sessions = list(history.sessions.values())
    place: dict[int, tuple[int, int]] = {}
    threads = len(sessions)
    writes: dict[Hashable, dict[int, list[Operation]]] = {}
    for number, session in enumerate(sessions):
        for index, each in enumerate(session):
            if each.is_open:
                place[id(each)] = threads, 0
                threads += 1
            else:
                place[id(each)] = number, index
            if id(each) not in history.seen:
                writes.setdefault(each.key, {}).setdefault(place[id(each)][0], []).append(each)
    pasts, waiting = _pasts(history, sessions, place, threads, limits)
    demands = []
    for each, past in pasts:
        limits.look()
        version = history.version(each)
        for thread, own in writes.get(each.key, {}).items():
            known = bisect_right(own, past[thread] - 1, key=lambda one: place[id(one)][1])
            if known and own[known - 1] is not version.write:
                demands.append(Demand(Version(each.key, own[known - 1]), version, CAUSALITY, (own[known - 1], each)))
    return demands, waiting


def _pasts(
    history: _History,
    sessions: Sequence[Sequence[Operation]],
    place: dict[int, tuple[int, int]],
    threads: int,
    limits: Limits,
) -> tuple[list[tuple[Operation, list[int]]], tuple[Operation, ...]]:
    """Every operation with what is in its past, and the reads that wait for one another in a circle."""
    pasts: dict[int, list[int]] = {}
    found: list[tuple[Operation, list[int]]] = []
    done = [0] * len(sessions)
    current = [[0] * threads for _ in sessions]
    moved = True
    while moved:
        moved = False
        for number, session in enumerate(sessions):
            past = current[number]
            while done[number] < len(session):
                each = session[done[number]]
                source = history.seen[id(each)].write if id(each) in history.seen else None
                if source is not None and id(source) not in pasts:
                    break
                moved = True
                limits.step()
                if source is not None:
                    past[:] = map(max, past, pasts[id(source)])
                    thread, index = place[id(source)]
                    past[thread] = max(past[thread], index + 1)
                pasts[id(each)] = list(past)
                found.append((each, pasts[id(each)]))
                done[number] += 1
                if not each.is_open:
                    past[number] = max(past[number], done[number])
    stuck = [session[count] for session, count in zip(sessions, done, strict=True) if count < len(session)]
    return found, tuple(stuck)


def _circle(demands: Iterable[Demand], limits: Limits) -> Circle | None:
    """A circle of demands, if there is one; the initial value of a key comes before all."""
    after: dict[Version, list[Demand]] = {}
    for demand in demands:
        limits.step()
        after.setdefault(demand.earlier, []).append(demand)
        if demand.later.write is None:  # whatever comes before the initial value is a circle already
            first = Demand(demand.later, demand.earlier, "", ())
            return Circle(guarantees=(demand.guarantee,), demands=(first, demand))
    finished: set[Version] = set()
    for start in list(after):
        path: list[Demand] = []
        on_path: dict[Version, int] = {start: 0}
        waiting = [iter(after[start])] if start not in finished else []
        while waiting:
            limits.look()
            following = next(waiting[-1], None)
            if following is None:
                waiting.pop()
                left = path.pop().later if path else start
                on_path.pop(left, None)
                finished.add(left)
            elif following.later in on_path:
                circle = (*path[on_path[following.later] :], following)
                names = {each.guarantee for each in circle}
                order = (*GUARANTEES, CAUSALITY)
                return Circle(guarantees=tuple(name for name in order if name in names), demands=circle)
            elif following.later not in finished:
                path.append(following)
                on_path[following.later] = len(path)
                waiting.append(iter(after.get(following.later, ())))
    return None
