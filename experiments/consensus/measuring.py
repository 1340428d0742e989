"""What a run on any engine costs: messages and bytes, the latency of clients, and how long nothing was agreed upon.

Law: to measure a run changes nothing of it: its digest is that of the run without.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from simclock import Control, Crash, Observation, Observer, RunResult, Scenario, seconds
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.consensus.engines import engine_of
from simclock.experiments.telling.quantiles import nearest_rank
from simclock.kernel.encoding import encode
from simclock.protocols.replication.observed import CommitIndex


class Commits(Observer[tuple[int, ...]]):
    """Keeps when what is agreed upon has grown, as far as any server has told."""

    reacts = judges = False

    def __init__(self) -> None:
        self._index = 0
        self._grown_ns: list[int] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        told = CommitIndex.read(observation)
        if told is not None and told.index > self._index:
            self._index = told.index
            self._grown_ns.append(observation.time_ns)

    def report(self) -> tuple[int, ...]:
        return tuple(self._grown_ns)


@cache
def _weighing(cls: Any) -> Any:
    """The same node, which counts the bytes of what it sends."""

    def send(self: Any, target: int, message: Any) -> None:
        self.octets_sent = getattr(self, "octets_sent", 0) + len(encode(message))
        super(made, self).send(target, message)

    made: Any = type(cls.__name__, (cls,), {"__module__": cls.__module__, "send": send})
    return made


def weighed(scenario: Scenario) -> Scenario:
    """The scenario with every node's bytes and all commits kept."""
    return replace(
        scenario,
        build=_built(scenario.build),
        observers=(*scenario.observers, Commits),
        final=octets_of,
        fallen=octets_of,
    )


def _built(build: Callable[[int], Any]) -> Callable[[int], Any]:
    def weighing(node: int) -> Any:
        made = build(node)
        cls: Any = type(made)
        made.__class__ = _weighing(cls)
        return made

    return weighing


def octets_of(node: Any) -> int:
    """What a node has sent since it started, in bytes of the encoding."""
    octets: int = getattr(node, "octets_sent", 0)
    return octets


class Cost(NamedTuple):
    """What a run of a store cost. Latencies are the clients': from the call to the answer, of what was called after the
    first commit; before that there may be no leader."""

    agreed: int
    answered: int
    median_ns: int | None
    p99_ns: int | None
    operations_per_s: float
    messages_per_commit: float
    """The clients' and heartbeats among them."""
    octets_per_commit: float
    elections: int
    unavailable_ns: int | None
    """From the first crash to the next commit; None where nobody crashed, or nothing was agreed upon after it."""


def cost_of(result: RunResult) -> Cost:
    """What a run of a weighed scenario cost."""
    engine = engine_of(result)
    report = engine.report_of(result)
    agreed = report[engine.agreed]
    grown_ns: tuple[int, ...] = result.report(Commits)
    begins_ns = grown_ns[0] if grown_ns else result.virtual_ns
    answered = [each for each in history_of(result) if each.outcome == "ok" and each.call >= begins_ns]
    latencies_ns = sorted(each.finish - each.call for each in answered if each.finish is not None)
    octets = sum(result.final.values()) + sum(sum(lives) for lives in result.fallen.values())
    return Cost(
        agreed=agreed,
        answered=len(answered),
        median_ns=nearest_rank(latencies_ns, 500) if latencies_ns else None,
        p99_ns=nearest_rank(latencies_ns, 990) if latencies_ns else None,
        operations_per_s=len(answered) * seconds(1) / max(1, result.virtual_ns - begins_ns),
        messages_per_commit=result.counters["sent"] / max(1, agreed),
        octets_per_commit=octets / max(1, agreed),
        elections=report["elections"],
        unavailable_ns=_unavailable_ns(result),
    )


def _unavailable_ns(result: RunResult) -> int | None:
    crashed_ns = next((fault.at_ns for fault in result.faults if isinstance(fault, Crash)), None)
    if crashed_ns is None:
        return None
    grown_ns = result.report(Commits)
    after = bisect_right(grown_ns, crashed_ns)
    return grown_ns[after] - crashed_ns if after < len(grown_ns) else None
