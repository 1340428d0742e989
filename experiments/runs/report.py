"""The report of a run: a short readable text, or JSON with everything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simclock.durations import format_duration
from simclock.errors import JUDGE, HandlerError, UsageError
from simclock.experiments.checkers.properties import reached_sometimes
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.nemesis import coverage, coverage_text, phase, sometimes_text
from simclock.experiments.telling.measures import measures_of
from simclock.experiments.traces.plain_values import plain
from simclock.experiments.traces.waiting import who_waits
from simclock.faults import Fault
from simclock.hash_seed import RANDOM, USUAL
from simclock.kernel.failures import describe_error, is_interrupt
from simclock.kernel.scheduler import RunResult
from simclock.observers import Violation
from simclock.readable import in_one_line
from simclock.scenario import Scenario

Answer = TypeVar("Answer")

_NO_REPLAY = "random, so a node that walks through a set of strings does otherwise elsewhere: set PYTHONHASHSEED=0"
LINES_MAX = 30
"""Faults and violations shown in the text, each."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A finished run, its entry's words about it, and the verdict."""

    result: RunResult
    rows: Sequence[tuple[str, str]]
    verdict: Verdict
    covered: Mapping[str, int] = field(default_factory=dict)
    """What went wrong with an effect, and how often."""
    reports: Mapping[str, Any] = field(default_factory=dict)
    """What observers reported and is told as it is."""
    reached: Mapping[str, int] = field(default_factory=dict)
    """What the entry wants a run to reach now and then, and how often it did."""
    waits: Sequence[str] = ()
    """Who waits for whom, in a run that has gone quiet."""

    @property
    def measures(self) -> dict[str, int | float]:
        """The numbers in these reports."""
        return measures_of(self.reports)

    @property
    def status(self) -> str:
        """Violated when an invariant broke, whatever the entry's own judge found; unknown where it found no more than
        that nothing is wrong, and a property was not judged."""
        if self.result.violations:
            return VIOLATED
        return UNKNOWN if self.result.unjudged and self.verdict.status == VALID else self.verdict.status

    @property
    def judged(self) -> Verdict:
        """The verdict with what decided it first: the entry's own judge may say nothing of an invariant."""
        if self.status == self.verdict.status:
            return self.verdict
        return together(judge_invariants(self.result), self.verdict)


def report_of(entry: Entry, result: RunResult, scenario: Scenario | None = None) -> Report:
    """Have the entry judge and describe a run; with its scenario also who waits, where it has gone quiet.

    Raises HandlerError where the entry's code fails.
    """
    return Report(
        result=result,
        rows=asked(result, "describing", lambda result: tuple(entry.describe(result))),
        verdict=asked(result, "judging", entry.judge),
        covered=coverage(result),
        reached={**asked(result, "telling what was reached in", entry.sometimes), **reached_sometimes(result)},
        reports=asked(result, "telling the reports of", entry.reports),
        waits=() if scenario is None else who_waits(scenario, result),
    )


def asked(result: RunResult, doing: str, about: Callable[[RunResult], Answer]) -> Answer:
    """What the entry's code says about a run; whatever it raises is a failure of that code, at the end of the run."""
    try:
        return about(result)
    except BaseException as error:
        if is_interrupt(error) or isinstance(error, UsageError):
            raise
        failure = describe_error(result.virtual_ns, JUDGE, f"{doing} the run", error, about)
        raise HandlerError(failure, result.seed, result.replay, result.violations) from error


def report_text(report: Report, more: Iterable[tuple[str, str]] = ()) -> str:
    """A title, a row per fact, the line that replays the run, and more rows if there are any."""
    rows = [*_rows(report), *more]
    width = max(len(label) for label, _ in rows)
    lines = [report.result.scenario, *(f"  {label:<{width}}  {text}".rstrip() for label, text in rows)]
    return "\n".join(map(in_one_line, lines))


def report_json(report: Report) -> str:
    """One JSON object with all of the result, but what nodes and shipped observers kept for the entry."""
    result = report.result
    values = {
        **result._asdict(),
        "faults": [_fault(fault) for fault in result.faults],
        "skipped": [_fault(fault) for fault in result.skipped],
        "violations": [violation._asdict() for violation in result.violations],
        "verdict": {"status": report.status, "lines": list(report.judged.lines)},
        "described": dict(report.rows),
        "measures": report.measures,
        "reports": dict(report.reports),
        "coverage": dict(report.covered),
        "sometimes": dict(report.reached),
        "quiet": result.quiet and {**result.quiet._asdict(), "told": [str(result.quiet), *report.waits]},
    }
    del values["final"], values["fallen"], values["environment"]
    return json.dumps(plain(values), indent=2, ensure_ascii=False)


def _fault(fault: Fault) -> dict[str, Any]:
    return {"at": format_duration(fault.at_ns), **plain(fault)}


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    result = report.result
    yield "placement", result.placement
    if result.chosen:
        yield "chosen", result.chosen
    yield from _first("went wrong", [str(fault) for fault in result.faults] or ["nothing was made to"])
    yield from _first("skipped", [f"{fault}: nobody had observed that name" for fault in result.skipped])
    if result.faults or result.halts:
        yield "took effect", coverage_text(report.covered)
    if report.reached:
        yield "reached", sometimes_text(report.reached)
    yield from report.rows
    yield "events", f"{result.events:,}"
    yield "messages", messages_text(result.counters)
    ended = f" (stopped: {result.stopped})" if result.stopped else ""
    yield "virtual time", f"{format_duration(result.virtual_ns)}{ended}"
    if result.quiet is not None:
        yield from _first("ended", [str(result.quiet), *report.waits])
    yield from _first("beware", [warning for warning in result.warnings if warning not in report.verdict.lines])
    yield from _first(
        "violation", [violation_text(each, phase(result.faults, each.time_ns)) for each in result.violations]
    )
    yield from _first("verdict", verdict_lines(report))
    yield "digest", result.digest
    rate = f", {result.events / result.wall_s:,.0f} events/s" if result.wall_s > 0 else ""
    yield "wall time", f"{result.wall_s:.2f} s{rate}{result.before_text}"
    yield "kernel", result.kernel
    if result.hash_seed != USUAL:
        yield "hash seed", result.hash_seed if result.hash_seed != RANDOM else _NO_REPLAY
    yield "replay", result.replay


def _first(label: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Lines under one label, the first of many."""
    for position, line in enumerate(lines[:LINES_MAX]):
        yield ("" if position else label), line
    if len(lines) > LINES_MAX:
        yield "", f"and {len(lines) - LINES_MAX} more (--format json has all)"


def verdict_lines(report: Report) -> list[str]:
    """The status, and what was checked."""
    first, *others = report.judged.lines or ("",)
    return [f"{report.status}: {first}" if first else report.status, *others]


def messages_text(counters: dict[str, int]) -> str:
    """`1,000 delivered of 1,010 sent (8 lost, 2 cut)`."""
    dropped = [
        f"{count:,} {name.removeprefix('dropped_')}"
        for name, count in sorted(counters.items())
        if name.startswith("dropped_") and count
    ]
    if counters.get("corrupted"):
        dropped.append(f"{counters['corrupted']:,} damaged unnoticed")
    if counters.get("duplicated"):
        dropped.append(f"{counters['duplicated']:,} duplicated")
    why = f" ({', '.join(dropped)})" if dropped else ""
    return f"{counters.get('messages', 0):,} delivered of {counters.get('sent', 0):,} sent{why}"


def violation_text(violation: Violation, phase: str = "") -> str:
    """Property, virtual time, the phase of the run if it has two, node and what was seen."""
    who = f"node {violation.node}" if violation.node >= 0 else "the whole run"
    when = f"{format_duration(violation.time_ns)}{f' ({phase})' if phase else ''}"
    return f"{violation.property} at {when}, {who}: {violation.detail}"
