"""What a step has changed, as lines that are read one after the other.

    1: role follower -> candidate, term 0 -> 1         what its state is now
    1 disk: vote = (1, 0)                              what a crash would leave of it now
    1 tells voted (1, 0)                               what it observes
    #4 1->0 RequestVoteReply(1, true)                  what it sends, with the number that names it

Law: the lines are the same on every machine and Python, so they can be recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from simclock.actors.steering.nodes import View
from simclock.experiments.scripts.values import stated, value_text
from simclock.experiments.traces.inspection import fields_of
from simclock.machinery import is_machinery

Shown = Callable[[Any], Mapping[str, Any]]
"""A node that has begun -> its state by name."""
TEXT_MAX = 400
"""Characters of a value that are shown."""
NOTHING = "(nothing changed)"
VIOLATED = "VIOLATED"


def own_state(node: Any) -> Mapping[str, Any]:
    """The public attributes of a node, but for settings and what is the kernel's."""
    return {
        name: value
        for name, value in fields_of(node)
        if not name.startswith("_") and name != "settings" and not is_machinery(type(value).__module__)
    }


@dataclass(frozen=True)
class Look:
    """A node as it is at a moment, in words."""

    up: bool
    halted: str | None
    state: Mapping[str, str] = field(default_factory=dict)
    timers: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """What is durable on its disk, by name."""
    logs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unsynced: int = 0
    """Operations that a crash would lose."""


def look_at(view: View, state: Mapping[str, str]) -> Look:
    """The node in words; of one that is down, its disk alone."""
    durable = view.durable
    return Look(
        up=view.is_up,
        halted=view.halted,
        state=state,
        timers=tuple(sorted(timer_text(name) for name, _ in view.timers)) if view.is_up else (),
        values={name: value_text(value) for name, value in sorted(durable.values.items())},
        logs={name: tuple(map(value_text, records)) for name, records in sorted(durable.logs.items())},
        unsynced=durable.unsynced if view.is_up else 0,
    )


def timer_text(name: Any) -> str:
    """A timer's name as a script writes it."""
    return value_text(name)


def message_text(message: Any) -> str:
    """A message, with the names of its fields where it has more than one."""
    if not isinstance(message, msgspec.Struct):
        return value_text(message)
    names = stated(message)
    parts = [value_text(getattr(message, name)) for name in names]
    if len(names) > 1:
        parts = [f"{name}={part}" for name, part in zip(names, parts, strict=True)]
    return _cut(f"{type(message).__name__}({', '.join(parts)})")


def pending_text(number: int, source: int, target: int, message: Any) -> str:
    """A message on its way."""
    return f"#{number} {source}->{target} {message_text(message)}"


def changes(node: int, before: Look | None, now: Look) -> Iterator[str]:
    """What is different at a node, a line each."""
    then = Look(up=False, halted=None) if before is None else before
    if then.up and not now.up:
        yield f"{node} is down" + (f": {now.halted}" if now.halted else "")
    elif now.up and not then.up and before is not None:
        yield f"{node} is up"
    state = [_change(name, then.state.get(name), text) for name, text in now.state.items()]
    gone = [f"{name} {then.state[name]} -> gone" for name in then.state if name not in now.state and now.up]
    parts = [part for part in state if part] + gone
    if parts:
        yield _cut(f"{node}: {', '.join(parts)}")
    if now.timers != then.timers and now.up:
        yield f"{node} timers: {' '.join(now.timers) or 'none'}"
    written = [*_values(then.values, now.values), *_logs(then.logs, now.logs)]
    if written:
        yield _cut(f"{node} disk: {', '.join(written)}")
    if now.unsynced != then.unsynced and now.unsynced:
        yield f"{node} disk: {now.unsynced} not synced"


def whole(node: int, now: Look) -> Iterator[str]:
    """All that is to be said of a node."""
    if not now.up:
        yield f"{node}: down" + (f" ({now.halted})" if now.halted else "")
    else:
        if now.state:
            yield _cut(f"{node}: {', '.join(f'{name} {text}' for name, text in now.state.items())}")
        yield f"{node} timers: {' '.join(now.timers) or 'none'}"
    written = [f"{name} = {text}" for name, text in now.values.items()]
    written += [f"{name} = [{', '.join(records)}]" for name, records in now.logs.items()]
    yield _cut(f"{node} disk: {', '.join(written) or 'empty'}{f', {now.unsynced} not synced' if now.unsynced else ''}")


def _change(name: str, before: str | None, now: str) -> str:
    if before == now:
        return ""
    return f"{name} {now}" if before is None else f"{name} {before} -> {now}"


def _values(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name, text in now.items():
        if before.get(name) != text:
            yield f"{name} = {text}"


def _logs(before: Mapping[str, tuple[str, ...]], now: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for name, records in now.items():
        then = before.get(name, ())
        kept = 0
        while kept < min(len(then), len(records)) and then[kept] == records[kept]:
            kept += 1
        if kept < len(then):
            yield f"{name} is cut to {kept}"
        if kept < len(records):
            yield f"{name} += {', '.join(records[kept:])}"


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..."
