"""A node's state as text: its fields, clock, disk and timers, and what is under way to it."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Any

import msgspec

from simclock.durations import format_duration
from simclock.kernel.events import MESSAGE, TIMER, Event
from simclock.kernel.host import Host
from simclock.kernel.mail import NEVER_NS
from simclock.kernel.process import Process
from simclock.machinery import is_machinery

VALUES_MAX = 8
"""Elements of a collection that are shown."""
TEXT_MAX = 100
ROW_MAX = 300
DEPTH_MAX = 3
MESSAGES_MAX = 10


def node_text(host: Host, node: int) -> str:
    """The state of a node of a host that has stopped, a fact to a line."""
    process = host.processes[node]
    facts = (_fields(process), _clock(host, process), _disk(process), _waiting(host, process), _coming(host, process))
    rows = [*_life(host, process), *chain.from_iterable(facts)]
    width = max(len(label) for label, _ in rows)
    title = f"node {node} at {format_duration(host.now_ns)}"
    return "\n".join([title, *(f"  {label:<{width}}  {text}" for label, text in rows)])


def _life(host: Host, process: Process) -> Iterator[tuple[str, str]]:
    if process.incarnation < 0:
        yield "class", "not started yet"
        return
    ended = "halted" if process.id in host.halted else "crashed"
    state = "up" if process.sim_up else f"down, as it was when it {ended}"
    yield "class", f"{type(process).__name__}, incarnation {process.incarnation}, {state}"


def _fields(process: Process) -> Iterator[tuple[str, str]]:
    for name, value in fields_of(process):
        yield name, _row(value)


def fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of what an object holds, the kernel's share left out."""
    names = list(getattr(value, "__dict__", {}))
    for cls in reversed(type(value).__mro__):
        slots = cls.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    for name in dict.fromkeys(names):
        if name.startswith(("__", "sim_")) or not hasattr(value, name):
            continue
        yield name, getattr(value, name)


def readable(value: Any, depth: int = 0) -> str:
    """A value in one line, not too long; objects that do not say what they hold are opened."""
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, bool | int | float | str | bytes | msgspec.Struct):
        return _cut(repr(value))
    if depth >= DEPTH_MAX:
        return "..."
    if isinstance(value, Mapping):
        parts = [f"{readable(key, depth + 1)}: {readable(each, depth + 1)}" for key, each in _first(value.items())]
        return _enclosed("{", parts, len(value), "}")
    if isinstance(value, Set):
        try:
            elements = sorted(value)
        except TypeError:
            elements = sorted(value, key=repr)
        return _enclosed("{", [readable(each, depth + 1) for each in elements[:VALUES_MAX]], len(value), "}")
    if isinstance(value, Sequence) and type(value).__repr__ in (list.__repr__, tuple.__repr__):
        brackets = "[]" if isinstance(value, list) else "()"
        parts = [readable(each, depth + 1) for each in value[:VALUES_MAX]]
        return _enclosed(brackets[0], parts, len(value), brackets[1])
    if "__repr__" not in {name for cls in type(value).__mro__[:-1] for name in vars(cls)}:
        if is_machinery(type(value).__module__):
            return type(value).__name__  # the kernel's: disk, clock and streams have rows of their own
        parts = [f"{name}={readable(each, depth + 1)}" for name, each in fields_of(value)]
        return f"{type(value).__name__}({', '.join(parts)})"
    return _cut(repr(value))


def _first(items: Any) -> Iterator[Any]:
    for position, item in enumerate(items):
        if position == VALUES_MAX:
            return
        yield item


def _enclosed(opening: str, parts: list[str], count: int, closing: str) -> str:
    more = [f"... {count} in all"] if count > len(parts) else []
    return f"{opening}{', '.join([*parts, *more])}{closing}"


def _cut(text: str, length_max: int = TEXT_MAX) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length_max else f"{text[: length_max - 3]}..."


def _row(value: Any) -> str:
    return _cut(readable(value), ROW_MAX)


def _clock(host: Host, process: Process) -> Iterator[tuple[str, str]]:
    monotonic_ns, wall_ns = process.clock.monotonic_ns(), process.clock.wall_ns()
    ahead = "" if wall_ns == host.now_ns else f" ({format_duration(wall_ns - host.now_ns)} from the truth)"
    yield "its clock", f"monotonic {format_duration(monotonic_ns)}, wall {format_duration(wall_ns)}{ahead}"


def _disk(process: Process) -> Iterator[tuple[str, str]]:
    contents = process.disk.contents()
    for name, value in contents.values.items():
        yield f"disk {name}", _row(value)
    for name, records in contents.logs.items():
        yield f"disk {name}[]", f"{len(records)} records, the last {_row(records[-1])}" if records else "no records"
    lost = f"{contents.unsynced} operations not synced" if contents.unsynced else "everything synced"
    yield "its disk", lost if contents.values or contents.logs else "empty"


def _waiting(host: Host, process: Process) -> Iterator[tuple[str, str]]:
    """What came due and was not taken: the node is paused or busy, or a link is clogged."""
    texts = []
    gate = process.sim_existing_gate()
    if gate is not None and gate.shut(host.now_ns):
        yield "gate", "paused" if gate.paused else f"busy until {format_duration(gate.free_ns)}"
        texts += [_held(event) for event in gate.held]
    for (source, target), events in sorted(host.clogged.items()):
        if target == process.id:
            texts += [f"{_held(event)}, as the link from node {source} is clogged" for event in events]
    for text in texts[:MESSAGES_MAX]:
        yield "waiting", text
    if len(texts) > MESSAGES_MAX:
        yield "waiting", f"and {len(texts) - MESSAGES_MAX} more"


def _held(event: Event) -> str:
    time_ns, source, _, _, kind, payload = event
    if kind == TIMER:
        return f"timer {payload!r}, due at {format_duration(time_ns)}"
    return f"from node {source}, due at {format_duration(time_ns)}: {readable(payload)}"


def _coming(host: Host, process: Process) -> Iterator[tuple[str, str]]:
    messages = []
    for event in host.queue.pending():
        time_ns, source, _, target, kind, payload = event
        if target != process.id or time_ns >= NEVER_NS:
            continue
        if kind == TIMER and process.sim_timers.get(payload) is event:
            yield "timer", f"{payload!r} at {format_duration(time_ns)}"
        elif kind == MESSAGE:
            messages.append(f"at {format_duration(time_ns)} from node {source}: {readable(payload)}")
    for text in messages[:MESSAGES_MAX]:
        yield "coming", text
    if len(messages) > MESSAGES_MAX:
        yield "coming", f"and {len(messages) - MESSAGES_MAX} more"
