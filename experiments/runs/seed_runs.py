"""Many seeds of a scenario, in Python: `sweep(claim, 100)`, and what came of it.

It is what `simclock sweep` runs, without a database: the outcomes are the value, which a notebook shows as a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simclock.durations import parse_duration
from simclock.errors import UsageError
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.runs.outcome import VERDICTS, Outcome, SeedRunner
from simclock.experiments.runs.replay_code import UNFILED, CodeMaker, from_here, name_of
from simclock.experiments.runs.seeds import check_seed, parse_seeds, seeds_text
from simclock.experiments.runs.sweep import sweep as sweep_batches
from simclock.experiments.runs.sweep_report import sweep_status
from simclock.experiments.scenario_files.python_scenarios import entry_of
from simclock.experiments.telling.exit_status import MEANINGS
from simclock.notebook import ROWS_MAX, facts, grid, marked
from simclock.readable import in_one_line
from simclock.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class SeedRuns:
    """The outcomes of many seeds, in their order."""

    name: str
    """Of the scenario: /path.py:name, or notebook:name where no file has it."""
    settings: Settings
    seeds: Sequence[int]
    outcomes: tuple[Outcome, ...]

    @property
    def verdicts(self) -> dict[str, int]:
        """Verdict -> in how many seeds."""
        counts = Counter(outcome.verdict for outcome in self.outcomes)
        return {verdict: counts[verdict] for verdict in VERDICTS}

    @property
    def failing(self) -> tuple[Outcome, ...]:
        """The outcomes that are violated, or failed."""
        return tuple(outcome for outcome in self.outcomes if not outcome.passed)

    @property
    def status(self) -> str:
        """The gravest of all: `valid`, `violated`, `unknown`, or what else the exit status of `simclock sweep` says."""
        return MEANINGS[sweep_status(self.outcomes)].partition(":")[0]

    def code(self, seed: int) -> str:
        """What can be pasted to run that seed again, `sc1-...`."""
        found = [outcome for outcome in self.outcomes if outcome.seed == seed]
        if not found:
            raise UsageError(f"seed {seed} is none of {seeds_text(self.seeds)}")
        return self._code(CodeMaker(name=self.name), found[0])

    def _code(self, codes: CodeMaker, outcome: Outcome) -> str:
        broken = next(iter(outcome.properties), "")
        return codes.code(outcome.settings(self.settings), broken, outcome.digest)

    def __str__(self) -> str:
        failing = [f"  seed {each.seed}  {each.what}: {each.detail}" for each in self.failing[:ROWS_MAX]]
        return "\n".join(map(in_one_line, (f"{self._title()}: {self._counts()}", *failing)))

    __repr__ = __str__

    def _title(self) -> str:
        return f"{from_here(self.name).removeprefix(UNFILED)}, seeds {seeds_text(self.seeds)}"

    def _counts(self) -> str:
        return ", ".join(f"{count:,} {verdict}" for verdict, count in self.verdicts.items() if count)

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, and of what is not valid each seed with what replays it."""
        codes = CodeMaker(name=self.name)
        told = sorted((each for each in self.outcomes if each.verdict != VALID), key=lambda each: each.passed)
        shown = told[:ROWS_MAX]
        rows = [(str(each.seed), marked(each.verdict), each.detail, self._replay(codes, each)) for each in shown]
        more = [("shown", f"{len(shown)} of {len(told):,} that are not valid")] if len(told) > len(shown) else []
        table = grid(("seed", "verdict", "what was seen", "replay"), rows) if rows else ""
        return facts(self._title(), [("verdict", marked(self.status)), ("seeds", self._counts()), *more]) + table

    def _replay(self, codes: CodeMaker, outcome: Outcome) -> str:
        own = f", {self.name.removeprefix(UNFILED)}" if self.name.startswith(UNFILED) else ""
        return f'replay("{self._code(codes, outcome)}"{own})'


def sweep(
    scenario: Callable[..., Scenario],
    seeds: int | str | Sequence[int],
    *,
    jobs: int = 1,
    nodes: int | None = None,
    nemesis: str | None = None,
    liveness: str | int | None = None,
) -> SeedRuns:
    """Run a scenario with many seeds: a function of a seed, or of Settings; `seeds` as 100, "500:600" or range(100).

    With `jobs` in so many processes, or Ray tasks where a Ray is there; 1 is in this process. The others are the
    options of `simclock sweep`, `liveness` a time such as "5s" or nanoseconds. What raises is an outcome like any
    other. Raises UsageError for what cannot be run at all.
    """
    if isinstance(scenario, Scenario):
        raise UsageError("sweep: a Scenario has one seed: give a function that makes one from a seed")
    wanted = _seeds(seeds)
    name = name_of(scenario)
    entry, _ = entry_of(from_here(name), scenario)
    liveness_ns = parse_duration(liveness, "liveness") if isinstance(liveness, str) else liveness
    settings = Settings(nodes=nodes, nemesis=nemesis, liveness_ns=liveness_ns)
    running = sweep_batches(SeedRunner(entry=entry, settings=settings), wanted, jobs=jobs)
    outcomes = sorted((each for batch in running for each in batch), key=lambda outcome: outcome.seed)
    return SeedRuns(name=name, settings=settings, seeds=wanted, outcomes=tuple(outcomes))


def _seeds(seeds: int | str | Sequence[int]) -> Sequence[int]:
    if isinstance(seeds, int | str):
        return parse_seeds(f"0:{seeds}" if isinstance(seeds, int) else seeds, "seeds")
    for seed in seeds if not isinstance(seeds, range) else (*seeds[:1], *seeds[-1:]):
        check_seed(seed, "seeds")
    return seeds if isinstance(seeds, range) else sorted(set(seeds))
