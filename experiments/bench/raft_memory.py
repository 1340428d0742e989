"""`python -m simclock.experiments.bench.raft_memory SEED SECONDS EVERY JUDGED`: the peak memory of a run, as JSON.

Three servers with a snapshot every EVERY entries (0: none), and clients; where JUDGED is 1, with what judges them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial

import simclock
from simclock import Control, Observation, Observer, seconds
from simclock.experiments.bench.memory import peak_bytes
from simclock.experiments.catalog.raft_costs.compaction import CLIENTS, SERVERS, compaction_scenario
from simclock.experiments.checkers.client_history import History
from simclock.protocols.raft import RaftProperties


class Indifferent(Observer[None]):
    """It might react, so that what nodes tell is given to it as it comes, and does not pile up until the end."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        pass


def main(seed: int, lasts_s: int, every: int, judged: bool) -> None:
    """Run and print."""
    scenario = compaction_scenario(
        seed=seed, lasts_ns=seconds(lasts_s), every=every or None, processes=2, sampling=False
    )
    clients = range(len(SERVERS), len(SERVERS) + CLIENTS)
    observers = (partial(RaftProperties, SERVERS), partial(History, clients)) if judged else (Indifferent,)
    scenario = replace(scenario, observers=observers)
    before_bytes = peak_bytes()
    simclock.run(scenario)
    print(json.dumps({"before_bytes": before_bytes, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), bool(int(sys.argv[4])))
