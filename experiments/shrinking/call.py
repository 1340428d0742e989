"""The smallest fault plan with which a call still fails: for code that makes its own run, such as a test of pytest.

The plan alone is made smaller. Duration, nodes and chance stay: what the code asserts of a run may need them, and fewer
of them would fail for another reason on the same line.

Law: a candidate counts where the call fails by the same class at the same place, and breaks the same property first.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from simclock.actors.run import interposed
from simclock.errors import HandlerError
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.shrinking.shrink import Shrinking
from simclock.experiments.shrinking.trials import RunsSpent, Trial, Trials
from simclock.faults import Fault
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario

RUNS_MAX = 2000
Call = Callable[[], BaseException | None]
"""Does what is to fail, and gives what it raises."""


@dataclass
class Heard:
    """What runs a call makes: open `interposed(heard.run)` around it."""

    plan: tuple[Fault, ...] | None = None
    """What happens in place of the scenario's own faults, and of those that its observers would inject."""
    scenarios: list[Scenario] = field(default_factory=list)
    results: list[RunResult] = field(default_factory=list)
    failures: list[HandlerError] = field(default_factory=list)

    def run(self, scenario: Scenario, go: Callable[[Scenario], RunResult]) -> RunResult:
        """Run it, and keep what comes of it."""
        if self.plan is not None:
            scenario = replace(scenario, faults=self.plan, adaptive=False)
        self.scenarios.append(scenario)
        try:
            result = go(scenario)
        except HandlerError as error:
            self.failures.append(error)
            raise
        self.results.append(result)
        return result

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the environment did."""
        return (self.results or self.failures)[0].faults

    @property
    def broken(self) -> str:
        """The property that a run broke first; empty where none did."""
        found = [violation for ended in self.results or self.failures for violation in ended.violations]
        return found[0].property if found else ""


@dataclass(frozen=True, kw_only=True)
class SmallerPlan:
    """What was left of a plan."""

    plan: tuple[Fault, ...]
    before: int
    """How many faults there were."""
    runs: int
    spent: bool
    """Whether the time was up: a smaller one may be left."""

    @property
    def told(self) -> str:
        """One line, which the plan follows."""
        more = "; the time was up, a smaller one may be left" if self.spent else ""
        what = f"{len(self.plan)} of its {self.before} faults" if self.plan else f"none of its {self.before} faults"
        return f"smaller: it fails in the same way with {what} ({self.runs} runs{more}){':' if self.plan else ''}"


def label_of(error: BaseException) -> str:
    """Class and place of what was raised, where a node's code raised it or the call itself."""
    if isinstance(error, HandlerError):
        return error.failure.label
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def smaller_plan(call: Call, error: BaseException, heard: Heard, limit_s: float) -> SmallerPlan | None:
    """Make the plan smaller by which a call failed so; None where it made not one run, or none with faults.

    It takes `limit_s` seconds at most, and the call that it is in by then.
    """
    if len(heard.scenarios) != 1 or not (heard.results or heard.failures) or not heard.faults:
        return None
    wanted = _what(error, heard)
    until_s = time.monotonic() + limit_s

    def evaluate(candidates: Iterator[tuple[int, Settings]]) -> Iterator[tuple[tuple[int, Settings], Trial]]:
        for candidate in candidates:
            if time.monotonic() >= until_s:
                raise RunsSpent
            yield candidate, _trial(call, candidate[1])

    scenario = heard.scenarios[0]
    entry = Entry(name=scenario.name, summary="", make=lambda settings: scenario, judge=judge_invariants)
    plain = Settings(faults=heard.faults, adaptive=False)
    trials = Trials(evaluate, wanted, RUNS_MAX)
    try:
        if not trials.fails(plain):  # an observer would have to inject at another instant, or luck of its own is drawn
            return None
    except RunsSpent:
        return None
    shrinking = Shrinking(entry, plain, trials)
    shrinking.plan_alone()
    return SmallerPlan(plan=shrinking.plan, before=len(heard.faults), runs=trials.runs, spent=shrinking.spent)


def _trial(call: Call, settings: Settings) -> Trial:
    heard = Heard(plan=settings.faults)
    with interposed(heard.run):
        error = call()
    return Trial() if error is None else Trial(broken=(_what(error, heard),))


def _what(error: BaseException, heard: Heard) -> str:
    return f"{label_of(error)} {heard.broken}"
