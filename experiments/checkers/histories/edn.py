"""A reader of EDN, the notation of Clojure, as far as histories use it.

Law 1: a keyword, a string and a character become a str (`:x` and `"x"` are then equal), lists and vectors a
       tuple, a set a frozenset, a map a dict. Comments, `#_` and what it discards, and the names of tags
       (`#inst "..."` is read as the string) leave nothing behind.
Law 2: whatever else Clojure prints (symbols, ratios, `##NaN`, regular expressions, `#<...>`, numbers and characters
       that are none, `#:namespaced{...}` maps) is read as a `Strange`, which `frozen` refuses with its line. So it may
       stand where nobody looks, as in Jepsen's `:exception`, and nowhere else. Metadata leaves nothing behind.
Law 3: what has no form (a bracket or a string that is not closed, a map with a key and no value) is an error that
       names the line.

https://github.com/edn-format/edn
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simclock.experiments.checkers.histories.operation import HistoryError
from simclock.experiments.checkers.histories.values import exact

DIGITS_MAX = 4000
"""Of a whole number; Python itself reads and writes 4,300."""
TEXT_MAX = 60
"""Of a form in an error."""
_TOKEN = re.compile(
    r"""
      (?P<blank>   [\s,]+ | ;[^\n]* )
    | (?P<string>  "(?:[^"\\]|\\.)*" )
    | (?P<open>    \#\{ | [(\[{] )
    | (?P<close>   [)\]}] )
    | (?P<discard> \#_ | \#?\^ )
    | (?P<strange> \#"(?:[^"\\]|\\.)*" | \#<[^>\n]*> )
    | (?P<tag>     \#(?:[A-Za-z][\w.*+!?$%&=<>/-]*|::?[^\s,;"()\[\]{}]+|=) )
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


class StrangeError(HistoryError):
    """A form that is none of a history's values stands where one is looked at; the message begins with its place."""


@dataclass(frozen=True, eq=False)
class Strange:
    """A form that is none of a history's values; equal to itself alone."""

    why: str
    """What it is and where, in one line."""


@dataclass
class _Frame:
    """A collection that is being read."""

    opening: str
    position: int
    items: list[Any] = field(default_factory=list)
    discards: int = 0  # so many of the next forms are dropped
    tag: str | None = None  # was read, its form was not yet


class _Places:
    """Lines of positions, which are mostly asked for from the beginning to the end."""

    def __init__(self, text: str, source: str, line: int) -> None:
        self._text, self._source, self._first = text, source, line
        self._position, self._line = 0, line

    def of(self, position: int) -> str:
        if position < self._position:
            self._position, self._line = 0, self._first
        self._line += self._text.count("\n", self._position, position)
        self._position = position
        return f"{self._source}:{self._line}"


def read_edn(text: str, source: str = "edn", line: int = 1) -> tuple[Any, ...]:
    """All top-level forms of the text, in order; errors name `source` and the line, the text's first being `line`."""

    place = _Places(text, source, line).of

    def refuse(position: int, why: str) -> HistoryError:
        return HistoryError(f"{place(position)}: {why}")

    def deliver(value: Any, position: int) -> None:
        frame = frames[-1]
        if frame.tag is not None and frame.tag.startswith(("#:", "#=")):
            value = Strange(f"{place(position)}: {frame.tag} is not understood; write a plain map")
        frame.tag = None
        if frame.discards:
            frame.discards -= 1
        else:
            frame.items.append(value)

    frames = [_Frame("", 0)]
    scalars: dict[str, Any] = {}  # that were read; a token means the same wherever it stands
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise refuse(position, "a string is not closed; put a quote at its end")
        token, start, position = match.group(), position, match.end()
        try:
            match str(match.lastgroup):
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
                    try:
                        value = scalars[token] if token in scalars else scalars.setdefault(token, _scalar(kind, token))
                    except HistoryError as error:
                        value = Strange(f"{place(start)}: {error}")
                    deliver(value, start)
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
        members = [_hashable(item) for item in items]
        if len(set(members)) != len(members):
            raise HistoryError("a member stands twice in a set; remove one")
        return frozenset(members)
    if frame.opening != "{":
        return items
    if len(items) % 2:
        raise HistoryError("a map with a key that has no value; give it one, or nil")
    keys = [_hashable(key) for key in items[::2]]
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
    if kind == "atom" and _WHOLE.fullmatch(token):
        return _whole_number(token.rstrip("N"))
    if kind == "atom" and _FRACTION.fullmatch(token):
        number = float(token.rstrip("M"))
        if math.isinf(number):
            raise HistoryError(f"{_short(token)} is too large a number")
        return number
    raise HistoryError(f"{_short(token)} is not understood; write a number, string, keyword, nil, true or false")


def _short(token: str) -> str:
    return repr(token if len(token) <= TEXT_MAX else token[: TEXT_MAX - 3] + "...")


def _whole_number(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise HistoryError(f"a number of {len(digits)} digits is too long; write {DIGITS_MAX} at most")
    return int(digits)


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
    """The value as histories have them: exact, every map in it a tuple of pairs, ordered by their repr.

    Raises StrangeError, with the line, where something in it is strange.
    """
    if value is None or isinstance(value, int | str):
        known: Hashable = exact(value)
        return known
    strange = next(_strange_in(value), None)
    if strange is not None:
        raise StrangeError(strange.why)
    return _hashable(value)


def _strange_in(value: Any) -> Iterator[Strange]:
    if isinstance(value, Strange):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _strange_in(key)
            yield from _strange_in(each)
    elif isinstance(value, tuple | frozenset):
        for each in value:
            yield from _strange_in(each)


def _hashable(value: Any) -> Hashable:
    if isinstance(value, dict):
        return tuple(sorted(((key, _hashable(each)) for key, each in value.items()), key=repr))
    if isinstance(value, tuple):
        return tuple(_hashable(each) for each in value)
    assert isinstance(value, Hashable), "the reader makes no lists and no sets"
    known: Hashable = exact(value)
    return known
