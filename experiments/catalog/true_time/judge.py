"""What a run with TrueTime comes to: the history of its transactions, the verdict, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simclock import RunResult, format_duration, seconds, us
from simclock.experiments.catalog.true_time.story import story
from simclock.experiments.checkers.external_consistency import (
    EXTERNAL_CONSISTENCY,
    Judgement,
    Transaction,
    check_external_consistency,
)
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.experiments.telling.quantiles import nearest_rank
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.true_time.observed import (
    Aborted,
    Applied,
    Asked,
    Assigned,
    Begun,
    Committed,
    GivenUp,
    Now,
    Saw,
    Succeeded,
    Unknown,
    read,
)


def history_of(result: RunResult) -> tuple[list[Transaction], dict[int, list[int]], dict[int, list[int]]]:
    """What clients asked and heard; what servers committed, and which of them aborted, by transaction."""
    opened: dict[int, dict[str, Any]] = {}
    timestamps: dict[int, list[int]] = {}
    aborted: dict[int, list[int]] = {}
    for each in recorded(result):
        match read(each):
            case Begun(transaction, kind, timestamp):
                opened[transaction] = {"kind": kind, "began_ns": each.time_ns, "timestamp": timestamp}
            case Saw(transaction, versions):
                opened[transaction]["seen"] = (*opened[transaction].get("seen", ()), *versions)
            case Asked(transaction, writes):
                opened[transaction]["writes"] = writes
            case Succeeded(transaction, _, timestamp):
                opened[transaction] |= {"ended_ns": each.time_ns, "outcome": "ok", "timestamp": timestamp}
            case Aborted(transaction) | Unknown(transaction) as told:
                opened[transaction] |= {"ended_ns": each.time_ns, "outcome": told.observed_as}
            case (
                Assigned(transaction, int(timestamp))
                | Committed(transaction, int(timestamp))
                | Applied(transaction, int(timestamp))
            ):
                timestamps.setdefault(transaction, []).append(timestamp)
            case GivenUp(transaction):
                aborted.setdefault(transaction, []).append(each.node)
    return [Transaction(id=transaction, **known) for transaction, known in opened.items()], timestamps, aborted


def judgement_of(result: RunResult) -> Judgement:
    """External consistency of the run."""
    return check_external_consistency(*history_of(result))


def tell(result: RunResult) -> Iterator[str]:
    """The run's story, with the first pair that is out of order."""
    wrong = judgement_of(result).findings.get(EXTERNAL_CONSISTENCY)
    yield from story(result, None if wrong is None or wrong.other is None else (wrong.other, wrong.transaction))


def judge(result: RunResult) -> Verdict:
    """TrueTime's properties, and external consistency of the history."""
    invariants = judge_invariants(result)
    judged = judgement_of(result)
    broken = invariants.lines if invariants.status == VIOLATED else ()
    lines = (*broken, *map(str, judged.findings.values()))
    if lines:
        return Verdict(status=VIOLATED, lines=lines, properties=tuple(judged.findings))
    if not judged.committed:
        return Verdict(status=UNKNOWN, lines=("nothing was committed: there is no order to judge",))
    held = (
        f"externally consistent: {judged.committed:,} commits, {judged.ordered:,} transactions began after another "
        f"had ended, {judged.replayed:,} reads are as the timestamps say, {judged.repeated:,} of them repeated"
    )
    return Verdict(status=VALID, lines=(held,))


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then, to show anything."""
    counts = result.reports["TrueTimeProperties"]
    judged = judgement_of(result)
    reached = {name: counts[name] for name in ("prepared", "commits", "reads served")}
    return reached | {"ordered in true time": judged.ordered, "snapshots repeated": judged.repeated}


def waits_ns(result: RunResult) -> list[int]:
    """How long each commit was waited out, ascending: from the timestamp's assignment until others may see it."""
    assigned: dict[int, int] = {}
    waits = []
    for each in recorded(result):
        match read(each):
            case Assigned(transaction):
                assigned[transaction] = each.time_ns
            case Committed(transaction) if transaction in assigned:
                waits.append(each.time_ns - assigned.pop(transaction))
    return sorted(waits)


def epsilons_ns(result: RunResult) -> list[int]:
    """Half of the width of every interval that was read, ascending."""
    read_at = (Now.read(each) for each in recorded(result))
    return sorted((now.latest_ns - now.earliest_ns + 1) // 2 for now in read_at if now is not None)


def latencies_ns(result: RunResult, kind: str) -> list[int]:
    """From a client's begin to its answer, of what went well, ascending."""
    found = (each for each in history_of(result)[0] if each.kind == kind and each.outcome == "ok")
    return sorted(each.ended_ns - each.began_ns for each in found if each.ended_ns is not None)


def quantile_ns(ordered_ns: Sequence[int], permille: int) -> int | None:
    """The nearest-rank quantile; None of nothing."""
    return nearest_rank(ordered_ns, permille) if ordered_ns else None


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Uncertainty, waits, transactions and their latency."""
    transactions, *_ = history_of(result)
    counts = result.reports["TrueTimeProperties"]
    outcomes = {
        how: sum(each.outcome == how and each.ended_ns is not None for each in transactions)
        for how in ("ok", "aborted", "unknown")
    }
    rate = outcomes["ok"] * seconds(10) // max(1, result.virtual_ns)
    per_second = f"{rate // 10}.{rate % 10} ok per second of virtual time"
    return (
        ("epsilon", _spread(epsilons_ns(result))),
        ("commit wait", _spread(waits_ns(result))),
        ("transactions", f"{', '.join(f'{count} {how}' for how, count in outcomes.items())}; {per_second}"),
        ("commit latency", _spread(latencies_ns(result, "write"))),
        ("read latency", _spread(latencies_ns(result, "read"))),
        ("two-phase", f"{counts['prepared']} prepared, {counts['assigned']} decided, {counts['applied']} applied"),
    )


def _spread(ordered_ns: Sequence[int]) -> str:
    named = {"least": 1, "median": 500, "p99": 990, "most": 1000}
    found = {name: quantile_ns(ordered_ns, permille) for name, permille in named.items()}
    texts = [f"{name} {format_duration(value // us(1) * us(1))}" for name, value in found.items() if value is not None]
    return ", ".join(texts) or "none"
