"""Every figure that is given to a run: the last ones that are taken on either side, and the first that are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from simclock import (
    AddDelay,
    Clocks,
    Constant,
    Crash,
    DiskModel,
    JumpClock,
    LogNormal,
    Network,
    Node,
    Normal,
    Regions,
    Scenario,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    SlowDisk,
    SlowNode,
    SwizzleClog,
    Uniform,
    UsageError,
    ms,
)

TEN_YEARS_NS = 10 * 365 * 24 * 3600 * 10**9
SEVENTY_YEARS_NS = 1 << 61
PPB = 10**9

TIME = ((0, TEN_YEARS_NS), (-1, TEN_YEARS_NS + 1, 0.5, True, "1", None))
"""Whole nanoseconds, none to ten years."""
MORE_THAN_NONE = ((1, TEN_YEARS_NS), (0, -1, TEN_YEARS_NS + 1, 0.5, True))
PROBABILITY = ((0, 1, 0.0, 1.0, 1e-9), (-1e-9, 1.0000001, float("nan"), float("inf"), "x"))
BANDWIDTH = ((0, 1), (-1, 1.5, True, 1 << 60))
JUMP = ((SEVENTY_YEARS_NS - 1, 1 - SEVENTY_YEARS_NS), (SEVENTY_YEARS_NS, -SEVENTY_YEARS_NS, 0.5, True))
DRIFT = ((PPB // 2 - 1, 1 - PPB // 2), (PPB // 2, -PPB // 2, 0.5, True))


def scenario(**given: Any) -> Scenario:
    return Scenario(**{"name": "bounds", "nodes": 3, "build": lambda node: Node(), **given})


def planned(fault: Callable[[Any], Any]) -> Callable[[Any], Scenario]:
    return lambda value: scenario(faults=(fault(value),))


FIGURES: dict[str, tuple[Callable[[Any], object], tuple[Sequence[Any], Sequence[Any]]]] = {
    "scenario.nodes": (lambda it: scenario(nodes=it), ((1, 1 << 20), (0, (1 << 20) + 1, True, 2.0))),
    "scenario.duration": (lambda it: scenario(duration_ns=it), ((1, TEN_YEARS_NS, None), (0, TEN_YEARS_NS + 1, 1.5))),
    "fault.at": (planned(lambda it: Crash(at_ns=it, node=0)), TIME),
    "fault.node": (planned(lambda it: Crash(at_ns=0, node=it)), ((0, 2), (-1, 3))),
    "jump-clock.by": (planned(lambda it: JumpClock(at_ns=0, node=0, by_ns=it)), JUMP),
    "set-drift.drift": (planned(lambda it: SetDrift(at_ns=0, node=0, drift_ppb=it)), DRIFT),
    "slow-disk.sync": (planned(lambda it: SlowDisk(at_ns=0, node=0, sync_ns=it)), TIME),
    "slow-node.busy": (planned(lambda it: SlowNode(at_ns=0, node=0, busy_ns=it)), TIME),
    "add-delay.delay": (planned(lambda it: AddDelay(at_ns=0, delay_ns=it)), TIME),
    "set-loss.loss": (planned(lambda it: SetLoss(at_ns=0, loss=it)), PROBABILITY),
    "set-loss.duplication": (planned(lambda it: SetLoss(at_ns=0, loss=0, duplication=it)), PROBABILITY),
    "set-corruption.detected": (planned(lambda it: SetCorruption(at_ns=0, detected=it)), PROBABILITY),
    "set-corruption.undetected": (planned(lambda it: SetCorruption(at_ns=0, detected=0, undetected=it)), PROBABILITY),
    "set-bandwidth": (planned(lambda it: SetBandwidth(at_ns=0, bytes_per_s=it)), BANDWIDTH),
    "swizzle-clog.lasts": (planned(lambda it: SwizzleClog(at_ns=0, lasts_ns=it)), MORE_THAN_NONE),
    "swizzle-clog.nodes": (
        planned(lambda it: SwizzleClog(at_ns=0, lasts_ns=5, nodes=it)),
        (((), (0,), (2, 0)), ((0, 3), (0, 0), ("leader",), (-1,))),
    ),
    "swizzle-clog.links": (
        lambda it: scenario(nodes=300, faults=(SwizzleClog(at_ns=0, lasts_ns=5, links=True, nodes=tuple(it)),)),
        ((range(2), range(256)), (range(1), range(257), range(0))),
    ),
    "network.loss": (lambda it: Network(loss=it), PROBABILITY),
    "network.duplication": (lambda it: Network(duplication=it), PROBABILITY),
    "network.corruption": (lambda it: Network(corruption=it), PROBABILITY),
    "network.undetected_corruption": (lambda it: Network(undetected_corruption=it), PROBABILITY),
    "network.bytes_per_s": (lambda it: Network(bytes_per_s=it), BANDWIDTH),
    "network.order": (lambda it: Network(order=it), (("any", "fifo"), ("lifo", "", None))),
    "constant": (lambda it: Constant(delay_ns=it), TIME),
    "uniform.low": (lambda it: Uniform(low_ns=it, high_ns=TEN_YEARS_NS), TIME),
    "uniform.high": (lambda it: Uniform(low_ns=5, high_ns=it), ((5, TEN_YEARS_NS), (4, TEN_YEARS_NS + 1))),
    "normal.mean": (lambda it: Normal(mean_ns=it, deviation_ns=0, floor_ns=0), TIME),
    "normal.deviation": (lambda it: Normal(mean_ns=0, deviation_ns=it, floor_ns=0), TIME),
    "normal.floor": (lambda it: Normal(mean_ns=0, deviation_ns=0, floor_ns=it), TIME),
    "log-normal.median": (lambda it: LogNormal(median_ns=it, sigma="1", floor_ns=0), TIME),
    "log-normal.floor": (lambda it: LogNormal(median_ns=1, sigma="1", floor_ns=it), TIME),
    "log-normal.sigma": (
        lambda it: LogNormal(median_ns=1, sigma=it, floor_ns=0),
        (("0", "5"), ("-0.001", "5.001", "NaN", "Infinity", "x", None)),
    ),
    "regions.local": (lambda it: Regions(one_way_ns={}, placement=["a"], local_ns=it), TIME),
    "regions.one_way": (lambda it: Regions(one_way_ns={("a", "b"): it, ("b", "a"): 1}, placement=["a", "b"]), TIME),
    "regions.jitter": (
        lambda it: Regions(one_way_ns={}, placement=["a"], jitter_percent=it),
        ((0, 1000), (-1, 1001, 0.5, True)),
    ),
    "regions.placement": (
        lambda it: scenario(network=Network(latency=Regions(one_way_ns={}, placement=["a"] * it))),
        ((3,), (2, 4)),
    ),
    "clocks.offset": (lambda it: Clocks(offset_ns_max=it), TIME),
    "clocks.drift": (lambda it: Clocks(drift_ppb_max=it), ((0, PPB // 2 - 1), (-1, PPB // 2, 0.5, True))),
    "clocks.wander": (lambda it: Clocks(wander_ppb_max=it), ((0, PPB // 4 - 1), (-1, PPB // 4, 0.5, True))),
    "clocks.wander_every": (
        lambda it: Clocks(wander_every_ns=it),
        ((ms(10), TEN_YEARS_NS), (ms(10) - 1, TEN_YEARS_NS + 1, 1e9)),
    ),
    "clocks.true_nodes": (lambda it: Clocks(true_nodes=it), (((), (0, 5)), ((-1,), (0.5,), (True,), [0]))),
    "disk.sync": (lambda it: DiskModel(sync_ns=it), TIME),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_taken_up_to_its_bounds_and_refused_beyond(figure: str) -> None:
    make, (good, bad) = FIGURES[figure]
    for value in good:
        make(value)
    for value in bad:
        with pytest.raises(UsageError):
            made = make(value)
            pytest.fail(f"{figure} = {value!r} is taken: {made}")
