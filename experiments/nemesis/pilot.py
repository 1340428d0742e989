"""The pilot: a short run without faults, from which the rhythm of a scenario is taken that states none.

Laws: it runs the scenario's nodes alone, without observers, `final` and `fallen`, and what they print is not shown; it
ends after some hundred events, so that it costs a small part of a run; and what it measures depends on the scenario
alone, its seed included. Where a node's code fails, what was seen until then counts: the run itself will tell.

A protocol has several rhythms: an exchange takes a few delays of the network, and what it waits for, its timers say. A
crash between two messages of an exchange wants the first, an outage that is noticed, or that outlasts a lease, the
others. So each kind of trouble draws one of them, as a swarm draws its kinds.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, NamedTuple

from simclock import Scenario, format_duration
from simclock.actors.run import inline_run
from simclock.errors import Interruption, SimclockError
from simclock.experiments.nemesis.rhythm import RHYTHMS_MAX, Rhythm
from simclock.guarding.guard import guarding
from simclock.kernel.events import MESSAGE, TIMER, Event
from simclock.kernel.process import Process
from simclock.trace import Trace

EVENTS = 400
EVENTS_PER_NODE = 10
EVENTS_MAX = 10_000
"""A pilot handles so many messages and timers, so many more for each node, and no more than that."""
QUIET_TIMES = 8
"""Where all comes to rest trouble lasts as many times as long as it took: what is struck takes longer."""
ROLES_OF_MAX = 1000
DURATION_PARTS_MIN = 12
"""No rhythm is longer than that part of the time in which something happens."""


class Measured(NamedTuple):
    """What a pilot saw."""

    exchange_ns: int
    """From a message to the answer, the median; where none comes back twice a message's delay; 0: no message."""
    timers_ns: tuple[int, ...]
    """How long timers are set for: of each name the median, in ascending order."""
    quiet_ns: int | None
    """Since when nothing was left to happen; None: something was when the pilot ended."""

    def __str__(self) -> str:
        parts = []
        if self.exchange_ns:
            parts.append(f"an exchange takes {format_duration(self.exchange_ns)}")
        if self.timers_ns:
            ends = dict.fromkeys((self.timers_ns[0], self.timers_ns[-1]))
            parts.append(f"timers {' to '.join(map(format_duration, ends))}")
        if self.quiet_ns is not None:
            parts.append(f"quiet after {format_duration(self.quiet_ns)}")
        return ", ".join(parts) or "no message and no timer was seen"

    def rhythm(self, duration_ns: int) -> Rhythm:
        """The rhythm in which a run of that duration is struck."""
        if self.quiet_ns is None:
            long_ns, for_ns = duration_ns, duration_ns
        else:
            long_ns, for_ns = max(1, min(duration_ns, self.quiet_ns)), max(1, self.quiet_ns * QUIET_TIMES)
        longest_ns = max(1, long_ns // DURATION_PARTS_MIN)
        usual = {_rounded(min(time_ns, longest_ns)) for time_ns in (self.exchange_ns, *self.timers_ns) if time_ns}
        chosen = sorted(usual or {_rounded(longest_ns)})
        if len(chosen) > RHYTHMS_MAX:
            chosen = [*chosen[: RHYTHMS_MAX - 1], chosen[-1]]
        return Rhythm(tuple(chosen), _rounded(for_ns) if for_ns < duration_ns else None)


def _rounded(time_ns: int) -> int:
    """Two digits: what is written down can be read."""
    scale = int(10 ** max(0, len(str(time_ns)) - 2))
    return max(1, time_ns // scale * scale)


def measure(scenario: Scenario) -> Measured:
    """Run the pilot of a scenario."""
    gauge = _Gauge(min(EVENTS + EVENTS_PER_NODE * scenario.nodes, EVENTS_MAX))
    alone = replace(
        scenario, build=_Timed(scenario, gauge), byzantine={}, faults=(), observers=(), final=None, fallen=None
    )
    guards = guarding(scenario.build, True)
    quiet_ns = None
    with guards.run, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        scheduler, host = inline_run(alone, trace=_forget, guards=guards)
        host.trace = gauge
        try:
            while scheduler.step():
                pass
            if scheduler.result().quiet is not None:
                quiet_ns = gauge.last_ns
        except (_Enough, SimclockError):
            pass
    return gauge.measured(quiet_ns)


def roles_of(scenario: Scenario, servers: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The servers by the class that plays them; of very many nobody is asked."""
    if len(servers) > ROLES_OF_MAX:
        return ()
    by_class: dict[type, list[int]] = {}
    try:
        for server in servers:
            by_class.setdefault(type(scenario.build_node(server)), []).append(server)
    except Exception:  # the run itself will tell
        return ()
    return tuple(map(tuple, by_class.values()))


class _Enough(Interruption):
    """The pilot has seen enough."""


@dataclass
class _Gauge(Trace):
    """Reads what nodes do, in place of a trace."""

    events_max: int
    last_ns: int = 0
    """When the latest message or timer was handled."""
    _events: int = 0
    _asked: dict[tuple[int, int], int] = field(default_factory=dict)
    """Link -> when the latest message was sent over it that has no answer yet."""
    _answers_ns: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    _delays_ns: list[int] = field(default_factory=list)
    _timers_ns: dict[Any, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def handled(self, node: int, event: Event) -> None:
        time_ns, source, _, _, kind, _ = event
        if kind not in (MESSAGE, TIMER):
            return
        self.last_ns = time_ns
        self._events += 1
        if kind == MESSAGE and (node, source) in self._asked:
            self._answers_ns.setdefault((node, source), []).append(time_ns - self._asked.pop((node, source)))
        if self._events >= self.events_max:
            raise _Enough

    def sent(self, node: int, now_ns: int, event: Event) -> None:
        if event[3] != node:
            self._asked[node, event[3]] = now_ns
            self._delays_ns.append(event[0] - now_ns)

    def dropped(self, node: int, now_ns: int, event: Event, reason: str) -> None:
        pass

    def timed(self, name: Any, duration_ns: Any) -> None:
        """A node sets a timer; of a name such as ("retry", 7) the first part tells what it is for."""
        kind = name[0] if isinstance(name, tuple) and name else name
        if type(duration_ns) is int and duration_ns > 0:
            self._timers_ns.setdefault(kind, []).append(duration_ns)

    def measured(self, quiet_ns: int | None) -> Measured:
        exchanges: dict[tuple[int, int], float] = {}
        for (
            one,
            other,
        ), answers in self._answers_ns.items():  # of two that talk the quicker one answers, the other asks
            pair, usual = (min(one, other), max(one, other)), median(answers)
            exchanges[pair] = min(exchanges.get(pair, usual), usual)
        exchange = median(exchanges.values()) if exchanges else 2 * median(self._delays_ns or [0])
        timers = sorted(int(median(times)) for times in self._timers_ns.values())
        return Measured(int(exchange), tuple(timers), quiet_ns)


class _Timed:
    """Builds nodes whose timers are measured."""

    def __init__(self, scenario: Scenario, gauge: _Gauge) -> None:
        self._build: Callable[[int], Process] = scenario.build_node
        self._gauge = gauge

    def __call__(self, node: int) -> Process:
        made = self._build(node)
        if isinstance(made, Process):
            vars(made)["set_timer"] = _Timer(made, self._gauge)
        return made


class _Timer(NamedTuple):
    """`set_timer` of one node."""

    node: Process
    gauge: _Gauge

    def __call__(self, name: Any, duration_ns: int) -> None:
        self.gauge.timed(name, duration_ns)
        type(self.node).set_timer(self.node, name, duration_ns)


def _forget(record: object) -> None:
    pass
