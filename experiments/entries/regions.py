"""Regions of the world, with the latencies that were measured between them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from simclock import read_round_trips

REPLICA_REGIONS = ("Washington DC", "Dallas", "Frankfurt", "Sao Paulo", "Tokyo")
CLIENT_REGIONS = ("Madrid", "Mumbai", "Sydney")
"""No two of these eight are nearer than 29 ms apart: windows are then 14.5 ms wide."""


@cache
def wan_one_way_ns() -> dict[tuple[str, str], int]:
    """One-way delays between 13 regions: half of the round-trip times that IBM Cloud published."""
    return read_round_trips(files("simclock.experiments") / "data" / "wan_latency_2026-08.csv")
