"""Run a scenario on a placement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from threading import get_ident
from traceback import extract_tb
from typing import Any

from simclock.actors.message import check_message, message_classes, payload_union
from simclock.actors.placements.inline import InlineHosts
from simclock.errors import RunInterrupted, SimclockError, UsageError
from simclock.guarding.guard import Guarding, guarding
from simclock.kernel.failures import is_interrupt
from simclock.kernel.host import Host, built_twice
from simclock.kernel.process import Process
from simclock.kernel.scheduler import RunResult, Scheduler, host_plan, made_observers
from simclock.kernel.standing import Frames, Standing, frames_of
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

Look = Callable[[bool], Standing | None]
"""Where the run stands, asked from any thread; True asks for the node and handler too. None: nobody answers."""
Onlooker = Callable[[Look], AbstractContextManager[Any]]
"""What looks on: opened when the run begins, and closed when it ends."""

PLACEMENTS = ("inline", "windows", "ray")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where hosts live. It decides how fast a run is, never what happens in it.

    `kind` is `"inline"`, `"ray"` or `"windows"`. On Ray, `nodes_per_actor` nodes share an actor (1: one actor per
    simulated node), or `hosts` says how many actors share all nodes. `address` joins a running cluster; without it
    `RAY_ADDRESS` is joined if set, else a local Ray is started and stopped again. Windows does in this process what Ray
    does, for checks of determinism.
    """

    kind: str = "inline"
    nodes_per_actor: int = 1
    hosts: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in PLACEMENTS:
            raise UsageError(f"placement: {self.kind!r} is not a placement: use {' or '.join(PLACEMENTS)}")
        if type(self.nodes_per_actor) is not int or self.nodes_per_actor < 1:
            raise UsageError(f"nodes-per-actor: {self.nodes_per_actor!r} must be 1 or more")
        if self.hosts is not None and (type(self.hosts) is not int or self.hosts < 1):
            raise UsageError(f"hosts: {self.hosts!r} must be 1 or more")

    def host_of(self, nodes: int) -> list[int]:
        """The host of each node: consecutive nodes share one."""
        if self.kind == "inline":
            return [0] * nodes
        per_host = self.nodes_per_actor if self.hosts is None else -(-nodes // self.hosts)
        return [node // per_host for node in range(nodes)]

    def __str__(self) -> str:
        if self.kind == "inline":
            return "inline"
        if self.hosts is not None:
            return f"{self.kind}, {self.hosts} hosts"
        actor = "actor" if self.kind == "ray" else "host"
        if self.nodes_per_actor == 1:
            return f"{self.kind}, one {actor} per node"
        return f"{self.kind}, {self.nodes_per_actor} nodes per {actor}"


def run(
    scenario: Scenario,
    placement: Placement | str = "inline",
    *,
    trace: Callable[[TraceRecord], None] | None = None,
    replay: str = "",
    guard: bool = True,
    onlooker: Onlooker = nullcontext,
) -> RunResult:
    """Run a scenario and give its result.

    `trace` is called with every trace record, in canonical order. `replay` is the command that runs the scenario
    again, for reports and errors. `guard` has a node's code that asks the real world (its clock, luck, threads,
    sockets) fail with a NondeterminismError; `simclock.guarding.guard` tells what it does not see. Raises HandlerError
    where a node's code fails, UsageError for a scenario that the placement cannot run, RunInterrupted on Ctrl-C.
    `onlooker` may look where the run stands, from a thread of its own.
    """
    if isinstance(placement, str):
        placement = Placement(kind=placement)
    replay = replay or f"simclock.actors.run(scenario) with {scenario}"
    if placement.kind == "ray":
        from simclock.actors.placements.ray import run_on_ray

        return run_on_ray(scenario, placement, trace=trace, replay=replay, guard=guard, onlooker=onlooker)
    guards = guarding(scenario.build, guard)
    with guards.run:
        scheduler, _ = inline_run(scenario, placement, trace=_with_taps(trace), replay=replay, guards=guards)
        hosts, thread = scheduler.hosts, get_ident()
        assert isinstance(hosts, InlineHosts), "the run is in this process"

        def standing(frames: Frames | None) -> Standing:
            return scheduler.standing(hosts.standing(frames), frames or ())

        with onlooker(lambda closely: standing(frames_of(thread) if closely else None)):
            try:
                return scheduler.run()
            except KeyboardInterrupt as interrupt:
                raise RunInterrupted(standing(extract_tb(interrupt.__traceback__)), scenario.seed) from interrupt
            except SimclockError as error:
                error.counters = hosts.counters()
                raise


def inline_run(
    scenario: Scenario,
    placement: Placement | None = None,
    *,
    trace: Callable[[TraceRecord], None] | None = None,
    replay: str = "",
    guards: Guarding | None = None,
) -> tuple[Scheduler, Host]:
    """A run in this process that has not begun: `run` or `step` the scheduler, and look into the (first) host.

    It is guarded where `guards` are given, whose `run` the caller keeps open.
    """
    observers = made_observers(scenario, replay)
    placement = placement or Placement()
    host_of = placement.host_of(scenario.nodes)
    count = max(host_of) + 1
    plan = host_plan(
        scenario,
        host_of,
        observers,
        payload_type=None if count == 1 else payload_type_of(scenario),
        check_message=check_message,
        traced=trace is not None,
    )
    hosts = InlineHosts(plan, guards or guarding(scenario.build, False), count)
    scheduler = Scheduler(scenario, hosts, observers, placement=str(placement), replay=replay, trace=trace)
    return scheduler, hosts.hosts[0]


def payload_type_of(scenario: Scenario) -> Any:
    """The type of every message that nodes of a scenario may send each other."""
    built = [_built(scenario, node) for node in range(scenario.nodes)]
    nodes = [node for node in built if isinstance(node, Process)]
    if len({id(node) for node in nodes}) < len(nodes):
        raise UsageError(built_twice(nodes[0]))
    return payload_union(message_classes({type(node) for node in built}))


def _built(scenario: Scenario, node: int) -> Any:
    """The node, or None where its code fails: the run itself fails there, and tells of it."""
    try:
        return scenario.build_node(node)
    except BaseException as error:
        if is_interrupt(error):
            raise
        return None


_taps: list[Callable[[TraceRecord], None]] = []


@contextmanager
def tapped(tap: Callable[[TraceRecord], None]) -> Iterator[None]:
    """While this is open, runs in this process also give their trace to `tap`: for who cannot reach their arguments."""
    _taps.append(tap)
    try:
        yield
    finally:
        _taps.remove(tap)


def _with_taps(trace: Callable[[TraceRecord], None] | None) -> Callable[[TraceRecord], None] | None:
    if not _taps:
        return trace
    taps = [*_taps, *([] if trace is None else [trace])]

    def all_of_them(record: TraceRecord) -> None:
        for tap in taps:
            tap(record)

    return all_of_them
