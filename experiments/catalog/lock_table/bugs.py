"""Locks, lock managers and clients with one wrong line."""

from __future__ import annotations

from functools import partial

from simclock.experiments.catalog.lock_table.hunt import LIVENESS_NS
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.protocols.lock_table import (
    EXCLUSIVE,
    WAIT_DIE,
    WOUND_WAIT,
    Claim,
    Lock,
    LockManager,
    TransactionClient,
)
from simclock.protocols.lock_table.properties import MUTUAL_EXCLUSION, NO_DEADLOCK, NO_STARVATION, TIMESTAMP_ORDER


class RestartsYoung(TransactionClient):
    """LOCK-01: a transaction that is aborted comes back with a new timestamp, and is the youngest again."""

    def _try(self) -> None:
        self.timestamp = (self.clock.monotonic_ns(), self.id)
        super()._try()


class IgnoresWound(TransactionClient):
    """LOCK-02: a wounded transaction goes on, and waits."""

    def _on_wound(self, key: int, other: int) -> None:
        pass


class _ComparesBackwards(Lock):
    def _older_than(self, claim: Claim, blockers: list[Claim]) -> Claim | None:
        younger = [other for other in blockers if other.timestamp > claim.timestamp]
        return min(younger, key=lambda other: other.timestamp, default=None)


class ComparesBackwards(LockManager):
    """LOCK-03: wait-die the wrong way round: the younger waits, the older dies."""

    lock_class = _ComparesBackwards


class _UpgradesUnasked(Lock):
    def _older_than(self, claim: Claim, blockers: list[Claim]) -> Claim | None:
        return None if claim.client in self.holders else super()._older_than(claim, blockers)

    def wounded(self) -> list[tuple[Claim, Claim]]:
        return [(holder, waiting) for holder, waiting in super().wounded() if waiting.client not in self.holders]


class UpgradesUnasked(LockManager):
    """LOCK-04: a holder that asks for more just waits: two of them wait for each other."""

    lock_class = _UpgradesUnasked


class _ForgetsQueue(Lock):
    def _older_than(self, claim: Claim, blockers: list[Claim]) -> Claim | None:
        return super()._older_than(claim, [other for other in blockers if other.client in self.holders])


class ForgetsQueue(LockManager):
    """LOCK-05: the policy is asked about the holders, not about those who wait before."""

    lock_class = _ForgetsQueue


class _FirstComeFirstServed(Lock):
    def _place(self, claim: Claim) -> int:
        return 0 if claim.client in self.holders else len(self.queue)


class FirstComeFirstServed(LockManager):
    """LOCK-06: under wound-wait the queue is in order of arrival: the old wait behind the young."""

    lock_class = _FirstComeFirstServed


class _SharesWithWriters(Lock):
    def _blockers(self, claim: Claim, place: int) -> list[Claim]:
        return [other for other in super()._blockers(claim, place) if claim.mode == EXCLUSIVE]


class SharesWithWriters(LockManager):
    """LOCK-07: a shared lock is granted whoever holds the key."""

    lock_class = _SharesWithWriters


class TakesLockAway(LockManager):
    """LOCK-08: a wound takes the lock away at once, while its holder still works under it."""

    def _wound(self) -> None:
        super()._wound()
        for key in sorted(self.locks):
            for holder, _ in self.locks[key].wounded():
                for claim in self._free(key, holder.client):
                    self._tell(key, claim)


class AcceptsTheDead(LockManager):
    """LOCK-09: a late copy of a request takes a lock for an attempt that is over."""

    def _is_over(self, source: int, attempt: int) -> bool:
        return False


class ForgetsLocks(LockManager):
    """LOCK-10: the locks are in memory alone."""

    def on_start(self) -> None:
        pass


class ReleasesEarly(TransactionClient):
    """LOCK-11: an aborted transaction tries again without waiting until everybody knows that it has aborted."""

    def _release(self, managers: list[int]) -> None:
        super()._release(managers[:1])


_PAPER = "Rosenkrantz, Stearns & Lewis 1978"
_GRAY = "Gray & Reuter, Transaction Processing, 1992, 7.8"

_row = partial(Bug, scenario="deadlocks-hunt", judged=False)
_live = partial(_row, kind=LIVENESS, liveness_ns=LIVENESS_NS)

# The policies in which a wrong line is reached, where not in all.
_ABORTING = {"policy": (WAIT_DIE, WOUND_WAIT)}
_WOUND = {"policy": (WOUND_WAIT,)}
_DIE = {"policy": (WAIT_DIE,)}

BUGS: tuple[Bug, ...] = (
    _live(
        id="LOCK-01",
        name="restart-young",
        parts={"client": RestartsYoung},
        property=NO_STARVATION,
        source=_PAPER,
        needs=_ABORTING,
    ),
    _live(
        id="LOCK-02",
        name="wound-ignored",
        parts={"client": IgnoresWound},
        property=NO_DEADLOCK,
        source=_PAPER,
        needs=_WOUND,
    ),
    _row(
        id="LOCK-03",
        name="age-backwards",
        parts={"manager": ComparesBackwards},
        property=TIMESTAMP_ORDER,
        source=_PAPER,
        needs=_DIE,
    ),
    _live(
        id="LOCK-04",
        name="upgrade-unasked",
        parts={"manager": UpgradesUnasked},
        property=NO_DEADLOCK,
        source=_GRAY,
        needs=_ABORTING,
    ),
    _row(
        id="LOCK-05",
        name="queue-forgotten",
        parts={"manager": ForgetsQueue},
        property=TIMESTAMP_ORDER,
        source=_PAPER,
        needs=_DIE,
    ),
    _row(
        id="LOCK-06",
        name="old-behind-young",
        parts={"manager": FirstComeFirstServed},
        property=TIMESTAMP_ORDER,
        source=_PAPER,
        needs=_WOUND,
    ),
    _row(
        id="LOCK-07",
        name="shared-with-writer",
        parts={"manager": SharesWithWriters},
        property=MUTUAL_EXCLUSION,
        source=_GRAY,
    ),
    _row(
        id="LOCK-08",
        name="wound-takes-lock",
        parts={"manager": TakesLockAway},
        property=MUTUAL_EXCLUSION,
        source=_PAPER,
        needs=_WOUND,
    ),
    _live(
        id="LOCK-09", name="late-request-locks", parts={"manager": AcceptsTheDead}, property=NO_STARVATION, source=_GRAY
    ),
    _row(
        id="LOCK-10", name="locks-in-memory", parts={"manager": ForgetsLocks}, property=MUTUAL_EXCLUSION, source=_GRAY
    ),
    _live(
        id="LOCK-11",
        name="release-unconfirmed",
        parts={"client": ReleasesEarly},
        property=NO_STARVATION,
        source=_GRAY,
        needs=_ABORTING,
    ),
)
