"""What a finished run is judged to be, and the judges that scenarios share."""

from __future__ import annotations

from dataclasses import dataclass

from simclock.experiments.telling import exit_status
from simclock.kernel.scheduler import RunResult
from simclock.observers import Violation

VALID = "valid"
VIOLATED = "violated"
UNKNOWN = "unknown"
EXIT_STATUS = {VALID: exit_status.VALID, VIOLATED: exit_status.VIOLATED, UNKNOWN: exit_status.UNKNOWN}
"""Verdict -> the exit status of a run that has it."""

_WORST_FIRST = (VIOLATED, UNKNOWN, VALID)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a finished run is judged to be."""

    status: str
    """VALID, VIOLATED or UNKNOWN."""
    lines: tuple[str, ...]
    """What was checked and what was found, one line each."""
    properties: tuple[str, ...] = ()
    """Names of what this judge itself found violated; those of the observers' violations need not be repeated."""


def judge_invariants(result: RunResult) -> Verdict:
    """The verdict of a scenario whose only judges are its observers; unknown where they could not judge."""
    if result.violations:
        lines = (f"{v.property} violated {_where(v)}: {v.detail}" for v in result.violations)
        return Verdict(status=VIOLATED, lines=tuple(lines))
    if not result.judged:
        why = "no observer of the scenario looks for violations, and it has no `final`"
        return Verdict(status=UNKNOWN, lines=(f"nothing was judged: {why}", *result.warnings))
    if result.unjudged:
        return Verdict(status=UNKNOWN, lines=tuple(map(str, result.unjudged)))
    silent = ": but no node observed anything" if result.reports and not result.counters.get("observation") else ""
    return Verdict(status=VALID, lines=(f"no invariant was violated{silent}",))


def _where(violation: Violation) -> str:
    return f"at node {violation.node}" if violation.node >= 0 else "in the whole run"


def nothing_promised(result: RunResult) -> Verdict:
    """The verdict of a load, which promises nothing: what its observers found, and that no code failed."""
    verdict = judge_invariants(result)
    return (
        verdict
        if verdict.status == VIOLATED
        else Verdict(status=VALID, lines=("nothing was judged: a load promises nothing",))
    )


def together(*parts: Verdict) -> Verdict:
    """One verdict of several: the worst of their statuses, and what decided it comes first."""
    ordered = sorted(parts, key=lambda part: _WORST_FIRST.index(part.status))
    return Verdict(
        status=ordered[0].status,
        lines=tuple(line for part in ordered for line in part.lines),
        properties=tuple(name for part in ordered for name in part.properties),
    )
