"""`simclock hunt`: a wrong class in the place of a right one, hunted over seeds; the right one runs the same seeds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from simclock.errors import UsageError
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import (
    SEED,
    Overrides,
    database_option,
    seedless_override_options,
    telling_details,
    verbose_option,
)
from simclock.experiments.commands.zoo import hunted
from simclock.experiments.entries.entry import NO_NEMESIS, nemesis_of
from simclock.experiments.runs.code_version import code_version
from simclock.experiments.runs.database import FINISHED, ResultsDatabase, open_results
from simclock.experiments.runs.database import INTERRUPTED as STOPPED
from simclock.experiments.runs.reference import settings_to_record
from simclock.experiments.runs.seeds import seeds_text
from simclock.experiments.runs.source import Source
from simclock.experiments.telling.exit_status import INTERRUPTED, VALID, VIOLATED
from simclock.experiments.zoo.hunt import Found, Hunting
from simclock.experiments.zoo.quarry import Quarry, Ran, class_quarry
from simclock.experiments.zoo.table import right_text
from simclock.readable import in_one_line


@click.command("hunt", cls=ScenarioCommand)
@click.argument("scenario", shell_complete=complete_scenario)
@click.option("--hunts", type=click.IntRange(1), default=5, show_default=True, help="Searches, for the median.")
@click.option("--seeds-max", type=click.IntRange(1), default=2000, show_default=True, help="Seeds a search may try.")
@click.option("--first", type=SEED, default=0, show_default=True, help="The first search's start seed.")
@click.option("--property", "property_name", metavar="NAME", help="What has to be named.  [default: anything]")
@click.option("--shrink/--no-shrink", "shrinks", default=False, show_default=True, help="Make a found run smaller.")
@click.option("--jobs", type=click.IntRange(min=1), help="Runs at a time; 1 is in this process.  [default: all cores]")
@click.option("--address", help="The Ray to join.  [default: RAY_ADDRESS, or a local one is started]")
@verbose_option
@database_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@seedless_override_options
def hunt(
    *,
    scenario: str,
    hunts: int,
    seeds_max: int,
    first: int,
    property_name: str | None,
    shrinks: bool,
    jobs: int | None,
    address: str | None,
    verbose: bool,
    database: Path,
    form: str,
    overrides: Overrides,
) -> int:
    """Put a class of yours in the place of one of SCENARIO's (--replace), and try seeds until something is named.

    A scenario in which nothing goes wrong by itself is hunted under `swarm`. The right class runs the very same seeds.
    It is told how often the code that was put in ran, and how many runs are not the right class's to the last bit: a
    wrong line that changes nothing is seen as such. Both are kept in the results database, as a sweep each; Ctrl-C
    keeps what there is.

    The exit status is 0 if at least half of the hunts found it and the right class passed every seed, else 1.

    \b
    Examples:
      simclock hunt leases-hunt --replace LeaseServer=mine.py:Hasty --hunts 5
      simclock hunt paxos.py:paxos --replace Acceptor=paxos.py:ForgetfulAcceptor --jobs 1
    """
    if not overrides.replaced:
        raise UsageError("--replace: say what is put in, as --replace LeaseServer=mine.py:Hasty")
    source = overrides.source(scenario)
    source = replace(source, settings=replace(source.settings, seed=first))
    made = source.scenario()  # what is wrong is refused before anything begins
    if overrides.nemesis is None and nemesis_of(source.entry, source.settings) == NO_NEMESIS and not made.faults:
        overrides = replace(overrides, nemesis="swarm")
        source = overrides.source(scenario)
    quarry = class_quarry(source.entry, source.name, source.settings, property_name)
    hunting = Hunting([quarry], first=first, hunts=hunts, seeds_max=seeds_max, shrinks=shrinks)
    with open_results(database, create=True) as opened, telling_details(verbose):
        done, interrupted = hunted(hunting, 1, jobs=jobs, address=address)
        if not done:
            return INTERRUPTED
        kept = _Kept(done[0], source, STOPPED if interrupted else FINISHED)
        numbers = tuple(
            number
            for number in (
                kept.sweep(opened, quarry, done[0].runs, wrong=True),
                kept.sweep(opened, quarry, done[0].rights, wrong=False),
            )
            if number is not None
        )
    told = _Told(done[0], source, overrides, str(database), numbers)
    click.echo(told.json() if form == "json" else told.text())
    if interrupted:
        return INTERRUPTED
    return VALID if done[0].seeds is not None and not done[0].right else VIOLATED


@dataclass(frozen=True)
class _Kept:
    """A hunt that goes to the results database."""

    found: Found
    source: Source
    state: str

    def sweep(self, database: ResultsDatabase, quarry: Quarry, runs: Mapping[int, Ran], *, wrong: bool) -> int | None:
        """Record runs as a sweep; gives its number, None where there are no runs."""
        if not runs:
            return None
        settings = quarry.wrong if wrong else quarry.right
        put_in = "".join(f" --replace {each.part}={each.short}" for each in settings.replaced)
        source = replace(self.source, settings=settings)
        code = code_version(source.name, *settings.replaced_by)
        number = database.begin(f"{source.text}{put_in}", settings_to_record(source), seeds_text(sorted(runs)), code)
        database.save(number, [each.outcome for _, each in sorted(runs.items())])
        database.end(number, self.state)
        return number


@dataclass(frozen=True)
class _Told:
    """How a hunt is told."""

    found: Found
    source: Source
    overrides: Overrides
    database: str
    sweeps: tuple[int, ...]

    def text(self) -> str:
        """A title and a row per fact."""
        rows = list(self._rows())
        width = max(len(label) for label, _ in rows)
        title = f"hunt: {self.source.text} with {self.found.quarry.name}"
        return "\n".join(map(in_one_line, [title, *(f"  {label:<{width}}  {text}".rstrip() for label, text in rows)]))

    def _rows(self) -> Iterator[tuple[str, str]]:
        found = self.found
        hits = sum(hunt.found is not None for hunt in found.hunts)
        after = f", after {found.seeds:,} seeds in the median" if found.seeds is not None else ""
        yield "found", f"in {hits} of {len(found.hunts)} hunts{after}"
        for number, each in enumerate(found.hunts):
            at = "not found" if each.found is None else f"found at seed {each.found}"
            at += "" if each.ended else ", interrupted"
            yield ("" if number else "hunts"), f"from seed {each.start}: {at}, {each.seeds:,} tried"
        names = Counter(name for ran in found.runs.values() for name in ran.names)
        if names:
            yield "named", ", ".join(f"{name} in {count:,}" for name, count in names.most_common())
        yield "ran", self._ran()
        yield "differs", self._differs()
        yield "right", right_text(found)
        if found.smaller is not None:
            yield "smaller", f"{found.smaller.after} of {found.smaller.before} faults are left"
        if found.first is not None:
            yield "seen", found.runs[found.first].outcome.detail
        if self.sweeps:
            both = f", the right one's {self.sweeps[1]}" if len(self.sweeps) > 1 else ""
            yield "kept in", f"{self.database}: sweep {self.sweeps[0]}{both}"
        if found.first is not None:
            yield "replay", self._replay()

    def _ran(self) -> str:
        calls = self.found.calls
        if not calls:
            return "what is put in overrides no method: how often it ran is not known"
        if not any(calls.values()):
            return f"never: none of {', '.join(calls)} was called in {len(self.found.runs):,} runs"
        told = ", ".join(f"{name} {count:,} times" for name, count in calls.items())
        return f"{told}, in {self.found.called_in:,} of {len(self.found.runs):,} runs"

    def _differs(self) -> str:
        differs, both = self.found.differs_in, len(self.found.rights)
        if not differs:
            return f"never: all {both:,} runs are the right class's, to the last bit: nothing is wrong in them"
        return f"in {differs:,} of {both:,} runs from the right class's of the same seed"

    def _replay(self) -> str:
        assert self.found.first is not None, "something was found"
        outcome = self.found.runs[self.found.first].outcome
        return self.overrides.replay(self.source, outcome.settings(self.source.settings))

    def json(self) -> str:
        """One JSON object."""
        found = self.found
        values = {
            "scenario": self.source.text,
            "replaced": {each.part: each.where for each in self.source.settings.replaced},
            "property": found.quarry.property,
            "hunts": [
                {"start": each.start, "found": each.found, "seeds": each.seeds, "ended": each.ended}
                for each in found.hunts
            ],
            "seeds_until_found": found.seeds,
            "named": dict(Counter(name for ran in found.runs.values() for name in ran.names)),
            "runs": len(found.runs),
            "calls": found.calls,
            "called_in": found.called_in,
            "right_runs": len(found.rights),
            "differs_in": found.differs_in,
            "right": list(found.right),
            "faults_left": found.smaller and found.smaller.after,
            "sweeps": list(self.sweeps),
            "replay": None if found.first is None else self._replay(),
        }
        return json.dumps(values, indent=2, ensure_ascii=False)
