"""`simclock compare`: scenarios x node counts x placements x rounds, in one table."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from simclock.actors.run import Onlooker, Placement, run
from simclock.errors import HandlerError, PlacementError, RunInterrupted, SimclockError, UsageError
from simclock.experiments.commands.completion import complete_placements, complete_scenario
from simclock.experiments.commands.options import SEED, Overrides, address_option, database_option, verbose_option
from simclock.experiments.commands.sweep import uninterrupted
from simclock.experiments.comparing.comparing import LIMIT, check_rows, limit_ns, ray_for
from simclock.experiments.comparing.comparison import Case, Comparison, Measurement, Spot, comparison_of
from simclock.experiments.comparing.numbers import check_observer, numbers_of, unknown_column
from simclock.experiments.comparing.picture import SIZE, draw_comparison
from simclock.experiments.comparing.records import Asked, AskedScenario, Recorded, Records, code_of_all, plan_of
from simclock.experiments.comparing.rounds import Plan, measure
from simclock.experiments.comparing.table import Lines, comparison_text
from simclock.experiments.runs.database import DEFAULT_DATABASE, FINISHED, INTERRUPTED, UNFINISHED, open_results
from simclock.experiments.runs.reference import settings_to_record
from simclock.experiments.runs.seeds import SEED_MAX, bounded
from simclock.experiments.runs.source import Source
from simclock.experiments.telling import exit_status
from simclock.experiments.telling.pictures import check_picture, write_figure
from simclock.experiments.telling.spelling import say, unknown
from simclock.experiments.telling.tables import FORMS
from simclock.experiments.watching.progress import BarWatcher, progress_bar

DEFAULT_SCENARIOS = ("raft-kv", "phold")
DEFAULT_PLACEMENTS = "inline,ray,ray:hosts=2"
OWN = ("nodes", "placements", "repeats", "limit", "seed", "duration", "settings")
"""Options that say what a comparison is of: one that goes on by its number has its own."""
BAR = "{desc} |{bar:10}| {elapsed}{postfix}"
_GIVEN_A_NAME = re.compile(r"([\w-]+)=(.+)", re.DOTALL)


@click.command("compare")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...", shell_complete=complete_scenario)
@click.option("--nodes", default="3,5,9", show_default=True, metavar="N,N,...", help="Node counts.")
@click.option(
    "--placements",
    "--placement",
    multiple=True,
    metavar="P,P,...",
    shell_complete=complete_placements,
    help="inline, ray (one actor per node), ray:4 (four nodes to an actor), ray:hosts=2; may be given again.  "
    f"[default: {DEFAULT_PLACEMENTS}]",
)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds; the median counts.")
@click.option(
    "--limit", default=LIMIT, show_default=True, metavar="TIME", help="Leave out whose run would take longer; or none."
)
@click.option("--seed", type=SEED, help="The seed that decides everything.  [default: the scenario's, or 0]")
@click.option("--duration", metavar="TIME", help="Virtual time of each run, such as 10s.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="[SCENARIO.]NAME=VALUE",
    help="A parameter of that scenario alone; without SCENARIO, of all.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OBSERVER.NAME",
    help="A column of what an observer reports, or of counters.NAME; may be given again.",
)
@click.option("--resume", is_flag=True, help="Go on with one that was interrupted or killed; SCENARIO: its number.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it too, as FILE.svg.")
@address_option("The Ray to join.  [default: RAY_ADDRESS, or a local one is started]")
@verbose_option
@database_option
@click.option("--format", "form", type=click.Choice(FORMS), default="github", show_default=True)
def compare_placements(
    *,
    scenarios: tuple[str, ...],
    columns: tuple[str, ...],
    resume: bool,
    plot: Path | None,
    address: str | None,
    verbose: bool,
    database: Path,
    form: str,
    **asked_for: Any,
) -> int:
    """Run scenarios with several node counts on several placements, and check that all digests agree.

    SCENARIO is as `simclock run` takes it, and may be given a name: fast=raft-kv. Without any: raft-kv and phold. A
    line per run is printed on stderr as it is measured, the table of medians at the end. Rounds are interleaved, and
    a speed-up is over inline in the same round. Every run is kept as it comes: --resume takes the last comparison that
    is unfinished, or the number of one, or with SCENARIO and options the last one of these; of a finished one it shows
    the table. Exit status 1 where digests differ, 3 where a row was left out or Ray failed.

    \b
    Examples:
      simclock compare phold --nodes 10,100 --placements inline,ray:hosts=2 --repeats 5
      simclock compare few=raft-kv many=raft-kv --set many.clients=12 --column RaftProperties.elections
      simclock compare raft-kv mine.py:scenario stormy.toml --placement inline --plot picture.svg
      simclock compare --resume
    """
    numbered = resume and (not scenarios or (len(scenarios) == 1 and scenarios[0].isdecimal()))
    context = click.get_current_context()
    given = [name for name in OWN if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if numbered and given:
        raise UsageError("--resume: a comparison goes on with its own scenarios and options: leave the others out")
    if plot is not None:
        check_picture(plot)
    fresh = None if numbered else _asked(scenarios or DEFAULT_SCENARIOS, address, **asked_for)
    if fresh is not None:
        _check_columns(columns, fresh.plan)
    with open_results(database, create=fresh is not None) as opened:
        records = Records(opened)
        if fresh is None:
            under_way = _recorded(records, scenarios[0] if scenarios else None, address)
        else:
            under_way = _begun(records, fresh, resume)
        under_way.verbose = verbose
        state = under_way.through(address)
        return _tell(under_way, state, columns, plot, form)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the command line asks for."""

    plan: Plan
    asked: Asked
    names: Sequence[str]
    """Of the scenarios, in scenario files."""


def _asked(
    texts: Sequence[str],
    address: str | None,
    *,
    nodes: str,
    placements: Sequence[str],
    repeats: int,
    limit: str,
    seed: int | None,
    duration: str | None,
    settings: Sequence[str],
) -> _Asked:
    counts = _counts(nodes)
    labels = [label.strip() for text in placements or (DEFAULT_PLACEMENTS,) for label in text.split(",")]
    named = [_named(text) for text in texts]
    cases, scenarios, names = [], [], []
    for (name, text), own in zip(named, _settings_of_each([name for name, _ in named], settings), strict=True):
        source = _source(text, Overrides(seed=seed, duration=duration, settings=own), len(named) > 1)
        several = [Overrides(seed=seed, nodes=count, duration=duration, settings=own) for count in counts]
        of_it = [case_of(source, overrides, name) for overrides in several]
        cases += of_it
        names.append(source.name)
        scenarios.append(
            AskedScenario(
                name=name,
                text=text,
                settings=settings_to_record(replace(source, settings=replace(source.settings, nodes=None))),
                seed=source.settings.seed,
                replays=tuple(case.replay for case in of_it),
            )
        )
    places = [(label, Placement.parse(label, address)) for label in labels]
    plan = Plan(cases=cases, placements=places, repeats=repeats, limit_ns=limit_ns(limit, "--limit"))
    check_rows(plan)
    asked = Asked(
        scenarios=tuple(scenarios),
        nodes=tuple(counts),
        placements=tuple(labels),
        repeats=repeats,
        limit_ns=plan.limit_ns,
    )
    return _Asked(plan=plan, asked=asked, names=names)


def case_of(source: Source, overrides: Overrides, name: str = "") -> Case:
    """A scenario with one node count, ready to run."""
    if overrides.nodes is not None:
        source = replace(source, settings=replace(source.settings, nodes=overrides.nodes))
    scenario = source.scenario()
    replay = overrides.replay(source, source.settings)
    return Case(name=name or source.text, nodes=overrides.nodes or scenario.nodes, scenario=scenario, replay=replay)


def _named(text: str) -> tuple[str, str]:
    """The name that a scenario has in the comparison, and what was written for it."""
    found = _GIVEN_A_NAME.fullmatch(text)
    return (found[1], found[2]) if found else (text, text)


def _source(text: str, overrides: Overrides, several: bool) -> Source:
    try:
        return overrides.source(text)
    except UsageError as error:
        if several and str(error).startswith("--set: unknown parameter"):
            raise UsageError(f"{error} (--set SCENARIO.NAME=VALUE sets it of one scenario alone)") from None
        raise


def _settings_of_each(names: Sequence[str], settings: Sequence[str]) -> list[tuple[str, ...]]:
    """Each scenario's share of `[SCENARIO.]NAME=VALUE`."""
    shares: dict[str, list[str]] = {name: [] for name in names}
    called = _called(names)
    for setting in settings:
        key = setting.partition("=")[0].strip()
        who, dot, _ = key.rpartition(".")
        if not dot:
            for share in shares.values():
                share.append(setting)
        elif who in called:
            shares[called[who]].append(setting.strip()[len(who) + 1 :])
        else:
            raise UsageError(f"--set {key}: {unknown('scenario of this comparison', who, called)}")
    return [tuple(shares[name]) for name in names]


def _called(names: Sequence[str]) -> dict[str, str]:
    """What a scenario may be called -> its name: also `stormy` of stormy.toml, and `game` of mine.py:game."""
    called = {name: name for name in names}
    for name in names:
        short = Path(name).stem if name.endswith(".toml") else name.rpartition(":")[2]
        if sum(short in (Path(other).stem, other, other.rpartition(":")[2]) for other in names) == 1:
            called.setdefault(short, name)
    return called


def _counts(text: str) -> list[int]:
    counts = [bounded(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if min(counts) < 1:
        raise UsageError(f"--nodes: {say(text)} is not a list of node counts: write it as 3,5,9")
    return counts


def _check_columns(columns: Sequence[str], plan: Plan) -> None:
    """Refuse at once a column whose observer no scenario has: each is run for no time."""
    if not columns:
        return
    names: set[str] = set()
    for case in {case.name: case for case in reversed(plan.cases)}.values():
        try:
            names.update(numbers_of(run(replace(case.scenario, duration_ns=1, faults=()), replay=case.replay)))
        except SimclockError:  # what it has, its runs will show
            return
    for column in columns:
        check_observer(column, names)


def _begun(records: Records, fresh: _Asked, resume: bool) -> _UnderWay:
    code = code_of_all(fresh.names)
    if resume:
        of_these = [each for each in records.comparisons() if (each.asked, each.code.hash) == (fresh.asked, code.hash)]
        if of_these:
            return _going_on(records, of_these[-1], fresh.plan)
    return _UnderWay(records=records, plan=fresh.plan, begin=partial(records.begin, fresh.asked, code))


def _recorded(records: Records, number: str | None, address: str | None) -> _UnderWay:
    """The comparison of that number, or the last one that is unfinished."""
    database = records.database.path
    if number is None:
        unfinished = [each for each in records.comparisons() if each.state != FINISHED]
        if not unfinished:
            raise UsageError(
                f"--resume: no comparison in {database} is unfinished: `simclock results comparisons` lists them"
            )
        found = unfinished[-1]
    else:
        found = records.comparison(min(bounded(number), SEED_MAX))
    plan, names = plan_of(found, f"{database}, comparison {found.id}", address)
    if found.state != FINISHED and code_of_all(names).hash != found.code.hash:
        raise UsageError(
            f"--resume: comparison {found.id} was of other code ({found.code.text}), whose runs are not of today's: "
            "begin a new one"
        )
    return _going_on(records, found, plan)


def _going_on(records: Records, found: Recorded, plan: Plan) -> _UnderWay:
    spots = set(plan.spots)
    done = [each for each in records.measured(found.id) if each.spot in spots and (each.lasting or not each.word)]
    going_on = _UnderWay(records=records, plan=plan, begin=lambda: found.id, number=found.id, measured=done)
    if found.state == FINISHED:
        return going_on
    records.end(found.id, UNFINISHED)
    click.echo(
        f"simclock: comparison {found.id} goes on: {going_on.done:,} of {going_on.total:,} runs are done", err=True
    )
    return going_on


@dataclass(kw_only=True)
class _UnderWay:
    """A comparison under way on the command line."""

    records: Records
    plan: Plan
    begin: Callable[[], int]
    """Records that it begins, and gives its number."""
    number: int | None = None
    """None until it is recorded: one that cannot begin, for want of a Ray, leaves nothing to go on with."""
    measured: list[Measurement] = field(default_factory=list)
    verbose: bool = False
    interrupt: KeyboardInterrupt | None = None
    lost: SimclockError | None = None
    """Why the last runs are not saved."""
    _unsaved: list[Measurement] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)

    @property
    def done(self) -> int:
        """Runs that are measured."""
        return sum(not each.word for each in self.measured)

    @property
    def total(self) -> int:
        """Runs there will have been, as far as is known: a row that is left out has no more."""
        words = {each.spot for each in self.measured if each.word}
        return sum(
            sum(each.spot == spot and not each.word for each in self.measured) if spot in words else self.plan.repeats
            for spot in self.plan.spots
        )

    def through(self, address: str | None) -> str:
        """Measure what is left, and save and tell what comes; gives the state in which it ended."""
        if self.done == self.total:
            return self._ended()
        lines = Lines(self.plan.spots, self.plan.repeats)
        with progress_bar(total=self.total, initial=self.done, bar_format=BAR, leave=False) as bar:
            try:
                if any(placement.kind == "ray" for _, placement in self.plan.placements):
                    bar.set_description_str("starting Ray")
                with ray_for(self.plan.placements, address, partial(self._ray_started, bar)) as ready:
                    self.number = self.begin()
                    bar.write(lines.head, file=sys.stderr)
                    begins, fails = partial(self._begins, bar), partial(self._fails, bar)
                    done = tuple(self.measured)
                    for each in measure(self.plan, done=done, ready=ready, begins=begins, fails=fails):
                        self._keep(each)
                        bar.write(lines.of(each), file=sys.stderr)
                        self._shout(each, bar)
                        bar.total, bar.n = self.total, self.done
            except KeyboardInterrupt as interrupt:
                self.interrupt = interrupt
        return self._ended()

    def _ended(self) -> str:
        """Save what is left, and how it ended."""
        failed = any(each.word and not each.lasting for each in self.measured)
        state = INTERRUPTED if self.interrupt else UNFINISHED if failed else FINISHED
        with uninterrupted():
            self._save()
            if self.number is not None and not self._unsaved:
                with suppress(SimclockError):  # it then goes on from there
                    self.records.end(self.number, state)
        return state

    def _ray_started(self, bar: Any, seconds: float) -> None:
        bar.write(f"Ray started in {seconds:.1f} s, before all runs", file=sys.stderr)

    def _begins(self, bar: Any, spot: Spot, number: int) -> Onlooker:
        bar.set_description_str(f"run {self.done + 1} of {bar.total}: {spot}")
        return BarWatcher(bar)

    def _keep(self, each: Measurement) -> None:
        with uninterrupted():
            self.measured.append(each)
            self._unsaved.append(each)
            self._save()

    def _save(self) -> None:
        """A database that takes no more, or is locked for the moment, ends nothing: it is asked again with the next."""
        spots = self.plan.spots
        try:
            while self._unsaved and self.number is not None:
                self.records.save(self.number, spots.index(self._unsaved[0].spot), self._unsaved[0])
                del self._unsaved[0]
            self.lost = None
        except SimclockError as error:
            self.lost = error

    def _shout(self, each: Measurement, bar: Any) -> None:
        """A difference is told as soon as it is seen, once for a case."""
        of_it = {other.digest for other in self.measured if other.digest and other.spot[:2] == each.spot[:2]}
        case = f"{each.name} with {each.nodes} nodes"
        if len(of_it) > 1 and case not in self._told:
            self._told.add(case)
            bar.write(f"simclock: DIGESTS DIFFER: {case}, {each.placement} in round {each.round}", file=sys.stderr)

    def _fails(self, bar: Any, spot: Spot, error: Exception) -> None:
        """All that is known of an error, of which the row has a word; of one that comes again, once."""
        lines = [f"simclock: {spot}: {error}"]
        if isinstance(error, HandlerError):
            lines.append(error.failure.trace.rstrip())
            if error.failure.label in self._told:
                return
            self._told.add(error.failure.label)
        elif isinstance(error, PlacementError) and error.details:
            lines.append(error.details.rstrip() if self.verbose else "  (--verbose shows what Ray says)")
        bar.write("\n".join(filter(None, lines)), file=sys.stderr)


def _tell(of: _UnderWay, state: str, columns: Sequence[str], plot: Path | None, form: str) -> int:
    """The table, the picture, and whatever is not as it was asked for; gives the exit status."""
    found = comparison_of(of.plan.spots, of.plan.repeats, of.measured, columns)
    problems = []
    try:
        if plot is not None:
            write_figure(plot, partial(draw_comparison, found), SIZE)
    except UsageError as error:
        problems.append(error)
    click.echo(comparison_text(found, form))
    for line in _afterwards(of, found, state):
        click.echo(f"simclock: {line}", err=True)
    for column in columns:
        if of.done and all(row.number(column) is None for row in found.rows):
            problems.append(unknown_column(column, found.names))
    for problem in problems:
        click.echo(f"simclock: {problem}", err=True)
    if state == INTERRUPTED:
        return exit_status.INTERRUPTED
    lost = [exit_status.UNKNOWN] if of.lost else []
    return exit_status.gravest([found.status, *lost, *(exit_status.BAD_USAGE for _ in problems)])


def _afterwards(of: _UnderWay, found: Comparison, state: str) -> Iterator[str]:
    for line in found.differing:
        yield f"DIGESTS DIFFER: {line} (`simclock check-determinism` names the line where runs part)"
    if of.lost is not None:
        yield f"not all runs could be saved: {of.lost}"
    if state == INTERRUPTED:
        yield f"interrupted: {of.done:,} of {of.total:,} runs are measured"
        if isinstance(of.interrupt, RunInterrupted):
            yield f"a run was {of.interrupt}"
    if state != FINISHED and of.lost is None and of.number is not None:
        database = of.records.database.path
        place = [] if str(database) == DEFAULT_DATABASE else ["--database", str(database)]
        yield f"it goes on with `{shlex.join(['simclock', 'compare', '--resume', str(of.number), *place])}`"
