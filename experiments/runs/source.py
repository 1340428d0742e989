"""What a user names on the command line: a scenario of the catalog, a TOML file, or Python.

A source is the entry, the settings that came with it, and the words that name it again on another command line.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from simclock.errors import UsageError
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.scenario_files.file import from_any_folder, named_entry, read_scenario_file
from simclock.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Source:
    """A scenario that has been found, with its settings."""

    text: str
    """What the user wrote: a name, a file, or path.py:name."""
    entry: Entry
    settings: Settings
    name: str
    """What names the entry in a scenario file, from any folder: of the catalog, /path.py:name or module:name."""

    def scenario(self) -> Scenario:
        """Everything that decides what happens; what is wrong with a file names the file."""
        try:
            return make_scenario(self.entry, self.settings)
        except UsageError as error:
            if self.is_file and not str(error).startswith(self.text):
                raise UsageError(f"{self.text}: {error}") from None
            raise

    @property
    def is_file(self) -> bool:
        """Whether it is a TOML file."""
        return self.text.endswith(".toml")


def find_source(text: str) -> Source:
    """The scenario that a user named."""
    if text.endswith(".toml"):
        path = Path(text)
        entry, settings = read_scenario_file(path)
        name = tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
        return Source(text=text, entry=entry, settings=settings, name=from_any_folder(name, path.parent))
    entry, seed = named_entry(text, Path())
    settings = replace(Settings(), seed=seed)
    return Source(text=text, entry=entry, settings=settings, name=from_any_folder(text, Path()))
