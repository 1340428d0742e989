"""`simclock hunt`: a wrong class in the place of a right one, hunted over seeds; the right one runs the same seeds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import click

from simclock.errors import SimclockError, UsageError
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import (
    SEED,
    Overrides,
    address_option,
    database_option,
    seedless_override_options,
    telling_details,
    verbose_option,
)
from simclock.experiments.commands.sweep import print_unsaved, uninterrupted
from simclock.experiments.commands.zoo import hunted
from simclock.experiments.entries.entry import NO_NEMESIS, nemesis_of
from simclock.experiments.runs.code_version import code_version
from simclock.experiments.runs.database import FINISHED, UNFINISHED, ResultsDatabase, open_results
from simclock.experiments.runs.database import INTERRUPTED as STOPPED
from simclock.experiments.runs.outcome import Outcome
from simclock.experiments.runs.reference import settings_to_record
from simclock.experiments.runs.seeds import seeds_text
from simclock.experiments.runs.source import Source
from simclock.experiments.runs.sweep import Keeper
from simclock.experiments.telling.exit_status import INTERRUPTED, VALID, VIOLATED
from simclock.experiments.zoo.hunt import HUNT_STRIDE, Found, Hunting
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
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs at a time; 1 is in this process.  [default: cores, if it lasts]",
)
@address_option("The Ray to join; local starts one.  [default: RAY_ADDRESS, or no Ray]")
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
    with open_results(database, create=True) as opened, telling_details(verbose):
        kept = _Kept(opened, source, quarry, first=first, hunts=hunts, seeds_max=seeds_max)
        hunting = Hunting([quarry], first=first, hunts=hunts, seeds_max=seeds_max, shrinks=shrinks, ran=kept.add)
        with kept:
            done, interrupted = hunted(hunting, 1, jobs=jobs, address=address)
            kept.state = STOPPED if interrupted else FINISHED
        if not done:
            return INTERRUPTED
        numbers = kept.numbers
    told = _Told(done[0], source, overrides, str(database), numbers)
    click.echo(told.json() if form == "json" else told.text())
    if interrupted:
        return INTERRUPTED
    return VALID if done[0].seeds is not None and not done[0].right else VIOLATED


class _Kept:
    """A hunt that goes to the results database as its runs come: a sweep of the wrong class, one of the right one.

    Which seeds are tried depends on what is found: until the hunt has ended, each sweep is of all that may be.
    """

    def __init__(
        self, database: ResultsDatabase, source: Source, quarry: Quarry, *, first: int, hunts: int, seeds_max: int
    ) -> None:
        self.state = UNFINISHED
        self._database, self._source, self._quarry = database, source, quarry
        starts = (first + number * HUNT_STRIDE for number in range(hunts))
        self._planned = seeds_text([seed for start in starts for seed in range(start, start + seeds_max)])
        self._keepers: dict[bool, Keeper] = {}
        self._seeds: dict[bool, set[int]] = {}
        self._threads = ExitStack()

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the sweeps, the wrong one's first."""
        return tuple(self._keepers[wrong].sweep for wrong in (True, False) if wrong in self._keepers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Save what is left, and record how it ended; what cannot be saved is printed."""
        self._threads.close()
        with uninterrupted():
            for wrong, keeper in self._keepers.items():
                try:
                    keeper.save()
                    if self.state != UNFINISHED:
                        self._database.end(keeper.sweep, self.state, seeds_text(sorted(self._seeds[wrong])))
                except SimclockError:
                    print_unsaved(keeper)
                    if self.state != UNFINISHED:
                        raise

    def add(self, runs: Mapping[int, Ran], wrong: bool) -> None:
        """Take runs as they come."""
        if wrong not in self._keepers:
            self._keepers[wrong] = self._threads.enter_context(Keeper(self._database, self._begin(wrong)))
        self._seeds.setdefault(wrong, set()).update(runs)
        self._keepers[wrong].add([each.outcome for _, each in sorted(runs.items())])

    def _begin(self, wrong: bool) -> int:
        settings = self._quarry.wrong if wrong else self._quarry.right
        put_in = "".join(f" --replace {each.part}={each.short}" for each in settings.replaced)
        source = replace(self._source, settings=settings)
        code = code_version(source.name, *settings.replaced_by)
        return self._database.begin(f"{source.text}{put_in}", settings_to_record(source), self._planned, code)


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
            yield "or paste", f"simclock run --replay {self._code()}"

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
        return self.overrides.replay(self.source, self._seen().settings(self.source.settings))

    def _code(self) -> str:
        """Of the run that was found first, to be pasted."""
        outcome = self._seen()
        broken = self.found.quarry.property or next(iter(outcome.properties), "")
        return self.source.codes().code(outcome.settings(self.source.settings), broken, outcome.digest)

    def _seen(self) -> Outcome:
        assert self.found.first is not None, "something was found"
        return self.found.runs[self.found.first].outcome

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
            "code": None if found.first is None else self._code(),
        }
        return json.dumps(values, indent=2, ensure_ascii=False)
