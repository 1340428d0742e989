"""Quorums as data: which sets of acceptors are enough for phase 1, and which for phase 2.

Law (Howard, Malkhi and Spiegelman, "Flexible Paxos", 2016): every quorum of phase 1 has a member in common with every
quorum of phase 2. Nothing else is asked: two quorums of one phase need not meet. Majorities in both are one choice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from simclock import UsageError
from simclock.protocols.replication import majority

Quorum = int | tuple[tuple[int, ...], ...]
"""Any so many of the servers, or one of these sets of nodes."""


@dataclass(frozen=True)
class Quorums:
    """What is enough among some servers."""

    servers: tuple[int, ...]
    phase_one: Quorum
    phase_two: Quorum

    def is_phase_one(self, nodes: Collection[int]) -> bool:
        """Whether promises of these nodes are enough to lead."""
        return self._is_quorum(self.phase_one, nodes)

    def is_phase_two(self, nodes: Collection[int]) -> bool:
        """Whether a value that these nodes have accepted is chosen."""
        return self._is_quorum(self.phase_two, nodes)

    def _is_quorum(self, quorum: Quorum, nodes: Collection[int]) -> bool:
        if isinstance(quorum, int):
            return sum(one in nodes for one in self.servers) >= quorum
        return any(all(one in nodes for one in each) for each in quorum)

    def apart(self) -> str | None:
        """A quorum of each phase that have no member in common, as text; None if all meet."""
        one, two, servers = self.phase_one, self.phase_two, len(self.servers)
        if isinstance(one, int) and isinstance(two, int):
            return f"any {one} and any {two} of {servers}" if one + two <= servers else None
        if isinstance(one, int):
            return next((f"some {one} and {_text(each)}" for each in two if one + len(each) <= servers), None)  # type: ignore[union-attr]
        if isinstance(two, int):
            return next((f"{_text(each)} and some {two}" for each in one if len(each) + two <= servers), None)
        apart = ((each, other) for each in one for other in two if not set(each) & set(other))
        return next((f"{_text(each)} and {_text(other)}" for each, other in apart), None)


def quorums_of(servers: tuple[int, ...], phase_one: Quorum | None, phase_two: Quorum | None) -> Quorums:
    """The quorums that are meant: None is a majority, sets have each node once. Raises UsageError."""
    return Quorums(servers, _checked("phase_one", servers, phase_one), _checked("phase_two", servers, phase_two))


def _checked(name: str, servers: tuple[int, ...], quorum: Quorum | None) -> Quorum:
    place = f"multi_paxos.{name}"
    if quorum is None:
        return majority(len(servers))
    if type(quorum) is int:
        if not 1 <= quorum <= len(servers):
            raise UsageError(f"{place}: {quorum} is no number of servers: 1 to {len(servers)}")
        return quorum
    if not isinstance(quorum, tuple) or not quorum or not all(isinstance(each, tuple) and each for each in quorum):
        raise UsageError(f"{place}: {quorum!r} is neither a number of servers nor sets of them, each of one or more")
    for each in quorum:
        if len(set(each)) != len(each) or not set(each) <= set(servers):
            raise UsageError(f"{place}: {_text(each)} must name servers, each once: {_text(servers)}")
    return tuple(tuple(sorted(each)) for each in quorum)


def _text(nodes: Collection[int]) -> str:
    return "{" + ", ".join(map(str, nodes)) + "}"
