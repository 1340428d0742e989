"""What a rate limiter and its clients tell. Times are of the monotonic clock of who tells, in nanoseconds."""

from __future__ import annotations

from simclock import Told, reader


class Served(Told):
    """The limiter has decided on a request."""

    client: int
    time_ns: int
    wait_ns: int | None
    """In how long the client may come again; None of what is admitted."""


class Heard(Told):
    """A client has the answer to its request of that number."""

    number: int
    wait_ns: int | None
    """As in `Served`."""


read = reader(Served, Heard)
