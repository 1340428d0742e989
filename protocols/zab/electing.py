"""Fast leader election (phase 0): who looks for a leader votes, adopts better votes, and counts equal ones.

After Medeiros 2012, section 4.1, and ZooKeeper's FastLeaderElection.

Law 1: votes are compared by the epoch of the candidate's history, then by its last zxid, then by its id: a total order,
       in which whoever is voted for by all has the longest history among them.
Law 2: identities are counted, not messages.
Law 3: votes of one round are counted together. Who hears of a later round joins it, with its own vote or the better.
Law 4: who has a quorum for its vote waits for a better one before it decides, unless nobody is left to have one.
Law 5: a server joins a leader that others follow already if a quorum says so, the leader among them.

Elections decide nothing for good: phases 1 and 2 are safe whomever servers elect (DSN 2011, section IV).

Deviation: messages get lost here. A vote is sent again every heartbeat, and who is not looking answers with its own.
"""

from __future__ import annotations

from collections.abc import Collection

from simclock.protocols.replication import StateMachine, majority
from simclock.protocols.zab.messages import Notification, Role, Vote
from simclock.protocols.zab.observed import Looking, Voted
from simclock.protocols.zab.settings import ZabSettings
from simclock.protocols.zab.state import ELECTION, Phase, ServerState

NOTIFY = "notify"
"""The timer at which a vote is sent again."""
FINALIZE = "finalize"
"""The timer of law 4."""


class Electing(ServerState):
    """What a server does about leaders."""

    def __init__(self, settings: ZabSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.round = 0
        """Of the latest election that it took part in, by its own count: not durable."""
        self.vote: Vote
        """The best it has heard of; of who looks no more what it has decided by."""
        self.votes: dict[int, Vote] = {}
        """Looking: server -> its vote in this round, its own among them."""
        self.settled: dict[int, Notification] = {}
        """Looking: server -> what it said of a leader that it has."""

    # For the other roles.

    def _stand_down(self) -> None:
        """It follows and leads no more (`leading.py`, `following.py`)."""

    def _follow(self, leader: int) -> None:
        raise NotImplementedError("the follower's")

    def _lead(self) -> None:
        raise NotImplementedError("the leader's")

    # An election.

    def _look(self) -> None:
        """Begin an election: a new round, and a vote for itself."""
        self._stand_down()
        self.role, self.phase, self.leader_id = Role.LOOKING, Phase.ELECTION, None
        self.round += 1
        self.votes.clear()
        self.settled.clear()
        self.cancel_timer(ELECTION)
        self.observe(Looking(self.round))
        self._cast(self._own_vote())

    def _own_vote(self) -> Vote:
        return Vote(self.journal.current_epoch, self.journal.last_zxid, self.id)

    def _cast(self, vote: Vote) -> None:
        """Vote, and tell all."""
        self.vote = self.votes[self.id] = vote
        self.observe(Voted(self.round, vote.epoch, (vote.zxid.epoch, vote.zxid.counter), vote.leader))
        self._notify_others()
        self._count_votes()

    def _notify_others(self) -> None:
        if self.role is Role.LOOKING:
            self.set_timer(NOTIFY, self._notify_ns())
        self._send_others(self._notification())

    def _notify_ns(self) -> int:
        return self.settings.heartbeat_ns

    def _notification(self) -> Notification:
        return Notification(self.vote, self.round, self.role)

    def _on_notification(self, source: int, message: Notification) -> None:
        if self.role is not Role.LOOKING:
            if message.role is Role.LOOKING:
                self._reply(source, self._notification())
        elif message.role is Role.LOOKING:
            self._on_vote(source, message)
        else:
            self._on_settled(source, message)

    def _on_vote(self, source: int, message: Notification) -> None:
        """Law 3."""
        if message.round < self.round:
            self._reply(source, self._notification())
            return
        if message.round > self.round:
            self.round = message.round
            self.votes = {source: message.vote}
            self._cast(self._better(self._own_vote(), message.vote))
            return
        self.votes[source] = message.vote
        better = self._better(self.vote, message.vote)
        if better != self.vote:
            self._cast(better)
        else:
            self._count_votes()

    def _better(self, vote: Vote, other: Vote) -> Vote:
        """Law 1."""
        return max(vote, other)

    def _count_votes(self) -> None:
        """Law 4."""
        supporters = self._supporters()
        if len(supporters) == len(self.settings.servers):
            self._decide()
        elif not self._are_quorum(supporters):
            self.cancel_timer(FINALIZE)
        else:
            self.set_timer(FINALIZE, self.settings.finalize_ns)

    def _supporters(self) -> set[int]:
        """Law 2."""
        return {server for server, vote in self.votes.items() if vote == self.vote}

    def _are_quorum(self, servers: Collection[int]) -> bool:
        return len(servers) >= majority(len(self.settings.servers))

    def _on_finalize(self) -> None:
        if self._are_quorum(self._supporters()):
            self._decide()

    def _on_settled(self, source: int, message: Notification) -> None:
        """Law 5."""
        self.settled[source] = message
        leader = message.vote.leader
        followers = {server for server, said in self.settled.items() if said.vote.leader == leader}
        its_own = self.settled.get(leader)
        if its_own is not None and its_own.role is Role.LEADING and self._are_quorum(followers):
            self.round, self.vote = its_own.round, its_own.vote
            self._decide()

    def _decide(self) -> None:
        self.cancel_timer(NOTIFY)
        self.cancel_timer(FINALIZE)
        if self.vote.leader == self.id:
            self._lead()
        else:
            self._follow(self.vote.leader)
