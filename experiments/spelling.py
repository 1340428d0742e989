"""What a user may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

TEXT_MAX = 60
NAMES_MAX = 60
NAMES_SHOWN = 5
"""Of more than NAMES_MAX: a wall of names helps nobody."""


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """`unknown key 'los': did you mean 'loss'?`, or what there is."""
    names = list(known)
    near = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"unknown {what} {say(word)}: did you mean {near[0]!r}?"
    if not names:
        return f"unknown {what} {say(word)}: there is none"
    if len(names) > NAMES_MAX:
        return f"unknown {what} {say(word)}: use one of {len(names)}, such as {', '.join(names[:NAMES_SHOWN])}"
    return f"unknown {what} {say(word)}: use {listed(names)}"


def listed(names: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def say(value: object) -> str:
    """A value in a message: its repr, not too long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python will print
        return "that number"
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..."


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
