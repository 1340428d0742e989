"""What a user may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from simclock.readable import say

__all__ = ["is_64_bits", "is_file", "listed", "nearest", "one_line", "reason", "say", "unknown"]

NAMES_MAX = 12
NAMES_SHOWN = 5
"""Of more than NAMES_MAX: a wall of names helps nobody."""
WORD_MAX = 100
"""Characters of a word that are compared with the names there are."""


def unknown(what: str, word: str, known: Iterable[str], listed_by: str = "") -> str:
    """`unknown key 'los': did you mean 'loss'?`, or what there is, or what lists it where it is much."""
    names = list(known)
    near = nearest(word, names)
    if near is not None:
        return f"unknown {what} {say(word)}: did you mean {near!r}?"
    if not names:
        return f"unknown {what} {say(word)}: there is none"
    if len(names) > NAMES_MAX:
        some = f"use one of {len(names)}, such as {', '.join(names[:NAMES_SHOWN])}"
        return f"unknown {what} {say(word)}: {some}{f' (`{listed_by}` names them all)' if listed_by else ''}"
    return f"unknown {what} {say(word)}: use {listed(names)}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What there is that is spelled nearly so, if anything is."""
    spelled = {name.lower(): name for name in sorted(known, key=str.islower)}  # of equals, the one in small letters
    near = get_close_matches(word[:WORD_MAX].lower(), spelled, n=1, cutoff=0.6)
    return spelled[near[0]] if near else None


def is_64_bits(number: int) -> bool:
    """Whether a whole number is one of 64 bits, as TOML, SQLite and messages have them."""
    return -(1 << 63) <= number < 1 << 63


def is_file(path: Path) -> bool:
    """Whether a file lies there; a name that no file can have (too long, not Unicode) names none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """The same of a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def reason(error: ValueError) -> str:
    """Why a text could not be read, in one line, without Python's advice to its programmer."""
    return " ".join(str(error).partition("; use sys.")[0].split())


def listed(names: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def one_line(error: BaseException) -> str:
    """An exception's type and text in one line, with the place where it was raised if that is known."""
    text = " ".join(str(error).split())
    place = ""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is not None and not isinstance(error, SyntaxError):
        place = f" at {frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"
