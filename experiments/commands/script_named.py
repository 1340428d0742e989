"""Whether a command is given a script in place of a scenario: known without what plays it, as most runs are of none."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from simclock.errors import UsageError
from simclock.experiments.telling.spelling import is_file

HEAD_LINES = 200
SCENARIO_FILES = (".toml", ".py")


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


def is_for_scripts(text: str | None, given: Mapping[str, object]) -> bool:
    """Whether it is a script; then none of what is given may say anything. Raises UsageError."""
    if text is None or not is_script(text):
        return False
    said = [name for name, value in given.items() if value]
    if said:
        raise UsageError(f"{text}: a script says itself what is played: leave {said[0]} out")
    return True
