"""Who is in the cluster: configurations, and how one becomes another (section 6 of the paper, dissertation chapter 4).

Values without a server: what a change makes of a configuration, and what a decision needs in it. The numbers in them
are *members*, not nodes: who has lost its disk is another member from then on (`address`, `member_of`).

Law 1: while a configuration is joint, a decision needs a majority of the old voters and one of the new.
Law 2: a learner (the dissertation's non-voting server, 4.2.1) gets the log and is counted in no decision.
Law 3: a simple change moves one voter at most: only then two majorities, before and after, have a member in common
       (4.1); any other change is joint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from simclock import UsageError
from simclock.actors import Message
from simclock.protocols.replication.quorum import is_quorum, reached


class Configuration(Message):
    """The members of a cluster, each tuple in ascending order."""

    voters: tuple[int, ...]
    """Of the new cluster, while it is joint."""
    outgoing: tuple[int, ...] = ()
    """The voters of the old cluster while it is joint; else none."""
    learners: tuple[int, ...] = ()
    learners_next: tuple[int, ...] = ()
    """While it is joint: old voters that will be learners. No member is voter and learner at once."""

    @property
    def joint(self) -> bool:
        """Whether it is C_old,new."""
        return bool(self.outgoing)

    @property
    def clusters(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The sets of voters of which each has to agree."""
        return self.voters, self.outgoing

    @property
    def members(self) -> tuple[int, ...]:
        """Everybody who gets the log."""
        return tuple(sorted({*self.voters, *self.outgoing, *self.learners}))

    def is_voter(self, member: int) -> bool:
        """Whether its vote counts, in the old cluster or the new."""
        return member in self.voters or member in self.outgoing

    def is_quorum(self, members: Collection[int]) -> bool:
        """Whether these are enough to decide: law 1."""
        return is_quorum(self.clusters, members)

    def reached(self, values: Mapping[int, int]) -> int:
        """The greatest value that enough have reached to decide."""
        return reached(self.clusters, values)

    def __str__(self) -> str:
        parts = [_listed(self.voters) + (f"&&{_listed(self.outgoing)}" if self.joint else "")]
        if self.learners:
            parts.append(f"learners {_listed(self.learners)}")
        if self.learners_next:
            parts.append(f"next learners {_listed(self.learners_next)}")
        return ", ".join(parts)


def _listed(members: Iterable[int]) -> str:
    return f"({' '.join(map(str, members))})"


class Move(NamedTuple):
    """What becomes of one member."""

    to: Literal["voter", "learner", "out"]
    member: int


def simple(configuration: Configuration, moves: Iterable[Move]) -> Configuration:
    """The configuration after a change that needs no joint one. Raises UsageError where it would (law 3)."""
    if configuration.joint:
        raise UsageError("can't apply simple config change in joint config")
    made = _apply(configuration, moves)
    if len(set(configuration.voters) ^ set(made.voters)) > 1:
        raise UsageError("more than one voter changed without entering joint config")
    return made


def enter_joint(configuration: Configuration, moves: Iterable[Move]) -> Configuration:
    """C_old,new. Raises UsageError where the configuration is joint already, or would be left without a voter."""
    if configuration.joint:
        raise UsageError("config is already joint")
    if not configuration.voters:
        raise UsageError("can't make a zero-voter config joint")
    return _apply(Configuration(configuration.voters, configuration.voters, configuration.learners), moves)


def leave_joint(configuration: Configuration) -> Configuration:
    """C_new. Raises UsageError where the configuration is not joint."""
    if not configuration.joint:
        raise UsageError("can't leave a non-joint config")
    return Configuration(configuration.voters, (), _ordered({*configuration.learners, *configuration.learners_next}))


def _apply(configuration: Configuration, moves: Iterable[Move]) -> Configuration:
    voters, outgoing = set(configuration.voters), set(configuration.outgoing)
    learners, learners_next = set(configuration.learners), set(configuration.learners_next)
    for to, member in moves:
        voters.discard(member)
        learners.discard(member)
        learners_next.discard(member)
        if to == "voter":
            voters.add(member)
        elif to == "learner":
            # Who votes in the old cluster is no learner before that has ended.
            (learners_next if member in outgoing else learners).add(member)
    if not voters:
        raise UsageError("removed all voters")
    return Configuration(_ordered(voters), _ordered(outgoing), _ordered(learners), _ordered(learners_next))


def _ordered(members: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(members))


# Members and nodes.


def address(member: int, nodes: int) -> int:
    """The node that a member lives on."""
    return member % nodes


def member_of(node: int, generation: int, nodes: int) -> int:
    """The member that a node is, `generation` times after it had lost its disk: at first it bears the node's number."""
    return node + generation * nodes
