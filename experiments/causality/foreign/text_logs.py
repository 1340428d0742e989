"""Text logs, read by a regular expression with named groups, as ShiViz reads them.

Groups: `host` or `node`, and `event`, are needed. `clock` is a vector clock in JSON; without it, `sent` and `received`
may name messages, by which a receipt follows its sending. `date` or `time` is kept and, where it is a number of
seconds or of ISO 8601, the event's time. Every other group is a field of the event. JavaScript's way to write a named
group, `(?<host>...)`, is read too. What the expression does not match is skipped, as ShiViz does.

A file of ShiViz may begin with its expression and, on the second line, a delimiter: an expression that splits the text
into executions; a group `trace` in it names the one that follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from simclock.errors import UsageError
from simclock.experiments.causality.execution import NO_TIME
from simclock.experiments.causality.foreign.gathered import GatheredLogs
from simclock.experiments.causality.foreign.times import time_ns_of
from simclock.experiments.telling.spelling import say

HOST_FIRST = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
"""GoVector's logs."""
EVENT_FIRST = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})"
"""ShiViz's own default."""
_HOST_LINE = re.compile(r"\S+ \{.*\}\s*", re.ASCII)
_NAMED = re.compile(r"\(\?<(?![=!])")
_HOSTS = ("host", "node")
_TIMES = ("time", "date", "timestamp")
_KNOWN = {*_HOSTS, *_TIMES, "event", "clock", "sent", "received"}


class TextPart(NamedTuple):
    """One execution of a file."""

    name: str
    """What the delimiter calls it; empty where there is one, or it has none."""
    text: str
    first_line: int


def expression(pattern: str, place: str) -> re.Pattern[str]:
    """The expression, in Python's spelling or JavaScript's. Raises UsageError."""
    try:
        compiled = re.compile(_NAMED.sub("(?P<", pattern), re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{place}: {say(pattern)} is no regular expression: {error}") from None
    named = compiled.groupindex.keys()
    if not named & set(_HOSTS) or "event" not in named:
        raise UsageError(f"{place}: {say(pattern)} does not name the groups (?<host>...) and (?<event>...)")
    return compiled


def own_expression(text: str) -> str | None:
    """The expression in a file's first line, if it is one."""
    first = text.partition("\n")[0]
    return first if "(?<event>" in first and any(f"(?<{name}>" in first for name in _HOSTS) else None


def usual_expression(text: str) -> str | None:
    """The usual one that fits, None where there is no line with a host and a clock."""
    lines = [line for line in text.split("\n", 20)[:20] if line.strip()]
    if not any(_HOST_LINE.fullmatch(line) for line in lines):
        return None
    return HOST_FIRST if _HOST_LINE.fullmatch(lines[0]) else EVENT_FIRST


def executions_in(text: str, place: str, delimiter: str | None = None) -> tuple[re.Pattern[str] | None, list[TextPart]]:
    """The expression that the file itself has, if any, and its executions."""
    own = own_expression(text)
    pattern, first_line = None, 1
    if own is not None:
        pattern = expression(own, f"{place}:1")
        _, _, text = text.partition("\n")
        second, _, text = text.partition("\n")
        delimiter = delimiter if delimiter is not None else second.strip()
        first_line = 3
    if not delimiter:
        return pattern, [TextPart("", text, first_line)]
    try:
        split = re.compile(_NAMED.sub("(?P<", delimiter), re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{place}: the delimiter {say(delimiter)} is no regular expression: {error}") from None
    parts, name, start = [], "", 0
    for found in split.finditer(text):
        if text[start : found.start()].strip():
            parts.append(TextPart(name, text[start : found.start()], first_line + text.count("\n", 0, start)))
        name = found.groupdict().get("trace") or ""
        start = found.end()
    if text[start:].strip() or not parts:
        parts.append(TextPart(name, text[start:], first_line + text.count("\n", 0, start)))
    return pattern, parts


def read_text(part: TextPart, pattern: re.Pattern[str], file: str, logs: GatheredLogs) -> int:
    """Add the events of one execution; gives how many they are. Raises UsageError with file and line."""
    host_group = next(name for name in _HOSTS if name in pattern.groupindex)
    added = 0
    for line, groups in _matches(part, pattern):
        host, event = groups[host_group], groups["event"]
        if not host:
            continue
        clock = None if groups.get("clock") is None else _clock(groups["clock"], f"{file}:{line}")
        written = next((groups[name] for name in _TIMES if groups.get(name)), None)
        logs.add(
            host,
            event.strip() if event else "",
            clock=clock,
            time_ns=NO_TIME if written is None else time_ns_of(written),
            detail=msgspec.json.encode({name: text for name, text in groups.items() if _is_field(name, text)}),
            file=file,
            line=line,
            sent=groups.get("sent"),
            received=groups.get("received"),
        )
        added += 1
    return added


def _is_field(name: str, text: str | None) -> bool:
    return text is not None and (name not in _KNOWN or name in _TIMES)


def _matches(part: TextPart, pattern: re.Pattern[str]) -> Iterator[tuple[int, dict[str, str]]]:
    line, counted = part.first_line, 0
    for found in pattern.finditer(part.text):
        if found.end() == found.start():
            continue
        line += part.text.count("\n", counted, found.start())
        counted = found.start()
        yield line, found.groupdict()


def _clock(text: str, place: str) -> Mapping[str, Any] | list[Any]:
    try:
        clock = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        clock = None
    if not isinstance(clock, dict | list):
        raise UsageError(f'{place}: {say(text)} is no vector clock: write {{"a": 1, "b": 2}}, or a list of counts')
    return clock
