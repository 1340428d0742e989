"""Every scenario of the catalog has one digest: on every placement, in every process, on every CPython."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simclock import Scenario, seconds
from simclock.actors import Placement, run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SEED = 5
DURATION_NS = seconds(2)
"""Long enough that elections are won and messages lost; every scenario is still quick."""
OTHER_PYTHONS = sorted(str(path) for path in (ROOT / ".pythons").glob("*/bin/python"))
PRINT_DIGESTS = f"""
import json
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
print(json.dumps({{
    name: run(make_scenario(entry, Settings(seed={SEED}, duration_ns={DURATION_NS}))).digest
    for name, entry in entries().items()
}}))
"""


def made(name: str) -> Scenario:
    return make_scenario(entries()[name], Settings(seed=SEED, duration_ns=DURATION_NS))


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    return {name: run(made(name)).digest for name in entries()}


@pytest.mark.parametrize("name", entries())
def test_hosts_in_this_process(name: str, digests: dict[str, str]) -> None:
    assert run(made(name), Placement(kind="windows", hosts=3)).digest == digests[name]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("name", entries())
def test_hosts_on_ray(name: str, digests: dict[str, str], ray: None) -> None:
    assert run(made(name), Placement(kind="ray", hosts=2)).digest == digests[name]


@pytest.mark.parametrize("python", [sys.executable, *OTHER_PYTHONS])
def test_other_processes_and_pythons(python: str, digests: dict[str, str]) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "random", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-c", PRINT_DIGESTS], env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == digests


def test_digests_differ(digests: dict[str, str]) -> None:
    """What every run has in common is not what is compared; liars of another kind have not yet lied by then, and a
    store on an engine is that engine's own.
    """
    assert digests["byzantine-equivocation-hunt"] == digests["byzantine-hunt"]
    assert digests["key-value"] == digests["raft-kv"]
    assert len(set(digests.values())) == len(digests) - 2 > 30
