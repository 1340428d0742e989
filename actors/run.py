"""Run a scenario on a placement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from actors.inline import InlineHosts
from actors.message import check_message
from simclock.errors import UsageError
from simclock.host import Host
from simclock.scenario import Scenario
from simclock.scheduler import RunResult, Scheduler, host_plan
from simclock.trace import TraceRecord

PLACEMENTS = ("inline", "ray")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where hosts live. It decides how fast a run is, never what happens in it.

    `kind` is `"inline"` or `"ray"`. On Ray, `nodes_per_actor` nodes share an actor (1: one actor per simulated node),
    or `hosts` says how many actors share all nodes. `address` joins a running cluster; without it `RAY_ADDRESS` is
    joined if set, else a local Ray is started and stopped again.
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
            return f"ray, {self.hosts} hosts"
        return (
            "ray, one actor per node" if self.nodes_per_actor == 1 else f"ray, {self.nodes_per_actor} nodes per actor"
        )


def run(
    scenario: Scenario,
    placement: Placement | str = "inline",
    *,
    trace: Callable[[TraceRecord], None] | None = None,
    replay: str = "",
) -> RunResult:
    """Run a scenario and give its result.

    `trace` is called with every trace record, in canonical order. `replay` is the command that runs the scenario
    again, for reports and errors. Raises HandlerError where a node's code fails, UsageError for a scenario that the
    placement cannot run.
    """
    if isinstance(placement, str):
        placement = Placement(kind=placement)
    replay = replay or f"actors.run(scenario) with {scenario}"
    if placement.kind == "ray":
        from actors.ray_placement import run_on_ray

        return run_on_ray(scenario, placement, trace=trace, replay=replay)
    return inline_run(scenario, trace=_with_taps(trace), replay=replay)[0].run()


def inline_run(
    scenario: Scenario, *, trace: Callable[[TraceRecord], None] | None = None, replay: str = ""
) -> tuple[Scheduler, Host]:
    """A run in this process that has not begun: `run` or `step` the scheduler, and look into the host."""
    observers = [make() for make in scenario.observers]
    placement = Placement()
    plan = host_plan(
        scenario,
        placement.host_of(scenario.nodes),
        observers,
        payload_type=None,
        check_message=check_message,
        traced=trace is not None,
    )
    hosts = InlineHosts(plan)
    scheduler = Scheduler(scenario, hosts, observers, placement=str(placement), replay=replay, trace=trace)
    return scheduler, hosts.host


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
