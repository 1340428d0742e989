"""Whether servers tell in full what Raft's properties rest on: a step that is not told would hide what it breaks.

    Elected By Majority    a leader has the votes of a majority of the servers in its term (5.2)
    Told In Full           who leads has told that it stood for election, and who does not, that it follows; a commit
                           rests on acknowledgements that were told; what is committed is applied; a log is told without
                           a gap; and a server tells that it has started before anything else

Both are named once, and the run goes on.
"""

from __future__ import annotations

from simclock import Control, Observation, Observer, Told, reader
from simclock.protocols.raft.configuration import Configuration
from simclock.protocols.raft.observed import (
    Appended,
    Candidate,
    Configured,
    Follower,
    Installed,
    Leader,
    Progressed,
    Started,
    Truncated,
    Voted,
)
from simclock.protocols.replication.observed import Applied, CommitIndex

ELECTED = "Elected By Majority"
IN_FULL = "Told In Full"

_read = reader(
    Started,
    Candidate,
    Voted,
    Leader,
    Follower,
    Truncated,
    Appended,
    Progressed,
    Configured,
    Installed,
    CommitIndex,
    Applied,
)


class _Witness:
    """What one server has told since it started."""

    def __init__(self, member: int, configuration: Configuration) -> None:
        self.member = member
        self.configuration = configuration
        self.has_started = False
        self.stood: int | None = None
        """The term in which it stood for election, until it follows or leads."""
        self.leads: int | None = None
        self.last_index = 0
        """Of its durable log; it outlives a crash."""
        self.match_index: dict[int, int] = {}
        self.commit_index = 0
        self.last_applied = 0


class RaftTestimony(Observer):
    """Reads the observations of one cluster, beside `RaftProperties`, and is told the same of it."""

    def __init__(self, servers: tuple[int, ...], first: tuple[int, ...] | None = None) -> None:
        self._first = Configuration(tuple(sorted(servers if first is None else first)))
        self._servers = {server: _Witness(server, self._first) for server in servers}
        self._votes: dict[tuple[int, int], set[int]] = {}
        """(term, candidate) -> the members that voted for it."""
        self._named: set[str] = set()
        self._control = Control(1)

    def on_observation(self, observation: Observation, control: Control) -> None:
        told = _read(observation)
        witness = self._servers.get(observation.node)
        if told is None or witness is None:
            return
        self._control = control
        if not witness.has_started and not isinstance(told, Started):
            self._untold(observation.node, f"tells {observation.name}", "that it has started")
        self._react(observation.node, witness, told)

    def _react(self, node: int, witness: _Witness, told: Told) -> None:
        match told:
            case Started(last_index=last_index, snapshot_index=snapshot_index, member=member):
                self._servers[node] = fresh = _Witness(node if member is None else member, self._first)
                fresh.has_started, fresh.last_index = True, last_index
                fresh.commit_index = fresh.last_applied = snapshot_index
            case Configured(voters=voters, outgoing=outgoing):
                witness.configuration = Configuration(voters, outgoing)
            case Installed(last_included_index=index, last_index=last_index):
                witness.last_index = last_index
                witness.commit_index = witness.last_applied = index
            case Candidate(term):
                self._acts(node, witness, term)
                witness.stood = term
            case Voted(term, candidate):
                self._on_voted(node, witness, term, candidate)
            case Leader(term):
                self._on_leader(node, witness, term)
            case Follower():
                witness.leads = witness.stood = None
            case Truncated(kept_index):
                witness.last_index = kept_index
            case Appended(kept_index, entries):
                self._on_appended(node, witness, kept_index, len(entries))
            case Progressed(follower, match_index):
                witness.match_index[follower] = match_index
            case CommitIndex(index):
                self._on_commit(node, witness, index)
            case Applied(log_index):
                witness.last_applied = log_index

    def _name(self, property: str, node: int, detail: str) -> None:
        if property not in self._named:
            self._named.add(property)
            self._control.violated(property, node, detail, stop=False)

    def _untold(self, node: int, seen: str, missing: str) -> None:
        self._name(IN_FULL, node, f"{seen}, and has not told {missing}")

    def _acts(self, node: int, witness: _Witness, term: int) -> None:
        if witness.leads is not None and term > witness.leads:
            self._untold(node, f"acts in term {term}", f"that it follows after it led term {witness.leads}")
            witness.leads = None

    def _on_voted(self, node: int, witness: _Witness, term: int, candidate: int) -> None:
        self._acts(node, witness, term)
        if witness.stood is not None and candidate != witness.member:
            self._untold(node, f"votes for member {candidate}", f"that it follows after it stood in {witness.stood}")
        self._votes.setdefault((term, candidate), set()).add(witness.member)

    def _on_leader(self, node: int, witness: _Witness, term: int) -> None:
        if witness.stood != term:
            self._untold(node, f"leads term {term}", "that it stood for election in it")
        votes = self._votes.get((term, witness.member), set())
        if not witness.configuration.is_quorum(votes):
            voters = {*witness.configuration.voters, *witness.configuration.outgoing}
            self._name(ELECTED, node, f"leads term {term} by {len(votes & voters)} of {len(voters)} votes")
        witness.leads, witness.stood, witness.match_index = term, None, {}

    def _on_appended(self, node: int, witness: _Witness, kept_index: int, entries: int) -> None:
        if kept_index != witness.last_index:
            seen = f"appends after entry {kept_index}"
            self._untold(node, seen, f"what came between that and entry {witness.last_index}")
        witness.last_index = kept_index + entries

    def _on_commit(self, node: int, witness: _Witness, index: int) -> None:
        if witness.last_applied < witness.commit_index:
            self._untold(node, f"commits entry {index}", f"that it applied entry {witness.last_applied + 1}")
        if witness.leads is not None:
            known = {member for member, match_index in witness.match_index.items() if match_index >= index}
            if not witness.configuration.is_quorum(known | {witness.member}):
                self._untold(node, f"commits entry {index}", f"of more than {len(known) + 1} servers that they have it")
        witness.commit_index = index
