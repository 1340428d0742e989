"""How a topic's nodes are coloured in a picture of a run: which observation puts a node into which state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class State:
    """What a node is from an observation on."""

    name: str
    """Leader, holder, ...; empty: nothing in particular any more."""
    number: int | None = None
    """Which field of the observation is its term, token or epoch; None: it has none."""


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """The states of a topic's nodes. Until its first such observation, and while it is down, a node has none."""

    name: str
    """What the states are: role, lock, ..."""
    number: str = ""
    """What their number is: term, token, ..."""
    states: Mapping[str, State]
    """Name of an observation -> the state of who makes it."""
