"""The summary of a sweep, and what changed between two, in seed order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

from simclock.experiments.entries.verdict import UNKNOWN, VIOLATED
from simclock.experiments.nemesis import coverage_of, coverage_text, sometimes_text
from simclock.experiments.runs.database import FINISHED, Result, Sweep
from simclock.experiments.runs.outcome import FAILED, REACHED, VERDICTS, Outcome
from simclock.experiments.runs.seeds import parse_seeds, seeds_text
from simclock.experiments.telling.exit_status import gravest
from simclock.readable import in_one_line

FAILING_MAX = 10
"""Failing seeds that the summary lists."""
DETAIL_MAX = 120
DIGEST_BYTES = 16
SHOWN_S = 0.05
"""A shorter start is not told apart: there was none."""


def sweep_digest(results: Sequence[Result]) -> str:
    """One digest over the digests of all seeds, in their order."""
    whole = blake2b(digest_size=DIGEST_BYTES)
    for result in results:
        whole.update(f"{result.outcome.seed} {result.outcome.digest}\n".encode())
    return whole.hexdigest()


def shorten(text: str, length_max: int) -> str:
    """The beginning of a text that is too long for a row."""
    return text if len(text) <= length_max else f"{text[: length_max - 3]}..."


def properties_of(results: Sequence[Result], verdict: str = VIOLATED) -> Counter[str]:
    """Property -> in how many runs it was violated, or unknown; or class and place -> in how many runs that failed."""
    return Counter(
        name for result in results if result.outcome.verdict == verdict for name in result.outcome.properties
    )


def sweep_status(outcomes: Iterable[Outcome]) -> int:
    """The gravest exit status of all seeds; what one seed has not put to the test, another may have."""
    seen = list(outcomes)
    unjudged = [set(each.properties) if each.verdict == UNKNOWN else set() for each in seen]
    nowhere = set.intersection(*unjudged) if unjudged else set()
    return gravest(each.exit_status for each, names in zip(seen, unjudged, strict=True) if not names or names & nowhere)


class Ran(NamedTuple):
    """How a sweep was run, or went on, this time."""

    wall_s: float
    workers: int
    before: int
    """Results that were there when it went on."""
    started_s: float = 0.0
    """How long a Ray took to start, before `wall_s`."""
    chosen: str = ""
    """Why it was spread or not, where that was left open."""


def summary_text(sweep: Sweep, results: Sequence[Result], ran: Ran, database: str) -> str:
    """A title and a row per fact."""
    rows = list(_rows(sweep, results, ran, database))
    width = max(len(label) for label, _ in rows)
    title = f"sweep {sweep.id}: {sweep.scenario}, seeds {sweep.seeds}"
    return "\n".join(map(in_one_line, [title, *(f"  {label:<{width}}  {text}" for label, text in rows)]))


def _rows(sweep: Sweep, results: Sequence[Result], ran: Ran, database: str) -> Iterator[tuple[str, str]]:
    rate = f", {(len(results) - ran.before) / ran.wall_s:,.1f} per second" if ran.wall_s > 0 else ""
    earlier = f", {ran.before:,} of them done before," if ran.before else ""
    at_once = f", {ran.workers} at a time" if ran.workers > 1 else ""
    state = "" if sweep.state == FINISHED else f" ({sweep.state}, of {len(parse_seeds(sweep.seeds)):,})"
    started = f" (Ray started in {ran.started_s:.1f} s)" if ran.started_s >= SHOWN_S else ""
    yield "runs", f"{len(results):,}{state}{earlier} in {ran.wall_s:.1f} s{rate}{at_once}{started}"
    if ran.chosen:
        yield "chosen", ran.chosen
    yield "verdicts", ", ".join(f"{sweep.verdicts[verdict]:,} {verdict}" for verdict in VERDICTS)
    for verdict, label in ((VIOLATED, VIOLATED), (FAILED, FAILED), (UNKNOWN, "not judged")):
        found = properties_of(results, verdict)
        if found:
            yield label, ", ".join(f"{name} in {count:,}" for name, count in found.most_common())
    failing = [result for result in results if not result.outcome.passed]
    for position, result in enumerate(islice(failing, FAILING_MAX)):
        yield "" if position else "failing", f"{result.id}  {shorten(result.outcome.detail, DETAIL_MAX)}"
    if len(failing) > FAILING_MAX:
        yield "", f"and {len(failing) - FAILING_MAX:,} more: simclock results --sweep {sweep.id} --failing"
    yield from _coverage_rows(results)
    yield "digest", sweep_digest(results)
    yield "code", sweep.code.text
    yield "kept in", database


def _coverage_rows(results: Sequence[Result]) -> Iterator[tuple[str, str]]:
    """What went wrong in all runs together, and what none of them reached: a sweep in which nothing happened shows."""
    totals: Counter[str] = Counter()
    for result in results:
        totals.update(result.outcome.counters)
    covered = coverage_of(totals)
    yield "took effect", coverage_text(covered) if covered else "no fault"
    reached = {name.removeprefix(REACHED): count for name, count in totals.items() if name.startswith(REACHED)}
    if reached:
        yield "reached", sometimes_text(reached)


def summary_json(sweep: Sweep, results: Sequence[Result], ran: Ran) -> str:
    """One JSON object: the sweep, and every result in seed order."""
    values = {
        "sweep": sweep.id,
        "scenario": sweep.scenario,
        "seeds": sweep.seeds,
        "state": sweep.state,
        "code": sweep.code.text,
        "code_hash": sweep.code.hash,
        "verdicts": sweep.verdicts,
        "violated": dict(properties_of(results)),
        "failed": dict(properties_of(results, FAILED)),
        "digest": sweep_digest(results),
        "done_before": ran.before,
        "wall_s": ran.wall_s,
        "started_s": ran.started_s,
        "chosen": ran.chosen,
        "workers": ran.workers,
        "results": [{"id": result.id, **asdict(result.outcome)} for result in results],
    }
    return json.dumps(values, indent=2, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A seed whose verdict or digest is not the same in two sweeps."""

    seed: int
    before: Result
    after: Result

    @property
    def row(self) -> tuple[int, str, str, str, str]:
        """Seed, verdicts and digests."""
        before, after = self.before.outcome, self.after.outcome
        return self.seed, before.what, after.what, before.digest, after.digest


@dataclass(frozen=True, kw_only=True)
class SweepComparison:
    """What two sweeps have in common, and what not."""

    same: int
    changes: tuple[Change, ...]
    only_before: tuple[int, ...]
    only_after: tuple[int, ...]


def compare_sweeps(before: Sequence[Result], after: Sequence[Result]) -> SweepComparison:
    """Seed by seed: a change is another verdict, other violated properties, or another digest."""
    first = {result.outcome.seed: result for result in before}
    second = {result.outcome.seed: result for result in after}
    both = sorted(first.keys() & second.keys())
    changes = [
        Change(seed=seed, before=first[seed], after=second[seed])
        for seed in both
        if _identity(first[seed]) != _identity(second[seed])
    ]
    return SweepComparison(
        same=len(both) - len(changes),
        changes=tuple(changes),
        only_before=tuple(sorted(first.keys() - second.keys())),
        only_after=tuple(sorted(second.keys() - first.keys())),
    )


def _identity(result: Result) -> tuple[str, str, tuple[str, ...]]:
    return result.outcome.verdict, result.outcome.digest, result.outcome.properties


def comparison_lines(before: Sweep, after: Sweep, found: SweepComparison) -> Iterator[str]:
    """What the two sweeps are, and how many seeds are the same."""
    for name, sweep in (("A", before), ("B", after)):
        text = f"{name}: sweep {sweep.id}, {sweep.scenario}, seeds {sweep.seeds}, {sweep.code.text}, {sweep.state}"
        yield in_one_line(text)
    if before.settings != after.settings:
        yield "the settings differ: a change may be theirs"
    if before.code.hash != after.code.hash:
        yield "the code differs"
    verdicts = sum(change.before.outcome.verdict != change.after.outcome.verdict for change in found.changes)
    yield f"{found.same:,} seeds are the same, {len(found.changes):,} changed, {verdicts:,} of them in their verdict"
    for name, seeds in (("A", found.only_before), ("B", found.only_after)):
        if seeds:
            yield f"{len(seeds):,} seeds are in {name} alone: {seeds_text(seeds)}"
