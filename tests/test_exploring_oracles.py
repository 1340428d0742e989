"""Numbers of executions that other tools publish: Must, TraceForge, Concuerror and Shuttle.

A few stand here with their sources; the files of external data have the rest.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, permutations
from math import comb
from pathlib import Path
from typing import Any

import pytest

import oracle_programs as oracle
from simclock.experiments.exploring.executions.brute import interleavings
from simclock.experiments.exploring.executions.delays import delays
from simclock.experiments.exploring.executions.dpor import dpor
from simclock.experiments.exploring.executions.pct import pct
from simclock.experiments.exploring.executions.tally import EXHAUSTED, Bounds
from simclock.experiments.exploring.programs.program import Program

MODELS = ("bag", "fifo", "causal", "mailbox")


def counts(program: Program) -> tuple[int, int]:
    """Complete and blocked executions; and that the search was exhaustive and made no run in vain."""
    found = dpor(program)
    assert (found.ended, found.redundant, found.pruned) == (EXHAUSTED, 0, 0)
    return found.executions, found.blocked


# Figures with their sources.


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (oracle.senders(2, 1), (2, 0)),  # Must, Table 1: s+s+r
        (oracle.senders(8, 1), (8, 0)),  # ns+r(8)
        (oracle.senders(4, 4), (24, 0)),  # ns+nr(4)
        (oracle.selective(8), (1, 0)),  # ns+nr-sel(8)
        (oracle.no_match(), (0, 1)),  # a receive that waits for ever
        (oracle.last_zero(5), (64, 0)),  # Concuerror, last_zero
        (oracle.popl_14(), (5, 0)),  # POPL_optimal_example
        (oracle.independent_receivers(), (2, 0)),
        (oracle.proxy(20), (2, 0)),  # proxy, with 100
        (oracle.ring_election(), (64, 0)),  # ring_leader_election_symmetric_buffer_2
        (oracle.workers(), (200, 0)),
        (oracle.conditional_readers(), (8, 0)),
        (oracle.write_read(), (18, 0)),
        (oracle.difficult_readers(), (18, 0)),
        (oracle.many_writes(), (4, 0)),
        (oracle.readers_2(6), (64, 0)),
    ],
    ids=lambda value: "-".join(value.processes) if isinstance(value, Program) else None,
)
def test_executions_that_others_count(program: Program, expected: tuple[int, int]) -> None:
    assert counts(program) == expected


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (oracle.last_zero(5), (64, 33)),  # Concuerror, last_zero: 97 explored, 33 of them sleep-set blocked
        (oracle.popl_14(), (5, 5)),  # POPL_optimal_example: 10, 5 of them blocked
        (oracle.readers_2(6), (64, 0)),
    ],
    ids=["last_zero", "popl_14", "readers"],
)
def test_runs_with_source_sets_that_others_count(program: Program, expected: tuple[int, int]) -> None:
    found = dpor(program, optimal=False)
    assert (found.executions, found.redundant, found.ended) == (*expected, EXHAUSTED)


def test_runs_in_vain_depend_on_the_order_of_processes() -> None:
    """docs/exploring-strategies.md says so; the executions do not."""
    program = oracle.popl_14()
    orders = permutations(program.processes)
    found = [dpor(_in_order(program, order), optimal=False) for order in orders]
    assert {each.executions for each in found} == {5}
    assert {each.runs for each in found} == set(range(5, 11))
    program = oracle.last_zero(5)
    reader, *writers = program.processes
    for order, redundant in (((*writers, reader), 98), ((*reversed(writers), reader), 0)):
        last = dpor(_in_order(program, order), optimal=False)
        assert (last.executions, last.redundant) == (64, redundant)


def _in_order(program: Program, names: Sequence[str]) -> Program:
    return replace(program, processes={name: program.processes[name] for name in names})


@pytest.mark.parametrize(("model", "expected"), [*zip(MODELS, (24, 12, 6, 6), strict=True)])
def test_traceforge_program_1_under_each_model(model: str, expected: int) -> None:
    assert counts(oracle.program_1(model)) == (expected, 0)


@pytest.mark.parametrize(("model", "expected"), [*zip(MODELS, (6, 1, 1, 1), strict=True)])
def test_traceforge_program_3_under_each_model(model: str, expected: int) -> None:
    assert counts(oracle.program_3(model)) == (expected, 0)


def test_two_phase_commit_with_and_without_symmetry() -> None:
    """TraceForge: 2^N N! executions, and 2^N up to the names of the participants."""
    assert counts(oracle.two_phase_commit(3)) == (2**3 * 6, 0)
    assert counts(oracle.two_phase_commit(5, symmetric=True)) == (2**5, 0)


def test_delays_have_their_closed_forms() -> None:
    """Concuerror, bounding_tests: permutations with at most k inversions, and subsets of at most k readers."""
    inversions = (1, 5, 14, 29, 49, 71, 90, 101)  # of permutations of 6
    assert [delays(oracle.writers(6), most).executions for most in range(5)] == [*accumulate(inversions)][:5]
    assert [delays(oracle.readers_2(6), most).executions for most in range(4)] == [
        sum(comb(6, i) for i in range(most + 1)) for most in range(4)
    ]


def test_interleavings_of_tasks() -> None:
    """Shuttle, tests/basic/dfs.rs."""
    assert interleavings(Program({"T0": (oracle.pauses, 1)})).executions == 1
    assert interleavings(Program({"T0": (oracle.spawner, ["T1"], 1, 1)})).executions == 2
    assert interleavings(Program({"T0": (oracle.spawner, ["T1"], 5, 1)})).executions == 6
    assert interleavings(Program({"a": (oracle.pauses, 5), "b": (oracle.pauses, 5)})).executions == comb(10, 5)


@pytest.mark.parametrize(
    ("program", "depth", "runs"),
    [
        (oracle.order_violation(), 1, 20),
        (oracle.atomicity_violation(20), 2, 300),
        (oracle.atomicity_violation(110, busy=18), 2, 16_000),
        (oracle.opposite_locks(28), 2, 400),
    ],
    ids=["1a", "1b", "1b-busy", "1c"],
)
def test_pct_finds_the_bugs_of_its_paper(program: Program, depth: int, runs: int) -> None:
    """Shuttle, tests/basic/pct.rs: runs so that the bound gives 99.9 %."""
    found = pct(program, depth, runs, bounds=Bounds(stop_at_violation=True))
    assert found.violations or found.blocked


# The files.


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / "exploration" / name).read_text())


Case = dict[str, Any]

MUST: dict[str, Callable[[int], Program]] = {
    "s+s+r": lambda _: oracle.senders(2, 1),
    "ns+r(N)": lambda n: oracle.senders(n, 1),
    "ns+nr(N)": lambda n: oracle.senders(n, n),
    "ns+nr-sel(N)": oracle.selective,
    "no match": lambda _: oracle.no_match(),
}


@pytest.mark.external
def test_must_table_1(external_data: Path) -> None:
    for case in _read(external_data, "must_table1.json")["cases"]:
        full = case["full"]
        for size, expected in full.items() if isinstance(full, dict) else [("0", full)]:
            program = MUST[case["program"]](int(size))
            assert counts(program) == (expected, case.get("blocked", 0)), (case["program"], size)


TRACEFORGE: dict[str, Callable[[str], Program]] = {
    "program1": oracle.program_1,
    "program3": oracle.program_3,
    "n senders, tagged receives": lambda model: oracle.selective(7, model),
    "n relays, one receive": lambda model: oracle.relays(100, model),
    "two-phase commit, symmetric": lambda _: oracle.two_phase_commit(5, symmetric=True),
}
LONG: dict[str, Callable[[str], Program]] = {
    "n senders, untagged receives": lambda model: oracle.senders(7, 7, model),
    "two-phase commit": lambda _: oracle.two_phase_commit(5),
}


def _traceforge(folder: Path, programs: dict[str, Callable[[str], Program]]) -> None:
    for case in _read(folder, "traceforge_counts.json")["cases"]:
        if case["name"] not in programs:
            continue
        figures = {"fifo": case["any"]} if "any" in case else {m: case[m] for m in MODELS if m in case}
        for model, expected in figures.items():
            assert counts(programs[case["name"]](model)) == (expected, 0), (case["name"], model)


@pytest.mark.external
@pytest.mark.slow
def test_traceforge(external_data: Path) -> None:
    _traceforge(external_data, TRACEFORGE)


@pytest.mark.external
@pytest.mark.slow
def test_traceforge_of_thousands_of_executions(external_data: Path) -> None:
    _traceforge(external_data, LONG)


CONCUERROR: dict[str, Callable[[], Program]] = {
    "last_zero(5)": lambda: oracle.last_zero(5),
    "POPL'14 example": oracle.popl_14,
    "independent receivers": oracle.independent_receivers,
    "proxy(100)": lambda: oracle.proxy(100),
    "ring election, 3 members, buffered channels": oracle.ring_election,
    "workers": oracle.workers,
}
BY_MODULE: dict[str, Callable[[], Program]] = {
    "last_zero": lambda: oracle.last_zero(5),
    "POPL_optimal_example": oracle.popl_14,
    "independent_receivers": oracle.independent_receivers,
    "workers": oracle.workers,
    "conditional_readers": oracle.conditional_readers,
    "writeread": oracle.write_read,
    "difficult_readers": oracle.difficult_readers,
    "manywrite": oracle.many_writes,
    "ring_leader_election_symmetric_buffer_2": oracle.ring_election,
}


@pytest.mark.external
@pytest.mark.slow
def test_concuerror_optimal(external_data: Path) -> None:
    for case in _read(external_data, "dpor_programs.json")["cases"]:
        assert counts(CONCUERROR[case["program"]]()) == (case["optimal"], 0), case["program"]
        if case["source_dpor_explored"] is not None:
            runs = dpor(CONCUERROR[case["program"]](), optimal=False).runs
            assert runs == case["source_dpor_explored"], case["program"]
    with (external_data / "exploration" / "concuerror_counts.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["bound_algorithm"] in ("inf-dpor", "inf-optimal")]
    known = [row for row in rows if row["module"] in BY_MODULE]
    assert len(known) == len(BY_MODULE)
    for row in known:
        assert counts(BY_MODULE[row["module"]]()) == (int(row["explored"]), 0), row["module"]


@pytest.mark.external
@pytest.mark.slow
def test_delay_bounds(external_data: Path) -> None:
    figures = _read(external_data, "bounded_counts.json")
    readers = figures["readers_2(6): six readers then a writer"]
    assert [delays(oracle.readers_2(6), most).executions for most in range(len(readers))] == readers
    written = figures["writers(6): six writes to one variable"]
    assert [delays(oracle.writers(6), most).executions for most in range(len(written))] == written


@pytest.mark.external
@pytest.mark.slow
def test_shuttle(external_data: Path) -> None:
    programs = [
        Program({"T0": (oracle.pauses, 1)}),
        Program({"T0": (oracle.spawner, ["T1"], 1, 1)}),
        Program({"T0": (oracle.spawner, ["T1"], 5, 1)}),
        Program({"a": (oracle.pauses, 5), "b": (oracle.pauses, 5)}),
        Program({"T0": (oracle.spawner, ["T1", "T2"], 4, 4)}),
    ]
    figures = _read(external_data, "shuttle_dfs_pct.json")
    for program, case in zip(programs, figures["dfs_interleavings"], strict=True):
        assert interleavings(program).executions == case["count"], case["program"]
