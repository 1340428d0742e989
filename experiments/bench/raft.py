"""What Raft costs this machine: wall time of a catch-up, and memory of a long run, with snapshots and without.

Messages, bytes and virtual time of the same runs are the same everywhere: `simclock study raft-catch-up` and its kin.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import simclock
from simclock import Control, Observation, UsageError, ms
from simclock.experiments.bench.measure import Row, alternate, ratios, spread
from simclock.experiments.catalog.raft_costs.catch_up import AWAY, WAYS, CaughtUp, Way, catch_up_scenario
from simclock.experiments.catalog.raft_costs.compaction import CLIENTS, SERVERS

MEMORY = "simclock.experiments.bench.raft_memory"
SNAPSHOT_EVERY = 1000
MEGABYTE = 1e6
SEED = 7
SYNC_NS = ms(1)


class Clocked(CaughtUp):
    """Also what the catch-up took by the wall clock, which no node sees."""

    began_s = took_s = 0.0

    def on_observation(self, observation: Observation, control: Control) -> None:
        if not self.began_s and observation.node == AWAY and observation.time_ns >= self._from_ns:
            self.began_s = time.perf_counter()
        super().on_observation(observation, control)
        if self._took_ns is not None and not self.took_s:
            self.took_s = time.perf_counter() - self.began_s

    def report(self) -> dict[str, float]:  # type: ignore[override] # seconds beside whole numbers
        return {"wall_s": self.took_s}


def catch_up_s(way: Way, entries: int, keys: int) -> float:
    """Wall time from the follower's return until it has applied everything."""
    scenario = catch_up_scenario(way, seed=SEED, entries=entries, keys=keys, sync_ns=SYNC_NS, observer=Clocked)
    took_s: float = simclock.run(scenario).reports["Clocked"]["wall_s"]
    if not took_s:
        raise UsageError(f"raft: {way.name}: the follower has not caught up: ask for more entries")
    return took_s


def measure_raft(entries: int, lasts_s: int, repeats: int) -> Iterator[Row]:
    """Snapshots against the log, and memory with snapshots against without."""
    by_log, by_snapshot = WAYS[0], WAYS[-1]
    for keys in (max(1, entries // 100), entries):
        sides: dict[str, Callable[[], float]] = {
            way.name: partial(catch_up_s, way, entries, keys) for way in (by_snapshot, by_log)
        }
        took_s = alternate(sides, repeats)
        ours, other = took_s[by_snapshot.name], took_s[by_log.name]
        yield Row(
            part="raft",
            load=f"catch-up of {entries:,} entries on {keys:,} keys, by snapshot",
            nodes=len(SERVERS),
            against=by_log.name,
            unit="s",
            ours=median(ours),
            other=median(other),
            ratio=ratios(ours, other),
        )
    for judged in (False, True):
        for every in (None, SNAPSHOT_EVERY):
            grown = _grown_mb(lasts_s, every, judged)
            yield Row(
                part="raft",
                load=f"{lasts_s} s, {'judged' if judged else 'nodes alone'}, {_said(every)}",
                nodes=len(SERVERS) + CLIENTS,
                against="peak less what stood before the run",
                unit="MB",
                ours=grown,
                other=None,
                ratio=spread([grown]),
            )


def _said(every: int | None) -> str:
    return "no snapshots" if every is None else f"a snapshot every {every}"


def _grown_mb(lasts_s: int, every: int | None, judged: bool) -> float:
    """In a process of its own, since memory that was once taken is not given back."""
    command = [sys.executable, "-m", MEMORY, str(SEED), str(lasts_s), str(every or 0), str(int(judged))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"raft: the process that was measured failed: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout)
    return float(told["peak_bytes"] - told["before_bytes"]) / MEGABYTE
