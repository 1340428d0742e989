"""Same scenario, same seed, same digest: on every axis."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simclock import Constant, Network, RunResult, Scenario, TraceRecord, ms, seconds
from simclock.actors import Message, Node, Placement, run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.everything.scenario import Gossip
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.traces.difference import first_difference
from simclock.faults import FAULTS
from simclock.kernel.core import COMPILED, PLAIN, VARIABLE, built

ROOT = Path(__file__).parent.parent
FRESH_SEED = secrets.randbelow(1 << 32)
SEEDS = [
    1,
    2,
    pytest.param(FRESH_SEED, id="fresh"),
]  # no seed in the name: every worker of pytest-xdist must collect the same names
PLACEMENTS = {
    "one actor per node": Placement(kind="ray"),
    "packed 2": Placement(kind="ray", nodes_per_actor=2),
    "packed 3": Placement(kind="ray", nodes_per_actor=3),
    "one host": Placement(kind="ray", hosts=1),
    "two hosts": Placement(kind="ray", hosts=2),
}

# Digests that no change of code may move unseen: (scenario, seed) -> digest. A changed line is explained in its commit.
PINNED = {
    ("everything", 1): "30e971ad284fee000501f894c1b27079",
    ("everything", 2): "d1e79d8d9411d8d39ae86a91daf99210",
    ("phold", 7): "22e8ce4910eacdee72485958036e5534",
    ("raft-kv", 1): "d56236ed924e5ff4781f6649ca39ea79",
}
SMALL = {"phold": 7, "raft-kv": 3}


def make(name: str, seed: int) -> Scenario:
    nodes = SMALL.get(name)
    duration_ns = seconds(5) if name == "raft-kv" else ms(300) if name == "phold" else None
    return make_scenario(entries()[name], Settings(seed=seed, nodes=nodes, duration_ns=duration_ns))


def traced(scenario: Scenario, placement: Placement) -> tuple[RunResult, list[TraceRecord]]:
    records: list[TraceRecord] = []
    return run(scenario, placement, trace=records.append), records


def assert_same(scenario: Scenario, placement: Placement, expected: RunResult) -> None:
    result = run(scenario, placement)
    if result.digest != expected.digest:
        _, records = traced(scenario, placement)
        _, expected_records = traced(scenario, Placement())
        pytest.fail(f"seed {scenario.seed}: {first_difference(expected_records, records, ('inline', str(placement)))}")
    for name in ("counters", "final", "virtual_ns", "stopped", "faults", "skipped", "reports", "violations", "events"):
        assert getattr(result, name) == getattr(expected, name), f"{name} differs on {placement}"


@pytest.mark.parametrize("seed", SEEDS)
def test_twice(seed: int) -> None:
    scenario = make("everything", seed)
    assert_same(scenario, Placement(), run(scenario))


def test_the_trial_scenario_has_everything_in_it() -> None:
    result = run(make("everything", 1))
    assert {fault.kind for fault in result.faults} == set(FAULTS)
    assert result.skipped == ()
    dropped = ("dropped_lost", "dropped_cut", "dropped_down", "dropped_corrupt")
    for counter in (*dropped, "duplicated", "corrupted", "timer", "observation"):
        assert result.counters[counter] > 0, counter


def test_another_seed_is_another_run() -> None:
    assert run(make("everything", 1)).digest != run(make("everything", 3)).digest


@pytest.mark.parametrize(("name", "seed"), PINNED)
def test_pinned_digests(name: str, seed: int, rewrite: bool) -> None:
    digest = run(make(name, seed)).digest
    if rewrite:
        text = Path(__file__).read_text(encoding="utf-8")
        old = f'("{name}", {seed}): "{PINNED[name, seed]}"'
        Path(__file__).write_text(text.replace(old, f'("{name}", {seed}): "{digest}"'), encoding="utf-8")
    else:
        assert digest == PINNED[name, seed]


OFTEN_TRIED = {
    ("everything", "one actor per node"),
    *((name, "two hosts") for name in ("everything", "raft-kv", "phold")),
}
"""What is tried in every run of the tests; the rest of the matrix is slow."""


@pytest.mark.ray
@pytest.mark.parametrize(
    ("name", "placement"),
    [
        pytest.param(
            name,
            placement,
            id=f"{name}-{where}",
            marks=() if (name, where) in OFTEN_TRIED else pytest.mark.slow,
        )
        for name in ("everything", "raft-kv", "phold")
        for where, placement in PLACEMENTS.items()
    ],
)
def test_placements(ray: None, name: str, placement: Placement) -> None:
    scenario = make(name, FRESH_SEED)
    print(f"seed {FRESH_SEED}")
    assert_same(scenario, placement, run(scenario))


@pytest.mark.ray
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_traces_are_equal_record_by_record(ray: None, placement: Placement) -> None:
    scenario = make("everything", 1)
    result, records = traced(scenario, Placement())
    again, others = traced(scenario, placement)
    assert first_difference(records, others) is None
    assert again.digest == result.digest == run(scenario).digest, "tracing changes nothing"


PRINT_DIGESTS = """
import sys
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.kernel.core import KERNEL
scenario = make_scenario(entries()[sys.argv[1]], Settings(seed=int(sys.argv[2])))
for placement in sys.argv[3:]:
    result = run(scenario, placement)
    assert result.kernel == KERNEL
    print(KERNEL, placement, result.digest)
"""


def digests_in_another_process(
    python: str, hash_seed: str, kernel: str, name: str, *placements: str
) -> list[list[str]]:
    """Of the fresh seed: kernel, placement, digest."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, VARIABLE: kernel, "PYTHONPATH": str(ROOT)}
    command = [python, "-c", PRINT_DIGESTS, name, str(FRESH_SEED), *placements]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


KERNELS = [PLAIN, pytest.param(COMPILED, marks=pytest.mark.skipif(not built(), reason="no compiled kernel is built"))]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_hash_seeds_and_kernels(hash_seed: str, kernel: str) -> None:
    places = ("inline", "windows:2", "windows")
    expected = run(make("everything", FRESH_SEED)).digest
    found = digests_in_another_process(sys.executable, hash_seed, kernel, "everything", *places)
    assert found == [[kernel, place, expected] for place in places], f"seed {FRESH_SEED}"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_on_ray(kernel: str) -> None:
    """Each starts a Ray, whose workers are on the kernel of who starts it."""
    places = ("inline", "ray:hosts=2", "ray")
    expected = run(make("everything", FRESH_SEED)).digest
    found = digests_in_another_process(sys.executable, "random", kernel, "everything", *places)
    assert found == [[kernel, place, expected] for place in places], f"seed {FRESH_SEED}"


OTHER_PYTHONS = sorted(str(path) for path in (ROOT / ".pythons").glob("*/bin/python"))


@pytest.mark.skipif(not OTHER_PYTHONS, reason="no other CPython is set up in .pythons: see `make pythons`")
@pytest.mark.parametrize("python", OTHER_PYTHONS)
@pytest.mark.parametrize("kernel", [PLAIN, pytest.param(COMPILED, marks=pytest.mark.slow)])
def test_other_pythons(python: str, kernel: str) -> None:
    if kernel == COMPILED and not built_by(python):
        pytest.skip(f"no compiled kernel is built for {python}: see `make pythons`")
    expected = run(make("everything", FRESH_SEED)).digest
    found = digests_in_another_process(python, "random", kernel, "everything", "inline")
    assert found == [[kernel, "inline", expected]], f"seed {FRESH_SEED}"


def built_by(python: str) -> bool:
    """Whether that Python finds a compiled kernel of this checkout."""
    asks = "from simclock.kernel.core import built; print(built())"
    environment = {**os.environ, VARIABLE: PLAIN, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([python, "-c", asks], env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip() == "True"


class Doomed(Gossip):
    """Kills the process it lives in, once, in the middle of the run. No simulated thing happens."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self.mark = mark

    def on_timer(self, timer: Any) -> None:
        if self.id == 1 and self.sim_count > 150 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().on_timer(timer)


@pytest.mark.ray
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_a_worker_that_dies_changes_nothing(ray: None, placement: Placement, tmp_path: Path) -> None:
    """DESIGN, law 7: it is restarted from its journal and the digest stays what it was."""
    mark = tmp_path / "killed"
    scenario = replace(make("everything", 1), build=lambda node: Doomed(mark))
    result = run(scenario, placement, guard=False)  # which refuses a node to kill its process
    assert mark.exists(), "a worker was killed"
    assert result.digest == run(make("everything", 1)).digest


class Echo(Message):
    round: int


class Diverging(Node):
    """Differs between processes on purpose: it asks for its own process id."""

    def on_start(self) -> None:
        self.set_timer("t", ms(5))

    def on_timer(self, timer: str) -> None:
        self.send((self.id + 1) % self.nodes, Echo(os.getpid()))


@pytest.mark.ray
def test_a_difference_is_found_and_named(ray: None) -> None:
    """The comparison above can fail: a protocol that looks outside is caught, with node and virtual time."""
    scenario = Scenario(
        name="diverging",
        nodes=3,
        build=lambda node: Diverging(),
        duration_ns=ms(50),
        network=Network(latency=Constant(delay_ns=ms(2))),
    )
    result, records = traced(scenario, Placement())
    other, others = traced(scenario, Placement(kind="ray"))
    assert result.digest != other.digest
    said = first_difference(records, others, ("inline", "ray"))
    assert said is not None
    assert "the runs part at 5ms, node 0" in said
    assert "Echo(round=" in said


def test_the_result_is_plain_data() -> None:
    result = run(make("everything", 2))
    assert json.loads(json.dumps(result.counters)) == result.counters
