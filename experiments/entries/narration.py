"""Who tells a story while it happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from simclock.faults import Fault
from simclock.kernel.mail import Observation


class Narrator(Protocol):
    """What `simclock run --watch` asks of a story."""

    def tell(self, happened: Iterable[Fault | Observation], before_ns: int) -> Iterator[str]:
        """The lines of what happened since it was last told, in order, all of it earlier than `before_ns`."""
        ...
