"""What crosses between the scheduler and its hosts: the plan, a window's answer, observations, and the summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from simclock.environment.disk import DiskModel
from simclock.environment.network import Network
from simclock.environment.quartz import Clocks
from simclock.errors import Failure
from simclock.faults import Fault
from simclock.kernel.events import Event
from simclock.kernel.process import Process
from simclock.kernel.quiet import Lost

NEVER_NS = (1 << 63) - 1


class Observation(NamedTuple):
    """What a node told the observers. The canonical stream is ordered by (time_ns, node, number)."""

    time_ns: int
    node: int
    number: int
    """The node's own running number."""
    name: str
    value: Any


class Window(NamedTuple):
    """What one call of `advance` gives back."""

    next_time_ns: int | None
    """When the host's next event is due, None if it has none."""
    outbox: dict[int, bytes]
    """Host -> encoded events, opaque to who forwards them."""
    outbox_ns_min: dict[int, int]
    """Host -> the earliest delivery time among them."""
    observations: list[Observation]
    trace: list[Any]
    failures: list[Failure]
    handled: int
    """Events handled in this window: what the scheduler judges the load by."""
    last_time_ns: int
    """When the latest event of the host was, of this window or an earlier one."""


class Summary(NamedTuple):
    """What a host says at the end of the run."""

    digests: dict[int, bytes]
    """Node -> the hash over everything it handled."""
    values: dict[int, Any]
    """Node -> what the scenario's `final` made of it."""
    fallen: dict[int, tuple[Any, ...]]
    """Node -> what the scenario's `fallen` made of each of its incarnations that crashed, in order."""
    counters: dict[str, int]
    failures: list[Failure]
    halts: list[tuple[int, int]]
    """(time, node) of every node that ended itself."""
    quiet_ns: int | None = None
    """Since when nothing has happened at the host's nodes, where nothing is left to; else None."""
    lost: tuple[Lost, ...] = ()
    """Of a host that is quiet: of each sender, the last message that was dropped at this host."""
    warnings: tuple[str, ...] = ()
    """What is likely meant otherwise in the classes of nodes, a line each, in any order."""


class HostPlan(NamedTuple):
    """Everything a host needs to know; the same for every host but for `number` and `members`."""

    seed: int
    nodes: int
    build: Callable[[int], Process]
    check_message: Callable[[Event], None]
    """Raises MessageTypeError where the payload is no message; called on samples."""
    network: Network
    clocks: Clocks
    disk: DiskModel
    final: Callable[[Any], Any] | None
    fallen: Callable[[Any], Any] | None
    payload_type: Any
    """The union of message classes, for decoding what other hosts send; None where there is one host."""
    watched: bool
    """Whether observers may react: then a lone host pauses after each observation."""
    lookahead_ns: int
    traced: bool
    faults: tuple[tuple[int, Fault], ...]
    """The plan: (running number of the environment, fault)."""
    host_of: Sequence[int]
    """The host of each node."""


Tell = Callable[[list[Observation]], tuple[int, list[tuple[int, Fault]]]]
"""Tells observers; gives the end of the run, as far as is known by now, and what faults they cause."""

Mail = tuple[int, list[bytes], list[tuple[int, Fault]]]
"""What a host is called with: horizon, inbox, faults."""


class Hosts(Protocol):
    """Where hosts live: the one thing a placement has to provide."""

    count: int
    pipelined: bool
    """Whether a second window under way can help."""

    def submit(self, host: int, mail: Mail) -> Any:
        """Have a host advance; gives a ticket."""
        ...

    def collect(self, tickets: Sequence[tuple[int, Any]]) -> list[Window]:
        """The windows of these (host, ticket) pairs, in their order."""
        ...

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result of a run that ended then, in host order."""
        ...
