"""What must hold of Multi-Paxos, judged from observations alone.

These end the run when they break:

    Agreement              at most one value is chosen for a slot (PMS 2.1)
    State Machine Safety   no two servers apply different values at one slot (judged by protocols/replication)

The others are told and the run goes on, so that it shows what they lead to:

    Chosen Stays Chosen    what is proposed in a higher ballot than a value was chosen in is that value (PMS 2.2, P2b)
    One Value Per Ballot   for a slot one value is proposed and accepted in a ballot
    Ballots Unique         no two candidacies have one ballot (PMS 2.2)
    Elected By Quorum      who leads, and proposes for a slot, has the promises of a quorum of phase 1 of its members
    Chosen By Quorum       what a leader takes for chosen was accepted by a quorum of phase 2 in its ballot
    Members Agree          no two servers believe in different members of a slot
    Promise Kept           an acceptor's promises increase; it accepts nothing below one, or below what it has accepted
    Durable State          what was synced is there after a restart: promise and accepted values
    Applied Is Chosen      what a server applies was chosen for that slot
    Snapshots Agree        all snapshots of one index are of one state
    Commit Monotone        and Applied In Order: of protocols/replication

A value is chosen, here, when a quorum of phase 2 has told that it accepted it in one ballot; servers tell that when it
is durable. *Sometimes* properties, the counts in `report()`, show that a run was not vacuous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock import Told
from simclock.protocols.multi_paxos.messages import NO_OP
from simclock.protocols.multi_paxos.observed import (
    Candidate,
    Chosen,
    Installed,
    Leader,
    Learned,
    Promised,
    Proposed,
    Reconfigured,
    Snapshotted,
    Started,
    Voted,
)
from simclock.protocols.multi_paxos.quorums import Quorums, quorums_of
from simclock.protocols.replication.observed import Applied
from simclock.protocols.replication.properties import Record, Replica, ReplicationProperties

AGREEMENT = "Agreement"


class _Acceptor(Replica):
    """What a server has told so far; what it has synced outlives a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.promised = 0
        self.accepted: dict[int, int] = {}
        """Slot after its snapshot -> the ballot of what it has there."""
        self.snapshot_index = 0
        self.has_started = False


class _Ballot:
    """What was proposed and accepted for one slot in one ballot."""

    __slots__ = ("is_chosen", "value", "voters")

    def __init__(self, value: Record) -> None:
        self.value = value
        self.voters: tuple[int, ...] = ()
        self.is_chosen = False


class MultiPaxosProperties(ReplicationProperties):
    """Reads the observations of one cluster."""

    def __init__(self, quorums: Quorums, spares: tuple[int, ...] = ()) -> None:
        self._configurations: list[tuple[int, Quorums]] = [(1, quorums)]
        """(first slot, quorums among the members from there on), in order."""
        self._servers = {server: _Acceptor() for server in quorums.servers + spares}
        super().__init__(self._servers)
        self._slots: dict[int, dict[int, _Ballot]] = {}
        """Slot -> ballot -> what happened there."""
        self._chosen: dict[int, tuple[int, Record]] = {}
        """Slot -> the least ballot in which a value is chosen, and the value."""
        self._candidates: dict[int, int] = {}
        """Ballot -> who stood in it."""
        self._promisers: dict[int, set[int]] = {}
        """Ballot -> who has promised it."""
        self._leader_last: int | None = None
        self._states: dict[int, bytes] = {}
        """Index -> the digest of the first snapshot of it."""

    def _reactions(self) -> dict[type[Told], Callable[[int, Any], None]]:
        return {
            Started: self._on_started,
            Promised: self._on_promised,
            Voted: self._on_voted,
            Learned: self._on_learned,
            Candidate: self._on_candidate,
            Leader: self._on_leader,
            Proposed: self._on_proposed,
            Chosen: self._on_chosen,
            Reconfigured: self._on_reconfigured,
            Snapshotted: self._on_snapshotted,
            Installed: self._on_installed,
        }

    def report(self) -> dict[str, int]:
        """How often what happened: a run without elections or chosen values proves nothing."""
        names = ("elections", "leaders", "leader_changes", "restarts", "proposed_again", "gaps_filled", "learned")
        return {name: self._counts[name] for name in names} | {
            "chosen": len(self._chosen),
            "round": max((server.promised for server in self._servers.values()), default=0) // len(self._servers),
            **{name: self._counts[name] for name in ("snapshots", "installs", "reconfigurations")},
            **super().report(),
        }

    # What is durable.

    def _on_started(self, node: int, told: Started) -> None:
        server = self._servers[node]
        accepted = dict(told.accepted)
        if told.promised != server.promised:
            detail = f"promised ballot {server.promised}, restarts with {told.promised}"
            self._tell("Durable State", node, detail)
        if accepted != server.accepted:
            slot = min(slot for slot, _ in server.accepted.items() ^ accepted.items())
            before, now = server.accepted.get(slot), accepted.get(slot)
            self._tell("Durable State", node, f"slot {slot} was accepted in ballot {before}, is there of {now}")
        self._counts["restarts"] += server.has_started
        server.has_started = True
        server.promised, server.accepted, server.snapshot_index = told.promised, accepted, told.snapshot_index
        self._started(node, told.snapshot_index)

    def _on_promised(self, node: int, told: Promised) -> None:
        server = self._servers[node]
        if told.ballot <= server.promised:
            self._tell("Promise Kept", node, f"promises ballot {told.ballot} after {server.promised}")
        server.promised = told.ballot
        self._promisers.setdefault(told.ballot, set()).add(node)

    def _on_voted(self, node: int, told: Voted) -> None:
        server, slot, ballot = self._servers[node], told.slot, told.ballot
        bound = max(server.promised, server.accepted.get(slot, 0))
        if ballot < bound:
            self._tell("Promise Kept", node, f"accepts slot {slot} in ballot {ballot} after ballot {bound}")
        self._store(node, slot, ballot)
        found = self._ballot(node, slot, ballot, Record(told.term, told.command))
        if node in found.voters:
            return
        found.voters += (node,)
        if not found.is_chosen and self._quorums_at(slot).is_phase_two(found.voters):
            found.is_chosen = True
            self._is_now_chosen(node, slot, ballot, found.value)

    def _on_learned(self, node: int, told: Learned) -> None:
        self._counts["learned"] += 1
        self._store(node, told.slot, told.ballot)

    def _store(self, node: int, slot: int, ballot: int) -> None:
        server = self._servers[node]
        if slot > server.snapshot_index:
            server.accepted[slot] = ballot

    # What is chosen.

    def _ballot(self, node: int, slot: int, ballot: int, value: Record) -> _Ballot:
        """What is known of a slot in a ballot, once a value was proposed or accepted there."""
        found = self._slots.setdefault(slot, {}).setdefault(ballot, _Ballot(value))
        if found.value != value:
            detail = f"slot {slot} in ballot {ballot}: {value}, where {found.value} was proposed"
            self._tell("One Value Per Ballot", node, detail)
        return found

    def _is_now_chosen(self, node: int, slot: int, ballot: int, value: Record) -> None:
        first, before = self._chosen.get(slot, (ballot + 1, value))
        if before != value:
            detail = f"slot {slot}: {value} is chosen in ballot {ballot}, where {before} was in ballot {first}"
            self._broken(AGREEMENT, node, detail)
        if ballot < first:
            self._chosen[slot] = ballot, before
            for later, other in self._slots[slot].items():
                self._check_stays(node, slot, later, other.value)

    def _check_stays(self, node: int, slot: int, ballot: int, value: Record) -> None:
        first, chosen = self._chosen.get(slot, (ballot, value))
        if ballot > first and value != chosen:
            detail = f"slot {slot}: {value} is proposed in ballot {ballot}, {chosen} was chosen in ballot {first}"
            self._tell("Chosen Stays Chosen", node, detail)

    def _on_proposed(self, node: int, told: Proposed) -> None:
        value = Record(told.term, told.command)
        self._ballot(node, told.slot, told.ballot, value)
        self._check_stays(node, told.slot, told.ballot, value)
        if len(self._configurations) > 1:
            self._check_promised(node, told.ballot, told.slot)
        if told.term != told.ballot:
            self._counts["proposed_again"] += 1
        elif told.command == NO_OP:
            self._counts["gaps_filled"] += 1

    def _on_chosen(self, node: int, told: Chosen) -> None:
        found = self._slots.get(told.slot, {}).get(told.ballot)
        voters = () if found is None else found.voters
        if not self._quorums_at(told.slot).is_phase_two(voters):
            detail = f"takes slot {told.slot} for chosen in ballot {told.ballot}, accepted by {sorted(voters)}"
            self._tell("Chosen By Quorum", node, detail)

    def _on_applied(self, node: int, told: Applied) -> None:
        super()._on_applied(node, told)
        _, chosen = self._chosen.get(told.log_index, (0, None))
        if chosen is None or chosen.term != told.term or chosen.command != told.command:
            detail = f"applies {(told.term, told.command)} at slot {told.log_index}, chosen is {chosen}"
            self._tell("Applied Is Chosen", node, detail)

    # Who leads.

    def _on_candidate(self, node: int, told: Candidate) -> None:
        self._counts["elections"] += 1
        if told.ballot in self._candidates:
            before = self._candidates[told.ballot]
            self._tell("Ballots Unique", node, f"stands in ballot {told.ballot}, as node {before} has")
        self._candidates[told.ballot] = node

    def _on_leader(self, node: int, told: Leader) -> None:
        self._counts["leaders"] += 1
        self._counts["leader_changes"] += self._leader_last not in (None, node)
        self._leader_last = node
        self._check_promised(node, told.ballot, told.first_slot)

    def _check_promised(self, node: int, ballot: int, slot: int) -> None:
        promised = self._promisers.get(ballot, set())
        if not self._quorums_at(slot).is_phase_one(promised):
            detail = f"leads in ballot {ballot} at slot {slot}, promised by {sorted(promised)}"
            self._tell("Elected By Quorum", node, detail)

    # Members.

    def _quorums_at(self, slot: int) -> Quorums:
        return next(quorums for first, quorums in reversed(self._configurations) if first <= slot)

    def _on_reconfigured(self, node: int, told: Reconfigured) -> None:
        for first, quorums in self._configurations:
            if first == told.first_slot and quorums.servers != told.members:
                self._tell("Members Agree", node, f"{told.members} from slot {first} on, elsewhere {quorums.servers}")
        if told.first_slot > self._configurations[-1][0]:
            self._counts["reconfigurations"] += 1
            _, first_ones = self._configurations[0]
            same = told.members == first_ones.servers
            quorums = first_ones if same else quorums_of(told.members, None, None)
            self._configurations.append((told.first_slot, quorums))

    # Snapshots.

    def _on_snapshotted(self, node: int, told: Snapshotted) -> None:
        self._counts["snapshots"] += 1
        self._has_snapshot(node, told.index, told.digest)

    def _on_installed(self, node: int, told: Installed) -> None:
        self._counts["installs"] += 1
        self._has_snapshot(node, told.index, told.digest)
        self._started(node, told.index)

    def _has_snapshot(self, node: int, index: int, digest: bytes) -> None:
        if self._states.setdefault(index, digest) != digest:
            self._tell("Snapshots Agree", node, f"its state at index {index} is not what another's was")
        server = self._servers[node]
        server.snapshot_index = index
        server.accepted = {slot: ballot for slot, ballot in server.accepted.items() if slot > index}
