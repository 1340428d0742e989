"""Where hosts live: the value, how it is written, and the list of all there are.

Law: a placement decides how fast a run is, never what happens in it. The command line and Python read the same text, by
the same list; a new placement is a module in this folder and an entry in PLACEMENTS.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from simclock.actors.placements.auto import Run, run_where_it_pays
from simclock.actors.placements.inline import run_in_process
from simclock.actors.placements.packing import Onlooker
from simclock.errors import UsageError
from simclock.kernel.scheduler import RunResult
from simclock.readable import say
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

COUNT_DIGITS_MAX = 18
"""More nodes or hosts than any run has; Python reads no number of thousands of digits."""


class Kind(Protocol):
    """What a placement provides."""

    @property
    def name(self) -> str:
        """How it is written, before the colon."""

    @property
    def host(self) -> str:
        """What one of its hosts is called; empty where all nodes share one."""

    def run(
        self,
        scenario: Scenario,
        placement: Placement,
        *,
        trace: Callable[[TraceRecord], None] | None,
        replay: str,
        guard: bool,
        onlooker: Onlooker,
    ) -> RunResult:
        """Run a scenario there, as `simclock.run` says."""


@dataclass(frozen=True)
class _InProcess:
    name: str
    host: str

    def run(self, scenario: Scenario, placement: Placement, **named: Any) -> RunResult:
        return run_in_process(scenario, placement, **named)


@dataclass(frozen=True)
class _OnRay:
    name: str = "ray"
    host: str = "actor"

    def run(self, scenario: Scenario, placement: Placement, **named: Any) -> RunResult:
        from simclock.actors.placements.ray.scheduler import run_on_ray

        return run_on_ray(scenario, placement, **named)


@dataclass(frozen=True)
class _WhereItPays:
    name: str = "auto"
    host: str = ""

    def run(self, scenario: Scenario, placement: Placement, **named: Any) -> RunResult:
        def there(hosts: int) -> Run:
            packed = None if hosts >= scenario.nodes else hosts
            return Placement(kind=_OnRay.name, hosts=packed, address=placement.address).run

        return run_where_it_pays(scenario, placement, here=Placement(), there=there, **named)


PLACEMENTS: tuple[Kind, ...] = (_InProcess("inline", ""), _InProcess("windows", "host"), _OnRay(), _WhereItPays())


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where hosts live. It decides how fast a run is, never what happens in it.

    `kind` is `"inline"`, `"ray"`, `"windows"` or `"auto"`, which begins in this process and goes on where that is
    quickest, as `model.py` reckons it. On Ray, `nodes_per_actor` nodes share an actor (1: one actor per
    simulated node), or `hosts` says how many actors share all nodes. `address` joins a running cluster; without it
    `RAY_ADDRESS` is joined if set, else a local Ray is started and stopped again. Windows does in this process what Ray
    does, for checks of determinism.
    """

    kind: str = "inline"
    nodes_per_actor: int = 1
    hosts: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        _kind(self.kind, self.kind)
        if type(self.nodes_per_actor) is not int or self.nodes_per_actor < 1:
            raise UsageError(f"nodes-per-actor: {self.nodes_per_actor!r} must be 1 or more")
        if self.hosts is not None and (type(self.hosts) is not int or self.hosts < 1):
            raise UsageError(f"hosts: {self.hosts!r} must be 1 or more")

    @classmethod
    def parse(cls, text: str, address: str | None = None) -> Placement:
        """Read `inline`, `ray` (one actor per node), `ray:4` (four nodes to an actor), `ray:hosts=2` or `auto`.

        `windows` in place of `ray` is the same without Ray. `address` is of no use to the others. Raises UsageError.
        """
        kind, colon, packing = text.strip().partition(":")
        name, equals, count = packing.rpartition("=")
        packs = bool(_kind(kind, text).host)
        packed = name in ("", "hosts") and bool(name) == bool(equals) and count.isdecimal()
        if colon and not (packs and packed):
            raise _unknown(text)
        if kind not in ("ray", "auto"):
            address = None
        if not colon:
            return cls(kind=kind, address=address)
        number = int(count) if len(count) <= COUNT_DIGITS_MAX else 10**COUNT_DIGITS_MAX
        if name == "hosts":
            return cls(kind=kind, hosts=number, address=address)
        return cls(kind=kind, nodes_per_actor=number, address=address)

    def host_of(self, nodes: int) -> list[int]:
        """The host of each node: consecutive nodes share one."""
        if not _kind(self.kind, self.kind).host:
            return [0] * nodes
        per_host = self.nodes_per_actor if self.hosts is None else -(-nodes // self.hosts)
        return [node // per_host for node in range(nodes)]

    def run(
        self,
        scenario: Scenario,
        *,
        trace: Callable[[TraceRecord], None] | None = None,
        replay: str = "",
        guard: bool = True,
        onlooker: Onlooker = nullcontext,
    ) -> RunResult:
        """Run a scenario there, as `simclock.run` says."""
        kind = _kind(self.kind, self.kind)
        return kind.run(scenario, self, trace=trace, replay=replay, guard=guard, onlooker=onlooker)

    def __str__(self) -> str:
        host = _kind(self.kind, self.kind).host
        if not host:
            return self.kind
        if self.hosts is not None:
            return f"{self.kind}, {self.hosts} hosts"
        if self.nodes_per_actor == 1:
            return f"{self.kind}, one {host} per node"
        return f"{self.kind}, {self.nodes_per_actor} nodes per {host}"


def _kind(name: str, text: str) -> Kind:
    for each in PLACEMENTS:
        if each.name == name:
            return each
    raise _unknown(text)


def _unknown(text: str) -> UsageError:
    names = ", ".join(each.name for each in PLACEMENTS)
    return UsageError(
        f"placement: {say(text)} is not a placement: use {names}, ray:4 (four nodes to an actor) or ray:hosts=2"
    )
