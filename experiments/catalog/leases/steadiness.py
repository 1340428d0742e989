"""What a lease service owes when all is well: servers, holders and the store are up, answers come soon and in order.

Nothing Expires          claims are renewed or released, so none runs out
Lock Is Handed On        when a claim ends, the next in the queue is told that it holds, once it has renewed
Hold Ends In Time        who holds writes what it wants to write, and releases
Writes Arrive            what a holder sends the store takes, or refuses, within a journey; it looked before, and
                         prepared it
No Write Is Refused      the store refuses nobody who holds
Everybody Holds          each client holds the lock at least once until the run ends
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock import Control, Observation, format_duration
from simclock.experiments.checkers.steadiness import Steadiness
from simclock.protocols.leases.observed import (
    Accepted,
    Held,
    Looks,
    Lost,
    Refused,
    Released,
    TableChanged,
    Writes,
    read,
)

EXPIRES = "Nothing Expires"
HANDED_ON = "Lock Is Handed On"
ENDS = "Hold Ends In Time"
ARRIVE = "Writes Arrive"
REFUSED = "No Write Is Refused"
EVERYBODY = "Everybody Holds"


@dataclass(frozen=True, kw_only=True)
class LeaseCalm:
    """When what is owed, and within what."""

    settled_ns: int
    clients: range
    hand_on_ns: int
    hold_ns: int
    arrives_ns: int
    prepare_ns: int
    """It takes at least so long from a look to the write."""


class LeaseSteadiness(Steadiness):
    """Judges a lease service with one lock from the instant at which it has settled."""

    def __init__(self, calm: LeaseCalm) -> None:
        super().__init__(calm.settled_ns)
        self._calm = calm
        self._changes = 0
        """Of the table that were seen, of whichever server told them first."""
        self._queue: list[int] = []
        """Tokens with a claim, the holder's first."""
        self._free_ns: int | None = None
        """Since when the first of the queue has not been told that it holds."""
        self._holds_ns: dict[int, int] = {}
        """Client -> since when it holds."""
        self._looked_ns: dict[int, int] = {}
        """Client -> when it looked at its lease, and has not written since."""
        self._sent_ns: dict[tuple[int, int], int] = {}
        """(token, number) of a write that is under way -> when it departed."""
        self._held: set[int] = set()

    def on_observation(self, observation: Observation, control: Control) -> None:
        now_ns, node = observation.time_ns, observation.node
        self.overdue(now_ns)
        match read(observation):
            case TableChanged(number, kind, _, token) if number == self._changes:  # no other server has told it before
                self._on_change(now_ns, node, kind, token)
            case Held():
                self._holds_ns.setdefault(node, now_ns)
                if now_ns >= self.settled_ns:
                    self._held.add(node)
            case Released() | Lost():
                self._holds_ns.pop(node, None)
            case Looks():
                self._looked_ns[node] = now_ns
            case Writes(_, token, number):
                self._on_writes(now_ns, node, token, number)
            case Accepted(_, token, number):
                self._sent_ns.pop((token, number), None)
            case Refused(_, token, client) if now_ns >= self.settled_ns:
                self.name(now_ns, REFUSED, node, f"refuses a write with token {token} of node {client}")

    def _on_change(self, now_ns: int, node: int, kind: str, token: int) -> None:
        self._changes += 1
        first = self._queue[0] if self._queue else None
        if kind == "queued":
            self._queue.append(token)
        elif kind in ("released", "expired") and token in self._queue:
            self._queue.remove(token)
            if kind == "expired" and now_ns >= self.settled_ns:
                self.name(now_ns, EXPIRES, node, f"the claim of token {token} runs out")
        elif kind == "held" and token == first:
            self._free_ns = None
        if self._queue and self._queue[0] != first:
            self._free_ns = now_ns

    def _on_writes(self, now_ns: int, node: int, token: int, number: int) -> None:
        if now_ns < self.settled_ns:
            self._looked_ns.pop(node, None)
            return
        looked_ns = self._looked_ns.pop(node, None)
        if looked_ns is None:
            self.name(now_ns, ARRIVE, node, f"writes with token {token}, and has not looked at its lease")
        elif now_ns < looked_ns + self._calm.prepare_ns:
            self.name(now_ns, ARRIVE, node, f"writes {format_duration(now_ns - looked_ns)} after it looked")
        self._sent_ns[token, number] = now_ns

    def overdue(self, now_ns: int) -> None:
        if now_ns < self.settled_ns:
            return
        calm = self._calm
        if self._free_ns is not None and now_ns > max(self._free_ns, calm.settled_ns) + calm.hand_on_ns:
            late = format_duration(calm.hand_on_ns)
            self.name(
                now_ns, HANDED_ON, -1, f"token {self._queue[0]}, the next, is not told that it holds within {late}"
            )
        for client, since_ns in self._holds_ns.items():
            if now_ns > max(since_ns, calm.settled_ns) + calm.hold_ns:
                late = format_duration(calm.hold_ns)
                self.name(now_ns, ENDS, client, f"holds, and has not written all and released within {late}")
        for (token, number), sent_ns in self._sent_ns.items():
            if now_ns > sent_ns + calm.arrives_ns:
                self.name(now_ns, ARRIVE, -1, f"the store says nothing of write {number} of token {token}")

    def on_finish(self, control: Control) -> None:
        if control.now_ns > self.settled_ns + 2 * len(self._calm.clients) * self._calm.hold_ns:
            for client in sorted(set(self._calm.clients) - self._held):
                self.name(control.now_ns, EVERYBODY, client, "has not held the lock since all settled")
        super().on_finish(control)
