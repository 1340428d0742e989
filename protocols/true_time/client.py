"""A client: it reads, buffers its writes, drives two-phase commit, and reads at timestamps; it records what it heard.

Law: one transaction at a time. An aborted one is tried again as a new transaction with the age of the first try
(4.2.1, wound-wait), so that it becomes the oldest in the end.
"""

from __future__ import annotations

from typing import Any

from simclock import ms
from simclock.clocks import TrueTime
from simclock.protocols.true_time.messages import (
    Commit,
    Outcome,
    Read,
    ReadAt,
    ReadAtReply,
    ReadReply,
    Release,
    Version,
    Wounded,
    Write,
)
from simclock.protocols.true_time.observed import Aborted, Asked, Begun, Saw, Succeeded, Unknown
from simclock.protocols.true_time.settings import TransactionSettings
from simclock.protocols.true_time.time_source import TimedNode, TimeSource
from simclock.protocols.true_time.workload import READ, SNAPSHOT, WRITE, Attempt, TransactionWorkload

TRANSACTIONS_MAX = 1 << 24
"""Of one incarnation: what is numbered from 0 in the next begins there."""


UNSYNCHRONIZED_NS_MIN = ms(1)
"""The mean time after which who knows no time looks again is at least this."""


class TransactionClient(TimedNode):
    """One client with one transaction open at a time."""

    def __init__(
        self,
        settings: TransactionSettings,
        workload: TransactionWorkload,
        time: TimeSource,
        masters: tuple[int, ...],
        near: int,
    ) -> None:
        super().__init__(time, masters)
        self.settings = settings
        self.workload = workload
        self.near = near
        """The shard of its own region."""
        self.begun = 0
        self.attempt: Attempt | None = None
        self.snapshot: tuple[int, dict[int, tuple[int, ...]]] | None = None
        """A timestamp of the past and what was read there, to be read again."""

    def on_start(self) -> None:
        super().on_start()
        self._think()

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "begin":
                self._begin()
            case ("again", int(age)):
                self._write(age)
            case "retry":
                self._ask_again()
            case "give up":
                self._give_up()
            case _:
                super().on_timer(timer)

    def on_message(self, source: int, message: Any) -> None:
        attempt = self.attempt
        match message:
            case ReadReply(transaction, incarnation, versions):
                if self._is_reading(source, transaction):
                    self._saw(source, incarnation, versions)
            case ReadAtReply(transaction, versions):
                if self._is_reading(source, transaction):
                    self._saw(source, None, versions)
            case Wounded(transaction):
                if attempt is not None and attempt.transaction == transaction and attempt.coordinator is None:
                    self._release()
                    self._aborted()
            case Outcome(transaction, timestamp):
                if attempt is not None and attempt.transaction == transaction:
                    self._decided(timestamp)
            case _:
                super().on_message(source, message)

    # Beginning.

    def _think(self) -> None:
        self.set_timer("begin", self.random.exponential_ns(self.workload.pause_ns))

    def _wait_for_time(self) -> None:
        """Who knows no time begins nothing. Time has to pass until it looks again, however short its thinking is."""
        self.set_timer("begin", self.random.exponential_ns(max(self.workload.pause_ns, UNSYNCHRONIZED_NS_MIN)))

    def _begin(self) -> None:
        if self.random.randrange(100) < self.workload.write_percent:
            self._write(None)
        elif self.random.randrange(2):
            self._read_now()
        else:
            self._read_past()

    def _number(self) -> int:
        """A number that no other transaction of any client has, nor any before a crash; above 0."""
        self.begun += 1
        return (self.incarnation * TRANSACTIONS_MAX + self.begun) * self.nodes + self.id

    def _keys(self) -> list[int]:
        """What a transaction touches: different keys, of the own shard or of any."""
        workload, shards = self.workload, len(self.settings.leaders)
        keys = list(range(workload.keys))
        if self.random.randrange(100) < workload.near_percent:
            keys = keys[self.near :: shards] or keys
        count = min(len(keys), 1 + self.random.randrange(workload.keys_max))
        return sorted(keys.pop(self.random.randrange(len(keys))) for _ in range(count))

    def _by_leader(self, keys: list[int]) -> dict[int, tuple[int, ...]]:
        leaders = dict.fromkeys(self.settings.leader_of(key) for key in keys)
        return {leader: tuple(key for key in keys if self.settings.leader_of(key) == leader) for leader in leaders}

    def _write(self, age: int | None) -> None:
        """A read-write transaction; with an age it is the next try of one that was aborted."""
        now = self.tt_now()
        if now is None:
            self._wait_for_time()
            return
        transaction = self._number()
        keys = self._keys()
        roles = [self.random.randrange(3) for _ in keys]  # 0 reads, 1 writes, 2 does both
        roles[0] = max(1, roles[0])
        reads = [key for key, role in zip(keys, roles, strict=True) if role != 1]
        writes = {
            leader: tuple(Write(key, transaction) for key in mine)
            for leader, mine in self._by_leader([key for key, role in zip(keys, roles, strict=True) if role]).items()
        }
        first = now.latest_ns if age is None else age
        self._open(Attempt(transaction, WRITE, first, self._by_leader(reads), writes))

    def _read_now(self) -> None:
        """A read-only transaction, at TT.now().latest (4.2.2)."""
        now = self.tt_now()
        if now is None:
            self._wait_for_time()
            return
        timestamp = self._read_timestamp(now)
        self._open(Attempt(self._number(), READ, timestamp, self._by_leader(self._keys()), timestamp=timestamp))

    def _read_timestamp(self, now: TrueTime) -> int:
        return now.latest_ns

    def _read_past(self) -> None:
        """A snapshot read at a timestamp of the past, every other time the one of the last time again."""
        now = self.tt_now()
        if now is None:
            self._wait_for_time()
            return
        if self.snapshot is None or self.random.randrange(2):
            back_ns = self.random.uniform_ns(0, self.workload.past_ns_max)
            self.snapshot = (max(0, now.earliest_ns - back_ns), self._by_leader(self._keys()))
        timestamp, reads = self.snapshot
        self._open(Attempt(self._number(), SNAPSHOT, timestamp, reads, timestamp=timestamp))

    def _open(self, attempt: Attempt) -> None:
        assert self.attempt is None, "one transaction at a time"
        self.attempt = attempt
        self.observe(Begun(attempt.transaction, attempt.kind, attempt.timestamp))
        self.set_timer("give up", self.workload.give_up_ns)
        if attempt.reads:
            self._ask_again()
        else:
            self._ask_for_commit()

    # Under way.

    def _is_reading(self, leader: int, transaction: int) -> bool:
        attempt = self.attempt
        return (
            attempt is not None
            and attempt.transaction == transaction
            and attempt.coordinator is None
            and leader not in attempt.seen
        )

    def _saw(self, leader: int, incarnation: int | None, versions: tuple[Version, ...]) -> None:
        attempt = self.attempt
        assert attempt is not None, "only an open transaction reads"
        attempt.seen[leader] = (incarnation, versions)
        self.observe(Saw(attempt.transaction, tuple((each.key, each.timestamp, each.value) for each in versions)))
        if len(attempt.seen) < len(attempt.reads):
            return
        if attempt.kind == WRITE:
            self._ask_for_commit()
        else:
            self._finish(Succeeded(attempt.transaction, attempt.kind, attempt.timestamp, attempt.versions(), ()))
            self._think()

    def _ask_for_commit(self) -> None:
        """4.2.1: choose a coordinator, and send a commit message to each participant."""
        attempt = self.attempt
        assert attempt is not None, "only an open transaction commits"
        attempt.coordinator = self.random.choice(attempt.participants)
        self.observe(Asked(attempt.transaction, attempt.written()))
        self._ask_again()

    def _ask_again(self) -> None:
        attempt = self.attempt
        assert attempt is not None, "the timer ends with the transaction"
        self.set_timer("retry", self.workload.retry_ns)
        if attempt.coordinator is not None:
            for leader in attempt.participants:
                self.send(leader, self._commit_message(attempt, leader))
            return
        for leader, keys in attempt.reads.items():
            if leader in attempt.seen and attempt.kind != WRITE:
                continue
            if attempt.kind == WRITE:  # also where it has read: that keeps its locks (4.2.1, keepalive)
                self.send(leader, Read(attempt.transaction, attempt.age, keys))
            else:
                self.send(leader, ReadAt(attempt.transaction, attempt.timestamp, keys))

    def _commit_message(self, attempt: Attempt, leader: int) -> Commit:
        assert attempt.coordinator is not None, "it has been chosen"
        return Commit(
            attempt.transaction,
            attempt.age,
            attempt.coordinator,
            attempt.participants,
            attempt.seen[leader][0] if leader in attempt.seen else None,
            attempt.reads.get(leader, ()),
            attempt.writes.get(leader, ()),
        )

    # How transactions end.

    def _decided(self, timestamp: int | None) -> None:
        attempt = self.attempt
        assert attempt is not None, "only an open transaction is decided"
        if timestamp is None:
            self._aborted()
        else:
            self._finish(Succeeded(attempt.transaction, WRITE, timestamp, attempt.versions(), attempt.written()))
            self._think()

    def _aborted(self) -> None:
        """Try again, with the same age."""
        attempt = self.attempt
        assert attempt is not None, "only an open transaction is aborted"
        self._finish(Aborted(attempt.transaction))
        self.set_timer(("again", attempt.age), self.random.exponential_ns(self.workload.pause_ns))

    def _give_up(self) -> None:
        attempt = self.attempt
        assert attempt is not None, "the timer ends with the transaction"
        if attempt.coordinator is None:
            self._release()
            self._finish(Aborted(attempt.transaction))
        else:
            self._finish(Unknown(attempt.transaction))
        self._think()

    def _release(self) -> None:
        attempt = self.attempt
        assert attempt is not None, "only an open transaction holds locks"
        if attempt.kind == WRITE:
            for leader in attempt.reads:
                self.send(leader, Release(attempt.transaction))

    def _finish(self, told: Succeeded | Aborted | Unknown) -> None:
        self.attempt = None
        self.cancel_timer("retry")
        self.cancel_timer("give up")
        self.observe(told)
