"""Quantiles of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from simclock import format_duration, us


def nearest_rank(ordered: Sequence[int], permille: int) -> int:
    """The nearest-rank quantile of values in ascending order, of which there is at least one: one of them."""
    return ordered[max(1, -(-len(ordered) * permille // 1000)) - 1]


def latency_text(latencies_ns: Sequence[int]) -> str:
    """Median, 99th percentile and maximum of clients' latencies, in ascending order; tenths of milliseconds."""
    if not latencies_ns:
        return "no operation was answered"
    named = {"median": 500, "p99": 990, "max": 1000}
    return ", ".join(
        f"{name} {format_duration(nearest_rank(latencies_ns, permille) // us(100) * us(100))}"
        for name, permille in named.items()
    )
