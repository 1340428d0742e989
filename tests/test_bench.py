"""The bench: its arithmetic, and that every engine does the same work. No test asserts a wall time."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import ms
from simclock.experiments.bench import bench, command, kernels, parts, signed
from simclock.experiments.bench.bare_loop import BareNode
from simclock.experiments.bench.loads import (
    LOADS,
    Sample,
    handlers_on,
    load_of,
    run_bare_loop,
    run_ours,
    run_simpy_callbacks,
    run_simpy_stores,
)
from simclock.experiments.bench.measure import Row, Spread, Target, alternate, ratios, spread
from simclock.experiments.catalog.synthetic.scenario import Phold
from simclock.kernel.core import built

ENGINES = (run_bare_loop, run_simpy_callbacks, run_simpy_stores)


# Arithmetic.


def test_spread_is_least_middle_greatest():
    assert spread([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
    assert spread([4.0, 1.0, 2.0, 3.0]).middle == 2.5
    assert spread([7.0]) == Spread(7.0, 7.0, 7.0)


def test_ratios_are_taken_between_neighbours():
    # The medians' ratio would be 2 / 20; the second pair was measured while the machine was slow.
    assert ratios([1.0, 2.0, 30.0], [10.0, 4.0, 20.0]) == Spread(0.1, 0.5, 1.5)


def test_ratios_need_pairs():
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 2.0], [1.0])


def test_alternate_takes_turns():
    order: list[str] = []

    def side(name: str) -> int:
        order.append(name)
        return len(order)

    measured = alternate({"a": lambda: side("a"), "b": lambda: side("b")}, 3)
    assert order == ["a", "b"] * 3
    assert measured == {"a": [1, 3, 5], "b": [2, 4, 6]}


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target(limit=0.55), 0.55, True),
        (Target(limit=0.55), 0.5499, False),
        (Target(limit=1000.0, least=False), 999.0, True),
        (Target(limit=1000.0, least=False), 1000.1, False),
    ],
)
def test_a_target_is_not_bent(target, value, met):
    assert target.met_by(value) is met


def test_the_middle_is_judged():
    row = a_row(ratio=Spread(0.4, 0.54, 0.9), target=Target(limit=0.55))
    assert row.verdict == "NOT MET"
    assert replace(row, ratio=Spread(0.4, 0.56, 0.9)).verdict == "met"
    assert replace(row, target=None).verdict == ""


def test_cost_per_event_is_that_of_the_events_between():
    assert parts.cost_per_event_ns(Sample(100, 1.0), Sample(300, 1.0 + 200e-6)) == pytest.approx(1000.0)


def test_growth_against_log():
    # From 10 to 1,000 nodes log grows threefold.
    assert parts.growth_against_log({10: 100.0, 1000: 300.0}) == {1000: pytest.approx(1.0)}
    assert parts.growth_against_log({10: 100.0, 1000: 600.0}) == {1000: pytest.approx(2.0)}
    assert parts.growth_against_log({10: 100.0}) == {}


# The loads.


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("nodes", [2, 10, 33])
def test_every_engine_handles_the_same_events(name, nodes):
    """With delays all alike the number of events does not depend on luck; timers draw theirs, but not how many."""
    load = load_of(name, nodes, 2_000)
    load = replace(load, delay_ns_min=ms(10), delay_ns_max=ms(10), duration_ns=load.duration_ns // ms(1) * ms(1))
    ours = run_ours(load).events
    assert ours > 0
    for run in ENGINES:
        if name == "timers":
            assert run(load).events == pytest.approx(ours, rel=0.1)
        else:
            assert run(load).events == ours


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("nodes", [10, 100, 1_000])
def test_a_load_has_about_the_events_asked_for(name, nodes):
    assert run_bare_loop(load_of(name, nodes, 20_000)).events == pytest.approx(20_000, rel=0.25)


@pytest.mark.slow
def test_the_same_load_twice_is_the_same_work():
    load = load_of("phold", 10, 1_000)
    for run in (run_ours, *ENGINES):
        assert run(load).events == run(load).events


def test_handlers_are_copied_code_and_all():
    made = handlers_on(Phold, BareNode)
    assert made.on_message.__code__ is not Phold.on_message.__code__
    assert made.on_message.__code__.co_code == Phold.on_message.__code__.co_code
    assert handlers_on(Phold, BareNode) is made


@pytest.mark.slow
def test_each_kernel_has_its_rows_against_the_bare_loop(tiny):
    done = CliRunner().invoke(bench, ["--quick", "--only", "kernels", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    named = ["plain", *["compiled"] * built()]
    assert [f"phold, {kernel} kernel" in done.stdout for kernel in named] == [True] * len(named)
    assert done.stdout.count("bare loop") == len(named)
    assert kernels.KERNEL_TARGETS.keys() < set(kernels.SIZES)


def test_an_unknown_load_is_refused():
    with pytest.raises(ValueError, match="no load is called 'fold'"):
        load_of("fold", 1, 1)


# The command.

TINY = parts.Sizes(
    repeats=1,
    inline_nodes=(3,),
    inline_events=200,
    growth_nodes=(3, 9),
    growth_events=100,
    memory_nodes=(10,),
    actors=2,
    calls=10,
    packed_nodes=4,
    packed_events=100,
    heavy_nodes=4,
    heavy_events=40,
    wan_seconds=1,
    sweep_seeds=2,
    signed=((4, 2, 1),),
    kernels=(("phold", 3),),
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(command, "QUICK", TINY)


def a_row(**changes) -> Row:
    row = Row(
        part="inline",
        load="phold",
        nodes=1_000,
        against="bare loop",
        unit="events/s",
        ours=1.0,
        other=2.0,
        ratio=Spread(0.4, 0.5, 0.6),
        target=None,
    )
    return replace(row, **changes)


def test_quick_inline(tiny):
    done = CliRunner().invoke(bench, ["--quick", "--only", "inline", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    for name in (*LOADS, "bare loop", "SimPy stores", "SimPy callbacks", "A look, not a measurement"):
        assert name in done.stdout


@pytest.mark.slow
def test_json_and_csv_are_read_by_programs(tiny):
    words = ["--quick", "--only", "inline", "--repeats", "2", "--format"]
    rows = json.loads(CliRunner().invoke(bench, [*words, "json"]).stdout)
    lines = list(csv.DictReader(io.StringIO(CliRunner().invoke(bench, [*words, "csv"]).stdout)))
    assert len(rows) == len(lines) == len(LOADS) * len(ENGINES)
    assert list(rows[0]) == list(lines[0])
    assert all(row["min"] <= row["ratio"] <= row["max"] for row in rows)


@pytest.mark.slow
def test_growth_and_memory(tiny):
    # Tiny runs differ by less than the clock's noise, so nothing is said about the figures.
    done = CliRunner().invoke(bench, ["--quick", "--only", "memory,growth", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    assert "peak of the process" in done.stdout
    assert "log(nodes)" in done.stdout
    assert "None of what was measured has a target." in done.stdout, "a small run is not judged"


def test_an_unknown_part_is_bad_usage():
    done = CliRunner().invoke(bench, ["--only", "inline,rey"])
    assert done.exit_code == 2
    assert "'rey' is not a part" in done.stderr


def test_a_missed_target_is_said_and_exits_0(monkeypatch):
    def missed(sizes: parts.Sizes) -> Iterator[Row]:
        yield a_row(target=Target(limit=0.55))
        yield a_row(part="memory", against="peak of the process", unit="MB", other=None, target=Target(limit=0.4))

    monkeypatch.setitem(parts.PARTS, "inline", missed)
    done = CliRunner().invoke(bench, ["--only", "inline"])
    assert done.exit_code == 0
    assert "NOT MET" in done.stdout
    assert "Target NOT met: phold on 1000 nodes, against bare loop: 0.5, wanted >= 0.55." in done.stdout
    assert "Target met: phold on 1000 nodes, peak of the process: 0.5 MB, wanted >= 0.4 MB." in done.stdout


def test_every_target_of_the_issue_stands():
    assert {
        ("phold", 1_000, "bare loop"): Target(limit=0.55),
        ("phold", 1_000, "SimPy stores"): Target(limit=3.5),
    } == parts.INLINE_TARGETS
    assert Target(limit=1.5) == parts.PACKED_TARGET
    assert Target(limit=1.8) == parts.HEAVY_TARGET
    assert Target(limit=5.0, least=False) == parts.WAN_TARGET
    assert Target(limit=5.0) == parts.CALLS_TARGET
    assert Target(limit=1.9) == parts.SWEEP_TARGET
    assert Target(limit=1.7) == signed.SIGNED_TARGET
    assert [(nodes, target.limit, target.least) for nodes, target in parts.MEMORY_TARGETS.items()] == [
        (100_000, 300.0, False),
        (1_000_000, 4000.0, False),
    ]
    assert set(parts.MEMORY_TARGETS) < set(parts.Sizes().memory_nodes)
    assert Target(limit=1.0, least=False) == parts.GROWTH_TARGET
    full = parts.Sizes()
    assert full.repeats >= 5
    assert full.signed == signed.SIGNED and [size[0] for size in full.signed] == [40, 100]
    assert set(full.inline_nodes) == {10, 100, 1_000, 10_000}
    assert full.growth_nodes[-1] == 100_000
    sizes = {
        "calls": full.actors,
        "packed": full.packed_nodes,
        "heavy": full.heavy_events,
        "wan": full.wan_seconds,
        "growth": full.growth_nodes[-1],
        "sweep": full.sweep_seeds,
    }
    wanted = {
        "calls": 20,
        "packed": 10_000,
        "heavy": 4_000,
        "wan": 120,
        "growth": 100_000,
        "sweep": 100,
    }
    assert sizes == parts.NODES_OF_TARGETS == wanted


@pytest.mark.ray
@pytest.mark.slow
def test_ray_part(tiny):
    done = CliRunner().invoke(bench, ["--quick", "--only", "ray,sweep", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    assert "calls/s" in done.stdout
    assert "two hosts" in done.stdout
    assert "raft-kv-wan, 1 s, one actor per node" in done.stdout
    assert "500 us handlers" in done.stdout and "dolev-strong" in done.stdout
    assert "two workers" in done.stdout and "runs/s" in done.stdout
    assert "this process alone" in done.stdout and "two plain processes" in done.stdout


def test_the_guards_cost_is_measured(tiny):
    done = CliRunner().invoke(bench, ["--quick", "--only", "guard", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    assert "guard off" in done.stdout and "None of what was measured has a target." in done.stdout
