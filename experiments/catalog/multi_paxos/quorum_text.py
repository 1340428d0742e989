"""Quorums as text: `3` (any three servers), `0+1,2+3` (nodes 0 and 1, or nodes 2 and 3), empty (a majority)."""

from __future__ import annotations

from simclock import UsageError
from simclock.experiments.entries.changes import NODES
from simclock.protocols.multi_paxos import Quorum


def quorum_of(text: str, name: str) -> Quorum | None:
    """What a text means. Raises UsageError."""
    text = text.strip()
    if not text:
        return None
    if text.isdecimal() and len(text) <= 6:
        return int(text)
    sets = [each.strip() for each in text.split(",")]
    if not all(map(NODES.fullmatch, sets)):
        raise UsageError(f"{name}: {text!r} is no quorum: write 3 (any three), or 0+1,2+3 (one of these sets)")
    return tuple(tuple(map(int, each.split("+"))) for each in sets)
