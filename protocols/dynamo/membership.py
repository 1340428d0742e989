"""Who is in the store: explicit joins and leaves, spread by gossip (DeCandia et al. 2007, 4.8.1).

A server's count says how often it has joined and left: odd, it is a member. Views merge by the greater count of each
server, so gossip may be lost, doubled or late, and all views come to be equal.

Deviation: the paper keeps a history of changes with their times; what is asked of it, "is it a member now", is one
count.
"""

from __future__ import annotations

from collections.abc import Iterable


class Membership:
    """One server's view."""

    __slots__ = ("counts",)

    def __init__(self, counts: tuple[int, ...]) -> None:
        self.counts = counts

    @classmethod
    def of(cls, members: Iterable[int], servers: int) -> Membership:
        """The first view: of servers 0 to `servers - 1`, these are members."""
        inside = frozenset(members)
        return cls(tuple(int(server in inside) for server in range(servers)))

    @property
    def members(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(server for server, count in enumerate(self.counts) if count % 2)

    def changed(self, server: int, joins: bool) -> Membership:
        """The view after a server joined or left; the same where it had already."""
        count = self.counts[server]
        if bool(count % 2) is joins:
            return self
        return Membership((*self.counts[:server], count + 1, *self.counts[server + 1 :]))

    def merge(self, counts: tuple[int, ...]) -> Membership:
        """What two views know together."""
        return Membership(tuple(max(pair) for pair in zip(self.counts, counts, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Membership) and self.counts == other.counts

    def __hash__(self) -> int:
        return hash(self.counts)
