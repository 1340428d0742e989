"""ZAB servers with one wrong line: what a leader proposes, counts and sends, and who is elected."""

from __future__ import annotations

from simclock.protocols.replication import ClientQuery
from simclock.protocols.zab import (
    Ack,
    AckEpoch,
    Phase,
    Ping,
    Pong,
    Role,
    Vote,
    ZabServer,
    Zxid,
)


class CounterRollsOver(ZabServer):
    """ZAB-08: after the last counter of an epoch comes the first of the next, which nobody has agreed on."""

    def propose(self, command: bytes) -> int | None:
        if self.leads and self.counter >= self.settings.counter_max:
            self.counter = 0
            self.rolled += 1
        return super().propose(command)

    rolled = 0

    def _next_zxid(self) -> Zxid:
        zxid = super()._next_zxid()
        return Zxid(zxid.epoch + self.rolled, zxid.counter)

    def _stand_down(self) -> None:
        self.rolled = 0
        super()._stand_down()


class CommitsAcknowledged(ZabServer):
    """ZAB-10: COMMIT-LD carries the zxid of the ACK-LD, not that of the latest that is committed."""

    def _committed_for(self, source: int) -> Zxid:
        return self.acknowledged[source]


class VotesInACircle(ZabServer):
    """ZAB-11: a vote is better by its epoch or by its zxid, so that of two each may be better than the other."""

    def _better(self, vote: Vote, other: Vote) -> Vote:
        if other.epoch > vote.epoch or other.zxid > vote.zxid:
            return other
        return other if other.zxid == vote.zxid and other.leader > vote.leader else vote


class VotesById(ZabServer):
    """Votes are compared by id alone: whoever is elected may be behind, give up, and be elected again."""

    def _better(self, vote: Vote, other: Vote) -> Vote:
        return other if other.leader > vote.leader else vote


class LeadsThoughBehind(ZabServer):
    """Step l.1.2 left out: a leader takes its own history for the initial one, whoever is ahead of it."""

    def _is_ahead(self, message: AckEpoch) -> bool:
        return False

    def _better(self, vote: Vote, other: Vote) -> Vote:
        return other if other.leader > vote.leader else vote


class TakesAnyAckEpoch(ZabServer):
    """Step l.1.2: answers that accept nothing count as well."""

    def _on_ack_epoch(self, source: int, message: AckEpoch) -> None:
        super()._on_ack_epoch(source, AckEpoch(message.epoch, message.current_epoch, message.last_zxid, True))


class ProposesNextEpoch(ZabServer):
    """Step l.1.1: the epoch after its own, whatever the others have accepted, and whether or not it accepts it."""

    def _next_epoch(self) -> int:
        return self.journal.current_epoch + 1

    def _accept_epoch(self, epoch: int, leader: int) -> None:
        if epoch > self.current_term:
            super()._accept_epoch(epoch, leader)


class LeadsBeforeAcknowledged(ZabServer):
    """Step l.2.2 left out: it broadcasts as soon as it has sent NEWLEADER."""

    def _count_synchronized(self) -> None:
        self.synchronized |= set(self.histories)
        super()._count_synchronized()


class CommitsWithOneLess(ZabServer):
    """Step l.3.2: one server less than a quorum is enough."""

    def _reached(self) -> Zxid:
        acknowledged = sorted(self.acknowledged.values(), reverse=True)
        return acknowledged[max(0, len(self.settings.servers) // 2 - 1)]


class CountsMessages(ZabServer):
    """Step l.3.2: acknowledgements are counted, not servers."""

    def _on_ack(self, source: int, message: Ack) -> None:
        if self._is_to_epoch(source, message.epoch) and self.acknowledged.get(source) == message.last_zxid:
            others = [each for each in self.settings.servers if each not in self.acknowledged]
            source = others[0] if others else source
        super()._on_ack(source, message)


class CountsOldAnswers(ZabServer):
    """Step l.1.2: what answers another epoch, of another leadership, counts."""

    def _is_to_epoch(self, source: int, epoch: int) -> bool:
        return self.role is Role.LEADING and self.epoch is not None


class KeepsCounting(ZabServer):
    """The counter of a server that has led before goes on from there."""

    def _count_synchronized(self) -> None:
        counter = self.counter
        super()._count_synchronized()
        if self.leads:
            self.counter = counter


class NeverSendsAgain(ZabServer):
    """A proposal that got lost is not sent again: nothing after it fits."""

    def _send_missing(self, server: int) -> None:
        pass


class ReadsAnywhere(ZabServer):
    """A query is answered at once by whichever server gets it, from what it has delivered, as ZooKeeper's reads are."""

    def _on_client_query(self, source: int, message: ClientQuery) -> None:
        if self.phase is Phase.BROADCAST:
            self._answer_query(source, message)
        else:
            super()._on_client_query(source, message)


class AnswersOldPings(ZabServer):
    """A follower answers a ping of the leader that it had, whichever it follows now."""

    def _on_ping(self, source: int, message: Ping) -> None:
        if message.epoch < self.current_term:
            self._reply(source, Pong(message.epoch, self.journal.last_zxid, message.round))
        else:
            super()._on_ping(source, message)
