"""The story of a Raft run: who led which term, how the cluster changed, what was committed, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simclock import Control, Observation, Observer, RunResult, Told
from simclock.experiments.telling.chronicle import story_lines
from simclock.protocols.raft.configuration import Configuration
from simclock.protocols.raft.observed import (
    Answered,
    Candidate,
    ChangeAsked,
    Configured,
    Follower,
    Installed,
    Leader,
    QuorumLost,
    Snapshotted,
    Started,
    TransferAsked,
    TransferEnded,
    TransferStarted,
    read,
)
from simclock.protocols.replication.observed import CommitIndex

TURNS_MAX = 10_000
"""Turns that are kept of one run; those after them are not told."""


class Turn(NamedTuple):
    """Something that a story tells: a server has told it, or the operator."""

    time_ns: int
    node: int
    told: Told
    committed: int
    """The highest index that any leader had committed until then."""


class Terms(Observer[tuple[Turn, ...]]):
    """Keeps every election, and how much was committed before it; and what leaders do besides."""

    reacts = judges = False
    _TOLD = (Candidate, Leader, QuorumLost, TransferStarted, TransferEnded, Installed)
    _OF_OPERATOR = (ChangeAsked, TransferAsked, Answered)
    _NAMES = frozenset(
        each.observed_as for each in (*_TOLD, *_OF_OPERATOR, CommitIndex, Configured, Follower, Snapshotted, Started)
    )

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._committed = 0
        self._leaders: set[int] = set()
        self._compacted = False
        """Whether any server has taken a snapshot: the first is told."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name not in self._NAMES:
            return
        if observation.name == CommitIndex.observed_as:
            self._committed = max(self._committed, observation.value)
            return
        told, node = read(observation), observation.node
        if told is not None and self._is_told(node, told) and len(self._turns) < TURNS_MAX:
            self._turns.append(Turn(observation.time_ns, node, told, self._committed))

    def _is_told(self, node: int, told: Told) -> bool:
        match told:
            case Follower() | Started():
                self._leaders.discard(node)
                return False
            case Configured():
                return node in self._leaders
            case Snapshotted():
                first, self._compacted = not self._compacted, True
                return first
            case Leader():
                self._leaders.add(node)
        return True

    def report(self) -> tuple[Turn, ...]:
        return tuple(self._turns)


def story(result: RunResult) -> Iterator[str]:
    """Faults and turns in order; where they are many, those at the beginning and the end."""
    return story_lines(result, _turns(result.report(Terms)))


def _turns(turns: tuple[Turn, ...]) -> Iterator[tuple[int, str]]:
    committed = 0
    for turn in turns:
        who = f"node {turn.node}"
        if isinstance(turn.told, Leader):
            more = turn.committed - committed
            committed = turn.committed
            since = f"; {more:,} entries were committed before" if more else ""
            yield turn.time_ns, f"{who} is elected leader of term {turn.told.term}{since}"
        else:
            yield turn.time_ns, f"{who} {_text(turn.told)}"


def _text(told: Told) -> str:
    match told:
        case Candidate(term):
            return f"stands for election in term {term}"
        case QuorumLost(term):
            return f"has not heard a quorum, and leads term {term} no more"
        case Configured(index, voters, outgoing, learners):
            return f"{_change(Configuration(voters, outgoing, learners))}, with entry {index}"
        case TransferStarted(_, target):
            return f"hands over to member {target}"
        case TransferEnded(_, target):
            return f"leads on: member {target} was not elected in time"
        case Installed(index, _, last):
            return f"gets a snapshot in place of entries 1 to {index}; its log ends at {last}"
        case Snapshotted(index):
            return f"puts the first snapshot in place of entries 1 to {index}"
        case _:
            return _operator_text(told)


def _operator_text(told: Told) -> str:
    match told:
        case ChangeAsked(_, add, remove):
            moves = [*(f"+{node}" for node in add), *(f"-{node}" for node in remove)]
            return f"asks for a change: {','.join(moves)}"
        case TransferAsked(_, target):
            return f"asks node {target} to lead"
        case Answered(_, done, reason):
            return "hears that it is done" if done else f"gives up: {reason}"
    raise AssertionError("all that is kept is told")


def _change(cluster: Configuration) -> str:
    if cluster.joint:
        return f"has old and new cluster decide together, {cluster}"
    return f"has servers learn, {cluster}" if cluster.learners else f"goes on with the cluster {cluster}"
