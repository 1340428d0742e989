"""A scenario is a value that determines a run, seed included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import Any

from simclock.durations import TIME_NS_MAX, format_duration
from simclock.environment.disk import DiskModel
from simclock.environment.network import Network
from simclock.environment.quartz import Clocks
from simclock.errors import UsageError
from simclock.faults import Fault, check_faults, written_out
from simclock.kernel.process import Process
from simclock.kernel.strikes import nobody_carries_out
from simclock.observers import Observer
from simclock.readable import in_one_line, say

NODES_MAX = 1 << 20
DURATION_NS_MAX = TIME_NS_MAX
SEED_BITS_MAX = 256
"""A seed may be a hash; Python does not write a number of thousands of digits."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything that decides what happens in a run; two runs of equal scenarios have equal digests.

    `build(id)` makes the node of that id, at the start and after each restart; it must not depend on anything but
    its argument. `byzantine` gives some nodes another builder, node id -> what makes a node that lies in that
    place: say, of a class that derives from the protocol's and overrides what it tells others. `observers` are made
    anew for each run. `final(node)` is called for every node that is up at the end, and a copy of its (picklable) value
    kept in the result; `fallen(node)` likewise for every node that crashes or ends itself, at that moment, so that what
    it had counted is not lost with it. Without `duration_ns` the run ends when nothing is left to happen, or when an
    observer stops it.
    """

    name: str
    nodes: int
    build: Callable[[int], Process]
    seed: int = 0
    duration_ns: int | None = None
    network: Network = field(default_factory=Network)
    clocks: Clocks = field(default_factory=Clocks)
    disk: DiskModel = field(default_factory=DiskModel)
    faults: tuple[Fault, ...] = ()
    adaptive: bool = True
    """Whether faults that observers inject happen; False where the plan is to be all there is."""
    fail_when_quiet: bool = False
    """Whether a run is violated that nobody stopped and in which nothing is left to happen, no message, no timer."""
    observers: tuple[Callable[[], Observer], ...] = ()
    final: Callable[[Any], Any] | None = None
    fallen: Callable[[Any], Any] | None = None
    byzantine: Mapping[int, Callable[[int], Process]] = field(default_factory=dict)
    cast: str = ""
    """Who the nodes are, where not all are what was asked for, such as "3 nodes and a time server"."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the scenario was made from, for reports and for the line that replays it."""
    servers: Sequence[int] = ()
    """Whom a nemesis may strike. The other nodes are clients, and what they saw is the evidence. Empty: every node."""
    withstands: Sequence[str] = ()
    """Of the harsh kinds of trouble, such as "torn" and "rot", those that the protocol is made for."""
    rhythm_ns: int = 0
    """About the time in which the protocol notices that something is wrong; 0: the scenario does not say."""
    progress: Callable[[int], Observer] | None = None
    """Given T, at which everything heals, an observer that names a violation where no progress is made in time."""
    progress_within_ns: int = 0
    """How long after T progress may take."""

    def __post_init__(self) -> None:
        if type(self.nodes) is not int or not 1 <= self.nodes <= NODES_MAX:
            raise UsageError(f"nodes: {say(self.nodes)} is not a number of nodes: 1 to {NODES_MAX}")
        if type(self.seed) is not int:
            raise UsageError(f"seed: {say(self.seed)} is not a whole number")
        if self.seed.bit_length() > SEED_BITS_MAX:
            raise UsageError(f"seed: {say(self.seed)} is too large: {SEED_BITS_MAX} bits at most")
        for name in ("adaptive", "fail_when_quiet"):
            if type(getattr(self, name)) is not bool:
                raise UsageError(f"{name}: {say(getattr(self, name))} is not true or false")
        if self.duration_ns is not None and (type(self.duration_ns) is not int or self.duration_ns <= 0):
            raise UsageError(f'duration: {say(self.duration_ns)} is not a duration: more than zero, such as "30s"')
        if self.duration_ns is not None and self.duration_ns > DURATION_NS_MAX:
            raise UsageError(f"duration: {say(self.duration_ns)} ns is longer than ten years")
        self._check_callables()
        object.__setattr__(self, "faults", tuple(self.faults))
        check_faults(self.faults, self.nodes)
        for position, fault in enumerate(self.faults):
            if problem := nobody_carries_out(fault):
                raise UsageError(f"faults[{position}] ({fault.kind}): {problem}")
        self.network.latency.check(self.nodes)
        self._check_trouble()
        for node in self.byzantine:
            if type(node) is not int or not 0 <= node < self.nodes:
                raise UsageError(f"byzantine: node {say(node)} is out of range: nodes are 0 to {self.nodes - 1}")

    def _check_trouble(self) -> None:
        object.__setattr__(self, "servers", tuple(self.servers))
        object.__setattr__(self, "withstands", tuple(self.withstands))
        for node in self.servers:
            if type(node) is not int or not 0 <= node < self.nodes:
                raise UsageError(f"servers: node {say(node)} is out of range: nodes are 0 to {self.nodes - 1}")
        for name in ("rhythm_ns", "progress_within_ns"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 0:
                raise UsageError(f"{name}: {say(getattr(self, name))} is not a duration: whole nanoseconds, as ms(80)")
        if self.progress is not None:
            _check_call("progress", self.progress, ("the time at which everything heals",), "partial({}, seconds(2))")

    def _check_callables(self) -> None:
        """Refuse what cannot be called as it will be: the call itself would fail far from here."""
        for place, build in (
            ("build", self.build),
            *((f"byzantine[{node}]", it) for node, it in self.byzantine.items()),
        ):
            _check_call(place, build, ("the node's number",), "lambda node: {}()")
        if self.final is not None:
            _check_call("final", self.final, ("a node",), "lambda node: node.total")
        if not isinstance(self.observers, tuple | list):
            raise UsageError("observers: give a tuple of classes, such as (MyObserver,)")
        makers: tuple[Any, ...] = tuple(self.observers)
        for make in makers:
            if isinstance(make, Observer):
                name = type(make).__name__
                raise UsageError(f"observers: {name}() has been made already: give {name}, as each run makes its own")
            _check_call("observers", make, (), "lambda: {}(...)")

    def build_node(self, node: int) -> Process:
        """The node of that id: what `byzantine` has in its place, else what `build` makes."""
        return self.byzantine.get(node, self.build)(node)

    @cached_property
    def plan(self) -> tuple[Fault, ...]:
        """The faults as a run carries them out: single ones, drawn from the seed, in place of swizzles."""
        return written_out(self.faults, self.seed, self.nodes)

    @property
    def lookahead_ns(self) -> int:
        """The smallest delay between different nodes: how far hosts may run ahead, and how long a reaction takes."""
        return self.network.latency.delay_ns_min(self.nodes)

    def __str__(self) -> str:
        duration = "until done" if self.duration_ns is None else format_duration(self.duration_ns)
        cast = self.cast or f"{self.nodes} node{'' if self.nodes == 1 else 's'}"
        parts = [f"{self.name}: seed {self.seed}, {cast}, {duration}", f"network {self.network}"]
        parts += [f"{name} {value}" for name, value in self.parameters.items()]
        if self.byzantine:
            parts.append(f"byzantine {', '.join(map(str, sorted(self.byzantine)))}")
        if self.faults:
            parts.append(f"{len(self.faults)} faults planned")
        return in_one_line("; ".join(parts))


def _check_call(place: str, function: Any, arguments: tuple[str, ...], instead: str) -> None:
    name = getattr(function, "__name__", type(function).__name__)
    if not callable(function):
        raise UsageError(f"{place}: {name} is an object that cannot be called: write {instead.format(name)}")
    try:
        signature(function).bind(*arguments)
    except TypeError as error:
        given = " and ".join(arguments) or "nothing"
        raise UsageError(f"{place}: {name} is called with {given} ({error}): write {instead.format(name)}") from None
    except ValueError:  # written in C, and says nothing about its arguments
        pass
