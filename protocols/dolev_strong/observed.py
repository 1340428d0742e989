"""What a node tells of a broadcast."""

from __future__ import annotations

from simclock import Told, reader


class Proposed(Told):
    """The node is a sender, and begins with this value."""

    broadcast: int
    value: str


class Extracted(Told):
    """A round has ended in which the node has taken values for its senders'."""

    broadcast: int
    round: int
    values: tuple[tuple[int, str, tuple[int, ...]], ...]
    """(sender, value, who has signed it), in the order in which they came."""


class Relayed(Told):
    """A round has begun in which the node sends values on, under its own signature too."""

    broadcast: int
    round: int
    values: tuple[tuple[int, str], ...]
    """(sender, value)."""


class Refused(Told):
    """A chain was not believed."""

    broadcast: int
    round: int
    """In which the node was; above f + 1 where the broadcast was over."""
    source: int
    """Who sent it."""
    sender: int
    """Whose value it was said to be."""
    value: str
    signers: tuple[int, ...]
    why: str
    """One of the reasons of `participant`."""


class Decided(Told):
    """The rounds of a broadcast are over."""

    broadcast: int
    values: tuple[tuple[int, str | None], ...]
    """(sender, value): what the node decides for each sender; None where the sender lies."""


class Joined(Told):
    """The node was late, or is up again after a crash: it takes part from this broadcast on."""

    broadcast: int


class Lied(Told):
    """A liar gives these nodes, and no others, a chain that the algorithm does not have it send."""

    broadcast: int
    round: int
    targets: tuple[int, ...]
    sender: int
    value: str
    signers: tuple[int, ...]
    """As the chain names them; some may never have signed."""


read = reader(Proposed, Extracted, Relayed, Refused, Decided, Joined, Lied)
