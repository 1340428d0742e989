"""The story of a Raft run: elections, who led which term, what it committed, and what went wrong meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simclock import Control, Observation, Observer, RunResult
from simclock.experiments.telling.chronicle import Chronicle, story_lines
from simclock.protocols.raft.observed import (
    Candidate,
    Configured,
    Installed,
    Leader,
    QuorumLost,
    TransferStarted,
)
from simclock.protocols.replication.observed import CommitIndex
from simclock.told import Halted

TERMS_MAX = 10_000
"""Elections that are kept of one run; those after them are not told."""


class Election(NamedTuple):
    """A server that stood for election, or won one."""

    time_ns: int
    node: int
    term: int
    won: bool
    committed: int
    """The highest index that any leader had committed until then."""


class Terms(Observer[tuple[Election, ...]]):
    """Keeps every election, and how much was committed before it."""

    reacts = judges = False
    _NAMES = frozenset({Candidate.observed_as, Leader.observed_as, CommitIndex.observed_as})

    def __init__(self) -> None:
        self._elections: list[Election] = []
        self._committed = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name not in self._NAMES:
            return
        if observation.name == CommitIndex.observed_as:
            self._committed = max(self._committed, observation.value)
        elif len(self._elections) < TERMS_MAX:
            won = observation.name == Leader.observed_as
            election = Election(observation.time_ns, observation.node, observation.value, won, self._committed)
            self._elections.append(election)

    def report(self) -> tuple[Election, ...]:
        return tuple(self._elections)


def story(result: RunResult) -> Iterator[str]:
    """Faults and elections in order; where they are many, those at the beginning and the end."""
    return story_lines(result, _elections(result.report(Terms)))


def _elections(elections: tuple[Election, ...]) -> Iterator[tuple[int, str]]:
    committed = 0
    for election in elections:
        who, term = f"node {election.node}", election.term
        if election.won:
            more = election.committed - committed
            committed = election.committed
            since = f"; {more:,} entries were committed before" if more else ""
            yield election.time_ns, f"{who} is elected leader of term {term}{since}"
        else:
            yield election.time_ns, f"{who} stands for election in term {term}"


WHOLE = Chronicle(
    {
        Candidate: "stands for election in term {term}",
        Leader: "is elected leader of term {term}",
        QuorumLost: "steps down in term {term}: it hears no quorum",
        TransferStarted: "hands leadership to node {target} in term {term}",
        Configured: "goes by voters {voters}, leaving {outgoing}, learning {learners} (entry {log_index})",
        Installed: "installs a snapshot up to entry {last_included_index}",
        Halted: "halts: {reason}",
    }
)
"""Of a Raft whose members change, and leaders hand over."""
