"""One lock: who holds it, who waits for it, and what a policy does with a request that conflicts.

    none        the request waits
    wait-die    it waits if it is older than every transaction it would wait for, else it dies
    wound-wait  it waits; whoever younger holds the lock against it is wounded

Why no circle of waiting arises: under wait-die a transaction waits only for younger ones, under wound-wait only for
older ones, or for one that has been wounded and aborts; timestamps differ, so a circle would have to come back to
where it began by going down all the time.

Law 1: a request waits for the holders it conflicts with *and for the conflicting requests before it in the queue*: the
       policy is asked about both. A queue that compares with the holders alone deadlocks.
Law 2: the queue is first come first served, but under wound-wait it is oldest first: an old request behind a young one
       would wait for a younger transaction.
Law 3: a holder of a shared lock that asks for the exclusive one (an upgrade) goes before all that wait, because they
       all wait for what it holds already; the policy is asked about the other holders.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simclock.actors import Message

SHARED = "shared"
EXCLUSIVE = "exclusive"

NONE = "none"
WAIT_DIE = "wait-die"
WOUND_WAIT = "wound-wait"
POLICIES = (NONE, WAIT_DIE, WOUND_WAIT)

GRANTED = "granted"
WAITS = "waits"
DIES = "dies"


class Claim(Message):
    """A lock held or asked for by one attempt of a client's transaction."""

    client: int
    attempt: int
    timestamp: tuple[int, int]
    mode: str


def conflict(one: Claim, other: Claim) -> bool:
    """Whether the two cannot both hold a lock: different transactions, and at least one of them exclusive."""
    return one.client != other.client and EXCLUSIVE in (one.mode, other.mode)


class Lock:
    """The lock on one key."""

    def __init__(self, policy: str, holders: Iterable[Claim] = (), queue: Iterable[Claim] = ()) -> None:
        assert policy in POLICIES, policy
        self.policy = policy
        self.holders: dict[int, Claim] = {claim.client: claim for claim in holders}
        """Client -> what it holds; no two of them conflict."""
        self.queue: list[Claim] = list(queue)
        """Who waits, in the order in which they will get the lock; a client at most once."""

    def request(self, claim: Claim) -> tuple[str, int | None]:
        """What becomes of a request, and because of whom (the client), where it dies. Asked again, it says the same."""
        held = self.holders.get(claim.client)
        if held is not None and (held.mode == EXCLUSIVE or claim.mode == SHARED):
            return GRANTED, None
        if any(waiting.client == claim.client for waiting in self.queue):
            return WAITS, None
        place = self._place(claim)
        blockers = self._blockers(claim, place)
        if not blockers:
            self.holders[claim.client] = claim
            return GRANTED, None
        if self.policy == WAIT_DIE:
            older = self._older_than(claim, blockers)
            if older is not None:
                return DIES, older.client
        self.queue.insert(place, claim)
        return WAITS, None

    def release(self, client: int) -> list[Claim]:
        """A client's transaction is over; gives what is granted to others because of it."""
        self.holders.pop(client, None)
        self.queue = [claim for claim in self.queue if claim.client != client]
        granted = []
        while self.queue and not self._blockers(self.queue[0], 0):
            claim = self.queue.pop(0)
            self.holders[claim.client] = claim
            granted.append(claim)
        return granted

    def wounded(self) -> list[tuple[Claim, Claim]]:
        """(holder, the older one that waits for it): under wound-wait these holders have to abort."""
        if self.policy != WOUND_WAIT:
            return []
        found: dict[int, tuple[Claim, Claim]] = {}
        for waiting in self.queue:
            for holder in self.holders.values():
                if conflict(waiting, holder) and waiting.timestamp < holder.timestamp:
                    found.setdefault(holder.client, (holder, waiting))
        return [found[client] for client in sorted(found)]

    def _place(self, claim: Claim) -> int:
        """Laws 2 and 3."""
        if self.policy == WOUND_WAIT:
            return sum(waiting.timestamp < claim.timestamp for waiting in self.queue)
        return 0 if claim.client in self.holders else len(self.queue)

    def _blockers(self, claim: Claim, place: int) -> list[Claim]:
        """Law 1: whom a request at that place in the queue waits for."""
        return [other for other in (*self.holders.values(), *self.queue[:place]) if conflict(claim, other)]

    def _older_than(self, claim: Claim, blockers: list[Claim]) -> Claim | None:
        """The oldest of those that are older; None if the claim is older than all."""
        older = [other for other in blockers if other.timestamp < claim.timestamp]
        return min(older, key=lambda other: other.timestamp, default=None)

    def state(self) -> tuple[Any, ...]:
        """(holders, queue), each claim as (client, attempt, timestamp, mode): what is told to observers."""
        parts = (self.holders.values(), self.queue)
        return tuple(tuple((c.client, c.attempt, c.timestamp, c.mode) for c in claims) for claims in parts)
