"""What of a topic the gallery shows: one stretch of one run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A stretch of a run worth a picture."""

    scenario: str
    """One of the topic's."""
    caption: str
    """What is to be seen, one sentence."""
    seed: int = 1
    from_ns: int = 0
    to_ns: int
    nodes: tuple[int, ...] = ()
    """Those that are shown; empty: all."""
