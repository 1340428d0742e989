"""What a placement's module is asked with: how nodes are shared out over hosts, and who looks on.

The modules beside `placement.py` know these, and not the list of placements, which knows them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from simclock.kernel.standing import Standing

Look = Callable[[bool], Standing | None]
"""Where the run stands, asked from any thread; True asks for the node and handler too. None: nobody answers."""
Onlooker = Callable[[Look], AbstractContextManager[Any]]
"""What looks on: opened when the run, or the start of its workers, begins, and closed when it ends."""


class Packing(Protocol):
    """Which nodes share a host, and where hosts are looked for; `str` of it is what reports say."""

    @property
    def address(self) -> str | None:
        """The cluster to join, where there is a choice."""

    def host_of(self, nodes: int) -> list[int]:
        """The host of each node."""
