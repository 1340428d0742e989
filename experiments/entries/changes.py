"""Changes of a cluster's members as text: `2s:1+2+3; 4s:0+1`: at 2 s nodes 1, 2 and 3 are to be the members."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simclock.durations import parse_duration
from simclock.errors import UsageError

NODES = re.compile(r"\d{1,6}(\+\d{1,6})*")
"""Node ids, as text."""
SPARES_MAX = 100
"""As many servers may come in later."""

Schedule = Sequence[tuple[int, tuple[int, ...]]]
"""(nanoseconds after the start, members) of each change."""


def changes_of(text: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The changes that a text means, in order of time; members are sorted. Raises UsageError."""
    made = []
    for each in text.replace(";", " ").split():
        at, colon, members = each.partition(":")
        if not colon or not NODES.fullmatch(members):
            raise UsageError(f"change: {each!r} is no change: write 2s:1+2+3 (at 2 s: nodes 1, 2 and 3)")
        named = tuple(sorted(map(int, members.split("+"))))
        if len(set(named)) != len(named):
            raise UsageError(f"change: {each!r} names a node twice")
        made.append((parse_duration(at, f"change: {each!r}"), named))
    return tuple(sorted(made))


def servers_named(first: int, schedule: Schedule) -> int:
    """How many servers there are in all, beside the first: changes name those that come in later. Raises UsageError."""
    servers = max(first, 1 + max((node for _, members in schedule for node in members), default=0))
    if servers > first + SPARES_MAX:
        raise UsageError(f"change: server {servers - 1} is far off: new ones are {first} to {first + SPARES_MAX - 1}")
    return servers
