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

from simclock import Control, Observation, Observer, format_duration
from simclock.experiments.nemesis import calm_of
from simclock.protocols.raft.observed import APPENDED, CANDIDATE, FOLLOWER, LEADER, STARTED, Appended
from simclock.protocols.replication.observed import COMMIT

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
        calm = calm_of(control.happened)
        if calm.standing or calm.since_ns > self._calm_by_ns:
            return
        for property, (node, detail) in self._found.items():
            control.violated(property, node, detail)


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


class RaftSteadiness(Steadiness):
    """Judges a cluster with a leader, and its clients."""

    def __init__(self, servers: tuple[int, ...], calm: Calmness) -> None:
        super().__init__(calm.settled_ns)
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
        if observation.node not in self._servers:
            self._on_client(observation, control)
            return
        time_ns, node, name, value = observation.time_ns, observation.node, observation.name, observation.value
        if name == LEADER:
            self._leader = node
        elif name == COMMIT:
            self._commit_index[node] = value
        if len(self._servers) == 1:
            self._judge_alone(observation)
        if time_ns < self._calm.settled_ns:
            return
        self.overdue(control.now_ns)
        if name in (CANDIDATE, FOLLOWER, LEADER):
            self.name(time_ns, STABILITY, node, f"becomes {name} of term {value}, though all is well")
        elif name in (APPENDED, COMMIT) and time_ns >= self._calm.idle_ns:
            self.name(time_ns, IDLE, node, f"{name}, though every client is silent")
        elif name == APPENDED and node == self._leader:
            appended = Appended(*value)
            self._stored.append((appended.kept_index + len(appended.entries), time_ns))
        elif name == COMMIT and node == self._leader:
            self._counts["commits"] += 1
            self._stored = [each for each in self._stored if each[0] > value]
            self._committed.append((value, time_ns))

    def _judge_alone(self, observation: Observation) -> None:
        """It asks nobody, so storing and committing are one step."""
        if self._alone is not None and observation.time_ns > self._alone[1]:
            detail = f"is alone, and has stored entry {self._alone[0]} without committing it"
            self.name(self._alone[1], COMMIT_LATENCY, observation.node, detail)
        if observation.name == APPENDED:
            appended = Appended(*observation.value)
            self._alone = appended.kept_index + len(appended.entries), observation.time_ns
        elif observation.name in (COMMIT, STARTED):
            self._alone = None

    def _on_client(self, observation: Observation, control: Control) -> None:
        time_ns, client, value = observation.time_ns, observation.node, observation.value
        if observation.name == "invoke":
            self._asked_ns[value[0]] = client, time_ns
        elif observation.name in ("ok", "fail", "unknown") and value[0] in self._asked_ns:
            _, asked_ns = self._asked_ns.pop(value[0])
            if observation.name != "unknown" and asked_ns >= self._calm.settled_ns:
                self._counts["answers"] += 1
                self._knows.add(client)
        self.overdue(control.now_ns)

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
