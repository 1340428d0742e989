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

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from simclock.experiments.checkers.histories import HistoryError, Operation, exact
from simclock.experiments.checkers.histories.collector import collector_paused
from simclock.experiments.checkers.linearizability import Verdict
from simclock.experiments.checkers.linearizability.limits import LimitHitError, Limits, limits_of
from simclock.experiments.checkers.pasts import CAUSALITY, Pasts
from simclock.experiments.checkers.versions import Demand, Demands, Done, Row, Sessions, Version

READ_YOUR_WRITES = "read your writes"
MONOTONIC_READS = "monotonic reads"
MONOTONIC_WRITES = "monotonic writes"
WRITES_FOLLOW_READS = "writes follow reads"
GUARANTEES = (READ_YOUR_WRITES, MONOTONIC_READS, MONOTONIC_WRITES, WRITES_FOLLOW_READS)
WRITTEN_BEFORE = "a read returns what was written"


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


@collector_paused()
def session_guarantees_within(
    limits: Limits, operations: Iterable[Operation], guarantees: Sequence[str] = GUARANTEES, initial: Hashable = None
) -> SessionGuarantees:
    """The verdict by limits that others set, whose steps are counted there."""
    for name in guarantees:
        if name not in GUARANTEES:
            raise HistoryError(f"{name!r} is no session guarantee; use {', '.join(GUARANTEES)}")
    history = Sessions(operations, exact(initial))
    circles = [] if history.nowhere is None else [_of_nowhere(*history.nowhere)]
    alone = dict.fromkeys(guarantees, Verdict.UNKNOWN)
    verdict = Verdict.OK
    try:
        for name in guarantees:
            demands = Demands(history, limits)
            _demand_of_sessions(history, (name,), demands)
            circle = _circle(demands)
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
        sessions=len(history.programs),
        operations=sum(map(len, history.programs.values())),
        steps=limits.steps,
    )


def _of_nowhere(read: Operation, source: Operation | None) -> Circle:
    demand = Demand(Version(read.key, source), Version(read.key, None), WRITTEN_BEFORE, (read,))
    return Circle(guarantees=(WRITTEN_BEFORE,), demands=(demand,))


def _circle_of_all(history: Sessions, guarantees: Sequence[str], limits: Limits) -> Circle | None:
    demands = Demands(history, limits)
    _demand_of_sessions(history, guarantees, demands)
    waiting: tuple[Operation, ...] = ()
    if set(guarantees) == set(GUARANTEES):
        waiting = Pasts(history, demands, limits).demand()
    circle = _circle(demands)
    if circle is None and waiting:
        circle = Circle(guarantees=(CAUSALITY,), demands=(), waiting=waiting)
    return circle


def _circle(demands: Demands) -> Circle | None:
    circle = demands.circle()
    names = {each.guarantee for each in circle}
    ordered = tuple(name for name in (*GUARANTEES, CAUSALITY) if name in names)
    return Circle(guarantees=ordered, demands=circle) if circle else None


def _demand_of_sessions(history: Sessions, guarantees: Sequence[str], demands: Demands) -> None:
    """What these guarantees say of versions of one key."""
    written, heard = _Asker(guarantees, MONOTONIC_WRITES), _Asker(guarantees, MONOTONIC_READS)
    for program in history.programs.values():
        rows: dict[Hashable, tuple[Row, Row]] = {}
        for each in program:
            pair = rows.get(each.operation.key)
            if pair is None:
                pair = rows[each.operation.key] = Row(demands), Row(demands)
            own, read = pair
            if each.is_read:
                written.ask(own, each, READ_YOUR_WRITES)
                heard.ask(read, each, MONOTONIC_READS)
                read.append(each)
            else:
                written.ask(own, each, MONOTONIC_WRITES)
                heard.ask(read, each, WRITES_FOLLOW_READS)
                if not each.operation.is_open:
                    own.append(each)
            if demands.broken:
                return


class _Asker:
    """Asks guarantees of what comes earlier: of the last of it only where `chained` already orders it."""

    def __init__(self, wanted: Sequence[str], chained: str) -> None:
        self._wanted = frozenset(wanted)
        self._ask = Row.last_before if chained in self._wanted else Row.all_before

    def ask(self, earlier: Row, later: Done, guarantee: str) -> None:
        if guarantee in self._wanted:
            self._ask(earlier, later, guarantee)
