"""The scenario clock-laws: right clocks pass, wrong ones are named, and the checker knows what happened before what."""

import inspect
import secrets

import pytest
from click.testing import CliRunner

from simclock import Control, Observation
from simclock.actors import Placement, run
from simclock.clocks import HybridTime, Stamp
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.clock_laws import bugs as clocks
from simclock.experiments.catalog.clock_laws.judge import (
    HYBRID_BOUNDED,
    HYBRID_CONDITION,
    HYBRID_MONOTONE,
    LAMPORT_CONDITION,
    TREE_DISJOINT,
    TREE_KEPT,
    TREE_ORDER,
    VECTOR_ORDER,
    ClockLaws,
    overlap,
    owned_parts,
    same_parts,
)
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import ground_of, hunt, named

NAME = "clock-laws"


def test_right_clocks_pass():
    entry = entries()[NAME]
    reached = dict.fromkeys(("events", "before", "after", "concurrent", "grants", "refused"), 0)
    for seed in (*range(10), *(secrets.randbits(32) for _ in range(4))):
        result = run(make_scenario(entry, Settings(seed=seed, nemesis="swarm+clock")))
        assert entry.judge(result).status == VALID, f"seed {seed}: {result.violations}"
        if seed < 10:  # what a fresh seed reaches is luck
            for name, count in entry.sometimes(result).items():
                reached[name] += count
    assert all(reached.values()), reached


def test_every_class_with_a_wrong_line_is_a_row():
    defined = {each for _, each in inspect.getmembers(clocks, inspect.isclass) if each.__module__ == clocks.__name__}
    assert defined == {bug.wrong for bug in clocks.BUGS}


@pytest.mark.parametrize("row", [bug.id for bug in clocks.BUGS])
def test_the_zoo_finds_it(row):
    found = hunt(row, 0, 200)
    assert found.found is not None, row
    ground = ground_of(BUGS[row])
    assert BUGS[row].property in named(ground, found.found, BUGS[row])
    assert named(ground, found.found, None) == frozenset()


def test_the_same_on_every_placement(same_everywhere):
    entry = entries()[NAME]
    for seed in (1, 5):
        assert entry.judge(same_everywhere(make_scenario(entry, Settings(seed=seed, nodes=4)))).status == VALID


@pytest.mark.slow
@pytest.mark.ray
def test_the_same_on_ray(ray):
    scenario = make_scenario(entries()[NAME], Settings(seed=3, duration_ns=300_000_000))
    assert run(scenario, Placement(kind="ray", nodes_per_actor=3)).digest == run(scenario).digest


# The checker, on histories made by hand.


class History:
    """Tells a checker one event after the other."""

    def __init__(self):
        self.checker, self.control, self.count = ClockLaws(500), Control(0), 0

    def tell(self, node, name, value):
        self.count += 1
        self.checker.on_observation(Observation(self.count, node, self.count, name, value), self.control)
        return self

    def send(self, node, number, *, time=(1000, 0), greatest=1000, wall=1000, monotonic=0, **other):
        owned = other.get("owned", ("(1,0)", "(0,1)")[node])
        event = (number, other.get("counted", number), HybridTime.of(*time).packed, greatest, wall, monotonic, owned)
        return self.tell(node, "send", (*event, other.get("sent", Stamp(0, 3).encode()), False))

    def receive(self, node, number, cause, compared, *, time=(1000, 9), counted=9):
        event = (number, counted, HybridTime.of(*time).packed, 1000, 1000, 0, ("(1,0)", "(0,1)")[node])
        return self.tell(node, "receive", (*event, *cause, compared))

    @property
    def broken(self):
        return [violation.property for violation in self.control.violations]


def test_happened_before_is_told_from_the_events():
    """0 sends twice; 1 sends, then takes in the second; then 0's first, its own and the second are compared."""

    def history(*told):
        events = [(0, 1), (1, 1)]
        compared = tuple((*event, (one, one, two)) for event, (one, two) in zip(events, told, strict=True))
        return History().send(0, 1).send(1, 1).send(0, 2, time=(1000, 1)).receive(1, 2, (0, 2), compared)

    assert history(("before", "before"), ("concurrent", "concurrent")).broken == []
    assert history(("concurrent", "before"), ("concurrent", "concurrent")).broken == [VECTOR_ORDER] * 2
    assert history(("before", "after"), ("concurrent", "concurrent")).broken == [TREE_ORDER]
    assert history(("before", "before"), ("before", "equal")).broken == [VECTOR_ORDER, VECTOR_ORDER, TREE_ORDER]


def test_an_old_message_is_seen_to_be_old():
    start = History().send(0, 1).send(0, 2, time=(1000, 1)).receive(1, 1, (0, 2), ())
    compared = ((0, 2, ("after",) * 3), (1, 1, ("after",) * 3))
    assert start.receive(1, 2, (0, 1), compared, time=(1001, 0), counted=10).broken == []
    counts = start.checker.report()
    assert counts["after"] == 2 and counts["events"] == 4


def test_the_clock_condition():
    assert History().send(0, 1).send(0, 2, time=(1000, 1), counted=1).broken == [LAMPORT_CONDITION]
    heard = History().send(0, 1, counted=5).send(1, 1)
    assert heard.receive(1, 2, (0, 1), (), counted=5).broken == [LAMPORT_CONDITION]
    assert History().send(0, 1).send(0, 2, time=(1000, 0)).broken == [HYBRID_CONDITION]
    late = History().send(0, 1, time=(1000, 9)).send(1, 1)
    assert late.receive(1, 2, (0, 1), (), time=(1000, 9)).broken == [HYBRID_CONDITION]


def test_the_bound_of_hybrid_time_is_the_nodes_own_readings():
    assert History().send(0, 1, time=(1500, 0)).broken == []
    assert History().send(0, 1, time=(1501, 0)).broken == [HYBRID_BOUNDED]
    # The wall clock was 1000 and went back to 200; the monotonic one has gone on by 300 since.
    back = History().send(0, 1)
    assert back.send(0, 2, time=(1800, 0), wall=200, monotonic=300).broken == []
    assert back.send(0, 3, time=(1801, 0), wall=200, monotonic=300).broken == [HYBRID_BOUNDED]


def test_the_greatest_reading_stays():
    assert History().send(0, 1).send(0, 2, time=(1000, 1), greatest=999).broken == [HYBRID_MONOTONE]


def test_ids_are_disjoint_and_kept():
    assert History().send(0, 1).send(1, 1, owned="((1,0),0)").broken == [TREE_DISJOINT]
    assert History().send(0, 1, sent=Stamp((1, 0), 3).encode()).broken == [TREE_DISJOINT]
    assert History().tell(0, "join", ("(1,0)", "(0,(1,0))", "(1,(1,0))")).broken == []
    assert History().tell(0, "join", ("(1,0)", "(0,1)", "1")).broken == []
    assert History().tell(0, "join", ("(1,0)", "(0,1)", "(1,0)")).broken == [TREE_KEPT]
    assert History().tell(0, "join", ("0", "(0,1)", "0")).broken == [TREE_KEPT]


def test_what_an_id_owns():
    assert [(float(low), float(high)) for low, high in owned_parts("((0,1),(1,0))")] == [(0.25, 0.75)]
    assert owned_parts("0") == [] and len(owned_parts("(1,(0,1))")) == 2
    assert overlap("(1,0)", "((0,1),0)") and not overlap("(1,0)", "(0,1)") and not overlap("0", "1")
    assert same_parts(("(1,0)", "(0,(1,0))"), "(1,(1,0))") and not same_parts(("(1,0)",), "1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "bug=SYNC-03"], "bug: unknown bug 'SYNC-03'"),
        (["--nodes", "1"], "nodes: 1 has nobody to talk to: 2 or more"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words, said):
    result = CliRunner().invoke(main, ["run", NAME, *words])
    assert result.exit_code == 2 and said in result.stderr, result.stderr
