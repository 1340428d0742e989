"""What one client asks for, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, ms, seconds

CONTENTS = ("name", "list", "number")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What one client does: one operation at a time, with a pause before each."""

    keys: int = 4
    reads_percent: int = 50
    blind_percent: int = 15
    """Of the puts: without a context, as a client that has read nothing."""
    deletes_percent: int = 0
    """Of the writes. A client that was shown nothing has nothing to delete, and reads instead."""
    pause_ns: int = ms(50)
    """The mean, exponential."""
    give_up_ns: int = seconds(1)
    """An operation not answered by then is of unknown outcome."""
    stop_ns: int | None = None
    """No operation begins after that, so that the store can come to rest."""
    reads_from_ns: int | None = None
    """From then on nothing is written any more, by the client's monotonic clock; None: never."""
    content: str = "name"

    def __post_init__(self) -> None:
        for name, least in (("keys", 1), ("pause_ns", 1), ("give_up_ns", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UsageError(f"{name}: {value!r} is not a whole number of {least} or more")
        for name in ("reads_percent", "blind_percent", "deletes_percent"):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= 100:
                raise UsageError(f"{name}: {value!r} is not a share in percent: 0 to 100")
        if self.content not in CONTENTS:
            raise UsageError(f"content: {self.content!r} is nothing to write: use {', '.join(CONTENTS)}")
