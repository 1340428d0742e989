"""The follower: phases 1 to 3 as DSN 2011, section IV, gives them for followers.

Law 1: a follower answers to the leader that it has elected, and to nobody else.
Law 2: it accepts a NEWEPOCH above its acceptedEpoch only; a NEWLEADER and what follows of its acceptedEpoch only. So
       from its ACK-E until a NEWLEADER of that epoch its history stays what it has told.
Law 3: once it has accepted the NEWLEADER of an epoch, its history is a beginning of its leader's, and only grows in
       that epoch. So an ack of a zxid is an ack of all before it.
Law 4: it commits what its leader has committed, as far as it has it.

Deviation: the paper's channels are reliable and in order while a connection lasts. Here messages get lost, are doubled
and overtake each other. A proposal names the transaction that goes before it, and is taken where that is the last here;
a follower asks again, by CEPOCH, until its leader has answered, and from then on the leader sends again.
"""

from __future__ import annotations

from simclock.protocols.replication import StateMachine
from simclock.protocols.zab.electing import Electing
from simclock.protocols.zab.messages import (
    ZERO,
    Ack,
    AckEpoch,
    AckLd,
    CEpoch,
    Commit,
    CommitLd,
    NewEpoch,
    NewLeader,
    Notification,
    Ping,
    Pong,
    Propose,
    Role,
    Zxid,
)
from simclock.protocols.zab.observed import Chooses, Follower
from simclock.protocols.zab.settings import ZabSettings
from simclock.protocols.zab.state import Phase

CONNECT = "connect"
"""The timer at which a CEPOCH is sent again."""


class Following(Electing):
    """What a server does as a follower."""

    def __init__(self, settings: ZabSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.acknowledged_epoch: int | None = None
        """Follower: the epoch that it has accepted of this leader, since it follows it."""
        self.committed = ZERO
        """Follower: all up to here is committed, as its leader has said in this epoch."""

    def _stand_down(self) -> None:
        if self.role is Role.FOLLOWING:
            self.cancel_timer(CONNECT)
        super()._stand_down()

    # Phase 1, discovery.

    def _follow(self, leader: int) -> None:
        """Step f.1.1: CEPOCH(f.p) to the leader."""
        self.role, self.phase, self.leader_id = Role.FOLLOWING, Phase.DISCOVERY, leader
        self.acknowledged_epoch = None
        self.committed = ZERO
        self.observe(Chooses(leader, self.round))
        self._reset_election_timer()
        self._connect()

    def _connect(self) -> None:
        assert self.leader_id is not None, "a follower has a leader"
        self.set_timer(CONNECT, self.settings.heartbeat_ns)
        self._reply(self.leader_id, CEpoch(self.current_term))

    def _on_notification(self, source: int, message: Notification) -> None:
        """A leader that says it is one hears at once who follows it."""
        super()._on_notification(source, message)
        follows = self.role is Role.FOLLOWING and source == self.leader_id and self.acknowledged_epoch is None
        if follows and message.role is Role.LEADING:
            self._connect()

    def _is_of_leader(self, source: int) -> bool:
        """Law 1."""
        return self.role is Role.FOLLOWING and source == self.leader_id

    def _on_new_epoch(self, source: int, message: NewEpoch) -> None:
        """Step f.1.2: if e' > f.p, f.p := e', and ACK-E(f.a, hf).

        An epoch that equals f.p may have been accepted of another leader: then the answer does not count. (Of the
        implementation: it lets a follower join an epoch again.)
        """
        if not self._is_of_leader(source):
            return
        if message.epoch < self.current_term:
            if self.phase is Phase.DISCOVERY and self.acknowledged_epoch is None:
                self._look()
            return
        self.cancel_timer(CONNECT)
        self._reset_election_timer()
        if message.epoch > self.current_term:
            self.phase = Phase.DISCOVERY
            self._accept_epoch(message.epoch, source)
            self.acknowledged_epoch = message.epoch
        counts = self.acknowledged_epoch == message.epoch
        journal = self.journal
        self._reply(source, AckEpoch(message.epoch, journal.current_epoch, journal.last_zxid, counts))

    # Phase 2, synchronization.

    def _on_new_leader(self, source: int, message: NewLeader) -> None:
        """Step f.2.1: if f.p = e', accept the initial history and f.a := e', durably; then ACK-LD."""
        if not self._is_of_leader(source) or message.epoch != self.current_term:
            return
        self.cancel_timer(CONNECT)
        self._reset_election_timer()
        if message.epoch > self.journal.current_epoch:
            self._accept_history(message)
        elif self._is_behind(message):
            self._extend_history(message)
        if self.phase is Phase.DISCOVERY:
            self.phase = Phase.SYNCHRONIZATION
        self._acknowledge_leader(source, message)
        self._follow_commits()

    def _acknowledge_leader(self, source: int, message: NewLeader) -> None:
        self._reply(source, AckLd(message.epoch, self.journal.last_zxid))

    def _accept_history(self, message: NewLeader) -> None:
        """Law 2 of `state.py`: the history before the epoch."""
        self._take_history(message)
        self._enter_epoch(message.epoch)

    def _take_history(self, message: NewLeader) -> None:
        """Law 2: the leader's message fits what it was told."""
        if message.snapshot is not None:
            self._replace_history(message.snapshot, message.transactions)
            return
        index = self.journal.index_up_to(message.after)
        assert index is not None, "what the snapshot has replaced is committed, so the leader has it"
        self._truncate(index)
        self._log(message.transactions)

    def _is_behind(self, message: NewLeader) -> bool:
        """Law 3: a NEWLEADER of the epoch that it is in may be old: it takes what it lacks, and cuts nothing off."""
        return bool(message.transactions) and message.transactions[-1].zxid > self.journal.last_zxid

    def _extend_history(self, message: NewLeader) -> None:
        last = self.journal.last_zxid
        if message.after > last:
            assert message.snapshot is not None, "a leader begins after what the follower has told"
            self._replace_history(message.snapshot, message.transactions)
        else:
            self._log(each for each in message.transactions if each.zxid > last)

    def _on_commit_ld(self, source: int, message: CommitLd) -> None:
        """Step f.2.2: the epoch is established: deliver the initial history."""
        if self._is_in_epoch(source, message.epoch):
            self._hear_committed(message.committed)

    # Phase 3, broadcast.

    def _is_in_epoch(self, source: int, epoch: int) -> bool:
        """Law 2, for all that follows a NEWLEADER: this follower has accepted it, and has since been with this leader.

        What comes of a leader is a sign that it is there.
        """
        within = (
            self._is_of_leader(source)
            and epoch == self.current_term == self.journal.current_epoch
            and self.phase >= Phase.SYNCHRONIZATION
        )
        if within:
            self._reset_election_timer()
        return within

    def _on_propose(self, source: int, message: Propose) -> None:
        """Step f.3.2: append to the history in order, and acknowledge."""
        if not self._is_in_epoch(source, message.epoch):
            return
        if self._fits(message):
            last = self.journal.last_zxid
            self._log(each for each in message.transactions if each.zxid > last)
        self._acknowledge(source, message)
        self._follow_commits()

    def _acknowledge(self, source: int, message: Propose) -> None:
        """Also what it had, which the leader may not know."""
        self._reply(source, Ack(message.epoch, self.journal.last_zxid))

    def _fits(self, message: Propose) -> bool:
        """Law 3: what goes before it is here."""
        return message.after <= self.journal.last_zxid

    def _on_commit(self, source: int, message: Commit) -> None:
        """Step f.3.3: deliver what the leader has committed."""
        if self._is_in_epoch(source, message.epoch):
            self._hear_committed(message.committed)

    def _on_ping(self, source: int, message: Ping) -> None:
        if self._is_in_epoch(source, message.epoch):
            self._hear_committed(message.committed)
            self._reply(source, Pong(message.epoch, self.journal.last_zxid, message.round))

    def _hear_committed(self, committed: Zxid) -> None:
        """A leader that commits is established."""
        if self.phase is not Phase.BROADCAST:
            self.phase = Phase.BROADCAST
            assert self.leader_id is not None, "a follower has a leader"
            self.observe(Follower(self.current_term, self.leader_id))
        self.committed = max(self.committed, committed)
        self._follow_commits()

    def _follow_commits(self) -> None:
        """Law 4."""
        index = self.journal.index_up_to(self.committed)
        if index is not None and index > self.commit_index:
            self._set_commit_index(index)

    def _on_election_timeout(self) -> None:
        """It has heard nothing of its leader."""
        self._look()
