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
TAKE_NOTHING = ("bfs", "dfs", "random")
"""Those of which nothing is said after a colon."""


def strategy_named(text: str) -> tuple[Strategy, str]:
    """The strategy of `bfs` or `delay:2`, and what stands after the colon. Raises UsageError for what is none."""
    name, colon, argument = text.partition(":")
    if name not in STRATEGIES:
        raise UsageError(f"--strategy: {unknown('strategy', name, STRATEGIES)}")
    if colon and name in TAKE_NOTHING:
        raise UsageError(f"--strategy {text}: {name} takes nothing after a colon")
    if colon and not argument:
        raise UsageError(f"--strategy {text}: nothing stands after the colon: write it, or leave the colon out")
    return STRATEGIES[name], argument
