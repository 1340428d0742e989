"""A reader of EDN, the notation of Clojure, as far as histories use it.

Law 1: a keyword, a string and a character become a str (`:x` and `"x"` are then equal), lists and vectors a
       tuple, a set a frozenset, a map a dict. Comments, `#_` and what it discards, and the names of tags
       (`#inst "..."` is read as the string) leave nothing behind.
Law 2: whatever else stands in the text (symbols, ratios, metadata, `##NaN`) is an error that names the line.

https://github.com/edn-format/edn
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from experiments.histories.operation import HistoryError

_TOKEN = re.compile(
    r"""
      (?P<blank>   [\s,]+ | ;[^\n]* )
    | (?P<string>  "(?:[^"\\]|\\.)*" )
    | (?P<open>    \#\{ | [(\[{] )
    | (?P<close>   [)\]}] )
    | (?P<discard> \#_ )
    | (?P<tag>     \#[A-Za-z][\w.*+!?$%&=<>/-]* )
    | (?P<keyword> :[^\s,;"()\[\]{}:][^\s,;"()\[\]{}]* )
    | (?P<char>    \\(?:[A-Za-z0-9]+|[^\s]) )
    | (?P<atom>    [^\s,;"()\[\]{}]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_CONSTANTS = {"nil": None, "true": True, "false": False}
_WHOLE = re.compile(r"[+-]?(?:0|[1-9]\d*)N?", re.ASCII)
_FRACTION = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?M?", re.ASCII)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
_CHARACTERS = {"newline": "\n", "return": "\r", "space": " ", "tab": "\t"}


@dataclass
class _Frame:
    """A collection that is being read."""

    opening: str
    position: int
    items: list[Any] = field(default_factory=list)
    discards: int = 0  # so many of the next forms are dropped
    tag: str | None = None  # was read, its form was not yet


def read_edn(text: str, source: str = "edn", line: int = 1) -> tuple[Any, ...]:
    """All top-level forms of the text, in order; errors name `source` and the line, the text's first being `line`."""

    def refuse(position: int, why: str) -> HistoryError:
        return HistoryError(f"{source}:{text.count(chr(10), 0, position) + line}: {why}")

    def deliver(value: Any, position: int) -> None:
        frame = frames[-1]
        frame.tag = None
        if frame.discards:
            frame.discards -= 1
        else:
            frame.items.append(value)

    frames = [_Frame("", 0)]
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise refuse(position, "a string is not closed; put a quote at its end")
        token, start, position = match.group(), position, match.end()
        try:
            match match.lastgroup:
                case "blank":
                    pass
                case "open":
                    frames.append(_Frame(token, start))
                case "close":
                    frame = frames.pop()
                    if not frames or _CLOSING[frame.opening] != token:
                        raise HistoryError(f"{token} closes nothing; remove it, or open it before")
                    value = _collection(frame)
                    deliver(value, start)
                case "discard":
                    frames[-1].discards += 1
                case "tag":
                    frames[-1].tag = token
                case kind:
                    deliver(_scalar(str(kind), token), start)
        except HistoryError as error:
            raise refuse(start, str(error)) from None
    if len(frames) > 1:
        raise refuse(frames[-1].position, f"{frames[-1].opening} is not closed; is the file cut short?")
    try:
        return _complete(frames[0])
    except HistoryError as error:
        raise refuse(position, str(error)) from None


def _complete(frame: _Frame) -> tuple[Any, ...]:
    if frame.discards or frame.tag:
        raise HistoryError(f"nothing follows {frame.tag or '#_'}; put a form after it, or remove it")
    return tuple(frame.items)


def _collection(frame: _Frame) -> Any:
    items = _complete(frame)
    if frame.opening == "#{":
        members = [frozen(item) for item in items]
        if len(set(members)) != len(members):
            raise HistoryError("a member stands twice in a set; remove one")
        return frozenset(members)
    if frame.opening != "{":
        return items
    if len(items) % 2:
        raise HistoryError("a map with a key that has no value; give it one, or nil")
    keys = [frozen(key) for key in items[::2]]
    if len(set(keys)) != len(keys):
        raise HistoryError("a key stands twice in a map; remove one")
    return dict(zip(keys, items[1::2], strict=True))


def _scalar(kind: str, token: str) -> Any:
    if kind == "keyword":
        return token[1:]
    if kind == "string":
        return _ESCAPE.sub(_unescape, token[1:-1])
    if kind == "char":
        return _character(token[1:])
    if token in _CONSTANTS:
        return _CONSTANTS[token]
    if _WHOLE.fullmatch(token):
        return _whole_number(token.rstrip("N"))
    if _FRACTION.fullmatch(token):
        return float(token.rstrip("M"))
    raise HistoryError(f"{token!r} is not understood; write a number, string, keyword, nil, true or false")


def _whole_number(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # Python reads no number of thousands of digits
        raise HistoryError(f"a number of {len(digits)} digits is too long to be read") from None


def _unescape(match: re.Match[str]) -> str:
    escape = match.group(1)
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    if escape not in _ESCAPES:
        raise HistoryError(f"'\\{escape}' is no escape; write '\\\\' for a backslash")
    return _ESCAPES[escape]


def _character(name: str) -> str:
    if len(name) == 1:
        return name
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    if re.fullmatch(r"u[0-9A-Fa-f]{4}", name):
        return chr(int(name[1:], 16))
    raise HistoryError(f"'\\{name}' is no character; write it as a string")


def frozen(value: Any) -> Hashable:
    """The value with every map in it as a tuple of pairs, ordered by their repr, so that it can be hashed."""
    if isinstance(value, dict):
        return tuple(sorted(((key, frozen(each)) for key, each in value.items()), key=repr))
    if isinstance(value, tuple):
        return tuple(frozen(each) for each in value)
    assert isinstance(value, Hashable), "the reader makes no lists and no sets"
    return value
