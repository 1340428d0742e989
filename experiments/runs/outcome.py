"""What is kept of one run of a sweep, and how a seed becomes it.

Law: a run that ends in an exception is an outcome like any other, FAILED; a sweep does not end because one seed did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import inf

from simclock.actors.run import run
from simclock.durations import format_duration
from simclock.errors import Failure, HandlerError, MessageTypeError, SimclockError, UsageError, who_failed
from simclock.experiments.entries.entry import Entry, as_drawn, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import EXIT_STATUS, UNKNOWN, VALID, VIOLATED
from simclock.experiments.nemesis import parse_rhythm, phase
from simclock.experiments.nemesis.rhythm import counted_rhythm
from simclock.experiments.runs.report import Report, report_of, violation_text
from simclock.experiments.telling.exit_status import BAD_USAGE, CODE_FAILED
from simclock.experiments.telling.spelling import one_line
from simclock.kernel.failures import describe_error, is_interrupt
from simclock.kernel.scheduler import RunResult

FAILED = "failed"
"""The code of a node, an observer or a judge raised."""
MEASURED = "measured_"
"""How the counters of what the entry measures begin."""
REACHED = "reached_"
"""How the counters of what was reached begin."""
MISUSE = (UsageError.__name__, MessageTypeError.__name__)
"""What is named where a node used the kernel wrongly."""
WORKER_DIED = "worker died"
"""What is named where a seed ends the process that runs it."""
VERDICTS = (VALID, VIOLATED, UNKNOWN, FAILED)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One seed's run, judged."""

    seed: int
    digest: str
    """Empty where the run failed."""
    verdict: str
    """One of VERDICTS."""
    properties: tuple[str, ...]
    """Names of what was violated, each once, the earliest first; of what failed, its class and place; where the run is
    unknown, what was not put to the test."""
    detail: str
    """One line: what was seen first. Empty where the run is valid."""
    events: int
    virtual_ns: int
    counters: Mapping[str, int | float]
    """The run's, and how often it reached what its entry wants to be reached now and then."""
    wall_s: float
    """Of making, running and judging."""
    started_at: str
    """UTC, ISO 8601."""

    @property
    def passed(self) -> bool:
        """Whether nothing is known to be wrong."""
        return self.verdict in (VALID, UNKNOWN)

    def names(self, property: str) -> bool:
        """Whether that is violated, or failed: a failure is named by its class alone, too."""
        if property in self.properties:
            return not self.passed
        return self.verdict == FAILED and any(name.partition(" at ")[0] == property for name in self.properties)

    def settings(self, settings: Settings) -> Settings:
        """Those of its sweep, as this run's: its seed, and the rhythm that was measured for it."""
        rhythm = counted_rhythm(self.counters)
        return replace(settings, seed=self.seed, rhythm=settings.rhythm if rhythm is None else str(rhythm))

    @property
    def what(self) -> str:
        """The verdict and the names of what was violated."""
        return f"{self.verdict}: {', '.join(self.properties)}" if self.properties else self.verdict

    @property
    def exit_status(self) -> int:
        """What `simclock run` ends with."""
        if self.verdict != FAILED:
            return EXIT_STATUS[self.verdict]
        return BAD_USAGE if any(name.partition(" at ")[0] in MISUSE for name in self.properties) else CODE_FAILED


@dataclass(frozen=True, kw_only=True)
class SeedRunner:
    """Runs seeds of one scenario, inline; it is what travels to workers."""

    entry: Entry
    settings: Settings
    judge: Callable[[Entry, RunResult], Report] | None = None
    """None: with a whole report."""
    batch_s: float = inf
    """What is done of a batch is given back after so long."""

    def __call__(self, seeds: Sequence[int]) -> list[Outcome]:
        """The outcomes of these seeds, or of the first of them."""
        started = time.monotonic()
        outcomes: list[Outcome] = []
        for seed in seeds:
            outcomes.append(self.outcome(seed))
            if time.monotonic() - started >= self.batch_s:
                break
        return outcomes

    def outcome(self, seed: int) -> Outcome:
        """One run, whatever it comes to."""
        entry, settings = self.entry, replace(self.settings, seed=seed)
        rhythm: dict[str, int] = {}

        def ran() -> RunResult:
            scenario = make_scenario(entry, settings)
            drawn = as_drawn(settings, scenario).rhythm
            rhythm.update({} if drawn is None else parse_rhythm(drawn).counters())
            return run(scenario)

        outcome = outcome_of(seed, ran, partial(self.judge or report_of, entry))
        return replace(outcome, counters={**outcome.counters, **rhythm})


def outcome_of(seed: int, make: Callable[[], RunResult], judge: Callable[[RunResult], Report]) -> Outcome:
    """Run and judge; an exception on the way is the outcome, with what was counted until then."""
    started_at = _now()
    started = time.perf_counter()
    result = None
    try:
        result = make()
        report = judge(result)
    except BaseException as error:  # a user's code may call sys.exit, and worse
        if is_interrupt(error):
            raise
        failure = _failure_of(error)
        counters = dict(error.counters) if isinstance(error, SimclockError) else {}
        events = counters.pop("handled", 0)
        if result is not None:
            counters, events = result.counters, result.events
        return Outcome(
            seed=seed,
            digest="",
            verdict=FAILED,
            properties=(failure.label,),
            detail=failure_text(error),
            events=events,
            virtual_ns=failure.time_ns if result is None else result.virtual_ns,
            counters=counters,
            wall_s=time.perf_counter() - started,
            started_at=started_at,
        )
    return Outcome(
        seed=seed,
        digest=result.digest,
        verdict=report.status,
        properties=_named(report),
        detail=_detail(report),
        events=result.events,
        virtual_ns=result.virtual_ns,
        counters={
            **result.counters,
            **{f"{MEASURED}{name}": number for name, number in report.measures.items()},
            **{f"{REACHED}{name}": count for name, count in report.reached.items()},
        },
        wall_s=time.perf_counter() - started,
        started_at=started_at,
    )


def outcome_of_death(seed: int, why: str) -> Outcome:
    """What is kept of a seed that ended the process it ran in."""
    return Outcome(
        seed=seed,
        digest="",
        verdict=FAILED,
        properties=(WORKER_DIED,),
        detail=why,
        events=0,
        virtual_ns=0,
        counters={},
        wall_s=0.0,
        started_at=_now(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _named(report: Report) -> tuple[str, ...]:
    """What is violated, or of a run that is unknown what it has not put to the test."""
    if report.status == UNKNOWN:
        return tuple(each.property for each in report.result.unjudged)
    return violated_properties(report)


def violated_properties(report: Report) -> tuple[str, ...]:
    """What the observers found, then what the entry's judge did."""
    names = [violation.property for violation in report.result.violations]
    if report.status == VIOLATED:
        names += report.verdict.properties
    return tuple(dict.fromkeys(names))


def _detail(report: Report) -> str:
    if report.result.violations:
        first = report.result.violations[0]
        return violation_text(first, phase(report.result.faults, first.time_ns))
    if report.status == VALID:
        return ""
    return " ".join(" ".join(report.judged.lines).split())


def _failure_of(error: BaseException) -> Failure:
    """What was raised: a node's own error, if it was one, or what a user's module raised."""
    if isinstance(error, UsageError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, HandlerError):
        return error.failure
    return describe_error(0, -1, "", error)


def failure_text(error: BaseException) -> str:
    """What was raised and where, one line, without the command that replays it."""
    if isinstance(error, HandlerError):
        failure = error.failure
        when = f"{who_failed(failure)} at {format_duration(failure.time_ns)}"
        text = f"{when} on {failure.event}: {failure.error} ({failure.place})"
        return " ".join(text.split())
    return " ".join(str(error).split()) if isinstance(error, SimclockError) else one_line(error)
