"""A replica whose state machine is the lease table, and which measures leases while it leads.

It is put before the server of a consensus engine (`replication.based_on`), whose settings it is given too.

Law 1: only a leader measures, on its own monotonic clock, and every lease anew from when it took office: while there
       was no leader nobody could renew (Chubby 2006, on fail-overs; etcd's lessor extends every lease when
       its server is promoted).
Law 2: time alone ends nothing. When a lease has run out by its clock, the leader proposes `Expire`; the claim ends when
       that is applied, at the same place in the log on every replica.
Law 3: a leader that steps down forgets what it measured. An `Expire` that it has proposed may still commit, behind
       every renewal that it took; where a claim was renewed in between, the table refuses it.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.leases.settings import LeaseSettings
from simclock.protocols.leases.table import Expire, LeaseTable, encode_command
from simclock.protocols.replication import Front, Sessions, numbered

LEASE = "lease"


class LeaseServer(Front):
    """One replica of the lease service, without the engine that makes the replicas agree."""

    def __init__(self, settings: Any, leases: LeaseSettings, table: LeaseTable) -> None:
        super().__init__(settings, Sessions(table))
        self.leases = leases
        self.table = table
        self.measured: dict[tuple[str, int], int] = {}
        """Leader: (lock, token) -> the renewal from which its lease is counted; empty in other roles."""
        self.expired = 0
        """Leader: how many Expire it has proposed in its term."""

    def on_timer(self, timer: Any) -> None:
        """A lease has run out by this server's clock; else what the engine waits for."""
        match timer:
            case ("lease", str(lock), int(token)):
                self._run_out(lock, token)
            case _:
                super().on_timer(timer)

    def on_leading(self) -> None:
        """Law 1: every lease is counted anew."""
        self.expired = 0
        for lock, claim in self.table.claims():
            self._measure(lock, claim.token, claim.renewals)

    def on_following(self) -> None:
        self._forget_measured()

    def _forget_measured(self) -> None:
        """Law 3."""
        for lock, token in self.measured:
            self.cancel_timer((LEASE, lock, token))
        self.measured.clear()

    def on_applied(self) -> None:
        for told in self.table.told:
            self.observe(told)
        self.table.told.clear()
        if self.leads:
            self._measure_changed()

    def _measure_changed(self) -> None:
        """Count what is new or renewed from now; what has ended, no more."""
        live = {(lock, claim.token): claim.renewals for lock, claim in self.table.claims()}
        for lock, token in [each for each in self.measured if each not in live]:
            self.cancel_timer((LEASE, lock, token))
            del self.measured[lock, token]
        for (lock, token), renewals in live.items():
            if self.measured.get((lock, token)) != renewals:
                self._measure(lock, token, renewals)

    def _measure(self, lock: str, token: int, renewals: int) -> None:
        self.measured[lock, token] = renewals
        self.set_timer((LEASE, lock, token), self.leases.leader_term_ns)

    def _run_out(self, lock: str, token: int) -> None:
        """Law 2. If it leads no more and does not know it, this commits only where nothing else has in the meantime."""
        if self.leads:
            self.propose(self._expire_command(lock, token, self.measured[lock, token]))

    def _expire_command(self, lock: str, token: int, renewals: int) -> bytes:
        """In a session that no client has, one for each term of each server."""
        self.expired += 1
        session = -1 - (self.current_term * self.nodes + self.id)
        return numbered(session, self.expired, encode_command(Expire(lock, token, renewals)))
