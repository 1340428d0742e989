"""What clients, leaders and time sources of TrueTime tell. Timestamps and times are nanoseconds of true time."""

from __future__ import annotations

from simclock import Told, reader


class Now(Told):
    """A node has read TT.now()."""

    earliest_ns: int
    latest_ns: int


class Synchronized(Told):
    """A node has the answer of a time master."""

    source: int
    round_trip_ns: int
    """By its monotonic clock."""
    taken: bool
    """Whether it has made the interval smaller."""
    earliest_ns: int
    """The interval, from now on."""
    latest_ns: int


class Begun(Told, observed_as="begin"):
    """A client begins a transaction."""

    transaction: int
    kind: str
    """"write", "read" or "snapshot"."""
    timestamp: int | None
    """At which it reads; None of one that writes."""


class Saw(Told):
    """Data has arrived at the client."""

    transaction: int
    versions: tuple[tuple[int, int, int], ...]
    """(key, timestamp, value); timestamp 0 where nothing is under the key yet."""


class Asked(Told):
    """The commit message leaves."""

    transaction: int
    writes: tuple[tuple[int, int], ...]
    """(key, value)."""


class Succeeded(Told, observed_as="ok"):
    """The client knows that it is committed, or has all of a read."""

    transaction: int
    kind: str
    timestamp: int | None
    seen: tuple[tuple[int, int, int], ...]
    """As in `Saw`, of all leaders."""
    writes: tuple[tuple[int, int], ...]


class Aborted(Told):
    """Nothing of it will ever be seen."""

    transaction: int


class Unknown(Told):
    """No answer: it may have been committed."""

    transaction: int


class PreparedAt(Told, observed_as="prepare"):
    """A participant has prepared, at a timestamp of its own."""

    transaction: int
    timestamp: int


class Assigned(Told, observed_as="assign"):
    """The coordinator has chosen the commit timestamp, and begins to wait."""

    transaction: int
    timestamp: int
    earliest_ns: int
    """TT.now() when the commit message had arrived."""
    latest_ns: int


class Committed(Told, observed_as="commit"):
    """The coordinator's wait is over."""

    transaction: int
    timestamp: int


class Applied(Told, observed_as="apply"):
    """A leader has carried out its share."""

    transaction: int
    timestamp: int


class GivenUp(Told, observed_as="abort"):
    """A leader refuses a transaction, or drops its share of one that is aborted."""

    transaction: int


class Served(Told, observed_as="serve"):
    """A leader answers a read at a timestamp."""

    transaction: int
    timestamp: int


read = reader(
    *(Now, Synchronized, Begun, Saw, Asked, Succeeded, Aborted, Unknown),
    *(PreparedAt, Assigned, Committed, Applied, GivenUp, Served),
)
