"""Lamport's mutual exclusion (Time, Clocks and the Ordering of Events, 1978), with the steps of LamportMutex.tla.

A process asks all others with the time of its logical clock, and enters once all have acknowledged and its request
beats all that it knows of. Links keep their order (`--model fifo`). With three processes and clocks up to 6 there are
724,274 states, as TLC counts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from simclock import Message, Network, Observer, Scenario, Told, Uniform, ms, seconds
from simclock.experiments.catalog.specifications.actions import Acting
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.told import reader

PROCESSES = 3


class Request(Message):
    """Asks for the critical section, at that time of the sender's clock."""

    clock: int


class Acknowledge(Message):
    """The request was received."""


class Release(Message):
    """The sender has left the critical section."""


class Entered(Told):
    """A process is in the critical section."""


class Left(Told):
    """It is no more."""


class Process(Acting):
    """Wants the critical section again and again."""

    messages = (Request, Acknowledge, Release)

    def __init__(self, max_clock: int) -> None:
        self.max_clock = max_clock
        self.time = 1
        self.requests: tuple[int, ...] = ()
        """Of each process, its own among them, the clock of its request; 0: none."""
        self.acknowledged: frozenset[int] = frozenset()
        self.critical = False

    def on_start(self) -> None:
        self.requests = (0,) * self.nodes
        super().on_start()

    def takes(self, source: int, message: Message) -> bool:
        """ClockConstraint: no clock passes `max_clock`."""
        return not isinstance(message, Request) or max(message.clock, self.time) < self.max_clock

    def on_message(self, source: int, message: Message) -> None:
        match message:
            case Request(clock):
                self._request_of(source, clock)
                self.time = max(clock, self.time) + 1
                self.send(source, Acknowledge())
            case Acknowledge():
                self.acknowledged |= {source}
            case Release():
                self._request_of(source, 0)
        self.offer()

    def _request_of(self, node: int, clock: int) -> None:
        self.requests = (*self.requests[:node], clock, *self.requests[node + 1 :])

    def beats(self, other: int) -> bool:
        """Whether its own request comes before the other's, as far as it knows."""
        theirs = self.requests[other]
        return theirs == 0 or (self.requests[self.id], self.id) < (theirs, other)

    def enabled(self) -> Iterable[Hashable]:
        if self.requests[self.id] == 0:
            yield "request"
        elif self.critical:
            yield "exit"
        elif len(self.acknowledged) == self.nodes and all(
            self.beats(each) for each in range(self.nodes) if each != self.id
        ):
            yield "enter"

    def act(self, action: Any) -> None:
        match action:
            case "request":
                self._request_of(self.id, self.time)
                self.acknowledged = frozenset({self.id})
                self.broadcast(Request(self.time))
            case "enter":
                self.critical = True
                self.observe(Entered())
            case "exit":
                self.critical = False
                self._request_of(self.id, 0)
                self.acknowledged = frozenset()
                self.broadcast(Release())
                self.observe(Left())


class MutualExclusion(Observer[tuple[int, ...]]):
    """Mutex: no two processes are in the critical section."""

    def __init__(self) -> None:
        self.critical: frozenset[int] = frozenset()
        self._read = reader(Entered, Left)

    def on_observation(self, observation: Any, control: Any) -> None:
        match self._read(observation):
            case Entered():
                self.critical |= {observation.node}
                if len(self.critical) > 1:
                    control.violated("Mutex", observation.node, f"in the critical section: {sorted(self.critical)}")
            case Left():
                self.critical -= {observation.node}

    def report(self) -> tuple[int, ...]:
        """Who is in the critical section."""
        return tuple(sorted(self.critical))


def lamport_mutex(settings: Settings) -> Scenario:
    """Three processes, or as many as asked for."""
    max_clock = settings.parameters.get("max_clock", 6)
    return Scenario(
        name="lamport-mutex",
        nodes=PROCESSES if settings.nodes is None else settings.nodes,
        build=lambda node: Process(max_clock),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), order="fifo"),
        observers=(MutualExclusion,),
        parameters={"max_clock": max_clock},
    )


LAMPORT_MUTEX = Entry(
    name="lamport-mutex",
    summary="processes that enter a critical section in the order of their logical clocks",
    source="Lamport, Time, Clocks and the Ordering of Events in a Distributed System, 1978; LamportMutex.tla",
    make=lamport_mutex,
    judge=judge_invariants,
    parameters=Parameters(max_clock=Whole(6, least=1, help="No clock passes that, where it is explored.")),
    exploration=Exploration(model="fifo"),
)
