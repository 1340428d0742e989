"""Files of any form as executions: which reader a file is for shows in its first bytes.

A file of trace records is read as the execution of a run; all others of one call are one execution together. A text
file with several executions (ShiViz's delimiter) stands alone, and gives several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.causality.execution import Execution
from simclock.experiments.causality.foreign.gathered import GatheredLogs, Problem
from simclock.experiments.causality.foreign.jepsen import is_jepsen_line, is_log_line, read_jepsen
from simclock.experiments.causality.foreign.json_lines import is_json_line, read_json_lines
from simclock.experiments.causality.foreign.otlp import read_otlp
from simclock.experiments.causality.foreign.text_logs import (
    TextPart,
    executions_in,
    expression,
    read_text,
    usual_expression,
)
from simclock.experiments.causality.of_traces import read_execution
from simclock.experiments.telling.spelling import reason

HEAD_BYTES = 1 << 16
_MENDS = "give --regex with the groups (?<host>...) and (?<event>...), and (?<clock>...) if there is one"


@dataclass(frozen=True, kw_only=True)
class ReadLogs:
    """One execution, and what is impossible about it."""

    name: str
    """What the file calls it, of several; else empty."""
    execution: Execution
    problems: tuple[Problem, ...] = ()


def is_trace(path: Path) -> bool:
    """Whether the file begins as a trace of simclock."""
    return _form(_head(path)) == "trace"


def read_logs(paths: Sequence[Path], regexes: Sequence[str] = (), delimiter: str | None = None) -> list[ReadLogs]:
    """The executions of these files. Raises UsageError with file and line."""
    patterns = [expression(regex, "--regex") for regex in regexes]
    if len(paths) == 1 and is_trace(paths[0]):
        return [ReadLogs(name="", execution=read_execution(paths[0]))]
    logs = GatheredLogs(", ".join(map(str, paths)))
    for path in paths:
        form = _form(_head(path))
        if form == "trace":
            raise UsageError(f"{path}: a trace of simclock is a whole execution: name it alone")
        if form == "json":
            _read_json_lines(path, logs)
            continue
        text = _text(path)
        if form == "otlp":
            read_otlp(text, str(path), logs)
        elif form == "jepsen" and not patterns:
            read_jepsen(text, str(path), logs)
        else:
            parts, pattern = _text_parts(text, path, patterns, delimiter)
            if len(parts) > 1:
                if len(paths) > 1:
                    raise UsageError(f"{path}: it has {len(parts)} executions: name it alone")
                return [_alone(part, pattern, path) for part in parts]
            read_text(parts[0], pattern, str(path), logs)
    return [_built(logs, "")]


def _alone(part: TextPart, pattern: re.Pattern[str], path: Path) -> ReadLogs:
    logs = GatheredLogs(f"{path}{f', {part.name}' if part.name else ''}")
    read_text(part, pattern, str(path), logs)
    return _built(logs, part.name)


def _built(logs: GatheredLogs, name: str) -> ReadLogs:
    if not len(logs):
        raise UsageError(f"{logs.builder.origin}: no event was found there: {_MENDS}")
    execution, problems = logs.build()
    return ReadLogs(name=name, execution=execution, problems=tuple(problems))


def _text_parts(
    text: str, path: Path, patterns: Sequence[re.Pattern[str]], delimiter: str | None
) -> tuple[list[TextPart], re.Pattern[str]]:
    own, parts = executions_in(text, str(path), delimiter)
    if own is not None:
        return parts, own
    found = next((pattern for pattern in patterns if pattern.search(text)), None)
    if found is None:
        usual = usual_expression(text)
        if usual is None or patterns:
            what = "no --regex matches it" if patterns else "it is of no form that is known"
            raise UsageError(f"{path}: {what}: {_MENDS}")
        found = expression(usual, str(path))
    return parts, found


def _read_json_lines(path: Path, logs: GatheredLogs) -> None:
    try:
        with path.open("rb") as lines:
            read_json_lines(lines, str(path), logs)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _head(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise UsageError(f"{path}: cannot be read: {reason(error)}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a log: not UTF-8 text") from None


def _form(head: str) -> str:
    begins = head.lstrip("\ufeff \t\r\n")
    first = begins.partition("\n")[0]
    fields = _object(first)
    if fields is None:
        if begins.startswith("{") and '"resourceSpans"' in begins:
            return "otlp"
        if is_log_line(begins) or (begins[:1] in "[{(#" and re.search(r":type\s+:", begins)):
            return "jepsen"
        return "jepsen" if begins.startswith("[") and '"process"' in begins else "text"
    if "resourceSpans" in fields:
        return "otlp"
    if "what" in fields and "time_ns" in fields:
        return "trace"
    if is_jepsen_line(fields):
        return "jepsen"
    return "json" if is_json_line(fields) or fields else "text"


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
