"""The words of a line: parted by blanks, but not within quotes or brackets; `#` after a blank begins a remark.

ask 0 say "good morning"          three words and one in quotes
expect 1 log == (1:a, 2:b)        the value is one word, with its blank
deliver #12                       a number is no remark: what follows # is a digit
"""

from __future__ import annotations

from simclock.errors import UsageError

_CLOSES = {"(": ")", "[": "]", "{": "}"}


def words_of(line: str) -> list[str]:
    """The words; raises UsageError for a quote or bracket that is not closed."""
    words: list[str] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
        elif is_remark(line, at):
            break
        else:
            end = _end_of_word(line, at)
            words.append(line[at:end])
            at = end
    return words


def is_remark(line: str, at: int) -> bool:
    """Whether a remark begins there."""
    return line[at] == "#" and not line[at + 1 : at + 2].isdigit() and (at == 0 or line[at - 1].isspace())


def _end_of_word(line: str, start: int) -> int:
    """Where the word ends that starts there."""
    open_brackets: list[str] = []
    at = start
    while at < len(line):
        letter = line[at]
        if letter in "\"'" and (at == start or line[at - 1] in "=([{,: b"):
            at = _end_of_quote(line, at)
            continue
        if letter in _CLOSES:
            open_brackets.append(_CLOSES[letter])
        elif open_brackets and letter == open_brackets[-1]:
            open_brackets.pop()
        elif letter.isspace() and not open_brackets:
            break
        at += 1
    if open_brackets:
        raise UsageError(f"{line[start:]!r} is not closed: {open_brackets[-1]!r} is missing")
    return at


def _end_of_quote(line: str, start: int) -> int:
    at = start + 1
    while at < len(line):
        if line[at] == "\\":
            at += 1
        elif line[at] == line[start]:
            return at + 1
        at += 1
    raise UsageError(f"{line[start:]!r} is not closed: {line[start]} is missing")
