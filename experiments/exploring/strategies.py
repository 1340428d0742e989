"""The strategies by name."""

from __future__ import annotations

from simclock.errors import UsageError
from simclock.experiments.exploring.executions.stateless import (
    delay_strategy,
    dpor_strategy,
    pct_strategy,
    random_strategy,
)
from simclock.experiments.exploring.search import Strategy
from simclock.experiments.exploring.states.bfs import bfs
from simclock.experiments.exploring.states.dfs import dfs
from simclock.experiments.exploring.states.timed import timed
from simclock.experiments.telling.spelling import unknown

STRATEGIES: dict[str, Strategy] = {
    "bfs": bfs,
    "dfs": dfs,
    "timed": timed,
    "dpor": dpor_strategy,
    "delay": delay_strategy,
    "pct": pct_strategy,
    "random": random_strategy,
}


def strategy_named(text: str) -> tuple[Strategy, str]:
    """The strategy of `bfs` or `delay:2`, and what stands after the colon. Raises UsageError for what is none."""
    name, _, argument = text.partition(":")
    if name not in STRATEGIES:
        raise UsageError(f"--strategy: {unknown('strategy', name, STRATEGIES)}")
    return STRATEGIES[name], argument
