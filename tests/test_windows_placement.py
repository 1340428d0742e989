"""The windows placement: what Ray runs, in this process, and the same to the last bit."""

import sys
import types

import pytest

from simclock import Constant, Network, Scenario, Uniform, UsageError, ms
from simclock.actors import Node, Placement, run
from simclock.actors.placements import placement as placements
from simclock.actors.run import tapped
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.traces.difference import first_difference

PLACEMENTS = [
    Placement(kind="windows"),
    Placement(kind="windows", nodes_per_actor=3),
    Placement(kind="windows", hosts=2),
]
SMALL = {"everything": Settings(seed=1), "phold": Settings(seed=2, nodes=7, duration_ns=ms(300))}


@pytest.mark.parametrize("placement", PLACEMENTS, ids=str)
@pytest.mark.parametrize("name", SMALL)
def test_windows_change_nothing(name, placement):
    scenario = entries()[name].make(SMALL[name])
    records, others = [], []
    expected = run(scenario, trace=records.append)
    result = run(scenario, placement, trace=others.append)
    assert first_difference(records, others) is None
    for field in ("digest", "counters", "final", "virtual_ns", "stopped", "faults", "reports", "violations"):
        assert getattr(result, field) == getattr(expected, field), field
    assert result.host_calls > expected.host_calls


@pytest.mark.parametrize(
    ("text", "said"), [("windows", "windows, one host per node"), ("windows:3", "windows, 3 nodes per host")]
)
def test_its_name_on_the_command_line(text, said):
    assert str(Placement.parse(text)) == said
    assert str(Placement.parse("windows:hosts=2")) == "windows, 2 hosts"


def test_it_wants_a_smallest_delay_as_ray_does():
    no_floor = Network(latency=Uniform(low_ns=0, high_ns=ms(1)))
    scenario = Scenario(
        name="no floor", nodes=2, build=make_scenario(entries()["phold"], Settings(nodes=2)).build, network=no_floor
    )
    with pytest.raises(UsageError, match="no smallest delay"):
        run(scenario, Placement(kind="windows"))


LIES = """
from simclock.actors import Message, Node

class Lie(Message):
    number: int

class Liar(Node):
    def on_start(self):
        self.send(0, Lie(7))
"""


def test_what_a_byzantine_node_sends_is_known_to_all_hosts():
    """Its messages may be defined where no honest node's are."""
    module = types.ModuleType("elsewhere_liars")
    sys.modules[module.__name__] = module
    exec(compile(LIES, "<liars>", "exec", dont_inherit=True), module.__dict__)
    scenario = Scenario(name="lies", nodes=2, build=lambda node: Node(), byzantine={1: lambda node: module.Liar()})
    inline, windows = run(scenario), run(scenario, Placement(kind="windows"))
    assert inline.counters["messages"] == 1
    assert inline.digest == windows.digest


class LooksAtItsClock(Node):
    def on_start(self) -> None:
        self.set_timer("tick", ms(1 + self.id))


@pytest.mark.parametrize("duration_ns", [None, ms(10)])
def test_a_clock_that_final_reads_shows_the_end_of_the_run_on_every_placement(duration_ns):
    """Hosts whose last events were at different times read their clocks at one."""
    scenario = Scenario(
        name="final",
        nodes=3,
        build=lambda node: LooksAtItsClock(),
        duration_ns=duration_ns,
        network=Network(latency=Constant(delay_ns=ms(1))),
        final=lambda node: node.clock.monotonic_ns(),
    )
    inline, windows = run(scenario), run(scenario, Placement(kind="windows"))
    assert inline.final == windows.final == dict.fromkeys(range(3), duration_ns or ms(3))


@pytest.mark.parametrize("kind", ["windows", "ray"])
@pytest.mark.parametrize(
    ("packing", "nodes", "host_of"),
    [
        ({}, 4, [0, 1, 2, 3]),
        ({"nodes_per_actor": 2}, 5, [0, 0, 1, 1, 2]),
        ({"nodes_per_actor": 3}, 7, [0, 0, 0, 1, 1, 1, 2]),
        ({"nodes_per_actor": 9}, 3, [0, 0, 0]),
        ({"hosts": 2}, 5, [0, 0, 0, 1, 1]),
        ({"hosts": 3}, 7, [0, 0, 0, 1, 1, 1, 2]),
        ({"hosts": 1}, 3, [0, 0, 0]),
        ({"hosts": 9}, 3, [0, 1, 2]),
    ],
)
def test_consecutive_nodes_share_a_host(kind, packing, nodes, host_of):
    assert Placement(kind=kind, **packing).host_of(nodes) == host_of


def test_in_process_all_nodes_share_one_host():
    assert Placement(nodes_per_actor=2).host_of(5) == [0] * 5


def test_a_tap_is_told_of_the_runs_while_it_is_open_and_of_no_other():
    scenario = make_scenario(entries()["phold"], Settings(seed=2, nodes=3, duration_ns=ms(50)))
    told, told_too, traced = [], [], []
    with tapped(told.append):
        run(scenario)
        once = len(told)
        with tapped(told_too.append):
            run(scenario, trace=traced.append)
        run(scenario)
    run(scenario)
    assert once > 10
    assert (len(told), told_too, len(traced)) == (3 * once, traced, once)


def test_a_tap_is_gone_after_an_error():
    told = []
    with pytest.raises(ZeroDivisionError), tapped(told.append):
        raise ZeroDivisionError
    run(make_scenario(entries()["phold"], Settings(seed=2, nodes=3, duration_ns=ms(50))))
    assert told == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inline", Placement()),
        (" windows ", Placement(kind="windows")),
        ("windows:3", Placement(kind="windows", nodes_per_actor=3)),
        ("ray", Placement(kind="ray", address="10.0.0.1:6379")),
        ("ray:4", Placement(kind="ray", nodes_per_actor=4, address="10.0.0.1:6379")),
        ("ray:hosts=2", Placement(kind="ray", hosts=2, address="10.0.0.1:6379")),
        ("ray:" + "9" * 5000, Placement(kind="ray", nodes_per_actor=10**18, address="10.0.0.1:6379")),
    ],
)
def test_a_placement_is_read_from_its_text(text, expected):
    assert Placement.parse(text, "10.0.0.1:6379") == expected


@pytest.mark.parametrize(
    "text", ["", "moon", "moon:2", "inline:2", "inline:", "ray:", "ray:x", "ray:=2", "ray:nodes=2"]
)
def test_what_is_no_placement_is_refused_in_one_line_by_all_who_read_one(text):
    scenario = make_scenario(entries()["phold"], Settings(nodes=2))
    for refuse in (Placement.parse, lambda text: run(scenario, text)):
        with pytest.raises(UsageError) as refusal:
            refuse(text)
        said = (
            f"placement: {text!r} is not a placement: use inline, windows, ray, auto, ray:4 (four nodes to an actor) or"
        )
        assert str(refusal.value).startswith(said) and "\n" not in str(refusal.value)
    with pytest.raises(UsageError, match="is not a placement"):
        Placement(kind=text)


def test_run_reads_what_the_command_line_reads():
    scenario = make_scenario(entries()["phold"], Settings(seed=2, nodes=7, duration_ns=ms(50)))
    result = run(scenario, "windows:hosts=2")
    assert result.placement == "windows, 2 hosts" and result.digest == run(scenario, "inline").digest


def test_a_placement_of_the_list_is_run_by_its_name(monkeypatch):
    """All that a run needs to know of a placement stands in the list."""

    class Moon:
        name, host = "moon", "crater"

        def run(self, scenario, placement, **named):
            return str(placement), placement.host_of(4), sorted(named)

    monkeypatch.setattr(placements, "PLACEMENTS", (*placements.PLACEMENTS, Moon()))
    scenario = make_scenario(entries()["phold"], Settings(nodes=4))
    assert run(scenario, "moon:2") == (
        "moon, 2 nodes per crater",
        [0, 0, 1, 1],
        ["guard", "onlooker", "replay", "trace"],
    )
