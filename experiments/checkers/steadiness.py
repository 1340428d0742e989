"""Steadiness: what is owed when all is well; it is asked for after everything has healed. Of a cluster with a leader:

    Leader Stability      nobody stands for election, and the leader stays: heartbeats prevent elections (Raft 5.2)
    Commit Latency        the leader commits what it has stored within a bound, well before its next heartbeat; one that
                          is alone in its cluster at once, also before all is well
    Followers Follow      what the leader has committed every server commits within a bound
    Client Latency        who knows the leader is answered within a bound
    Idle Is Quiet         while clients are silent, nothing is stored and nothing committed

A protocol that breaks one of these may be safe, and makes progress in the end, but for each commit it waits for a
time-out that was meant for failures. Times are true times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from simclock import Control, Observation, Observer, Told, format_duration, reader
from simclock.experiments.nemesis import calm_of
from simclock.observers import Happened
from simclock.protocols.key_value.observed import Failed, Invoked, Succeeded, Unknown
from simclock.protocols.raft.observed import Appended, Candidate, Follower, Leader, Started
from simclock.protocols.replication.observed import CommitIndex

STABILITY = "Leader Stability"
COMMIT_LATENCY = "Commit Latency"
FOLLOWERS = "Followers Follow"
CLIENT_LATENCY = "Client Latency"
IDLE = "Idle Is Quiet"


class Steadiness(Observer):
    """What is owed from the instant at which all has settled: of each property the first that was seen is told, at the
    end of the run, and nothing where the run's faults did not end in time."""

    def __init__(self, settled_ns: int, calm_by_ns: int | None = None) -> None:
        """`calm_by_ns` is when the last fault may end, where some are part of the matter; None: when all settles."""
        self.settled_ns = settled_ns
        self._calm_by_ns = settled_ns if calm_by_ns is None else calm_by_ns
        self._found: dict[str, tuple[int, str]] = {}
        """Property -> the node that broke it first, and what was seen."""

    def overdue(self, now_ns: int) -> None:
        """Name what should have happened by now; it is asked at the end of the run."""
        raise NotImplementedError

    def name(self, now_ns: int, property: str, node: int, detail: str) -> None:
        """A property does not hold."""
        self._found.setdefault(property, (node, f"at {format_duration(now_ns)} {detail}"))

    def on_finish(self, control: Control) -> None:
        self.overdue(control.now_ns)
        assert control.happened is not None, "the run has ended"
        if not ended_by(control.happened, self._calm_by_ns):
            return
        for property, (node, detail) in self._found.items():
            control.violated(property, node, detail)


def ended_by(happened: Happened, by_ns: int) -> bool:
    """Whether all that went wrong in a run was over by then."""
    calm = calm_of(happened)
    return not calm.standing and calm.since_ns <= by_ns


@dataclass(frozen=True, kw_only=True)
class Calmness:
    """When what is owed, and within what."""

    settled_ns: int
    """From here on everything is owed: the last fault has healed, and a leader has had time to be elected."""
    silent_ns: int
    """From here on no client begins an operation."""
    commit_within_ns: int
    follow_within_ns: int
    answer_within_ns: int

    @property
    def idle_ns(self) -> int:
        """From here on all that was asked for is done, everywhere."""
        return self.silent_ns + self.answer_within_ns + self.follow_within_ns


class LeaderSteadiness(Steadiness):
    """Judges a cluster with a leader, whichever engine it leads, and its clients."""

    leads: ClassVar[type[Told]]
    """By what a server tells that it leads."""
    changes: ClassVar[tuple[type[Told], ...]]
    """What nobody tells while a leader stays; what is told first of each is its term, epoch or round."""
    stores: ClassVar[type[Told]]
    """By what a server tells that commands are in its log."""
    starts: ClassVar[type[Told]]

    def stored_index(self, told: Any) -> int:
        """The last index that is stored then."""
        raise NotImplementedError

    def change_text(self, told: Any) -> str:
        """What has changed."""
        raise NotImplementedError

    def __init__(self, servers: tuple[int, ...], calm: Calmness) -> None:
        super().__init__(calm.settled_ns)
        servers_tell: tuple[type[Told], ...] = (self.starts, *self.changes, self.leads, self.stores, CommitIndex)
        clients_tell = (Invoked, Succeeded, Failed, Unknown)
        self._read = reader(*dict.fromkeys(servers_tell), *clients_tell)
        self._servers = frozenset(servers)
        self._calm = calm
        self._leader: int | None = None
        """Who leads, as far as was told."""
        self._stored: list[tuple[int, int]] = []
        """(index, instant) of what the leader has stored since it has settled, and not committed."""
        self._committed: list[tuple[int, int]] = []
        """(index, instant) of what it has committed since, the oldest first."""
        self._commit_index = dict.fromkeys(servers, 0)
        self._asked_ns: dict[int, tuple[int, int]] = {}
        """Process -> its client, and when it asked."""
        self._knows: set[int] = set()
        """Clients that have been answered since all settled: they know the leader."""
        self._alone: tuple[int, int] | None = None
        """In a cluster of one: (index, instant) of what it has stored and not committed."""
        self._counts = {"commits": 0, "answers": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        time_ns, node, told = observation.time_ns, observation.node, self._read(observation)
        if node not in self._servers:
            self._on_client(time_ns, node, told)
            self.overdue(control.now_ns)
            return
        if isinstance(told, self.leads):
            self._leader = node
        elif isinstance(told, CommitIndex):
            self._commit_index[node] = told.index
        if len(self._servers) == 1:
            self._judge_alone(time_ns, node, told)
        if time_ns >= self._calm.settled_ns:
            self.overdue(control.now_ns)
            self._on_server(time_ns, node, told)

    def _on_server(self, time_ns: int, node: int, told: Told | None) -> None:
        if isinstance(told, self.changes):
            self.name(time_ns, STABILITY, node, f"{self.change_text(told)}, though all is well")
        elif isinstance(told, (self.stores, CommitIndex)) and time_ns >= self._calm.idle_ns:
            self.name(time_ns, IDLE, node, f"{told.observed_as}, though every client is silent")
        elif isinstance(told, self.stores) and node == self._leader:
            self._stored.append((self.stored_index(told), time_ns))
        elif isinstance(told, CommitIndex) and node == self._leader:
            self._counts["commits"] += 1
            self._stored = [each for each in self._stored if each[0] > told.index]
            self._committed.append((told.index, time_ns))

    def _judge_alone(self, time_ns: int, node: int, told: Told | None) -> None:
        """It asks nobody, so storing and committing are one step."""
        if self._alone is not None and time_ns > self._alone[1]:
            detail = f"is alone, and has stored entry {self._alone[0]} without committing it"
            self.name(self._alone[1], COMMIT_LATENCY, node, detail)
        if isinstance(told, self.stores):
            self._alone = self.stored_index(told), time_ns
        elif isinstance(told, (CommitIndex, self.starts)):
            self._alone = None

    def _on_client(self, time_ns: int, client: int, told: Told | None) -> None:
        match told:
            case Invoked(process):
                self._asked_ns[process] = client, time_ns
            case Succeeded(process) | Failed(process) | Unknown(process) if process in self._asked_ns:
                _, asked_ns = self._asked_ns.pop(process)
                if not isinstance(told, Unknown) and asked_ns >= self._calm.settled_ns:
                    self._counts["answers"] += 1
                    self._knows.add(client)

    def overdue(self, now_ns: int) -> None:
        """What should have happened by now. Also an observation after the time is up tells that it is."""
        calm = self._calm
        if now_ns < calm.settled_ns:
            return
        if self._stored and now_ns > self._stored[0][1] + calm.commit_within_ns:
            text = f"has not committed entry {self._stored[0][0]} within {format_duration(calm.commit_within_ns)}"
            self.name(now_ns, COMMIT_LATENCY, -1 if self._leader is None else self._leader, text)
        while self._committed and now_ns > self._committed[0][1] + calm.follow_within_ns:
            index, _ = self._committed.pop(0)
            for server, commit_index in self._commit_index.items():
                if commit_index < index:
                    within = format_duration(calm.follow_within_ns)
                    text = f"has committed {commit_index} entries {within} after the leader had committed {index}"
                    self.name(now_ns, FOLLOWERS, server, text)
        for process, (client, asked_ns) in self._asked_ns.items():
            if client in self._knows and calm.settled_ns <= asked_ns < now_ns - calm.answer_within_ns:
                within = format_duration(calm.answer_within_ns)
                self.name(now_ns, CLIENT_LATENCY, client, f"process {process} is not answered within {within}")

    def report(self) -> dict[str, int]:
        """How much was judged."""
        return dict(self._counts)


class RaftSteadiness(LeaderSteadiness):
    """Judges a cluster of Raft."""

    leads = Leader
    changes = (Candidate, Follower, Leader)
    stores = Appended
    starts = Started

    def stored_index(self, told: Appended) -> int:
        return told.kept_index + len(told.entries)

    def change_text(self, told: Candidate | Follower | Leader) -> str:
        return f"becomes {told.observed_as} of term {told.term}"
