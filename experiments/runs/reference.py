"""What names a run on the command line: a recorded result as `3:17`, or a scenario and a seed."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.entries.entry import Entry, as_drawn, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.hash_seeded import under_hash_seed
from simclock.experiments.runs.database import DEFAULT_DATABASE, ResultsDatabase, Sweep, open_results
from simclock.experiments.runs.outcome import Outcome
from simclock.experiments.runs.replay_code import is_replay_code, read_replay_code
from simclock.experiments.runs.seeds import SEED_MAX, bounded
from simclock.experiments.runs.source import Source, find_source
from simclock.experiments.scenario_files.file import is_python, settings_from_toml
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.telling.spelling import is_file, reason, say
from simclock.hash_seed import RANDOM, USUAL, hash_seed, on_command_line
from simclock.readable import in_one_line
from simclock.scenario import Scenario

_RESULT = re.compile(r"([0-9]+):([0-9]+)", re.ASCII)
HASH_SEED_KEY = "hash_seed"
_AT_SEED = re.compile(r"(.+)@([0-9]+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A result of the database, and its sweep."""

    sweep: Sweep
    outcome: Outcome

    @property
    def id(self) -> str:
        """What names it."""
        return f"{self.sweep.id}:{self.outcome.seed}"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A run that somebody named."""

    text: str
    """As it was written."""
    name: str
    """Of the scenario, in a scenario file."""
    entry: Entry
    settings: Settings
    replay: str
    """The command that runs it again."""
    recorded: Recorded | None = None
    """What is recorded of it, if anything is."""

    def scenario(self) -> Scenario:
        """Ready to run."""
        return make_scenario(self.entry, self.settings)


def is_result_id(text: str) -> bool:
    """Whether the text can only be meant as a recorded result."""
    return _RESULT.fullmatch(text) is not None


def name_and_seed(text: str) -> tuple[str, int] | None:
    """The two of `raft-kv@17`; None where the text is not written so."""
    found = _AT_SEED.fullmatch(text)
    if found is None:
        return None
    seed = bounded(found[2])
    if seed > SEED_MAX:
        raise UsageError(f"{say(text)}: a seed may be at most {SEED_MAX}")
    return found[1], seed


def find_run(text: str, database: Path) -> Reference:
    """The run that `3:17` or `raft-kv@17` names."""
    found = _RESULT.fullmatch(text)
    if found is not None:
        return _recorded_run(text, bounded(found[1]), bounded(found[2]), database)
    named = name_and_seed(text)
    if named is None:
        raise UsageError(f"{say(text)} names no run: write a result as 3:17, or SCENARIO@SEED as raft-kv@17")
    name, seed = named
    source = find_source(name)
    source = replace(source, settings=replace(source.settings, seed=seed))

    def replay(settings: Settings) -> str:
        rhythm = [] if settings.rhythm is None else ["--rhythm", settings.rhythm]
        return on_command_line() + shlex.join(["simclock", "run", name, "--seed", str(seed), *rhythm])

    return run_of_source(source, text, replay, database)


def _recorded_run(text: str, sweep_number: int, seed: int, database: Path) -> Reference:
    if max(sweep_number, seed) > SEED_MAX:
        raise UsageError(f"{say(text)}: there is no such result")
    with open_results(database) as opened:
        recorded = Recorded(sweep=opened.sweep(sweep_number), outcome=opened.result(sweep_number, seed).outcome)
    name, entry, settings = settings_of(recorded.sweep, database, f"{text}: it")
    place = [] if str(database) == DEFAULT_DATABASE else ["--database", str(database)]
    return Reference(
        text=text,
        name=name,
        entry=entry,
        settings=recorded.outcome.settings(settings),
        replay=shlex.join(["simclock", "replay", text, *place]),
        recorded=recorded,
    )


def settings_to_record(source: Source) -> str:
    """A sweep's scenario file: every seed's settings, and the hash seed where it is not the usual one."""
    under = hash_seed()
    first = "" if under in (USUAL, RANDOM) else f'{HASH_SEED_KEY} = "{under}"\n'
    return first + write_settings(source.name, replace(source.settings, seed=0))


def settings_of(sweep: Sweep, database: Path, which: str) -> tuple[str, Entry, Settings]:
    """The name, the entry and the settings (their seed 0) of a recorded sweep, under whose hash seed this goes on.

    `which` says in errors what it is that ran under another hash seed.
    """
    return recorded_settings(sweep.settings, f"{database}, sweep {sweep.id}", which)


def recorded_settings(text: str, file: str, which: str) -> tuple[str, Entry, Settings]:
    """The same of a text that `settings_to_record` made; `file` says in errors where it is recorded."""
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"{file}: its settings are damaged: not TOML: {reason(error)}") from None
    except RecursionError:
        raise UsageError(f"{file}: its settings are damaged: nested too deeply") from None
    under = str(document.pop(HASH_SEED_KEY, USUAL))
    if not under.isdecimal() or bounded(under) >= 1 << 32:
        raise UsageError(f"{file}: its settings are damaged: {HASH_SEED_KEY} {say(under)}")
    under_hash_seed(under, hash_seed(), which)
    entry, settings = settings_from_toml(document, file, Path())
    return document["scenario"], entry, settings


def code_of(text: str, database: Path | None = None) -> str | None:
    """The Python code that a TOML file, a replay code or a recorded result runs: nobody wrote it on this command line.

    None where there is none, or where what is named cannot be read: whoever goes on with it is told why.
    """
    named = _AT_SEED.fullmatch(text)
    file = Path(named[1] if named else text)
    try:
        if database is not None and is_result_id(text):
            with open_results(database) as opened:
                settings = opened.sweep(min(bounded(text.partition(":")[0]), SEED_MAX)).settings
        elif is_replay_code(text):
            return _code_in(read_replay_code(text).document)
        elif file.suffix == ".toml":
            settings = file.read_text(encoding="utf-8")
        else:
            return None
        return _code_in(tomllib.loads(settings))
    except (OSError, ValueError, RecursionError, UsageError):
        return None


def _code_in(document: Mapping[str, Any]) -> str | None:
    put_in = document.get("replace")
    names = [document.get("scenario"), *(put_in.values() if isinstance(put_in, dict) else ())]
    code = [in_one_line(name) for name in names if isinstance(name, str) and is_python(name)]
    return ", ".join(code) or None


def run_of_source(source: Source, text: str, replay: Callable[[Settings], str], database: Path) -> Reference:
    """The run of a scenario that has been found, with what is recorded of it last, if there is a database.

    `replay` gives the command that runs it again with these settings: a rhythm that was, or is, measured among them.
    """
    recorded = None
    if is_file(database):
        with open_results(database) as opened:
            recorded = _latest(opened, source)
    settings = as_drawn(source.settings, source.scenario())
    if recorded is not None:
        settings = recorded.outcome.settings(settings)
    return Reference(
        text=text,
        name=source.name,
        entry=source.entry,
        settings=settings,
        replay=replay(settings),
        recorded=recorded,
    )


def _latest(database: ResultsDatabase, source: Source) -> Recorded | None:
    if not 0 <= source.settings.seed <= SEED_MAX:
        return None
    found = database.results(settings=settings_to_record(source), seed=source.settings.seed)
    if not found:
        return None
    return Recorded(sweep=database.sweep(found[-1].sweep), outcome=found[-1].outcome)
