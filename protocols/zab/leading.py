"""The leader: prospective in phases 1 and 2, established, and the primary of its epoch, in phase 3 (DSN 2011, IV).

Law 1: a leader proposes an epoch above all that a quorum has accepted, once in its leadership. Who accepts it accepts
       it of one leader, so that one at most has a quorum's ACK-E: an epoch has one leader.
Law 2: the initial history of an epoch is that of the quorum's member with the highest (f.a, last zxid). Here it is the
       leader's own: a leader that hears of a higher one gives up (Medeiros 2012, 4.2), and the election goes by the
       same order.
Law 3: a primary broadcasts when a quorum has accepted its NEWLEADER, not before; all its initial history is then
       committed.
Law 4: a transaction is committed when a quorum, the leader among them, has it in its history, in the leader's epoch.
Law 5: identities are counted, not messages.

Deviation: a leader that hears of an acceptedEpoch above its own epoch gives up, so that whoever has it can join the
next. In the paper that server waits until the leader fails.
"""

from __future__ import annotations

from simclock.actors import Message
from simclock.protocols.replication import StateMachine, majority, reached_by
from simclock.protocols.zab.following import Following
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
    Ping,
    Pong,
    Propose,
    Role,
    Transaction,
    Zxid,
)
from simclock.protocols.zab.observed import Broadcast, Discovered, Elected, Leader, Synchronizes
from simclock.protocols.zab.settings import ZabSettings
from simclock.protocols.zab.state import Phase

HEARTBEAT = "heartbeat"
"""The timer of leaders."""


class Leading(Following):
    """What a server does as a leader."""

    def __init__(self, settings: ZabSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.epoch: int | None = None
        """Leader: e', its own, once it has chosen one."""
        self.accepted_epochs: dict[int, int] = {}
        """Leader: server -> f.p, as CEPOCH has said, its own among them."""
        self.promises: set[int] = set()
        """Leader: whose ACK-E of its epoch counts, its own among them."""
        self.histories: dict[int, Zxid] = {}
        """Leader: follower -> the last zxid of its history, as ACK-E has said."""
        self.synchronized: set[int] = set()
        """Leader: who has accepted its NEWLEADER, itself among them: proposals go to these."""
        self.acknowledged: dict[int, Zxid] = {}
        """Leader: the same servers -> the last zxid that is durable there; never decreases."""
        self.counter = 0
        """Leader: of the last transaction of its epoch."""
        self.heard: set[int] = set()
        """Leader: which followers it has heard since it looked last."""
        self.sent_again: dict[int, Zxid] = {}
        """Leader: follower that lags -> up to where what it lacks is under way; more follows when that is there."""
        self.old_zxid = ZERO
        """Leader: what it has proposed up to here is older than a heartbeat, and is sent again."""
        self.spoken = 0
        """Leader: how often it has spoken to all."""

    def _stand_down(self) -> None:
        if self.role is Role.LEADING:
            self.cancel_timer(HEARTBEAT)
            self.epoch = None
            self.accepted_epochs.clear()
            self.promises.clear()
            self.histories.clear()
            self.synchronized.clear()
            self.acknowledged.clear()
            self.sent_again.clear()
            self.heard.clear()
            self.waiting.clear()
            self.on_following()
        super()._stand_down()

    # Phase 1, discovery.

    def _lead(self) -> None:
        """A prospective leader waits for a quorum's CEPOCH, its own among them."""
        self.role, self.phase = Role.LEADING, Phase.DISCOVERY
        self.observe(Elected(self.round))
        self.accepted_epochs[self.id] = self.current_term
        self.set_timer(HEARTBEAT, self.settings.heartbeat_ns)
        self._reset_election_timer()
        self._notify_others()
        self._count_accepted_epochs()

    def _on_cepoch(self, source: int, message: CEpoch) -> None:
        """Step l.1.1; in later phases a follower that joins (step l.3.3: "upon receiving a CEPOCH, send NEWEPOCH")."""
        if self.role is not Role.LEADING:
            return
        self.heard.add(source)
        self.accepted_epochs[source] = message.accepted_epoch
        if self.epoch is None:
            self._count_accepted_epochs()
        elif message.accepted_epoch > self.epoch:
            self._look()
        elif message.accepted_epoch == self.epoch or source not in self.promises:  # else it was overtaken by its ACK-E
            self.histories.pop(source, None)
            self.synchronized.discard(source)
            self._reply(source, NewEpoch(self.epoch))

    def _count_accepted_epochs(self) -> None:
        """Step l.1.1: NEWEPOCH(e') to the quorum, e' later than any epoch that it has accepted."""
        if not self._are_quorum(self.accepted_epochs):
            return
        self.epoch = self._next_epoch()
        self._accept_epoch(self.epoch, self.id)
        self._persist()
        self.promises.add(self.id)
        self._reset_election_timer()
        for server in self.accepted_epochs:
            if server != self.id:
                self._reply(server, NewEpoch(self.epoch))
        self._count_promises()

    def _next_epoch(self) -> int:
        """Law 1."""
        return max(self.accepted_epochs.values()) + 1

    def _on_ack_epoch(self, source: int, message: AckEpoch) -> None:
        """Step l.1.2, by what the implementation tells of histories."""
        if not self._is_to_epoch(source, message.epoch):
            return
        if self._is_ahead(message):
            self._look()
            return
        is_told_again = self.histories.get(source) == message.last_zxid
        self.histories[source] = message.last_zxid
        if message.counts:
            self.promises.add(source)
        if self.phase is Phase.DISCOVERY:
            self._count_promises()
        elif source not in self.synchronized and not is_told_again:
            self._synchronize(source)

    def _is_to_epoch(self, source: int, epoch: int) -> bool:
        """Whether an answer is to this leadership's epoch. What answers is there."""
        to_this = self.role is Role.LEADING and epoch == self.epoch
        if to_this:
            self.heard.add(source)
        return to_this

    def _is_ahead(self, message: AckEpoch) -> bool:
        """Law 2."""
        return (message.current_epoch, message.last_zxid) > (self.journal.current_epoch, self.journal.last_zxid)

    def _count_promises(self) -> None:
        """Step l.1.2 and l.2.1: a quorum has accepted the epoch, and none of it is ahead."""
        if not self._are_quorum(self.promises):
            return
        assert self.epoch is not None, "promises are of an epoch"
        self.phase = Phase.SYNCHRONIZATION
        self.observe(Discovered(self.epoch))
        self._enter_epoch(self.epoch)
        self._persist()
        self._reset_election_timer()
        self.synchronized.add(self.id)
        self.acknowledged[self.id] = self.journal.last_zxid
        for server in self.settings.servers:
            if server in self.histories:
                self._synchronize(server)
        self._count_synchronized()

    # Phase 2, synchronization.

    def _synchronize(self, server: int) -> None:
        """Step l.2.1, and l.3.4 for who joins later: NEWLEADER with the history, or what of it is not there."""
        message = self._new_leader(self.histories[server])
        self.observe(Synchronizes(server, message.sync))
        self._reply(server, message)

    def _new_leader(self, last: Zxid) -> NewLeader:
        """Medeiros 2012, 4.2: DIFF where the follower's last transaction is here; TRUNC where its history goes on
        otherwise; SNAP where a snapshot has taken the place of what it lacks.

        The last that is not above the follower's is in its history too. If the same primary has broadcast both, law 3
        of followers says so. If the follower's is of an epoch of which this leader has none, that epoch was
        established, so every later leader has its initial history, with which it begins at the follower as well.
        """
        assert self.epoch is not None, "who synchronizes has an epoch"
        journal = self.journal
        index = journal.index_up_to(last)
        if index is None:
            snapshot = journal.snapshot
            return NewLeader(self.epoch, "SNAP", snapshot.zxid, snapshot, journal.after(snapshot.index))
        after = journal.zxid_at(index)
        return NewLeader(self.epoch, "DIFF" if after == last else "TRUNC", after, None, journal.after(index))

    def _on_ack_ld(self, source: int, message: AckLd) -> None:
        """Steps l.2.2, and l.3.4: who has accepted the NEWLEADER gets proposals from now on."""
        if not self._is_to_epoch(source, message.epoch) or self.phase is Phase.DISCOVERY:
            return
        self.synchronized.add(source)
        self._note_acknowledged(source, message.last_zxid)
        if self.phase is Phase.SYNCHRONIZATION:
            self._count_synchronized()
        else:
            assert self.epoch is not None, "it leads"
            self._reply(source, CommitLd(self.epoch, self._committed_for(source)))
            self._send_missing(source)
            self._commit()

    def _committed_for(self, source: int) -> Zxid:
        """What COMMIT-LD says: the latest that is committed, whatever the follower has."""
        return self._committed_zxid()

    def _count_synchronized(self) -> None:
        """Law 3."""
        if not self._are_quorum(self.synchronized):
            return
        assert self.epoch is not None, "it has synchronized others"
        self.phase, self.leader_id = Phase.BROADCAST, self.id
        self.counter = 0
        self.old_zxid = self.journal.last_zxid
        self._reset_election_timer()
        self.observe(Leader(self.epoch, self.journal.last_index))
        if self.journal.last_index > self.commit_index:
            self._set_commit_index(self.journal.last_index)
        self._send_synchronized(CommitLd(self.epoch, self._committed_zxid()))
        if self.leads:
            self.on_leading()

    # Phase 3, broadcast.

    def propose(self, command: bytes) -> int | None:
        """See `Engine`. The index is the position in the history; in an epoch no counter is used twice.

        A leader whose counter has no next gives up: the next epoch begins with 1 again (ZOOKEEPER-1277).
        """
        if not self.leads:
            return None
        if self.counter >= self.settings.counter_max:
            self._look()
            return None
        transaction = Transaction(self._next_zxid(), command)
        index = self.journal.last_index + 1
        self._taken(index)
        self._broadcast(index, transaction)
        return index

    def _next_zxid(self) -> Zxid:
        assert self.epoch is not None, "it leads"
        self.counter += 1
        return Zxid(self.epoch, self.counter)

    def _broadcast(self, index: int, transaction: Transaction) -> None:
        """Step l.3.1: propose to all that have acknowledged the epoch, in the order of the zxids."""
        assert self.epoch is not None, "it leads"
        after, zxid = self.journal.last_zxid, transaction.zxid
        self.observe(Broadcast(index, zxid.epoch, zxid.counter, transaction.command))
        self._log((transaction,))
        self._persist()
        self._send_synchronized(Propose(self.epoch, after, (transaction,)))
        self.acknowledged[self.id] = zxid
        self._commit()

    def _send_synchronized(self, message: Message) -> None:
        for server in self.settings.servers:
            if server in self.synchronized and server != self.id:
                self._reply(server, message)

    def _on_ack(self, source: int, message: Ack) -> None:
        if self._is_to_epoch(source, message.epoch):
            self._note_acknowledged(source, message.last_zxid)
            if self.leads and self.sent_again.get(source) == message.last_zxid:
                self._send_missing(source)
            self._commit()

    def _note_acknowledged(self, source: int, zxid: Zxid) -> None:
        self.acknowledged[source] = max(zxid, self.acknowledged.get(source, ZERO))

    def _commit(self) -> None:
        """Step l.3.2 and law 4: what a quorum has acknowledged is committed, and all before it."""
        if not self.leads:
            return
        zxid = self._reached()
        if zxid.epoch != self.epoch or zxid <= self._committed_zxid():
            return
        index = self.journal.index_up_to(zxid)
        assert index is not None, "it is above what is committed"
        self._set_commit_index(index)
        if self.leads:
            self._send_synchronized(Commit(self.epoch, self._committed_zxid()))

    def _reached(self) -> Zxid:
        """The last zxid that a quorum has acknowledged."""
        servers = self.settings.servers
        return reached_by(majority(len(servers)), [self.acknowledged.get(server, ZERO) for server in servers])

    def _committed_zxid(self) -> Zxid:
        return self.journal.zxid_at(self.commit_index)

    # Heartbeats.

    def _on_heartbeat_timeout(self) -> None:
        """To each follower what it has not answered, or a ping."""
        self.set_timer(HEARTBEAT, self.settings.heartbeat_ns)
        if self.epoch is None:
            return
        for server in self.accepted_epochs:
            if server in self.synchronized or server == self.id:
                continue
            if server not in self.histories:
                self._reply(server, NewEpoch(self.epoch))
            elif self.phase is not Phase.DISCOVERY:
                self._synchronize(server)
        if self.leads:
            self._ping()
            self.old_zxid = self.journal.last_zxid

    def _ping(self) -> None:
        assert self.epoch is not None, "it leads"
        self.spoken += 1
        self._send_synchronized(Ping(self.epoch, self._committed_zxid(), self.spoken))

    def _on_pong(self, source: int, message: Pong) -> None:
        if not self._is_to_epoch(source, message.epoch):
            return
        self._note_acknowledged(source, message.last_zxid)
        if message.last_zxid < self.old_zxid and self.leads:
            self._send_missing(source)
        self._commit()

    def _send_missing(self, server: int) -> None:
        """Some of what follows the last transaction that a follower has acknowledged."""
        assert self.epoch is not None, "it leads"
        last = self.acknowledged[server]
        index = self.journal.index_up_to(last)
        if index is None:
            self._synchronize_again(server)
        elif index < self.journal.last_index:
            transactions = self.journal.after(index, self.settings.transactions_per_message_max)
            self.sent_again[server] = transactions[-1].zxid
            self._reply(server, Propose(self.epoch, last, transactions))

    def _synchronize_again(self, server: int) -> None:
        """A snapshot has taken the place of what the follower lacks."""
        self.histories[server] = self.acknowledged[server]
        self._synchronize(server)

    def _on_election_timeout(self) -> None:
        """It leads on if it is established and has heard a quorum since it looked last."""
        if self.role is not Role.LEADING:
            super()._on_election_timeout()
        elif self.phase is Phase.BROADCAST and self._are_quorum(self.heard | {self.id}):
            self.heard.clear()
            self._reset_election_timer()
        else:
            self._look()
