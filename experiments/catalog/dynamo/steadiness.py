"""What a store owes when all is well, and when one server crashes and comes back in the middle of that.

Every Call Succeeds     what is asked succeeds, within five journeys; while one server is down too, where those that are
                        left are as many as are needed, and else it has an end when two time-outs are over
Reads Are Fresh         a get shows what was acknowledged before it, long enough for it to be everywhere
Nobody Stands In        nobody is suspected, no hint is made or delivered, no key moves, no server joins or leaves;
                        while one server is down, nobody else is suspected
Repairs Are Needed      while nothing is written, there is nothing to repair
Who Has All Lacks None  a server that takes all writes, and keeps every key, is brought nothing by anti-entropy
Orders Are Followed     a server that was told to join when all was well is a member, as everybody sees it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simclock import Control, Observation, Observer, RunResult, Told, format_duration, reader
from simclock.experiments.catalog.dynamo.causality import (
    QUORUMS_INTERSECT,
    Finding,
    Names,
    Pasts,
    RemovedTombstone,
    unseen_by_reads,
)
from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.steadiness import Steadiness
from simclock.protocols.dynamo.observed import (
    Coordinates,
    Delivered,
    Hinted,
    Members,
    Moved,
    Received,
    Repaired,
    StandsIn,
    Suspected,
    Synchronized,
)
from simclock.protocols.key_value.observed import Invoked, Succeeded, Unknown

SUCCEEDS = "Every Call Succeeds"
READS_ARE_FRESH = "Reads Are Fresh"
NOBODY_STANDS_IN = "Nobody Stands In"
NEEDED = "Repairs Are Needed"
HAS_ALL = "Who Has All Lacks None"
FOLLOWED = "Orders Are Followed"

_read = reader(
    *(Invoked, Succeeded, Unknown),  # of clients
    *(Suspected, StandsIn, Hinted, Delivered, Received, Moved, Members, Repaired, Synchronized, Coordinates),
)


@dataclass(frozen=True, kw_only=True)
class StoreCalm:
    """When what is owed, and within what."""

    settled_ns: int
    crash_ns: int
    back_ns: int
    """The server that crashed is back."""
    whole_ns: int
    """It has caught up."""
    evened_ns: int
    """Nothing has been written for so long that nothing is under way; gets go on."""
    answer_ns: int
    """An answer takes no longer when all is well."""
    end_ns: int
    """Nor, while a server is down, until it is told that it cannot be had."""
    everywhere_ns: int
    """So long after it was acknowledged a write is with everyone it belongs to."""
    everyone_owns: bool
    """Whether every server that can be asked keeps every key: then no request is sent on to one that is down."""
    bears: bool
    """Whether one of the N may be down and the others are enough."""
    crashes: int
    joins: int | None
    """Who was told to join when the trouble was over."""
    tombstones_go: bool
    """Then what is left of them is handed on, and compared, also when nobody asks for anything."""

    def is_whole(self, at_ns: int) -> bool:
        """Whether everybody is up, and knows it."""
        return self.settled_ns <= at_ns < self.crash_ns or at_ns >= self.whole_ns

    def is_short(self, at_ns: int) -> bool:
        """Whether one server is down."""
        return self.crash_ns <= at_ns < self.back_ns


class Judged(NamedTuple):
    """What is reported of a run."""

    calm: StoreCalm
    counts: dict[str, int]
    """How much was judged."""


class StoreSteadiness(Steadiness):
    """Judges servers and clients from the instant at which the store has settled."""

    def __init__(self, calm: StoreCalm) -> None:
        super().__init__(calm.settled_ns, calm_by_ns=calm.back_ns)
        self._calm = calm
        self._asked_ns: dict[int, int] = {}
        """Client -> when it asked what is open."""
        self._counts = {"calls": 0, "calls while one is down": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        now_ns, node, told = observation.time_ns, observation.node, _read(observation)
        if told is None:
            return
        self.overdue(now_ns)
        match told:
            case Invoked():
                self._asked_ns[node] = now_ns
            case Succeeded():
                self._end(node, now_ns, succeeds=True)
            case Unknown():
                self._end(node, now_ns, succeeds=False)
            case _ if now_ns >= self.settled_ns:
                self._on_server(now_ns, node, told)

    def _on_server(self, now_ns: int, node: int, told: Told) -> None:
        calm = self._calm
        match told:
            case Suspected(server) if calm.is_short(now_ns) and server != calm.crashes:
                self.name(now_ns, NOBODY_STANDS_IN, node, f"suspects {server}, and {calm.crashes} alone is down")
            case Moved() | Received() if calm.tombstones_go:
                pass
            case Suspected() | StandsIn() | Hinted() | Delivered() | Received() | Moved() | Members():
                if calm.is_whole(now_ns):
                    self.name(now_ns, NOBODY_STANDS_IN, node, f"tells {told}, though all is well")
            case Repaired() | Synchronized() | Coordinates():
                if now_ns >= calm.evened_ns and not calm.tombstones_go:
                    self.name(now_ns, NEEDED, node, f"tells {told}, though nobody writes")

    def _end(self, client: int, now_ns: int, *, succeeds: bool) -> None:
        calm, asked_ns = self._calm, self._asked_ns.pop(client)
        if calm.is_whole(asked_ns) and calm.is_whole(now_ns):
            self._counts["calls"] += 1
            if not succeeds:
                text = f"what it asked at {format_duration(asked_ns)} has no answer, though all is well"
                self.name(now_ns, SUCCEEDS, client, text)
        elif calm.everyone_owns and calm.is_short(asked_ns) and calm.is_short(now_ns):
            self._counts["calls while one is down"] += 1
            if not succeeds and calm.bears:
                text = f"what it asked at {format_duration(asked_ns)} has no answer, and one server alone is down"
                self.name(now_ns, SUCCEEDS, client, text)

    def overdue(self, now_ns: int) -> None:
        calm = self._calm
        for client, asked_ns in self._asked_ns.items():
            if calm.is_whole(asked_ns):
                within_ns = calm.answer_ns
            elif calm.everyone_owns and calm.is_short(asked_ns):
                within_ns = calm.end_ns
            else:
                continue
            due_ns = asked_ns + within_ns
            if now_ns > due_ns and calm.is_whole(asked_ns) is calm.is_whole(due_ns):
                text = f"what it asked at {format_duration(asked_ns)} has no end within {format_duration(within_ns)}"
                self.name(due_ns, SUCCEEDS, client, text)

    def report(self) -> Judged:
        return Judged(self._calm, dict(self._counts))


class LacksNothing(Observer):
    """Judges the one server that clients ask, from when they are silent."""

    def __init__(self, server: int, silent_ns: int) -> None:
        self._server = server
        self._silent_ns = silent_ns

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.node != self._server or observation.time_ns < self._silent_ns:
            return
        told = Synchronized.read(observation)
        if told is not None:
            control.violated(HAS_ALL, self._server, f"server {told.source} sends it what it has", stop=False)


def orders_not_followed(calm: StoreCalm, result: RunResult) -> Iterator[Finding]:
    """Servers that know nothing of who has joined."""
    for server, state in result.final.items():
        if calm.joins is not None and state is not None and calm.joins not in state.members:
            detail = f"server {server} knows the members {state.members}, and {calm.joins} was told to join"
            yield Finding(FOLLOWED, detail)


def stale_reads(
    calm: StoreCalm, operations: Sequence[Operation], names: Names, removed: Sequence[RemovedTombstone]
) -> Iterator[Finding]:
    """Gets of the calm that miss what is everywhere."""
    in_calm = [each for each in operations if each.function != "get" or calm.is_whole(each.call)]
    for each in unseen_by_reads(in_calm, Pasts(operations), names, removed, calm.everywhere_ns):
        if each.property == QUORUMS_INTERSECT:
            yield Finding(READS_ARE_FRESH, each.detail)
