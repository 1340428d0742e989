"""ZAB servers with one wrong line: what a follower accepts, acknowledges and keeps."""

from __future__ import annotations

from simclock.actors import Message
from simclock.protocols.zab import (
    Ack,
    AckEpoch,
    AckLd,
    NewEpoch,
    NewLeader,
    Propose,
    Role,
    Snapshot,
    Transaction,
    ZabServer,
    Zxid,
)
from simclock.protocols.zab.journal import erase


class RetainsDatabase(ZabServer):
    """ZAB-01: a server that loses its leader, or its quorum, delivers all that is in its history."""

    def _look(self) -> None:
        if self.role is not Role.LOOKING and self.journal.last_index > self.commit_index:
            self._set_commit_index(self.journal.last_index)
        super()._look()


class EntersEpochLater(ZabServer):
    """ZAB-02: the history is written, currentEpoch later; at a start a history of a later epoch is refused."""

    taken_epoch = 0

    def on_start(self) -> None:
        super().on_start()
        if self.journal.last_zxid.epoch > self.journal.current_epoch:
            self.halt("the history is later than currentEpoch")

    def _accept_history(self, message: NewLeader) -> None:
        if self.taken_epoch == message.epoch:
            self._enter_epoch(message.epoch)
            return
        self.taken_epoch = message.epoch
        self._take_history(message)
        self._persist()

    def _acknowledge_leader(self, source: int, message: NewLeader) -> None:
        if self.journal.current_epoch == message.epoch:
            super()._acknowledge_leader(source, message)


class EntersEpochFirst(ZabServer):
    """ZAB-04: currentEpoch is durable first, the history only when the NEWLEADER comes again, and is acknowledged."""

    taken_epoch = 0

    def _accept_history(self, message: NewLeader) -> None:
        self._enter_epoch(message.epoch)
        self._persist()
        self._take_history(message)

    def _acknowledge_leader(self, source: int, message: NewLeader) -> None:
        if self.taken_epoch == message.epoch:
            super()._acknowledge_leader(source, message)
        self.taken_epoch = message.epoch


class AcknowledgesLeaderBeforeHistory(ZabServer):
    """ZOOKEEPER-4646: currentEpoch is durable and ACK-LD sent, the history is written by who logs proposals."""

    def _accept_history(self, message: NewLeader) -> None:
        self._enter_epoch(message.epoch)
        self._persist()
        self._take_history(message)

    def _acknowledge_leader(self, source: int, message: NewLeader) -> None:
        self.send(source, AckLd(message.epoch, self.journal.last_zxid))


class AcknowledgesLeaderBeforeSync(ZabServer):
    """ZOOKEEPER-3911 and 3023: ACK-LD is sent before what came with the NEWLEADER is durable."""

    def _acknowledge_leader(self, source: int, message: NewLeader) -> None:
        self.send(source, AckLd(message.epoch, self.journal.last_zxid))


class SnapshotsInMemory(ZabServer):
    """ZAB-05: what SNAP brings is taken in memory, and never written."""

    def _replace_history(self, snapshot: Snapshot, transactions: tuple[Transaction, ...]) -> None:
        self._persist()
        self.journal.snapshot, self.journal.transactions = snapshot, list(transactions)
        self._has_replaced_history()


class TellsAnotherCounter(ZabServer):
    """ZAB-07: the zxid that a follower tells its leader has the counter of something else."""

    def _reply(self, target: int, message: Message) -> None:
        if isinstance(message, AckEpoch):
            last = Zxid(message.last_zxid.epoch, min(1, message.last_zxid.counter))
            message = AckEpoch(message.epoch, message.current_epoch, last, message.counts)
        super()._reply(target, message)


class CommitsNext(ZabServer):
    """Step f.3.3: a COMMIT commits the next proposal that waits, whichever it names."""

    def _hear_committed(self, committed: Zxid) -> None:
        super()._hear_committed(committed)
        if self.commit_index < self.journal.last_index:
            self._set_commit_index(self.commit_index + 1)


class AcceptsEpochOfAnother(ZabServer):
    """Step f.1.2, "e' > f.p": the epoch that was accepted of one leader is accepted of another, too."""

    def _on_new_epoch(self, source: int, message: NewEpoch) -> None:
        if self._is_of_leader(source) and message.epoch == self.current_term:
            self.acknowledged_epoch = message.epoch
        super()._on_new_epoch(source, message)


class ForgetsAcceptedEpoch(ZabServer):
    """Step f.1.2: acceptedEpoch lives in memory only."""

    def _write_accepted_epoch(self, epoch: int) -> None:
        self.journal.accepted_epoch = epoch


class AcknowledgesEpochBeforeSync(ZabServer):
    """Step f.1.2: ACK-E is sent before acceptedEpoch is durable."""

    def _reply(self, target: int, message: Message) -> None:
        if isinstance(message, AckEpoch):
            self.send(target, message)
        else:
            super()._reply(target, message)


class TakesOldNewLeader(ZabServer):
    """Law 3 of followers left out: a NEWLEADER of the epoch that it is in is taken like the first."""

    def _is_behind(self, message: NewLeader) -> bool:
        return True

    def _extend_history(self, message: NewLeader) -> None:
        self._take_history(message)


class TakesProposalsOfAnyone(ZabServer):
    """Law 1 of followers left out: whoever proposes in its epoch or a later one is taken for its leader."""

    def _is_in_epoch(self, source: int, epoch: int) -> bool:
        return self.role is Role.FOLLOWING and epoch >= self.journal.current_epoch


class TakesGaps(ZabServer):
    """Step f.3.2, "in order", left out: a proposal is taken whatever goes before it."""

    def _fits(self, message: Propose) -> bool:
        return True


class AcknowledgesBeforeSync(ZabServer):
    """Step f.3.2: a proposal is acknowledged before it is durable."""

    def _acknowledge(self, source: int, message: Propose) -> None:
        self.send(source, Ack(message.epoch, self.journal.last_zxid))


class CommitsAllItHas(ZabServer):
    """Step f.3.3: a COMMIT commits all that is in the history."""

    def _hear_committed(self, committed: Zxid) -> None:
        super()._hear_committed(max(committed, self.journal.last_zxid))


class ComesBackEmpty(ZabServer):
    """A server whose disk has failed goes on at once with an empty one, under its old number."""

    def _on_corrupt_journal(self) -> None:
        erase(self.disk)


class IgnoresFullDisk(ZabServer):
    """DISK-03: a write that was refused is taken for one that was done."""

    def _on_disk_full(self) -> None:
        pass


class NeverLooksAgain(ZabServer):
    """A follower stays with its leader, whether it hears of it or not."""

    def _on_election_timeout(self) -> None:
        if self.role is Role.FOLLOWING:
            self._reset_election_timer()
        else:
            super()._on_election_timeout()
