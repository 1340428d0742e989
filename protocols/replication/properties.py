"""What must hold of replicas whichever engine makes them agree, judged from observations alone.

    State Machine Safety   if a server has applied a command at a given index to its state machine, no other server will
                           ever apply a different command for the same index (Ongaro & Ousterhout 2014, Figure 3); it
                           ends the run when it breaks
    Commit Monotone        a server's commit index increases
    Applied In Order       what is applied last increases by one and is not above the commit index

The last two are told and the run goes on, so that it shows what they lead to. What servers tell is in
`observed.py`. An engine has more that must hold: it derives from this observer, and tells `_started` where a server has
started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from simclock import Control, Observation, Observer, Told, reader
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK
from simclock.protocols.replication.observed import Applied, CommitIndex
from simclock.protocols.replication.quorum import majority
from simclock.told import Halted

TOLD_MAX = 3
"""How often a property that does not end the run is told."""


class Record:
    """A command that stands at some index, with the term in which it was taken."""

    __slots__ = ("command", "term")

    def __init__(self, term: int, command: bytes) -> None:
        self.term = term
        self.command = command

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.term == other.term and self.command == other.command

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr((self.term, self.command))


class Replica:
    """What a server has told since it started."""

    def __init__(self) -> None:
        self.commit_index = 0
        self.last_applied = 0


class ReplicationProperties(Observer):
    """Reads the observations of one cluster."""

    def __init__(self, replicas: Mapping[int, Replica]) -> None:
        self._replicas = replicas
        """Server -> what is known of it; an engine may know more than a `Replica` does."""
        self._majority = majority(len(replicas))
        self._applied: list[Record] = []
        """At index - 1: what the first server applied there."""
        self._told: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._react: dict[type[Told], Callable[[int, Any], None]] = {
            CommitIndex: self._on_commit,
            Applied: self._on_applied,
            Halted: self._on_halted,
            **self._reactions(),
        }
        self._read = reader(*self._react)
        self._control = Control(1)

    def on_observation(self, observation: Observation, control: Control) -> None:
        told = self._read(observation)
        if told is not None and observation.node in self._replicas:
            self._control = control
            self._react[told.__class__](observation.node, told)

    def _reactions(self) -> dict[type[Told], Callable[[int, Any], None]]:
        """What an engine's own properties do about what its servers tell beside."""
        return {}

    def report(self) -> dict[str, int]:
        """How often what happened: a run without commits proves nothing."""
        return {
            "applied": len(self._applied),
            "halts_full_disk": self._counts[FULL_DISK],
            "halts_corrupt_record": self._counts[CORRUPT_RECORD],
        }

    def _broken(self, property: str, node: int, detail: str) -> None:
        self._control.violated(property, node, detail)

    def _tell(self, property: str, node: int, detail: str) -> None:
        self._told[property] += 1
        if self._told[property] <= TOLD_MAX:
            self._control.violated(property, node, detail, stop=False)

    def _started(self, node: int, index: int = 0) -> None:
        """What a server has committed and applied is not durable: it does both again, after its snapshot's index."""
        replica = self._replicas[node]
        replica.commit_index = replica.last_applied = index

    def _on_halted(self, node: int, told: Halted) -> None:
        self._counts[told.reason] += 1

    def _on_commit(self, node: int, told: CommitIndex) -> None:
        replica, index = self._replicas[node], told.index
        if index <= replica.commit_index:
            self._tell("Commit Monotone", node, f"commitIndex {replica.commit_index} becomes {index}")
        replica.commit_index = index

    def _on_applied(self, node: int, told: Applied) -> None:
        index, term, command = told.log_index, told.term, told.command
        replica = self._replicas[node]
        if index != replica.last_applied + 1 or index > replica.commit_index:
            detail = f"applies entry {index} after {replica.last_applied}, commitIndex {replica.commit_index}"
            self._tell("Applied In Order", node, detail)
        replica.last_applied = index
        if index == len(self._applied) + 1:
            self._applied.append(self._record(index, term, command))
            return
        was = self._applied[index - 1] if index <= len(self._applied) else None
        if was is not None and (was.term != term or was.command != command):
            detail = f"applies {(term, command)} at index {index}, where {was} was applied"
            self._broken("State Machine Safety", node, detail)

    def _record(self, index: int, term: int, command: bytes) -> Record:
        """What is kept of a command that was applied. An engine whose judge has it already gives that."""
        return Record(term, command)
