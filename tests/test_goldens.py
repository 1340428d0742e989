"""Digests that no move of code may change: every scenario of the catalog, and every bug of the zoo where it is found.

`pytest tests/test_goldens.py --rewrite` records them anew. A line that changes is explained in the commit that changes
it. A row of the zoo keeps its seed where the seed still finds it; else it is hunted for again from seed 0 on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simclock import HandlerError
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.bug import Bug
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import ground_of, hunt, named

GOLDENS = Path(__file__).parent / "goldens"
CATALOG = GOLDENS / "catalog.txt"
ZOO = GOLDENS / "zoo.txt"
RUNS = [(name, seed) for name in entries() for seed in (1, 2)] + [("raft-kv-wan", 7)]
NOT_FOUND = "-"
"""Stands for the seed of a row that no hunt finds."""
SEEDS_MAX = 5_000


def read(file: Path) -> dict[str, str]:
    """The lines of a golden file, by their name."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {line.split()[0]: line for line in lines if line and not line.startswith("#")}


def catalog_line(name: str, seed: int) -> str:
    return f"{name}:{seed} {run(make_scenario(entries()[name], Settings(seed=seed))).digest}"


def zoo_line(bug: Bug, seed: int) -> str:
    """The digest of the run that finds a row; where the wrong code itself fails, what failed and when."""
    scenario = make_scenario(entries()[bug.scenario], ground_of(bug).settings(seed, bug))
    try:
        return f"{bug.id} {seed} {run(scenario).digest}"
    except HandlerError as error:
        return f"{bug.id} {seed} failed at {error.failure.time_ns} node {error.failure.node}"


def first_finding(bug: Bug, recorded: str) -> str:
    """The line of a row: of the seed that is recorded if it still finds it, else of the first that does."""
    seed = recorded.split()[1] if recorded else NOT_FOUND
    if seed != NOT_FOUND and bug.property in named(ground_of(bug), int(seed), bug):
        return zoo_line(bug, int(seed))
    if recorded and seed == NOT_FOUND:
        return recorded
    found = hunt(bug.id, 0, SEEDS_MAX).found
    return f"{bug.id} {NOT_FOUND}" if found is None else zoo_line(bug, found)


def rewritten(file: Path, title: str, lines: Iterator[str]) -> None:
    """Write a golden file, a line as soon as it is known."""
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding="utf-8") as stream:
        stream.write(f"# {title}\n")
        for line in lines:
            stream.write(f"{line}\n")
            stream.flush()


@pytest.fixture(scope="module", autouse=True)
def recorded(rewrite: bool) -> None:
    if rewrite:
        before = read(ZOO)
        rewritten(CATALOG, "scenario:seed digest", (catalog_line(*each) for each in RUNS))
        lines = (first_finding(bug, before.get(bug.id, "")) for bug in BUGS.values())
        rewritten(ZOO, "bug, the first seed of its hunt that finds it, digest", lines)


@pytest.mark.parametrize(("name", "seed"), RUNS)
def test_catalog(name: str, seed: int) -> None:
    assert catalog_line(name, seed) == read(CATALOG).get(f"{name}:{seed}")


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_zoo(bug: Bug) -> None:
    recorded = read(ZOO)[bug.id]
    seed = recorded.split()[1]
    assert seed == NOT_FOUND or zoo_line(bug, int(seed)) == recorded


def test_every_line_is_compared() -> None:
    assert set(read(CATALOG)) == {f"{name}:{seed}" for name, seed in RUNS}
    assert set(read(ZOO)) == set(BUGS)
    assert [line for line in read(ZOO).values() if line.split()[1] == NOT_FOUND] == []
