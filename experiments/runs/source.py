"""What a user names on the command line: a scenario of the catalog, a TOML file, Python, or a replay code.

A source is the entry, the settings that came with it, and the words that name it again on another command line.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from simclock.errors import UsageError
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.replay_code import (
    UNFILED,
    CodeMaker,
    ReplayCode,
    is_replay_code,
    read_replay_code,
    shown,
)
from simclock.experiments.scenario_files.file import (
    from_any_folder,
    named_entry,
    read_scenario_file,
    settings_from_toml,
)
from simclock.experiments.telling.spelling import is_file
from simclock.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Source:
    """A scenario that has been found, with its settings."""

    text: str
    """What the user wrote: a name, a file, path.py:name, or a replay code."""
    entry: Entry
    settings: Settings
    name: str
    """What names the entry in a scenario file, from any folder: of the catalog, /path.py:name or module:name."""
    code: ReplayCode | None = None
    """What the code holds that the user pasted."""

    def scenario(self) -> Scenario:
        """Everything that decides what happens; what is wrong with a file names the file."""
        try:
            return make_scenario(self.entry, self.settings)
        except UsageError as error:
            if self.is_file and not str(error).startswith(self.text):
                raise UsageError(f"{self.text}: {error}") from None
            raise

    def codes(self, *, guard: bool = True) -> CodeMaker:
        """What makes replay codes of its runs."""
        own = None
        if self.settings.network is not None:
            own = make_scenario(self.entry, replace(self.settings, network=None, faults=())).network
        return CodeMaker(name=self.name, own=own, guard=guard)

    @property
    def is_file(self) -> bool:
        """Whether it is a TOML file."""
        return self.text.endswith(".toml")


def find_source(text: str) -> Source:
    """The scenario that a user named."""
    if is_replay_code(text):
        return _pasted(text)
    if text.endswith(".toml"):
        path = Path(text)
        entry, settings = read_scenario_file(path)
        name = tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
        return Source(text=text, entry=entry, settings=settings, name=from_any_folder(name, path.parent))
    if text.endswith(".txt"):
        if not is_file(Path(text)):
            raise UsageError(f"{text}: there is no such file")
        mend = f"a script, which begins with `scenario`, is for `simclock script {text}`"
        raise UsageError(f"{text}: no scenario: {mend}")
    entry, seed = named_entry(text, Path())
    settings = replace(Settings(), seed=seed)
    return Source(text=text, entry=entry, settings=settings, name=from_any_folder(text, Path()))


def _pasted(text: str) -> Source:
    code = read_replay_code(text)
    if code.test:
        raise UsageError(f"{shown(text)}: it is of a test: `pytest --simclock-replay` takes it")
    if code.scenario.startswith(UNFILED):
        name = code.scenario.removeprefix(UNFILED)
        raise UsageError(f"{shown(text)}: its scenario lives in a notebook: run it there, by replay(code, {name})")
    try:
        entry, settings = settings_from_toml(code.document, shown(text), Path())
    except UsageError as error:
        made_by = f"it was made by {code.code_text}, in the folder from which its files are named"
        raise UsageError(f"{error} (the replay code does not fit here: {made_by})") from error.__cause__
    return Source(text=text, entry=entry, settings=settings, name=from_any_folder(code.scenario, Path()), code=code)
