"""Spans of OpenTelemetry, as OTLP has them in JSON: a document, or one a line as the collector's file exporter writes.

Laws: a service (with its instance) is a node; a span is two events of it, its two ends. A span begins after its parent
has begun, and after what it links to has. A server's span that ends within its client's ended before it did: the client
heard the answer. Within a service its own clock orders all events. A parent that is not in the files says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from simclock.errors import UsageError
from simclock.experiments.causality.execution import INVOKE, NO_TIME, RETURN
from simclock.experiments.causality.foreign.gathered import GatheredLogs
from simclock.experiments.telling.spelling import is_64_bits, say

CLIENT, SERVER = 3, 2
_SPAN_ID = re.compile(r'"spanId"\s*:\s*"([^"\n]*)"')


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None


class _Attribute(msgspec.Struct):
    key: str = ""
    value: _Value | None = None


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] = []


class _Link(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str
    span_id: str
    name: str = ""
    parent_span_id: str = ""
    kind: int | str = 0
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[Any] = []
    links: list[_Link] = []


class _ScopeSpans(msgspec.Struct):
    spans: list[_Span] = []


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _Document(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans]


_DECODER = msgspec.json.Decoder(_Document)
_KINDS = {"SPAN_KIND_SERVER": SERVER, "SPAN_KIND_CLIENT": CLIENT}


class _Read(NamedTuple):
    service: str
    span: _Span
    begins_ns: int
    ends_ns: int
    line: int

    @property
    def kind(self) -> int:
        return _KINDS.get(self.span.kind, 0) if isinstance(self.span.kind, str) else self.span.kind


def read_otlp(text: str, file: str, logs: GatheredLogs) -> None:
    """Add the events of a file's spans. Raises UsageError with file and line."""
    spans = list(_spans(text, file))
    ends: list[tuple[str, int, int, _Read]] = []
    for read in spans:
        ends += [(read.service, read.begins_ns, INVOKE, read), (read.service, read.ends_ns, RETURN, read)]
    ends.sort(key=lambda end: end[:3])
    events: dict[tuple[str, int], int] = {}
    for service, time_ns, kind, read in ends:
        events[read.span.span_id, kind] = logs.add(
            service,
            read.span.name,
            kind=kind,
            time_ns=time_ns,
            detail=msgspec.json.encode(read.span),
            file=file,
            line=read.line,
        )
    by_id = {read.span.span_id: read for read in spans}
    for read in spans:
        _join(read, by_id, events, file, logs)


def _join(
    read: _Read, by_id: dict[str, _Read], events: dict[tuple[str, int], int], file: str, logs: GatheredLogs
) -> None:
    begins, ends = events[read.span.span_id, INVOKE], events[read.span.span_id, RETURN]
    for other in dict.fromkeys([read.span.parent_span_id, *(link.span_id for link in read.span.links)]):
        cause = by_id.get(other)
        if cause is None or other == read.span.span_id:
            continue
        if cause.service == read.service and cause.begins_ns > read.begins_ns:
            logs.problem(
                f"{file}:{read.line}",
                f"an effect before its cause: span {say(read.span.name)} begins before what it follows from, "
                f"{say(cause.span.name)} at {file}:{cause.line}, by the clock of one service",
            )
            continue
        logs.builder.caused(events[other, INVOKE], begins)
        answered = other == read.span.parent_span_id and (cause.kind, read.kind) == (CLIENT, SERVER)
        if answered and cause.service != read.service and read.ends_ns <= cause.ends_ns:
            logs.builder.caused(ends, events[other, RETURN])


def _spans(text: str, file: str) -> Iterator[_Read]:
    lines = _lines_of_spans(text)
    one = text.lstrip()[:1] == "{" and _is_whole(text)
    for number, part in [(1, text)] if one else enumerate(text.split("\n"), start=1):
        if not part.strip():
            continue
        for resource in _document(part, f"{file}:{number}").resource_spans:
            service = _service(resource.resource)
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                line = lines.get(span.span_id, number)
                begins = _time_ns(span.start_time_unix_nano, f"{file}:{line}")
                ends = _time_ns(span.end_time_unix_nano, f"{file}:{line}")
                if ends < begins:
                    raise UsageError(f"{file}:{line}: span {say(span.name)} ends before it begins")
                yield _Read(service, span, begins, ends, line)


def _is_whole(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
        return True
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False


def _document(text: str, place: str) -> _Document:
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise UsageError(f"{place}: no spans of OTLP: {error}") from None


def _service(resource: _Resource | None) -> str:
    named = {
        each.key: each.value.string_value
        for each in (resource.attributes if resource is not None else [])
        if each.value is not None and each.value.string_value
    }
    service = named.get("service.name") or "unknown service"
    instance = named.get("service.instance.id")
    return f"{service}/{instance}" if instance else service


def _time_ns(value: int | str, place: str) -> int:
    try:
        time_ns = int(value) if len(str(value)) <= len(str(1 << 64)) else NO_TIME
    except ValueError:
        time_ns = NO_TIME
    if time_ns < 0 or not is_64_bits(time_ns):
        raise UsageError(f"{place}: {say(value)} is no time of a span: write nanoseconds since 1970")
    return time_ns


def _lines_of_spans(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    line, counted = 1, 0
    for found in _SPAN_ID.finditer(text):
        line += text.count("\n", counted, found.start())
        counted = found.start()
        lines.setdefault(found[1], line)
    return lines
