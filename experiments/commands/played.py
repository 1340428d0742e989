"""A script that a command is given in place of a scenario: played, for its steps and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from simclock.errors import UsageError
from simclock.experiments.commands.script import split_in_acts
from simclock.experiments.runs.source import Source
from simclock.experiments.scripts.commands import Begin, PutIn, Replace
from simclock.experiments.scripts.play import Act, Play
from simclock.experiments.scripts.setting import setting_of, source_of
from simclock.experiments.scripts.text import read_script
from simclock.experiments.telling.spelling import is_file

HEAD_LINES = 200
SCENARIO_FILES = (".toml", ".py")


class Played(NamedTuple):
    """One act of a script, at its end."""

    act: Act
    source: Source
    """The scenario that it is of."""
    label: str
    """That scenario with its settings, as the script says them."""
    put_in: Sequence[str]
    """What is put in, a line each."""


def is_named_file(text: str) -> bool:
    """Whether it is a file that is there, and is no scenario's."""
    return is_file(Path(text)) and not text.endswith(SCENARIO_FILES)


def is_script(text: str) -> bool:
    """Whether it is a file that begins, behind remarks, with the scenario it is of."""
    if not is_named_file(text):
        return False
    try:
        with Path(text).open(encoding="utf-8", errors="replace") as lines:
            begins = (line for line in islice(lines, HEAD_LINES) if line.strip() and not line.lstrip().startswith("#"))
            return next(begins, "").startswith("scenario ")
    except OSError:  # who reads it says what is wrong
        return False


def played(path: Path, act: int | None) -> Played:
    """Play that act of the script, the first unless said. Raises UsageError."""
    acts = split_in_acts(read_script(path))
    number = act or 1
    if number > len(acts):
        raise UsageError(f"--act: {path} has {len(acts)}: use 1 to {len(acts)}")
    play = Play(acts[number - 1], partial(setting_of, folder=path.parent))
    for _ in play.blocks():
        pass
    (only,) = play.acts
    commands = [said.command for said in only.setup]
    (begin,) = (command for command in commands if isinstance(command, Begin))
    put_in = [command for command in commands if isinstance(command, PutIn | Replace)]
    label = " ".join([begin.scenario, *begin.settings])
    lines = [said.text for said in only.setup if isinstance(said.command, PutIn | Replace)]
    return Played(only, source_of(begin, put_in, path.parent), label, lines)
