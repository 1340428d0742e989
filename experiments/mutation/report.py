"""What a mutation test has found: the score, by what the mutants were killed, and the survivors with their diffs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simclock.experiments.mutation.mutants import Mutant
from simclock.experiments.mutation.testing import ERROR, HANG, KILLS, PROPERTY, TEST, Plan, Verdict

SURVIVED = "survived"
NEVER_RAN = "never ran"
CHANGED_NOTHING = "changed nothing"
NAMED_MAX = 5
"""So many of what killed are named in a line."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A mutation test, as far as it has come."""

    plan: Plan
    mutants: Sequence[Mutant]
    verdicts: Sequence[Verdict]
    """In the order of the mutants, of those that are done."""
    there_are: int
    """How many mutants the files have."""
    seed: int
    test: int
    wrong: Sequence[str] = ()
    """Runs that were left out."""

    def killed(self) -> int:
        """How many mutants were killed."""
        return sum(1 for verdict in self.verdicts if verdict.killed)

    def score(self) -> float:
        """Killed mutants in per cent of all; 100 where there are none."""
        return 100.0 * self.killed() / len(self.verdicts) if self.verdicts else 100.0


def fate(verdict: Verdict) -> str:
    """What became of a mutant, in a word or two."""
    if verdict.killed:
        return verdict.killed
    if verdict.ran == 0:
        return NEVER_RAN
    return SURVIVED if verdict.differed or not verdict.runs else CHANGED_NOTHING


def fate_text(verdict: Verdict) -> str:
    """The same with what was counted."""
    counts = ((verdict.tests, "test"), (verdict.runs, "run"))
    where = " and ".join(_several(number, noun) for number, noun in counts if number)
    times = f"ran {_several(verdict.ran, 'time')} in {where}"
    differed = f", {verdict.differed:,} of them other than the right code's" if verdict.runs else ""
    texts = {
        NEVER_RAN: f"never ran, in {where}",
        CHANGED_NOTHING: f"{times}, changed nothing: likely equivalent",
        SURVIVED: f"{times}{differed}",
    }
    return texts.get(fate(verdict), f"killed: {verdict.by}")


def _several(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def text(found: Found, *, every: bool = False) -> Iterator[str]:
    """Lines for people; `every` also tells what killed each."""
    plan = found.plan
    taken = f"{len(found.mutants):,} of {found.there_are:,} mutants (sample {found.seed})"
    yield f"mutation test {found.test}: {taken}, {len(found.verdicts):,} done"
    yield f"  files      {', '.join(file for file, _, _ in plan.files)}"
    if plan.tests:
        yield f"  tested by  {', '.join(plan.tests)}"
    if plan.names:
        seeds = f"seeds {plan.first}:{plan.first + plan.seeds}"
        yield f"  hunted in  {', '.join(plan.names)}; {seeds}{' of each' if len(plan.names) > 1 else ''}"
    if found.wrong:
        yield f"  left out   {len(found.wrong):,} runs in which the right code is not right: {found.wrong[0]}"
    counts = Counter(fate(verdict) for verdict in found.verdicts)
    for kind in (*((TEST,) if plan.tests else ()), *((PROPERTY,) if plan.names else ()), ERROR, HANG):
        named = Counter(_short(verdict) for verdict in found.verdicts if verdict.killed == kind)
        several = ", ".join(f"{name} {count}" for name, count in named.most_common(NAMED_MAX))
        more = f", {len(named) - NAMED_MAX:,} others" if len(named) > NAMED_MAX else ""
        yield _count(f"killed by {'an' if kind == ERROR else 'a'} {kind}", counts[kind], f"{several}{more}")
    yield _count("survived", counts[SURVIVED])
    yield _count("survived, never ran", counts[NEVER_RAN])
    if plan.names:
        yield _count("survived, changed nothing", counts[CHANGED_NOTHING], "likely equivalent")
    yield f"  score      {found.score():.1f}% of {len(found.verdicts):,} are killed"
    mutants = {mutant.number: mutant for mutant in found.mutants}
    for verdict in found.verdicts:
        mutant = mutants[verdict.number]
        if verdict.killed:
            if every:
                yield f"{mutant.file}:{mutant.line}: {mutant.kind}: {_killer(plan, verdict)}"
            continue
        yield ""
        yield f"{mutant.file}:{mutant.line}: {mutant.kind}: {fate_text(verdict)}"
        yield from (f"    {line}" for line in mutant.diff(plan.original(mutant)).splitlines()[2:])


def _count(words: str, count: int, more: str = "") -> str:
    return f"  {words:<26}{count:>5}  {more}".rstrip()


def _short(verdict: Verdict) -> str:
    if verdict.killed == TEST:
        return verdict.by.partition("::")[2] or verdict.by
    return verdict.by if verdict.killed == PROPERTY else verdict.by.partition(" at ")[0]


def _killer(plan: Plan, verdict: Verdict) -> str:
    where = "" if verdict.scenario is None else f" ({plan.names[verdict.scenario]}, seed {verdict.seed})"
    return f"killed by {verdict.by}{where}"


def as_json(found: Found) -> str:
    """The whole of it, for programs."""
    mutants = {mutant.number: mutant for mutant in found.mutants}
    rows = []
    for verdict in found.verdicts:
        mutant = mutants[verdict.number]
        row: dict[str, Any] = {**asdict(mutant), **asdict(verdict), "fate": fate(verdict)}
        row["scenario"] = None if verdict.scenario is None else found.plan.names[verdict.scenario]
        row["diff"] = mutant.diff(found.plan.original(mutant))
        rows.append(row)
    counts = Counter(row["fate"] for row in rows)
    document = {
        "test": found.test,
        "files": [file for file, _, _ in found.plan.files],
        "tests": list(found.plan.tests),
        "scenarios": list(found.plan.names),
        "seeds": [found.plan.first, found.plan.first + found.plan.seeds],
        "sample": found.seed,
        "mutants_there_are": found.there_are,
        "mutants_taken": len(found.mutants),
        "left_out": list(found.wrong),
        "counts": {kind: counts[kind] for kind in (*KILLS, SURVIVED, NEVER_RAN, CHANGED_NOTHING)},
        "score": round(found.score(), 2),
        "mutants": rows,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
