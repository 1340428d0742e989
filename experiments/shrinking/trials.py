"""Trials: runs of candidates, each once, side by side, until it is known which is the first that fails the same way.

Laws: the first candidate in order that fails wins, whatever finishes first; and what is counted as a run is what would
have been run one after the other, so that a limit on runs cuts in the same place for any number of jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from simclock.actors.run import inline_run
from simclock.errors import HandlerError
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import phase
from simclock.experiments.runs.outcome import violated_properties
from simclock.experiments.runs.report import report_of, violation_text
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.shrinking.operations import Operations, OperationsCalled, operations_of
from simclock.faults import Fault
from simclock.kernel.scheduler import Scheduler
from simclock.observers import Violation


class RunsSpent(Exception):
    """No more runs are allowed."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one run came to."""

    broken: tuple[str, ...] = ()
    """Names of what is violated, and `KeyError at file.py:7 in on_timer` where code failed; the earliest first."""
    details: Mapping[str, str] = field(default_factory=dict)
    """Name -> what was seen, one line."""
    virtual_ns: int = 0
    digest: str = ""
    faults: tuple[Fault, ...] = ()
    """What the environment did, with node ids."""
    operations: Operations = ()
    """What clients called, if it can be planned."""
    refused: str = ""
    """Why there was no run."""


@dataclass(frozen=True, kw_only=True)
class TrialRunner:
    """Runs candidates, in this process; it is what travels to workers."""

    entry: Entry

    def __call__(self, candidate: tuple[int, Settings]) -> Trial:
        return self.trial(candidate[1])

    def trial(self, settings: Settings) -> Trial:
        """One run, whatever it comes to: an exception that is not a node's or an observer's refuses the candidate."""
        try:
            scenario = make_scenario(self.entry, settings)
            called = OperationsCalled()
            scheduler, _ = inline_run(replace(scenario, observers=(*scenario.observers, lambda: called)))
            try:
                result = scheduler.run()
            except HandlerError as error:
                return replace(_failed(error, scheduler), operations=operations_of(called, scenario))
            report = report_of(self.entry, result)
        except Exception as error:
            return Trial(refused=" ".join(str(error).split()) or type(error).__name__)
        judged = " ".join(" ".join(report.judged.lines).split())
        return Trial(
            broken=violated_properties(report),
            details={
                **dict.fromkeys(violated_properties(report), judged),
                **_first_of_each(result.violations, result.faults),
            },
            virtual_ns=result.virtual_ns,
            digest=result.digest,
            faults=result.faults,
            operations=operations_of(called, scenario),
        )


def _first_of_each(violations: Sequence[Violation], faults: Sequence[Fault]) -> dict[str, str]:
    seen: dict[str, str] = {}
    for violation in violations:
        seen.setdefault(violation.property, violation_text(violation, phase(faults, violation.time_ns)))
    return seen


def _failed(error: HandlerError, scheduler: Scheduler) -> Trial:
    failure = error.failure
    end_ns = failure.time_ns + 1
    faults = scheduler.faults_before(end_ns)
    seen = _first_of_each(error.violations, faults)
    if not failure.usage:
        seen[failure.label] = str(error).partition("\n")[0]
    return Trial(
        broken=tuple(seen),
        details=seen,
        virtual_ns=end_ns,
        faults=faults,
    )


Evaluate = Callable[[Iterator[tuple[int, Settings]]], Iterator[tuple[tuple[int, Settings], Trial]]]
"""Try candidates, taken when there is room for them, and give each with its trial, in any order."""


@dataclass
class Trials:
    """Which candidate breaks `property`, by as few runs as are needed."""

    evaluate: Evaluate
    property: str
    runs_max: int
    told: Callable[[int], None] = lambda runs: None
    """Called when the number of runs has changed."""
    runs: int = 0
    """Runs that were needed; what was tried ahead of its turn is not counted until its turn comes."""
    _known: dict[str, Trial] = field(default_factory=dict)
    _counted: set[str] = field(default_factory=set)

    def fails(self, settings: Settings) -> bool:
        """Whether this candidate breaks the property."""
        return self.first_failing([settings]) is not None

    def trial(self, settings: Settings) -> Trial:
        """What is known of a candidate that has been tried."""
        return self._known[_key(settings)]

    def first_failing(self, candidates: Sequence[Settings]) -> int | None:
        """The position of the first candidate that breaks the property. Raises RunsSpent."""
        keys = [_key(settings) for settings in candidates]
        affordable = self._affordable(keys)
        self._try([(position, candidates[position]) for position in range(affordable)], keys)
        for position in range(affordable):
            if keys[position] not in self._counted:
                self._counted.add(keys[position])
                self.runs += 1
                self.told(self.runs)
            if self._is_failing(keys[position]):
                return position
        if affordable < len(candidates):
            raise RunsSpent
        return None

    def _affordable(self, keys: Sequence[str]) -> int:
        """How many of these candidates the limit on runs allows."""
        new: set[str] = set()
        for position, key in enumerate(keys):
            if key not in self._counted:
                new.add(key)
            if self.runs + len(new) > self.runs_max:
                return position
        return len(keys)

    def _try(self, candidates: Sequence[tuple[int, Settings]], keys: Sequence[str]) -> None:
        """Try what is not known yet, up to the first that fails."""
        best = next((position for position, _ in candidates if self._is_failing(keys[position])), len(keys))

        def wanted() -> Iterator[tuple[int, Settings]]:
            asked: set[str] = set()
            for position, settings in candidates:
                if position >= best:  # one before it fails: what comes after cannot win
                    return
                if keys[position] not in self._known and keys[position] not in asked:
                    asked.add(keys[position])
                    yield position, settings

        tried = self.evaluate(wanted())
        for (position, _), trial in tried:
            self._known[keys[position]] = trial
            if self._is_failing(keys[position]):
                best = min(best, position)

    def _is_failing(self, key: str) -> bool:
        trial = self._known.get(key)
        return trial is not None and self.property in trial.broken


def in_process(runner: Callable[[tuple[int, Settings]], Trial]) -> Evaluate:
    """Candidates are tried here, one after the other."""

    def evaluate(
        candidates: Iterator[tuple[int, Settings]],
    ) -> Iterator[tuple[tuple[int, Settings], Trial]]:
        for candidate in candidates:
            yield candidate, runner(candidate)

    return evaluate


def on_ray(runner: Callable[[tuple[int, Settings]], Trial], jobs: int | None) -> Evaluate:
    """Candidates are tried by the workers of a Ray, which is best kept open from round to round."""
    from simclock.actors.placements.ray_tasks import map_on_ray

    def evaluate(
        candidates: Iterator[tuple[int, Settings]],
    ) -> Iterator[tuple[tuple[int, Settings], Trial]]:
        with closing(map_on_ray(runner, candidates, jobs=jobs)) as running:  # type: ignore[type-var]
            yield from running

    return evaluate


def _key(settings: Settings) -> str:
    """What a run depends on, as text: two candidates of one key are one."""
    return write_settings("", settings)
