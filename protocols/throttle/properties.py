"""The promises of a rate limiter, judged by what the server tells.

    Rate Limit         in any window so many are admitted, and no more
    Needless Refusal   nobody is refused where the limiter's definition admits (see references.py)
    Retry After        who is refused is told to wait until the definition admits it, not longer and not shorter; who
                       waits as long as it was told is admitted

Law: windows are half open, and the clock is the server's own. A window that holds most ends at an admission, so only
those are looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from simclock import Control, Observation, Observer, format_duration
from simclock.protocols.throttle.limiters import Limit
from simclock.protocols.throttle.observed import Served
from simclock.protocols.throttle.references import Reference

RATE_LIMIT = "Rate Limit"
NEEDLESS_REFUSAL = "Needless Refusal"
RETRY_AFTER = "Retry After"


def most_in_any_window(times_ns: Iterable[int], window_ns: int) -> int:
    """The most of these times, in ascending order, that lie in one half-open window."""
    inside: deque[int] = deque()
    most = 0
    for time_ns in times_ns:
        inside.append(time_ns)
        while inside[0] <= time_ns - window_ns:
            inside.popleft()
        most = max(most, len(inside))
    return most


class RateLimit(Observer):
    """Counts what each client got in the window that ends with each admission, and asks whether refusals were due."""

    def __init__(self, limit: Limit, reference: type[Reference]) -> None:
        self._limit = limit
        self._reference = reference
        self._references: dict[int, Reference] = {}
        self._inside: dict[int, deque[int]] = {}
        self._most: dict[int, int] = {}
        self._told: set[tuple[str, int]] = set()
        self._due_ns: dict[int, int] = {}
        """Client -> when it may come again, if it was refused last."""
        self._admitted = 0
        self._refused = 0
        self._waited = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        served = Served.read(observation)
        if served is None:
            return
        node, client, time_ns, wait_ns = observation.node, served.client, served.time_ns, served.wait_ns
        due_ns = self._due_ns.pop(client, None)
        reference = self._references.setdefault(client, self._reference(self._limit))
        if wait_ns is not None:
            self._refused += 1
            self._due_ns[client] = time_ns + wait_ns
            self._kept_waiting(node, served, due_ns, control)
            self._check_refusal(node, served, reference.earliest_ns(time_ns), control)
            return
        reference.admitted(time_ns)
        self._waited += due_ns is not None
        self._admitted += 1
        inside = self._inside.setdefault(client, deque())
        inside.append(time_ns)
        while inside[0] <= time_ns - self._limit.window_ns:
            inside.popleft()
        self._most[client] = max(self._most.get(client, 0), len(inside))
        if len(inside) > self._limit.count:
            since, window = format_duration(inside[0]), format_duration(self._limit.window_ns)
            detail = f"client {client} got {len(inside)} of {self._limit.count} since {since}, within {window}"
            self._tell(RATE_LIMIT, node, client, detail, control)

    def _tell(self, property: str, node: int, client: int, detail: str, control: Control) -> None:
        """Once for each client; the run goes on, and says in the end how many it got."""
        if (property, client) not in self._told:
            self._told.add((property, client))
            control.violated(property, node, detail, stop=False)

    def _check_refusal(self, node: int, served: Served, earliest_ns: int, control: Control) -> None:
        client, time_ns, wait_ns = served.client, served.time_ns, served.wait_ns or 0
        if earliest_ns <= time_ns:
            detail = f"client {client} is refused at {format_duration(time_ns)}, where it may be admitted"
            self._tell(NEEDLESS_REFUSAL, node, client, detail, control)
        elif time_ns + wait_ns != earliest_ns:
            told, due = format_duration(wait_ns), format_duration(earliest_ns - time_ns)
            detail = f"client {client} is told to wait {told} at {format_duration(time_ns)}, and may come in {due}"
            self._tell(RETRY_AFTER, node, client, detail, control)

    def _kept_waiting(self, node: int, served: Served, due_ns: int | None, control: Control) -> None:
        client, time_ns, wait_ns = served.client, served.time_ns, served.wait_ns or 0
        if due_ns is not None and time_ns >= due_ns:
            was, more = format_duration(due_ns), format_duration(wait_ns)
            detail = f"client {client} was told to come at {was}, came, and is told to wait another {more}"
            self._tell(RETRY_AFTER, node, client, detail, control)

    def report(self) -> dict[str, object]:
        return {
            "admitted": self._admitted,
            "refused": self._refused,
            "waited": self._waited,
            "limit": self._limit.count,
            "window_ns": self._limit.window_ns,
            "most": tuple(sorted(self._most.items())),
        }
