"""The rows about leases and fencing: each a class, or two where both halves are needed, with one wrong line."""

from __future__ import annotations

from typing import Any

from simclock import seconds
from simclock.experiments.catalog.leases.parts import AcceptsAnyToken
from simclock.experiments.catalog.leases.progress import PROGRESS
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.protocols.leases import Answer, Holder, LeaseServer, LeaseTable, StorageNode, Write
from simclock.protocols.leases.table import Claim
from simclock.protocols.replication import ClientReply, ClientRequest

# The store.


class ForgetsGreatestToken(StorageNode):
    """PAPER-LEASE-5: the greatest token is kept in memory alone."""

    def __init__(self) -> None:
        self.greatest: dict[str, tuple[int, int]] = {}

    def _greatest(self, lock: str) -> tuple[int, int]:
        return self.greatest.get(lock, (0, 0))

    def _remember(self, write: Write) -> None:
        self.greatest[write.lock] = max((write.token, write.number), self._greatest(write.lock))


class AcceptsOldCopy(StorageNode):
    """PAPER-LEASE-7: the store compares tokens alone, so an old copy of a holder's own write undoes a newer one."""

    def _may_write(self, lock: str, token: int, number: int) -> bool:
        return token >= self._greatest(lock)[0]


# The lease service.


class ExpiresWhateverRenewal(LeaseTable):
    """LEASE-02b: an expiry names the claim and not the renewal that it was measured from."""

    def _is_measured(self, claim: Claim, renewals: int) -> bool:
        return True


class OldLeaderExpires(LeaseServer):
    """LEASE-02: a deposed leader goes on measuring by its own clock, and sends what ran out to the new one.

    With the table of LEASE-02b: as in etcd, where a revocation names the lease alone.
    """

    def _forget_measured(self) -> None:
        pass

    def _run_out(self, lock: str, token: int) -> None:
        super()._run_out(lock, token)
        if (lock, token) in self.measured and self.leader_id not in (None, self.id):
            command = self._expire_command(lock, token, self.measured[lock, token])
            self.send(self.leader_id, ClientRequest(0, command))

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, ClientReply):
            super().on_message(source, message)


class TellsExpiredWaiter(LeaseTable):
    """LEASE-07: who asks whether it holds is told so when nobody is before it, whether or not its claim is there."""

    def _no_claim(self, lock: str, token: int) -> Answer:
        if any(claim.token < token for claim in self.queues.get(lock, ())):
            return Answer(token)
        self._tell("held", lock, Claim(-1, token))
        return Answer(token, True)


class CountsTokensInMemory(LeaseServer):
    """PAPER-LEASE-4: the counter of tokens is the leader's own, and a new leader begins after the claims it knows."""

    def on_leading(self) -> None:
        live = [claim.token for _, claim in self.table.claims()]
        self.table.last_token = max(live, default=self.table.first_token - 1)
        super().on_leading()


class NeverExpires(LeaseServer):
    """PAPER-LEASE-6L: a lease that runs out is not ended, so a dead holder keeps its lock for ever."""

    def _run_out(self, lock: str, token: int) -> None:
        pass


# The holder.


class CountsFromAnswer(Holder):
    """PAPER-LEASE-1: a lease is counted from when the answer arrived."""

    def _counted_from_ns(self, call: Any) -> int:
        return self._now_ns()


class TrustsStoppedClock(Holder):
    """PAPER-LEASE-2: a clock that stands still is believed."""

    def _stands(self, sent_ns: int) -> bool:
        return False


class ReadsWallClock(Holder):
    """PAPER-LEASE-3: a lease is counted on the wall clock, which may be set back."""

    def _now_ns(self) -> int:
        return self.clock.wall_ns()


class IgnoresDrift(Holder):
    """PAPER-LEASE-8: a holder counts the whole term, as if its clock could not be slow."""

    def _lasts_ns(self) -> int:
        return self.leases.term_ns


SCENARIO = "leases-hunt"
EFFECTS = "Mutual Exclusion Of Effects"
IN_ORDER = "Writes In Order"
BELIEVER = "Believer Is Holder"
LIVENESS_NS = seconds(6)
KLEPPMANN = "Kleppmann 2016, https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html"
GRAY = "Gray & Cheriton, Leases, SOSP 1989"


def _bug(id: str, name: str, parts: dict[str, type], property: str, source: str) -> Bug:
    return Bug(id=id, name=name, parts=parts, property=property, source=source, scenario=SCENARIO, judged=False)


BUGS = (
    _bug("LEASE-01", "no-fencing", {"storage": AcceptsAnyToken}, EFFECTS, KLEPPMANN),
    _bug(
        "LEASE-02",
        "old-leader-revokes",
        {"server": OldLeaderExpires, "table": ExpiresWhateverRenewal},
        "Lease Lives While Renewed",
        "https://github.com/etcd-io/etcd/issues/15247",
    ),
    _bug(
        "LEASE-02b",
        "revoke-without-renewal",
        {"table": ExpiresWhateverRenewal},
        "Lease Lives While Renewed",
        "https://github.com/etcd-io/etcd/issues/12528",
    ),
    _bug(
        "LEASE-07",
        "lock-queue-expired-session",
        {"table": TellsExpiredWaiter},
        "At Most One Holder",
        "https://jepsen.io/blog/2020-01-30-etcd-3.4.3",
    ),
    _bug("PAPER-LEASE-1", "counts-from-answer", {"holder": CountsFromAnswer}, BELIEVER, GRAY),
    _bug("PAPER-LEASE-2", "trusts-stopped-clock", {"holder": TrustsStoppedClock}, BELIEVER, GRAY),
    _bug("PAPER-LEASE-3", "reads-wall-clock", {"holder": ReadsWallClock}, BELIEVER, KLEPPMANN),
    _bug(
        "PAPER-LEASE-4",
        "token-reused-after-failover",
        {"server": CountsTokensInMemory},
        "Token Monotone",
        "Burrows, The Chubby lock service, OSDI 2006",
    ),
    _bug("PAPER-LEASE-5", "forgets-greatest-token", {"storage": ForgetsGreatestToken}, EFFECTS, KLEPPMANN),
    Bug(
        id="PAPER-LEASE-6L",
        name="never-expires",
        parts={"server": NeverExpires},
        property=PROGRESS,
        kind=LIVENESS,
        source=GRAY,
        scenario=SCENARIO,
        judged=False,
        liveness_ns=LIVENESS_NS,
    ),
    _bug("PAPER-LEASE-7", "accepts-old-copy", {"storage": AcceptsOldCopy}, IN_ORDER, KLEPPMANN),
    Bug(
        id="PAPER-LEASE-8",
        name="term-without-drift",
        parts={"holder": IgnoresDrift},
        property=BELIEVER,
        source=GRAY,
        scenario="leases-drift-hunt",
        judged=False,
    ),
)
