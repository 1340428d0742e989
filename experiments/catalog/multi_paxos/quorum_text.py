"""Quorums and members as text.

`3` (any three servers), `0+1,2+3` (nodes 0 and 1, or nodes 2 and 3), empty (a majority) are quorums; `2s:1+2+3` is a
change: from then on nodes 1, 2 and 3 are the members.
"""

from __future__ import annotations

import re

from simclock import UsageError, parse_duration
from simclock.protocols.multi_paxos import Quorum

_SET = re.compile(r"\d{1,6}(\+\d{1,6})*")


def quorum_of(text: str, name: str) -> Quorum | None:
    """What a text means. Raises UsageError."""
    text = text.strip()
    if not text:
        return None
    if text.isdecimal() and len(text) <= 6:
        return int(text)
    sets = [each.strip() for each in text.split(",")]
    if not all(map(_SET.fullmatch, sets)):
        raise UsageError(f"{name}: {text!r} is no quorum: write 3 (any three), or 0+1,2+3 (one of these sets)")
    return tuple(tuple(map(int, each.split("+"))) for each in sets)


def changes_of(text: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """(nanoseconds after the start, members) of each change, in order of time. Raises UsageError."""
    made = []
    for each in text.replace(";", " ").split():
        at, colon, members = each.partition(":")
        if not colon or not _SET.fullmatch(members):
            raise UsageError(f"change: {each!r} is no change: write 2s:1+2+3 (at 2 s: nodes 1, 2 and 3)")
        named = tuple(sorted(map(int, members.split("+"))))
        if len(set(named)) != len(named):
            raise UsageError(f"change: {each!r} names a node twice")
        made.append((parse_duration(at, f"change: {each!r}"), named))
    return tuple(sorted(made))
