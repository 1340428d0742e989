"""Multi-Paxos servers with one wrong line: what an acceptor promises, accepts and keeps."""

from __future__ import annotations

from simclock.actors import Message
from simclock.protocols.multi_paxos import (
    Accept,
    Accepted,
    MultiPaxosServer,
    Prepare,
    Promise,
    PValue,
)
from simclock.protocols.multi_paxos.journal import Journal, erase


class ForgetsPromise(MultiPaxosServer):
    """PAXOS-01: a promise lives in memory only."""

    def _write_promise(self, ballot: int) -> None:
        self.journal.promised = ballot


class ForgetsVotes(MultiPaxosServer):
    """PAXOS-01, of accepted values: they live in memory only, but for those that are chosen."""

    def _write_value(self, pvalue: PValue) -> None:
        self.journal.accepted[pvalue.slot] = pvalue

    def _set_commit_index(self, index: int) -> None:
        for slot in range(self.commit_index + 1, index + 1):
            super()._write_value(self.journal.accepted[slot])
        super()._set_commit_index(index)


class PrunesChosen(MultiPaxosServer):
    """PAXOS-01, "pruned after commit": a promise is silent about slots that a snapshot has replaced."""

    def _first_slot(self) -> int:
        return 1


class AnswersBeforeSync(MultiPaxosServer):
    """PAXOS-01, the other form: promises and votes are sent before they are durable (PMS 2.5)."""

    def _reply(self, target: int, message: Message) -> None:
        if isinstance(message, Promise | Accepted):
            self.send(target, message)
        else:
            super()._reply(target, message)


class AcceptsAnything(MultiPaxosServer):
    """PAXOS-04: an acceptor accepts a ballot below the one it has promised."""

    def _may_accept(self, message: Accept) -> bool:
        return super()._may_accept(message) or True


class DoesNotRaisePromise(MultiPaxosServer):
    """PAXOS-05: an acceptor that accepts a ballot it had not promised leaves its promise as it is."""

    def _may_accept(self, message: Accept) -> bool:
        if message.ballot > self.current_term:
            self._stand_back(message.ballot)
        return message.ballot >= self.current_term


class PromisesAnything(MultiPaxosServer):
    """Phase 1b left out: an acceptor answers any prepare request, whatever it has promised."""

    def _may_promise(self, message: Prepare) -> bool:
        return super()._may_promise(message) or True


class ComesBackEmpty(MultiPaxosServer):
    """PAXOS-10: a server whose disk has failed goes on at once with an empty one, under its old number."""

    def _on_corrupt_journal(self) -> None:
        erase(self.disk)
        self.disk.sync()
        self.journal = Journal(self.disk)


class IgnoresFullDisk(MultiPaxosServer):
    """DISK-03: the error of a write is swallowed, and what was to be written is kept in memory alone."""

    def _on_disk_full(self) -> None:
        pass
