"""`simclock mutate`: mutation testing of a protocol by its own scenario, or by tests."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import reduce
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from simclock.durations import parse_duration
from simclock.errors import SimclockError, UsageError
from simclock.experiments.catalog import topics
from simclock.experiments.commands.completion import complete_scenario
from simclock.experiments.commands.options import SEED, Overrides, database_option, seedless_override_options
from simclock.experiments.mutation.mutants import Mutant, sample
from simclock.experiments.mutation.records import Asked, MutationRecords, Test, left
from simclock.experiments.mutation.report import Found, as_json, fate_text, text
from simclock.experiments.mutation.suite import Suite, check_tests, files_used
from simclock.experiments.mutation.testing import (
    Judge,
    Plan,
    Verdict,
    Workers,
    hunter,
    one_after_the_other,
    right_runs,
    sources,
    verdicts,
)
from simclock.experiments.runs.code_version import HASH_BYTES, code_version
from simclock.experiments.runs.database import DEFAULT_DATABASE, FINISHED, INTERRUPTED, ResultsDatabase, open_results
from simclock.experiments.runs.source import find_source
from simclock.experiments.scenario_files.python_scenarios import scenario_names
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.telling import exit_status
from simclock.experiments.watching.progress import progress_bar
from simclock.machinery import ROOT

JUDGES = ("properties.py", "testimony.py", "workload.py", "people.py", "chatter.py", "typists.py")
"""Of a protocol's folder what asks and what judges: they are the test, and not what is tested."""
HUNT = "-hunt"
NOT_OF_THE_HUNT = frozenset(
    ("files", "tests", "mutants", "seed", "jobs", "limit", "at_least", "resume", "every", "database", "form")
)
"""What the user may say of mutants that tests alone judge."""


@click.command("mutate")
@click.argument("files", nargs=-1, type=click.Path())
@click.option(
    "--tests",
    multiple=True,
    metavar="PATH",
    help="Tests of pytest that judge the mutants, each until the first fails; may be repeated. What survives is hunted"
    " only where an option of the hunt is given too.",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    shell_complete=complete_scenario,
    help="What hunts the mutants; may be repeated.  [default: the hunts of a shipped file's topic, or a file's own]",
)
@click.option("--mutants", type=click.IntRange(min=1), help="How many, drawn from all there are.  [default: all]")
@click.option("--seed", type=SEED, default=1, show_default=True, help="Which mutants are drawn.")
@click.option("--seeds", type=click.IntRange(min=1), default=30, show_default=True, help="How many a mutant is hunted.")
@click.option("--first", type=SEED, default=0, show_default=True, help="The first of them.")
@click.option("--jobs", type=click.IntRange(min=1), help="Mutants at a time.  [default: all cores]")
@click.option("--limit", metavar="TIME", help="How long a mutant may be silent.  [default: from the right code's runs]")
@click.option("--at-least", type=click.FloatRange(0, 100), default=0.0, help="Exit status 1 for a score below that.")
@click.option("--resume", is_flag=True, help="Go on with a test that was interrupted; FILES: its number, or the same.")
@click.option("--every", is_flag=True, help="Also say of every mutant that was killed what killed it.")
@database_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@seedless_override_options
def mutate(
    *,
    files: tuple[str, ...],
    tests: tuple[str, ...],
    scenarios: tuple[str, ...],
    mutants: int | None,
    seed: int,
    seeds: int,
    first: int,
    jobs: int | None,
    limit: str | None,
    at_least: float,
    resume: bool,
    every: bool,
    database: Path,
    form: str,
    overrides: Overrides,
) -> int:
    """Change one token of FILES at a time, and see whether a scenario's hunt, or a test, notices.

    Each mutant runs in a process of its own, in which the changed module takes the right one's place when it is
    imported. It is killed by a test, by a property, by an error of the code, or by a hang (a run that does far more
    than the right code does); else it survives, and is shown with how often the changed place ran, in how many runs the
    digest was another than the right code's, and a diff.

    With --tests alone nothing is hunted. With --tests and an option of the hunt, as --scenario or --seeds, what
    survives the tests is hunted.

    \b
    Examples:
      simclock mutate protocols/raft/elections.py --mutants 100
      simclock mutate protocols/raft/snapshots.py --tests tests/test_raft_snapshots.py
      simclock mutate mine.py --seeds 100
      simclock mutate mine.py --scenario mine.py:tpc --nemesis swarm
      simclock mutate --resume
    """
    limit_s = None if limit is None else _limit_s(limit)
    numbered = resume and (not files or (len(files) == 1 and files[0].isdecimal()))
    if not files and not resume:
        raise UsageError("Missing argument 'FILES': name what is mutated, as protocols/raft/elections.py")
    asked = None
    if not numbered:
        files = _without_judges(files)
        check_tests(tests)
        hunts = scenarios or (() if tests and not _hunt_options() else _default_scenarios(files))
        named = [overrides.source(name) for name in hunts]
        texts = tuple([(each.text, write_settings(each.name, replace(each.settings, seed=0))) for each in named])
        asked = Asked(files=files, scenarios=texts, tests=tests, seeds=seeds, first=first, mutants=mutants, seed=seed)
    with open_results(database, create=asked is not None) as opened:
        testing = _begun(MutationRecords(opened), asked, resume, files)
        state = testing.through(jobs or os.cpu_count() or 1, limit_s)
        found = testing.found()
        if form == "json":
            click.echo(as_json(found))
        else:
            for line in text(found, every=every):
                click.echo(line)
        if state == INTERRUPTED:
            _tell_interrupted(found, opened)
            return exit_status.INTERRUPTED
        return exit_status.VALID if found.score() >= at_least else exit_status.VIOLATED


def _hunt_options() -> bool:
    """Whether the user has given an option that only a hunt has, such as --seeds or --nemesis."""
    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    return bool(context.args) or not given <= NOT_OF_THE_HUNT


def _limit_s(text: str) -> float:
    limit_ns = parse_duration(text, "--limit")
    if limit_ns <= 0:
        raise UsageError("--limit: it must be above zero")
    return limit_ns / 1e9


def _without_judges(files: Iterable[str]) -> tuple[str, ...]:
    """The files that are tested; of a protocol's folder what asks and judges is left out, with a word."""
    shipped = {file: _protocol(file) for file in files}
    judges = [file for file, protocol in shipped.items() if protocol and Path(file).name in JUDGES]
    if judges:
        click.echo(f"simclock: left out, as they ask or judge: {', '.join(judges)}", err=True)
    kept = tuple([file for file in shipped if file not in judges])
    if not kept:
        raise UsageError(f"{', '.join(judges)}: a workload asks and properties judge: name what they test")
    return kept


def _protocol(file: str) -> str:
    """The folder of `protocols` that a file is in, empty where it is in none."""
    rooms = Path(os.path.realpath(ROOT / "protocols"))
    path = Path(os.path.realpath(file))
    return path.relative_to(rooms).parts[0] if path.is_relative_to(rooms) and path.parent != rooms else ""


def _default_scenarios(files: Sequence[str]) -> list[str]:
    """The hunts of the topics of shipped files; of a file of the user's own its one scenario."""
    names: list[str] = []
    for file in files:
        protocol = _protocol(file)
        if protocol:
            hunts = [
                entry.name
                for topic in topics()
                for entry in topic.entries
                if topic.name == protocol and entry.name.endswith(HUNT)
            ]
            if not hunts:
                raise UsageError(f"{file}: {protocol} has no hunt of its own: name a scenario with --scenario")
        else:
            sources([file])  # refused before it is run
            hunts = [f"{file}:{name}" for name in scenario_names(file)]
            if len(hunts) != 1:
                many = f"it has {len(hunts)} scenarios: say which" if hunts else "it has no scenario: name one"
                words = " or ".join(f"--scenario {hunt}" for hunt in hunts) or "with --scenario FILE.py:NAME"
                raise UsageError(f"{file}: {many}, {words}" if hunts else f"{file}: {many} {words}")
        names += [name for name in hunts if name not in names]
    return names


def _begun(records: MutationRecords, asked: Asked | None, resume: bool, files: Sequence[str]) -> _Testing:
    """A test that begins, or goes on."""
    before: Test | None = None
    if asked is None:
        before = records.test(int(files[0][:18])) if files else records.unfinished()
        asked = before.asked
        for name, _ in asked.scenarios:
            find_source(name)  # a module of the user's own is part of the code, and must be known before that is hashed
    version = _code_hash(asked)
    if before is not None and before.code_hash != version:
        raise UsageError(f"--resume: mutation test {before.id} was of other code: begin a new one")
    if resume and before is None:
        same = [test for test in records.tests() if test.asked == asked and test.code_hash == version]
        before = same[-1] if same else None
    plan = Plan(
        files=sources(asked.files),
        scenarios=tuple([settings for _, settings in asked.scenarios]),
        names=tuple([name for name, _ in asked.scenarios]),
        seeds=asked.seeds,
        first=asked.first,
        tests=asked.tests,
    )
    mutants, there_are = sample([(file, source) for file, _, source in plan.files], asked.mutants, asked.seed)
    if not mutants:
        raise UsageError(f"{', '.join(asked.files)}: there is nothing in it to mutate")
    number = records.begin(asked, version) if before is None else before.id
    known = records.verdicts(number, mutants)
    if before is not None:
        done = f"{len(known):,} of {len(mutants):,} mutants are done"
        click.echo(f"simclock: mutation test {number} goes on: {done}", err=True)
    return _Testing(records, number, asked, plan, mutants, there_are, known)


def _code_hash(asked: Asked) -> str:
    """Of all code that decides the outcome: scenarios', tests', our own, and the files, which may lie elsewhere."""
    hashed = blake2b(digest_size=HASH_BYTES)
    for name, _ in asked.scenarios:
        hashed.update(code_version(find_source(name).name).hash.encode())
    for _, _, source in sources(asked.files):
        hashed.update(f"{len(source)}\0{source}".encode())
    if asked.tests:
        check_tests(asked.tests)
        hashed.update(f"{code_version().hash}{os.environ.get('PYTEST_ADDOPTS', '')}".encode())
        for path in files_used(asked.tests, asked.files):
            try:
                content = path.read_bytes()
            except OSError as error:
                raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
            hashed.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return hashed.hexdigest()


@dataclass
class _Testing:
    """A test under way on the command line."""

    records: MutationRecords
    number: int
    asked: Asked
    plan: Plan
    mutants: Sequence[Mutant]
    there_are: int
    known: list[Verdict]
    wrong: tuple[str, ...] = ()

    def through(self, jobs: int, limit_s: float | None) -> str:
        """Hunt what is left, and save what comes; gives the state in which the test ended."""
        todo = left(self.mutants, self.known)
        state = FINISHED
        try:
            if todo:
                self._judge(todo, jobs, limit_s)
        except KeyboardInterrupt:
            state = INTERRUPTED
        except SimclockError:
            if not self.known:
                self.records.forget(self.number)
            raise
        self.known.sort(key=lambda verdict: verdict.number)
        self.records.end(self.number, state)
        return state

    def _judge(self, todo: Sequence[Mutant], jobs: int, limit_s: float | None) -> None:
        judges: list[Judge] = []
        with ExitStack() as ending:
            judging = ending.enter_context(ExitStack())
            if self.plan.tests:
                suite = Suite(self.plan)
                judging.callback(suite.close)
                suite.begin(min(jobs, len(todo)), limit_s)
                judges.append(suite.judge)
            if self.plan.scenarios:
                workers = Workers()
                judging.callback(workers.close)
                right = right_runs(self.plan, jobs, workers)
                self.wrong = right.wrong
                judges.append(hunter(self.plan, right, limit_s, workers))
            total, done = len(self.mutants), len(self.known)
            bar = ending.enter_context(progress_bar(total=total, initial=done, desc="mutate", unit="mutant"))
            judge = reduce(one_after_the_other, judges)
            for verdict in ending.enter_context(closing(verdicts(todo, judge, jobs=jobs, close=judging.close))):
                self.records.save(self.number, verdict)
                self.known.append(verdict)
                self._tell(verdict, bar)

    def _tell(self, verdict: Verdict, bar: Any) -> None:
        mutant = self.mutants[verdict.number]
        if not verdict.killed:
            where = f"{mutant.file}:{mutant.line}: {mutant.kind}"
            bar.write(f"survived: {where}: {fate_text(verdict)}", file=sys.stderr)
            sys.stderr.flush()
        survivors = sum(1 for each in self.known if not each.killed)
        bar.set_postfix_str(f"{survivors} survived", refresh=False)
        bar.update()

    def found(self) -> Found:
        """What is known."""
        return Found(
            plan=self.plan,
            mutants=self.mutants,
            verdicts=self.known,
            there_are=self.there_are,
            seed=self.asked.seed,
            test=self.number,
            wrong=self.wrong,
        )


def _tell_interrupted(found: Found, database: ResultsDatabase) -> None:
    place = [] if str(database.path) == DEFAULT_DATABASE else ["--database", str(database.path)]
    command = shlex.join(["simclock", "mutate", "--resume", str(found.test), *place])
    done = f"{len(found.verdicts):,} of {len(found.mutants):,} mutants are done"
    click.echo(f"simclock: interrupted: {done} and saved; it goes on with `{command}`", err=True)
