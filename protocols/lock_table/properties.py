"""What has to hold of locks and transactions, judged by what nodes tell.

    Mutual Exclusion   no two transactions work under conflicting locks of one key at the same instant, as they
                       themselves see it: from the moment they have it to their commit or abort
    No Deadlock        the waits-for graph has no circle that stays. Its edges are those of `lock.py`, Law 1, drawn anew
                       here from what the lock managers tell. A circle through a wounded transaction is gone when it has
                       aborted, so a circle counts once it has stood for a stated time, or stands at the end of the run
    Timestamp Order    wait-die: who waits is older than all it waits for; wound-wait: who waits is younger than those
                       before it in the queue
    No Starvation      from T on, every transaction commits within a stated time of its beginning, or of T

No Starvation is a bound in time because Law 1 of the client gives one: of c clients, a transaction sees at most c - 1
older ones, and the oldest is not held up by a younger one for longer than that one's attempt takes to end.
"""

from __future__ import annotations

from typing import Any

from simclock import Control, Observation, Observer, format_duration
from simclock.protocols.lock_table.lock import WAIT_DIE, WOUND_WAIT
from simclock.protocols.lock_table.observed import (
    Aborted,
    Attempted,
    Begun,
    Claimed,
    Committed,
    LockChanged,
    Locked,
    read,
)

MUTUAL_EXCLUSION = "Mutual Exclusion"
NO_DEADLOCK = "No Deadlock"
TIMESTAMP_ORDER = "Timestamp Order"
NO_STARVATION = "No Starvation"


def in_conflict(one: Claimed, other: Claimed) -> bool:
    """The table of compatible modes: shared goes with shared, nothing with exclusive."""
    return one.client != other.client and (one.mode, other.mode) != ("shared", "shared")


def waits_for(holders: tuple[Claimed, ...], queue: tuple[Claimed, ...]) -> list[tuple[Claimed, Claimed]]:
    """(who waits, for whom) at one lock."""
    edges = []
    for place, waiting in enumerate(queue):
        edges += [(waiting, other) for other in (*holders, *queue[:place]) if in_conflict(waiting, other)]
    return edges


def circle(edges: dict[int, list[int]]) -> tuple[int, ...] | None:
    """A circle in a graph, beginning with its smallest node; None if there is none."""
    done: set[int] = set()
    for start in sorted(edges):
        path = [start]
        following = [iter(sorted(edges[start]))]
        while path:
            other = next(following[-1], None)
            if other is None:
                done.add(path.pop())
                following.pop()
            elif other in path:
                found = path[path.index(other) :]
                least = found.index(min(found))
                return (*found[least:], *found[:least])
            elif other not in done:
                path.append(other)
                following.append(iter(sorted(edges.get(other, ()))))
    return None


class MutualExclusion(Observer):
    """Who works under which lock, as the transactions see it."""

    def __init__(self) -> None:
        self._held: dict[int, dict[int, tuple[str, int]]] = {}
        """Key -> client -> (mode, number of its transaction)."""
        self._shared_at_once = 0
        self._locked = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        match read(observation):
            case Locked(number, _, key, mode):
                holders = self._held.setdefault(key, {})
                for other, (held, theirs) in sorted(holders.items()):
                    if other != node and (mode, held) != ("shared", "shared"):
                        detail = f"T{node}.{number} has key {key} {mode} while T{other}.{theirs} has it {held}"
                        control.violated(MUTUAL_EXCLUSION, node, detail)
                holders[node] = (mode, number)
                self._locked += 1
                self._shared_at_once += len(holders) > 1
            case Committed() | Aborted():
                for holders in self._held.values():
                    holders.pop(node, None)

    def report(self) -> dict[str, int]:
        return {"locked": self._locked, "shared_at_once": self._shared_at_once}


class NoDeadlock(Observer):
    """The waits-for graph over all lock managers."""

    def __init__(self, stands_ns: int, healed_ns: int = 0) -> None:
        self._stands_ns = stands_ns
        """A circle that has stood for so long, from T on, is a deadlock."""
        self._healed_ns = healed_ns
        self._edges: dict[int, dict[int, list[int]]] = {}
        """Key -> client -> the clients it waits for there."""
        self._keys: dict[tuple[int, int], int] = {}
        """(who waits, for whom) -> the key, for the report."""
        self._circle: tuple[int, ...] | None = None
        self._since_ns = 0
        self._told = False

    def on_observation(self, observation: Observation, control: Control) -> None:
        changed = LockChanged.read(observation)
        if changed is not None:
            self._edges.pop(changed.key, None)
            if changed.queue:
                edges = self._edges[changed.key] = {}
                for waiting, other in waits_for(*changed.claims()):
                    edges.setdefault(waiting.client, []).append(other.client)
                    self._keys[waiting.client, other.client] = changed.key
            found = circle(self._graph())
            if found != self._circle:
                self._circle, self._since_ns = found, observation.time_ns
        self._judge(control)

    def on_finish(self, control: Control) -> None:
        self._judge(control)

    def _graph(self) -> dict[int, list[int]]:
        graph: dict[int, list[int]] = {}
        for edges in self._edges.values():
            for waiting, others in edges.items():
                graph.setdefault(waiting, []).extend(others)
        return graph

    def _judge(self, control: Control) -> None:
        since_ns = max(self._since_ns, self._healed_ns)
        if self._told or self._circle is None or control.now_ns - since_ns < self._stands_ns:
            return
        self._told = True
        steps = [f"{client} -(key {key})-> " for client, key in self.circle()]
        detail = f"clients wait in a circle since {format_duration(self._since_ns)}: {''.join(steps)}{self._circle[0]}"
        control.violated(NO_DEADLOCK, self._circle[0], detail)

    def circle(self) -> tuple[tuple[int, int], ...]:
        """(client, the key at which it waits for the next one), of a circle that stands; empty if none does."""
        clients = self._circle or ()
        following = (*clients[1:], *clients[:1])
        return tuple((one, self._keys[one, other]) for one, other in zip(clients, following, strict=True))

    def report(self) -> dict[str, Any]:
        return {"circle": self.circle() if self._told else (), "since_ns": self._since_ns}


class TimestampOrder(Observer):
    """Who may wait for whom, under the policy."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._waits = 0
        self._lengths: dict[int, int] = {}

    def on_observation(self, observation: Observation, control: Control) -> None:
        changed = LockChanged.read(observation)
        if changed is None:
            return
        key, (holders, queue) = changed.key, changed.claims()
        self._waits += len(queue) > self._lengths.get(key, 0)
        self._lengths[key] = len(queue)
        if self._policy not in (WAIT_DIE, WOUND_WAIT):
            return
        if self._policy == WOUND_WAIT:
            holders = ()  # a holder that is younger than who waits has been wounded, and may not know it yet
        for waiting, other in waits_for(holders, queue):
            if (waiting.timestamp < other.timestamp) != (self._policy == WAIT_DIE):
                age = "younger" if self._policy == WAIT_DIE else "older"
                detail = (
                    f"client {waiting.client} waits for key {key}, and is {age} than client {other.client} before it"
                )
                control.violated(TIMESTAMP_ORDER, observation.node, detail)
                return

    def report(self) -> dict[str, int]:
        return {"waits": self._waits}


class NoStarvation(Observer):
    """Every transaction commits within a time, from T on."""

    def __init__(self, within_ns: int, healed_ns: int = 0) -> None:
        self._within_ns = within_ns
        self._healed_ns = healed_ns
        self._open: dict[int, tuple[int, int, int]] = {}
        """Client -> (begun at, number, tries) of its transaction; oldest first."""
        self._longest_ns = 0
        self._tries_max = 0
        self._committed = 0
        self._told = False

    def on_observation(self, observation: Observation, control: Control) -> None:
        self._judge(control)  # before a commit that comes too late
        node = observation.node
        match read(observation):
            case Begun(number):
                self._open[node] = (observation.time_ns, number, 0)
            case Attempted() if node in self._open:
                begun_ns, number, tries = self._open[node]
                self._open[node] = (begun_ns, number, tries + 1)
                self._tries_max = max(self._tries_max, tries + 1)
            case Aborted(reason="crashed"):
                self._open.pop(node, None)
            case Committed():
                begun_ns, _, _ = self._open.pop(node)
                self._committed += 1
                self._longest_ns = max(self._longest_ns, observation.time_ns - max(begun_ns, self._healed_ns))

    def on_finish(self, control: Control) -> None:
        self._judge(control)

    def _judge(self, control: Control) -> None:
        if self._told or not self._open:
            return
        node = next(iter(self._open))
        begun_ns, number, tries = self._open[node]
        if control.now_ns - max(begun_ns, self._healed_ns) > self._within_ns:
            self._told = True
            detail = (
                f"T{node}.{number} has not committed within {format_duration(self._within_ns)}, after {tries} tries"
            )
            control.violated(NO_STARVATION, node, detail)

    def report(self) -> dict[str, Any]:
        return {"committed": self._committed, "tries_max": self._tries_max, "longest_ns": self._longest_ns}


class LockProgress(Observer):
    """What is due once everything has healed: no circle stays, and every transaction commits in time."""

    def __init__(self, stands_ns: int, within_ns: int, healed_ns: int) -> None:
        self._parts = (NoDeadlock(stands_ns, healed_ns), NoStarvation(within_ns, healed_ns))

    def on_observation(self, observation: Observation, control: Control) -> None:
        for part in self._parts:
            part.on_observation(observation, control)

    def on_finish(self, control: Control) -> None:
        for part in self._parts:
            part.on_finish(control)

    def report(self) -> Any:
        return self._parts[1].report()
