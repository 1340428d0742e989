"""A start loads what the command needs: modules are counted, not seconds.

The bounds leave some room above what CPython 3.11 loads (its later versions load a few others), and none for a room of
the package: a start that loads a whole topic, or Ray's client, more than it needs is noticed.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from simclock.experiments.catalog import TOPICS

PROGRAM = """
import sys
from simclock.experiments.start import main
try:
    main()
finally:
    print("\\n".join(["LOADED", *sys.modules]), file=sys.stderr)
"""
ONLY_WHERE_USED = (
    "ray",
    "numpy",
    "matplotlib",
    "tabulate",
    "tqdm",
    "cloudpickle",
    "sqlite3",
    "tomli_w",
    "cryptography",
    "asyncio",
    "simclock.experiments.bench",
    "simclock.experiments.comparing",
    "simclock.experiments.mutation",
    "simclock.experiments.shrinking",
    "simclock.experiments.zoo",
    "simclock.actors.placements.ray",
    "simclock.actors.placements.shipping",
)
"""Packages, and rooms of ours, that no start loads."""
NO_RUN = ("msgspec", "simclock.kernel.host", "simclock.actors", "simclock.protocols", "simclock.experiments.catalog")
"""What only who runs something needs."""
METADATA = ("email", "importlib.metadata")


def loaded(*words: str) -> set[str]:
    """The modules that the command has loaded when it ends."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout
    return set(told.stderr.partition("LOADED\n")[2].split())


@pytest.mark.parametrize(
    ("words", "ours_max", "all_max", "never"),
    [
        (("--help",), 17, 165, (*NO_RUN, *METADATA)),
        (("--version",), 26, 235, NO_RUN[1:]),  # it names the kernel, which needs msgspec
        (("run", "raft-kv", "--seed", "1", "--duration", "100ms"), 249, 450, METADATA),
        (("run", "phold", "--duration", "1ms"), 199, 393, METADATA),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else str(value),
)
def test_a_start_loads_what_it_needs(words, ours_max, all_max, never):
    modules = loaded(*words)
    assert {each for each in (*ONLY_WHERE_USED, *never) if each in modules} == set()
    ours = {each for each in modules if each.partition(".")[0] == "simclock"}
    assert (len(ours), len(modules)) <= (ours_max, all_max) and len(modules) <= all_max


def test_one_topic_is_loaded_for_one_name():
    modules = loaded("run", "raft-kv-wan", "--duration", "1ms")
    assert [topic for topic in TOPICS if f"simclock.experiments.catalog.{topic}" in modules] == ["raft"]


def test_a_name_that_is_no_scenario_is_looked_for_in_all_topics():
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "raft-vk"],
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2 and "unknown scenario 'raft-vk': did you mean 'raft-kv'" in told.stderr
