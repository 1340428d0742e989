"""What a Raft cluster owes its operator and its readers while all is well; asked for once it has settled.

    Change Completes      a change of the membership that is possible is made, and said to be, within a bound
    Transfer Completes    a voter that is to lead leads within a bound; who is no voter is never handed anything
    Leader Stability      otherwise nobody stands for election, and no leader takes it that it has lost its quorum
    Query Latency         a query is answered within a bound: less by a lease than by asking a quorum
    Log Is Bounded        a server makes a snapshot as soon as it is due, and not before
    Deaf Leader Steps Down  a leader that checks its quorum and hears nobody leads no longer than two checks

Dissertation 3.10, 4.2, 5.1, 6.2, 6.4 and 9.6. A cluster that breaks one of these may be safe all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock import Control, Observation, Told, format_duration, reader
from simclock.experiments.checkers.steadiness import STABILITY, Steadiness
from simclock.protocols.key_value.observed import Failed, Invoked, Succeeded, Unknown
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
)
from simclock.protocols.replication.observed import CommitIndex

CHANGE = "Change Completes"
TRANSFER = "Transfer Completes"
QUERY = "Query Latency"
BOUNDED = "Log Is Bounded"
DEAF = "Deaf Leader Steps Down"

_read = reader(
    *(Started, Candidate, Leader, Follower, QuorumLost, Configured, CommitIndex, Snapshotted, Installed),
    *(ChangeAsked, TransferAsked, TransferStarted, TransferEnded, Answered),
    *(Invoked, Succeeded, Failed, Unknown),
)


@dataclass(frozen=True, kw_only=True)
class Owed:
    """What is owed within what."""

    settled_ns: int
    calm_by_ns: int
    """When the last fault ends: those after `settled_ns` are part of the matter."""
    done_within_ns: int
    """Of the operator's request, until it is answered; a voter that is to lead leads by then too."""
    elected_within_ns: int
    """Of a leader that has gone, until another leads and is known."""
    query_within_ns: int
    answers_from_ns: int
    """From here to `answers_until_ns` queries are judged, where nothing is asked of the cluster nor was just before."""
    answers_until_ns: int
    snapshot_every: int | None
    unheard: tuple[int, int, int] | None
    """A server that does not hear the leader, from when on, and when all is well again."""
    deaf_ns: tuple[int, int] | None
    """When the leader begins to hear nobody, where it checks its quorum, and when it leads no more."""


class Operated(Steadiness):
    """Judges the servers, `first` being the first voters, the operator, and the clients' gets."""

    def __init__(self, servers: tuple[int, ...], first: tuple[int, ...], owed: Owed) -> None:
        super().__init__(owed.settled_ns, owed.calm_by_ns)
        self._owed = owed
        self._servers = frozenset(servers)
        self._voters = set(first)
        """As the operator has been told."""
        self._leader: int | None = None
        self._elected_ns = 0
        self._known: dict[int, Configured] = {}
        self._commit_index = dict.fromkeys(servers, 0)
        self._snapshot_index = dict.fromkeys(servers, 0)
        self._open: tuple[int, ChangeAsked | TransferAsked] | None = None
        """What the operator asks for, and when it is due."""
        self._handed: int | None = None
        """Who is being handed over to, as the operator has asked."""
        self._disturbed_ns = 0
        """Until then elections are due, and answers late."""
        self._asked_ns: dict[int, int] = {}
        """Process -> when it asked a get that is judged."""
        self._counts = {"changes": 0, "transfers_done": 0, "queries": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        told, node, now_ns = _read(observation), observation.node, observation.time_ns
        self.overdue(now_ns)
        if told is None:
            return
        if node in self._servers:
            self._on_log(now_ns, node, told)
            self._on_role(now_ns, node, told)
        elif isinstance(told, ChangeAsked | TransferAsked | Answered):
            self._on_operator(now_ns, told)
        else:
            self._on_client(now_ns, told)

    # Logs.

    def _on_log(self, now_ns: int, node: int, told: Told) -> None:
        match told:
            case Started(_, _, _, snapshot_index, _):
                self._commit_index[node] = self._snapshot_index[node] = snapshot_index
                self._known.pop(node, None)
            case Configured():
                self._known[node] = told
            case Installed(last_included_index):
                self._commit_index[node] = self._snapshot_index[node] = last_included_index
            case Snapshotted(last_included_index):
                every, before = self._owed.snapshot_every, self._snapshot_index[node]
                if every is None or last_included_index - before < every:
                    text = f"makes a snapshot of entry {last_included_index} after one of {before}: every {every}"
                    self.name(now_ns, BOUNDED, node, text)
                self._snapshot_index[node] = last_included_index
            case CommitIndex(index):
                self._judge_length(now_ns, node)
                self._commit_index[node] = index

    def _judge_length(self, now_ns: int, node: int) -> None:
        """What it had applied before now, and holds as entries."""
        held, every = self._commit_index[node] - self._snapshot_index[node], self._owed.snapshot_every
        if every is not None and held >= every:
            self.name(
                now_ns, BOUNDED, node, f"holds {held} entries that it has applied: a snapshot is due every {every}"
            )

    # Roles.

    def _on_role(self, now_ns: int, node: int, told: Told) -> None:
        if isinstance(told, Leader):
            self._leader, self._elected_ns = node, now_ns
            if node == self._handed:
                self._handed = None
        if now_ns < self._owed.settled_ns:
            return
        match told:
            case Candidate(term) if not self._is_expected(now_ns, node):
                self.name(now_ns, STABILITY, node, f"stands for election in term {term}, though all is well")
            case QuorumLost(term) if not self._is_apart(now_ns):
                self.name(now_ns, STABILITY, node, f"has lost its quorum in term {term}, though all is well")
            case Follower() if node == self._leader:
                self._leader = None
            case TransferStarted(_, target) if target not in self._voters:
                self.name(now_ns, TRANSFER, node, f"hands over to member {target}, which is no voter")
            case TransferEnded(_, target) if not self._is_apart(now_ns):
                self.name(now_ns, TRANSFER, node, f"has given up handing over to member {target}")

    def _is_expected(self, now_ns: int, node: int) -> bool:
        """Whether an election is due."""
        return node == self._handed or now_ns <= self._disturbed_ns or self._is_apart(now_ns)

    def _is_apart(self, now_ns: int) -> bool:
        """Whether the leader cannot hear a majority: it hears nobody, or who does not hear it is one of two voters."""
        if self._owed.deaf_ns is not None and now_ns >= self._owed.deaf_ns[0]:
            return True
        if self._owed.unheard is None:
            return False
        server, from_ns, until_ns = self._owed.unheard
        return from_ns <= now_ns < until_ns and server in self._voters and len(self._voters) <= 2

    # What is asked.

    def _on_operator(self, now_ns: int, told: Told) -> None:
        match told:
            case ChangeAsked() | TransferAsked():
                # Where a leader has left before, another has to be elected first.
                due_ns = max(self._disturbed_ns, now_ns) + self._owed.done_within_ns
                self._open = due_ns, told
                if isinstance(told, ChangeAsked) or (told.target in self._voters and told.target != self._leader):
                    self._disturbed_ns = due_ns
                if isinstance(told, TransferAsked) and self._disturbed_ns == due_ns:
                    self._handed = told.target
            case Answered(_, done, reason) if self._open is not None:
                asked, self._open = self._open[1], None
                if isinstance(asked, ChangeAsked):
                    self._on_changed(now_ns, asked, done, reason)
                elif done and asked.target not in self._voters:
                    self.name(now_ns, TRANSFER, -1, f"node {asked.target} is to lead, and is no voter")
                self._counts["transfers_done"] += done and isinstance(asked, TransferAsked)

    def _on_changed(self, now_ns: int, asked: ChangeAsked, done: bool, reason: str) -> None:
        self._voters = self._voters - set(asked.remove) | set(asked.add)
        if not done:
            self.name(now_ns, CHANGE, -1, f"+{asked.add} -{asked.remove} is refused: {reason}")
            return
        self._counts["changes"] += 1
        believe = [each for each in self._voters if self._believes(each)]
        if 2 * len(believe) <= len(self._voters):
            text = f"+{asked.add} -{asked.remove} is said to be done; few servers have {sorted(self._voters)} as voters"
            self.name(now_ns, CHANGE, -1, text)
        # A leader that has left steps down, and another is elected.
        self._disturbed_ns = now_ns + (self._owed.elected_within_ns if self._leader not in self._voters else 0)

    def _believes(self, node: int) -> bool:
        """Whether its latest configuration is what the operator has asked for."""
        known = self._known.get(node)
        return known is not None and set(known.voters) == self._voters and not known.outgoing

    def _on_client(self, now_ns: int, told: Told) -> None:
        owed = self._owed
        match told:
            case Invoked(process, "get") if owed.answers_from_ns <= now_ns < owed.answers_until_ns:
                if self._open is None and self._handed is None and now_ns > self._disturbed_ns:
                    self._asked_ns[process] = now_ns
            case Succeeded(process) | Failed(process) | Unknown(process) if process in self._asked_ns:
                if now_ns - self._asked_ns.pop(process) <= owed.query_within_ns:
                    self._counts["queries"] += 1

    # What should have happened.

    def overdue(self, now_ns: int) -> None:
        """What should have happened by now."""
        owed = self._owed
        if now_ns < owed.settled_ns:
            return
        within = format_duration(owed.done_within_ns)
        if self._open is not None and now_ns > self._open[0]:
            asked = self._open[1]
            if isinstance(asked, ChangeAsked):
                self.name(now_ns, CHANGE, -1, f"+{asked.add} -{asked.remove} is not answered within {within}")
        if self._handed is not None and now_ns > self._disturbed_ns:
            self.name(now_ns, TRANSFER, self._handed, f"does not lead within {within}")
            self._handed = None
        for process, asked_ns in self._asked_ns.items():
            if self._open is None and now_ns > asked_ns + owed.query_within_ns:
                text = f"process {process} is not answered within {format_duration(owed.query_within_ns)}"
                self.name(now_ns, QUERY, -1, text)
        if self._open is not None:
            self._asked_ns.clear()
        if self._leader is not None and owed.deaf_ns is not None:
            deaf_from_ns, over_ns = owed.deaf_ns
            if self._elected_ns < deaf_from_ns and now_ns > over_ns:
                self.name(now_ns, DEAF, self._leader, "hears nobody, and leads on")

    def report(self) -> dict[str, int]:
        """How much was judged."""
        return dict(self._counts)
