"""The rows about TrueTime and its transactions: TimeSources, leaders and clients with one wrong line each.

TT-01 is of the list of documented bugs; PAPER-TT-.. is a rule of that section of Spanner's paper left out.
"""

from __future__ import annotations

from typing import Any

from simclock.clocks import TrueTime
from simclock.experiments.catalog.true_time.scenario import NoCommitWait
from simclock.experiments.checkers.external_consistency import EXTERNAL_CONSISTENCY, REPEATABLE, TIMESTAMP_ORDER
from simclock.experiments.entries.bug import Bug
from simclock.protocols.clock_synchronization.messages import TimeReply
from simclock.protocols.true_time import Leader, TimeSource, TransactionClient
from simclock.protocols.true_time.messages import Commit, Decision, PreparedRecord
from simclock.protocols.true_time.properties import COMMIT_WAIT, CONTAINS_NOW, MONOTONE, START

SCENARIO = "truetime-hunt"
SPANNER = "Corbett et al. 2012"


class TrustsReading(TimeSource):
    """A lying epsilon: half of the round trip is not counted, as if the master had answered in the middle of it."""

    def error_ns(self, round_trip_ns: int) -> int:
        return super().error_ns(0)


class NeverGrows(TimeSource):
    """A lying epsilon: what the clock may have drifted since the last synchronization is not counted."""

    def now(self, wall_ns: int, monotonic_ns: int) -> TrueTime | None:
        return super().now(wall_ns, self.synchronized_ns)


class TakesAnyReading(Leader):
    """A late answer is taken for the answer to the poll that is timed."""

    def _is_awaited(self, message: TimeReply) -> bool:
        return True


class ForgetsTimestamps(Leader):
    """What was assigned, and read at, lives in memory only."""

    def _assign(self, timestamp: int) -> None:
        self.last_timestamp = timestamp


class CommitsAtEarliest(Leader):
    """The Start rule left out: the timestamp may have passed before the commit message came."""

    def _commit_timestamp(self, arrived: TrueTime, votes: dict[int, int]) -> int:
        return max(arrived.earliest_ns, self.last_timestamp + 1, *votes.values())


class ReleasesBeforeWait(Leader):
    """Locks are released when the timestamp is assigned, and the data is there for who reads with locks."""

    def _wait_out(self, transaction: int) -> None:
        decided = self.decided.get(transaction)
        if decided is not None:
            self.versions.write(decided.timestamp, decided.commit.writes)
            self._release(transaction)
        super()._wait_out(transaction)


class TellsDuringWait(Leader):
    """A participant that asks hears of the commit while the coordinator still waits."""

    def _on_ask(self, participant: int, transaction: int) -> None:
        if transaction in self.decided:
            self.send(participant, Decision(transaction, self.decided[transaction].timestamp))
        else:
            super()._on_ask(participant, transaction)


class IgnoresPrepared(Leader):
    """A read is answered though a prepared transaction may yet commit below it."""

    def _is_resolved(self, timestamp: int) -> bool:
        return all(timestamp < decided.timestamp for decided in self.decided.values())


class IgnoresWaiting(Leader):
    """A read is answered though a commit below it is being waited out."""

    def _is_resolved(self, timestamp: int) -> bool:
        return all(timestamp < record.timestamp for record in self.prepared.values())


class PromisesNothing(Leader):
    """A read at a timestamp does not keep later commits above it."""

    def _promise(self, timestamp: int) -> None:
        pass


class CommitsBelowPrepare(Leader):
    """The prepare timestamps of the participants are not counted."""

    def _commit_timestamp(self, arrived: TrueTime, votes: dict[int, int]) -> int:
        return max(arrived.latest_ns, self.last_timestamp + 1)


class PreparesInMemory(Leader):
    """A participant promises before its prepare record is durable."""

    def _log(self, record: Any) -> None:
        if isinstance(record, PreparedRecord):
            self.disk.append("log", record)
        else:
            super()._log(record)


class CommitsWithoutLocks(Leader):
    """Whether the locks of what was read are still held is not looked at."""

    def _still_reads(self, message: Commit) -> bool:
        return True


class ReadsAtEarliest(TransactionClient):
    """A read-only transaction reads at TT.now().earliest: what has just been committed may be above it."""

    def _read_timestamp(self, now: TrueTime) -> int:
        return now.earliest_ns


def _bug(id: str, name: str, parts: dict[str, type], property: str, source: str) -> Bug:
    judged = property in (EXTERNAL_CONSISTENCY, TIMESTAMP_ORDER, REPEATABLE)
    return Bug(id=id, name=name, parts=parts, property=property, source=source, scenario=SCENARIO, judged=judged)


BUGS = (
    _bug("TT-01", "no-commit-wait", {"leader": NoCommitWait}, EXTERNAL_CONSISTENCY, f"{SPANNER} 4.1.2"),
    _bug("PAPER-TT-3", "epsilon-without-round-trip", {"time": TrustsReading}, CONTAINS_NOW, f"{SPANNER} 3"),
    _bug("PAPER-TT-3b", "epsilon-never-grows", {"time": NeverGrows}, CONTAINS_NOW, f"{SPANNER} 3"),
    _bug("PAPER-TT-3c", "any-reading-taken", {"leader": TakesAnyReading}, CONTAINS_NOW, f"{SPANNER} 3"),
    _bug("PAPER-TT-4.1.1", "timestamps-forgotten", {"leader": ForgetsTimestamps}, MONOTONE, f"{SPANNER} 4.1.1"),
    _bug("PAPER-TT-4.1.2", "commit-at-earliest", {"leader": CommitsAtEarliest}, START, f"{SPANNER} 4.1.2"),
    _bug(
        "PAPER-TT-4.1.2b", "locks-released-before-wait", {"leader": ReleasesBeforeWait}, COMMIT_WAIT, f"{SPANNER} 4.2.1"
    ),
    _bug("PAPER-TT-4.1.2c", "told-during-wait", {"leader": TellsDuringWait}, COMMIT_WAIT, f"{SPANNER} 4.1.2"),
    _bug("PAPER-TT-4.1.3", "read-ignores-prepared", {"leader": IgnoresPrepared}, TIMESTAMP_ORDER, f"{SPANNER} 4.1.3"),
    _bug(
        "PAPER-TT-4.1.3b", "read-ignores-commit-wait", {"leader": IgnoresWaiting}, TIMESTAMP_ORDER, f"{SPANNER} 4.1.3"
    ),
    _bug("PAPER-TT-4.1.3c", "read-promises-nothing", {"leader": PromisesNothing}, TIMESTAMP_ORDER, f"{SPANNER} 4.2.4"),
    _bug(
        "PAPER-TT-4.2.1", "commit-below-prepare", {"leader": CommitsBelowPrepare}, TIMESTAMP_ORDER, f"{SPANNER} 4.2.1"
    ),
    _bug("PAPER-TT-4.2.1b", "promise-not-durable", {"leader": PreparesInMemory}, TIMESTAMP_ORDER, f"{SPANNER} 4.2.1"),
    _bug("PAPER-TT-4.2.1c", "lost-locks-ignored", {"leader": CommitsWithoutLocks}, TIMESTAMP_ORDER, f"{SPANNER} 4.2.1"),
    _bug("PAPER-TT-4.2.2", "read-at-earliest", {"client": ReadsAtEarliest}, EXTERNAL_CONSISTENCY, f"{SPANNER} 4.2.2"),
)
