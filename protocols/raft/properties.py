"""What must hold of Raft, judged from observations alone: Figure 3, and the bookkeeping that keeps it true.

The properties of Figure 3 end the run when they break, as does the last one of all:

    Election Safety        at most one leader can be elected in a given term (5.2)
    Leader Append-Only     a leader never overwrites or deletes entries in its log; it only appends new entries (5.3)
    Log Matching           if two logs contain an entry with the same index and term, then the logs are identical in
                           all entries up through the given index (5.3)
    Leader Completeness    if a log entry is committed in a given term, then that entry will be present in the logs of
                           the leaders for all higher-numbered terms (5.4)
    State Machine Safety   if a server has applied a log entry at a given index to its state machine, no other server
                           will ever apply a different log entry for the same index (5.4.3)

The others are told and the run goes on, so that it shows what they lead to:

    Vote Once              a server votes for one candidate in a term (5.2)
    Term Monotone          a server's term never decreases, in its elections and votes (5.1)
    Durable State          what was synced is there after a restart: log, term and vote (Figure 2)
    Commit Monotone        commitIndex increases (Figure 2)
    Commit Within Log      commitIndex <= last log index, and nothing beyond is applied
    Commit After Leader    a follower commits only what a leader has committed
    Committed On Majority  what a leader commits is in the durable logs of a majority, and stays there (5.3)
    Committed Stays        no server deletes a committed entry that it has
    Applied In Order       lastApplied increases by one and is <= commitIndex (Figure 2)
    matchIndex Monotone    while a server leads (Figure 2)
    nextIndex Above Match  matchIndex < nextIndex
    matchIndex Is Stored   a follower has had in its durable log what the leader counts it for (5.3)
    Snapshot Is Committed  what a snapshot replaces was committed, and applied where it was taken (dissertation 5)
    Snapshots Agree        all snapshots of one index are of one state

State Machine Safety, Commit Monotone and Applied In Order are any engine's: protocols/replication judges them.

A log here is what the server has said to be durable. *Sometimes* properties, the counts in `report()`, show that a
run was not vacuous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock import Told
from simclock.protocols.raft.configuration import Configuration
from simclock.protocols.raft.observed import (
    Appended,
    Candidate,
    Configured,
    Follower,
    Installed,
    Leader,
    Progressed,
    QuorumLost,
    Snapshotted,
    Started,
    TransferEnded,
    TransferStarted,
    Truncated,
    Voted,
)
from simclock.protocols.replication.observed import CommitIndex
from simclock.protocols.replication.properties import Record, Replica, ReplicationProperties

_COUNTED: dict[type[Told], str] = {
    QuorumLost: "quorums_lost",
    TransferStarted: "transfers",
    TransferEnded: "transfers_given_up",
}
"""What is only counted, and the name it has in the report."""


class _Entry(Record):
    """An entry that was ever stored: one object, however many logs have it.

    A run without snapshots keeps every entry, and this is most of what its judge keeps: so logs hold references to it,
    and it has no key beside its place.
    """

    __slots__ = ("holders", "other", "term_before")

    def __init__(self, term: int, command: bytes, term_before: int, other: _Entry | None) -> None:
        super().__init__(term, command)
        self.term_before = term_before
        """The term of the entry before it, where it was first stored."""
        self.holders = 0
        """The members that ever had the entry of this index and term in their durable logs, as bits."""
        self.other = other
        """One of another term at the same index."""


class _Server(Replica):
    """What a server has told so far."""

    def __init__(self, member: int, configuration: Configuration) -> None:
        super().__init__()
        self.member = member
        self.configuration = configuration
        """The latest in its log."""
        self.log: list[_Entry] = []
        """All of it: also what a snapshot has replaced."""
        self.term = 0
        self.votes: dict[int, int] = {}
        """Term -> candidate."""
        self.leads: int | None = None
        """The term in which it is leader now."""
        self.match_index: dict[int, int] = {}
        """While it leads: member -> matchIndex."""

    def term_at(self, index: int) -> int | None:
        if index == 0:
            return 0
        return self.log[index - 1].term if index <= len(self.log) else None


class RaftProperties(ReplicationProperties):
    """Reads the observations of one cluster: of its nodes `servers`, of which `first` are its first members."""

    def __init__(self, servers: tuple[int, ...], first: tuple[int, ...] | None = None) -> None:
        self._first = Configuration(tuple(sorted(servers if first is None else first)))
        self._servers = {server: _Server(server, self._first) for server in servers}
        super().__init__(self._servers)
        self._leaders: dict[int, int] = {}
        """Term -> the leader elected in it."""
        self._stored: list[_Entry | None] = []
        """At index - 1: the latest of the entries ever stored there; it leads to those of other terms."""
        self._committed: list[_Entry] = []
        """What leaders have committed."""
        self._committed_in: dict[int, int] = {}
        """Term -> the highest index that its leader has committed."""
        self._leader_last: int | None = None
        self._states: dict[int, bytes] = {}
        """Index -> the digest of the first snapshot of it."""
        self._gone: set[int] = set()
        """Members that have lost their disks."""
        self._installed: dict[int, int] = {}
        """Member -> the index of the latest snapshot it has installed: what that replaced, it has as good as stored."""

    def _reactions(self) -> dict[type[Told], Callable[[int, Any], None]]:
        return {
            Started: self._on_started,
            Candidate: self._on_candidate,
            Voted: self._on_voted,
            Leader: self._on_leader,
            Follower: self._on_follower,
            Truncated: self._on_truncated,
            Appended: self._on_appended,
            Progressed: self._on_progress,
            Configured: self._on_configured,
            Snapshotted: self._on_snapshotted,
            Installed: self._on_installed,
            **dict.fromkeys(_COUNTED, self._count),
        }

    def report(self) -> dict[str, int]:
        """How often what happened: a run without elections or commits proves nothing."""
        names = ("elections", "leaders", "leader_changes", "restarts", "truncations", "votes")
        return {name: self._counts[name] for name in names} | {
            "committed": len(self._committed),
            "applied": len(self._applied),
            "term": max((server.term for server in self._servers.values()), default=0),
            **{name: self._counts[name] for name in ("snapshots", "installs", "configurations", "new_members")},
            **{name: self._counts[name] for name in _COUNTED.values()},
            **super().report(),
        }

    def _count(self, node: int, told: Told) -> None:
        self._counts[_COUNTED[type(told)]] += 1

    # Terms and elections.

    def _on_started(self, node: int, told: Started) -> None:
        term, voted_for, last_index = told.current_term, told.voted_for, told.last_index
        server = self._servers[node]
        member = node if told.member is None else told.member
        if member != server.member:
            self._counts["new_members"] += 1
            self._gone.add(server.member)
            server.__init__(member, self._first)  # type: ignore[misc] # another one, on the same node
        if last_index != len(server.log):
            self._tell("Durable State", node, f"{len(server.log)} entries were durable, {last_index} are there")
        if term < server.term or (term == server.term and voted_for != server.votes.get(term)):
            vote = server.votes.get(server.term)
            self._tell(
                "Durable State", node, f"voted for {vote} in term {server.term}, restarts with {voted_for} in {term}"
            )
        if server.term or server.log:
            self._counts["restarts"] += 1
        del server.log[last_index:]
        server.term = term
        server.leads, server.match_index = None, {}
        server.configuration = self._first
        self._started(node, told.snapshot_index)

    def _on_configured(self, node: int, told: Configured) -> None:
        server = self._servers[node]
        before = server.configuration
        server.configuration = Configuration(told.voters, told.outgoing, told.learners)
        self._counts["configurations"] += server.leads is not None
        for member in set(server.configuration.members) - set(before.members):
            server.match_index.pop(member, None)  # who comes anew is nobody that was known

    def _on_candidate(self, node: int, told: Candidate) -> None:
        self._counts["elections"] += 1
        self._on_term(node, told.term)

    def _on_term(self, node: int, term: int) -> None:
        server = self._servers[node]
        if term < server.term:
            self._tell("Term Monotone", node, f"acts in term {term} after term {server.term}")
        server.term = term

    def _on_voted(self, node: int, told: Voted) -> None:
        term, candidate = told.term, told.candidate
        self._counts["votes"] += 1
        self._on_term(node, term)
        before = self._servers[node].votes.setdefault(term, candidate)
        if before != candidate:
            self._tell("Vote Once", node, f"votes in term {term} for {before} and for {candidate}")

    def _on_leader(self, node: int, told: Leader) -> None:
        term = told.term
        self._on_term(node, term)
        self._counts["leaders"] += 1
        self._counts["leader_changes"] += self._leader_last not in (None, node)
        self._leader_last = node
        server = self._servers[node]
        server.leads, server.match_index = term, {}
        before = self._leaders.setdefault(term, node)
        if before != node:
            self._broken("Election Safety", node, f"leader of term {term}, as is node {before}")
        index = max((index for earlier, index in self._committed_in.items() if earlier < term), default=0)
        self._check_completeness(node, term, index)

    def _check_completeness(self, node: int, term: int, index: int) -> None:
        """Whether the leader of a term has everything that was committed in earlier ones, up to `index`."""
        log = self._servers[node].log
        if log[:index] == self._committed[:index]:
            return
        lost = next(i for i in range(index) if i >= len(log) or log[i] != self._committed[i])
        has = f"has {log[lost]}" if lost < len(log) else f"ends at index {len(log)}"
        detail = f"leads term {term}; entry {lost + 1} was committed as {self._committed[lost]}, its log {has}"
        self._broken("Leader Completeness", node, detail)

    def _on_follower(self, node: int, told: Follower) -> None:
        server = self._servers[node]
        server.leads, server.match_index = None, {}

    # Logs.

    def _on_truncated(self, node: int, told: Truncated) -> None:
        server, kept_index = self._servers[node], told.kept_index
        self._counts["truncations"] += 1
        if server.leads is not None:
            self._broken("Leader Append-Only", node, f"leads term {server.leads} and deletes after {kept_index}")
        lost = [
            index
            for index in range(kept_index, min(len(server.log), len(self._committed)))
            if server.log[index] == self._committed[index]
        ]
        del server.log[kept_index:]
        if lost:
            self._tell("Committed Stays", node, f"deletes entry {lost[0] + 1}, which is committed")
            self._check_majority(node, lost[0] + 1)

    def _on_appended(self, node: int, told: Appended) -> None:
        index, entries = told.kept_index, told.entries
        server = self._servers[node]
        if index < len(server.log) and server.leads is not None:
            self._broken("Leader Append-Only", node, f"leads term {server.leads} and overwrites entry {index + 1}")
        del server.log[index:]
        term_before = server.term_at(index)
        for term, command in entries:
            index += 1
            known = self._known(index, term)
            if known is None:
                known = self._store(index, _Entry(term, command, term_before or 0, None))
            known.holders |= 1 << server.member
            entry = known
            if known.term_before != term_before or known.command != command:
                elsewhere = (known.term_before, known.command)
                detail = f"entry {index} of term {term} is {command!r} after term {term_before}, elsewhere {elsewhere}"
                self._broken("Log Matching", node, detail)
                entry = _Entry(term, command, term_before or 0, None)
            server.log.append(entry)
            term_before = term

    def _known(self, index: int, term: int) -> _Entry | None:
        """The entry of that index and term, if any server ever stored it."""
        entry = self._stored[index - 1] if 0 < index <= len(self._stored) else None
        while entry is not None and entry.term != term:
            entry = entry.other
        return entry

    def _store(self, index: int, entry: _Entry) -> _Entry:
        """No server had an entry of that index and term before."""
        self._stored += [None] * (index - len(self._stored))
        entry.other = self._stored[index - 1]
        self._stored[index - 1] = entry
        return entry

    def _check_majority(self, node: int, index: int) -> None:
        """Whether the committed entry at an index is in the logs of a majority, in the configuration of that node.

        Who has lost its disk is as one that has crashed for good: what it had, it has said nothing else of since.
        """
        entry, known = self._committed[index - 1], self._servers[node].configuration
        holders = {
            server.member
            for server in self._servers.values()
            if index <= len(server.log) and server.log[index - 1] == entry
        }
        holders |= {
            member for member in self._gone if entry.holders >> member & 1 or index <= self._installed.get(member, 0)
        }
        if not known.is_quorum(holders):
            voters = {*known.voters, *known.outgoing}
            detail = f"entry {index}, committed, is in {len(holders & voters)} of {len(voters)} durable logs"
            self._tell("Committed On Majority", node, detail)

    # Snapshots.

    def _on_snapshotted(self, node: int, told: Snapshotted) -> None:
        self._counts["snapshots"] += 1
        index, applied = told.last_included_index, self._servers[node].last_applied
        if index > applied:
            self._tell("Snapshot Is Committed", node, f"a snapshot of entry {index}, and applied are {applied}")
        self._check_state(node, index, told.digest)

    def _on_installed(self, node: int, told: Installed) -> None:
        """The log up to there is what was committed; what came after it stays or goes."""
        self._counts["installs"] += 1
        server, index = self._servers[node], told.last_included_index
        term = self._committed[index - 1].term if index <= len(self._committed) else None
        if term != told.last_included_term:
            detail = f"installs a snapshot of entry {index} of term {told.last_included_term}, committed is {term}"
            self._broken("Snapshot Is Committed", node, detail)
            return
        if index < server.commit_index:
            self._tell("Commit Monotone", node, f"commitIndex {server.commit_index} becomes {index} by a snapshot")
        lost = [
            at
            for at in range(told.last_index, min(len(server.log), len(self._committed)))
            if server.log[at] == self._committed[at]
        ]
        if lost:
            self._tell("Committed Stays", node, f"a snapshot deletes entry {lost[0] + 1}, which is committed")
        server.log[:index] = self._committed[:index]
        del server.log[told.last_index :]
        if index < len(server.log) and server.log[index].term_before != term:
            before = server.log[index].term_before
            detail = f"entry {index + 1} stays after a snapshot of term {term}, and stood after term {before}"
            self._broken("Log Matching", node, detail)
        self._installed[server.member] = index
        server.commit_index = server.last_applied = index
        self._check_state(node, index, told.digest)

    def _check_state(self, node: int, index: int, digest: bytes) -> None:
        before = self._states.setdefault(index, digest)
        if before != digest:
            detail = f"state {digest.hex()} as of entry {index}, elsewhere {before.hex()}"
            self._broken("Snapshots Agree", node, detail)

    # What a leader knows, what is committed, what is applied.

    def _on_progress(self, node: int, told: Progressed) -> None:
        follower, match_index, next_index = told.follower, told.match_index, told.next_index
        server = self._servers[node]
        known = server.match_index
        before = known.get(follower, 0)
        if match_index < before:
            self._tell("matchIndex Monotone", node, f"matchIndex of {follower} falls from {before} to {match_index}")
        if next_index <= match_index:
            detail = f"nextIndex of {follower} is {next_index}, matchIndex {match_index}"
            self._tell("nextIndex Above Match", node, detail)
        known[follower] = match_index
        # What the leader has not synced is of its own term.
        term = server.term_at(match_index) if match_index <= len(server.log) else server.leads
        stored = self._known(match_index, term or 0)
        if match_index <= self._installed.get(follower, 0):
            return
        if stored is None or not stored.holders >> follower & 1:
            detail = f"counts member {follower} for entry {match_index} of term {term}, which it never stored"
            self._broken("matchIndex Is Stored", node, detail)

    def _on_commit(self, node: int, told: CommitIndex) -> None:
        server, index = self._servers[node], told.index
        super()._on_commit(node, told)
        if index > len(server.log):
            self._tell("Commit Within Log", node, f"commitIndex {index}, but the log ends at {len(server.log)}")
        if server.leads is None:
            if index > len(self._committed):
                detail = f"commits entry {index}; leaders have committed {len(self._committed)}"
                self._tell("Commit After Leader", node, detail)
            return
        self._committed += server.log[len(self._committed) : index]
        term = server.leads
        self._committed_in[term] = max(index, self._committed_in.get(term, 0))
        if index <= len(self._committed):
            self._check_majority(node, index)
        for later, leader in self._leaders.items():
            if later > term and self._servers[leader].leads == later:
                self._check_completeness(leader, later, min(index, len(self._committed)))

    def _record(self, index: int, term: int, command: bytes) -> Record:
        known = self._known(index, term)
        return known if known is not None and known.command == command else Record(term, command)
