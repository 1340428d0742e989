"""A search that was ended before it had looked at everything, kept in a file to go on from.

What is kept is what was known when the last level was done; the level that was under way is looked at anew. The file is
a pickle: open only those that you have made.
"""

from __future__ import annotations

import pickle
from array import array
from pathlib import Path
from typing import Any, NamedTuple

from simclock.actors.placements.shipping import loads, ship
from simclock.errors import UsageError
from simclock.experiments.exploring.search import Asked, Findings
from simclock.experiments.exploring.states.news import News

FORMAT = 2


class Kept(NamedTuple):
    """A search as it stood when a level was done."""

    format: int
    identity: str
    """What was searched."""
    news: News
    order: list[int]
    parents: array[int]
    begins: int
    findings: Findings
    pruned: dict[str, int]


def identity_of(asked: Asked) -> str:
    """What makes a search another one."""
    parts = (asked.model, asked.bounds, asked.symmetric, asked.instant, asked.asks, asked.all_violations)
    return f"{asked.scenario}; {parts}"


def keep(path: Path, kept: Kept) -> None:
    """Write it. Raises UsageError where that is not possible."""
    try:
        path.write_bytes(ship(kept))
    except OSError as error:
        raise UsageError(f"--resume: {path}: {error.strerror}") from None


def kept_in(path: Path, asked: Asked) -> Kept:
    """Read it. Raises UsageError for what is no such file, or of another search."""
    try:
        kept: Any = loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--resume: {path}: {error.strerror}") from None
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, ValueError, KeyError):
        raise UsageError(f"--resume: {path} holds no search: it was not written by simclock explore") from None
    if not isinstance(kept, Kept) or kept.format != FORMAT:
        raise UsageError(f"--resume: {path} holds no search that this version can go on from")
    if kept.identity != identity_of(asked):
        raise UsageError(f"--resume: {path} is of another search: {kept.identity}")
    return kept
