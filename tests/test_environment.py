"""The whole environment: every fault alone and all mixed, the same on every placement, and written as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simclock import (
    Clocks,
    Constant,
    Control,
    DiskModel,
    Fault,
    HandlerError,
    Network,
    Observation,
    Observer,
    Pause,
    Resume,
    RunResult,
    Scenario,
    SetDrift,
    SlowNode,
    StartClock,
    StopClock,
    Stream,
    TornCrash,
    TraceRecord,
    UsageError,
    ms,
    stream,
    us,
)
from simclock.actors import Node, Placement, run
from simclock.experiments.catalog.everything.scenario import EVERYTHING, every_fault
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.scenario_files.file import settings_from_toml
from simclock.experiments.scenario_files.text import write_settings
from simclock.experiments.traces.difference import first_difference
from simclock.faults import FAULTS, WRITTEN, LinkFault, NodeFault, SwizzleClog, check_faults
from simclock.kernel._kernel import EventQueue

SameEverywhere = Callable[[Scenario], RunResult]

PLAN = every_fault(1, 6)
FIGURES: dict[str, Any] = {
    "busy_ns": (0, us(50), ms(5)),
    "delay_ns": (0, ms(3)),
    "sync_ns": (0, us(300), ms(4)),
    "by_ns": (ms(40), -ms(70)),
    "drift_ppb": (0, 300_000_000, -300_000_000),
    "loss": (0.0, 0.2),
    "duplication": (0.0, 0.2),
    "detected": (0.0, 0.1),
    "undetected": (0.0, 0.1),
    "bytes_per_s": (0, 20_000),
    "text": ("a note",),
}


def plain(seed: int, *faults: Fault, network: Network | None = None) -> Scenario:
    """Gossip where nothing goes wrong but these faults."""
    return replace(
        make_scenario(EVERYTHING, Settings(seed=seed, nodes=5, duration_ns=ms(450))),
        network=network or Network(latency=Constant(delay_ns=ms(2))),
        clocks=Clocks(),
        disk=DiskModel(),
        faults=faults,
        byzantine={},
    )


def drawn_fault(luck: Stream, kind: type[Fault], nodes: int) -> Fault:
    """A fault of that kind at some instant, some of them the instants at which much happens."""
    values: dict[str, Any] = {"at_ns": ms(luck.randrange(400)) + luck.choice((0, 0, 1, us(317)))}
    for field in msgspec.structs.fields(kind):
        name = field.name
        if name in ("node", "source", "target"):
            values[name] = luck.randrange(nodes)
        elif name == "groups":
            cut = luck.randrange(1, nodes)
            values[name] = (tuple(range(cut)), tuple(range(cut, nodes)))
        elif name != "at_ns":
            values[name] = luck.choice(FIGURES[name])
    return kind(**values)


@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS)
def test_every_fault_alone_is_the_same_everywhere(same_everywhere: SameEverywhere, kind: type[Fault]) -> None:
    luck = stream(7, kind.kind)
    faults = tuple(drawn_fault(luck, kind, 5) for _ in range(6))
    result = same_everywhere(plain(7, *faults))
    assert len(result.faults) >= 6


@pytest.mark.parametrize("seed", range(25))
def test_a_random_mix_of_faults_is_the_same_everywhere(same_everywhere: SameEverywhere, seed: int) -> None:
    luck = stream(seed, "mix")
    kinds = list(FAULTS.values())
    faults = tuple(drawn_fault(luck, luck.choice(kinds), 5) for _ in range(40))
    same_everywhere(
        replace(make_scenario(EVERYTHING, Settings(seed=seed, nodes=5, duration_ns=ms(450))), faults=faults)
    )


@pytest.mark.parametrize("seed", range(1, 5))
def test_everything_is_the_same_everywhere(same_everywhere: SameEverywhere, seed: int) -> None:
    same_everywhere(make_scenario(EVERYTHING, Settings(seed=seed)))


def test_traces_are_the_same_record_by_record(
    traces_everywhere: Callable[[Scenario], list[list[TraceRecord]]],
) -> None:
    inline, *others = traces_everywhere(make_scenario(EVERYTHING, Settings(seed=2)))
    assert [record[:3] for record in inline] == sorted(record[:3] for record in inline), "in canonical order"
    for other in others:
        assert first_difference(inline, other) is None


@pytest.mark.ray
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_everything_is_the_same_on_ray(ray: None, placement: Placement) -> None:
    scenario = make_scenario(EVERYTHING, Settings(seed=11))
    expected, result = run(scenario), run(scenario, placement)
    for name in ("digest", "counters", "final", "virtual_ns", "faults", "reports", "events"):
        assert getattr(result, name) == getattr(expected, name), name


class Meddler(Observer):
    """Changes the clock of whoever tells of something, by turns and at odd instants, and pauses it."""

    def __init__(self) -> None:
        self.seen = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        node, self.seen = observation.node, self.seen + 1
        turn = (
            SetDrift(at_ns=0, node=node, drift_ppb=300_000_000),
            StopClock(at_ns=0, node=node),
            SetDrift(at_ns=0, node=node, drift_ppb=-300_000_000),
            StartClock(at_ns=0, node=node),
            Pause(at_ns=0, node=node),
            Resume(at_ns=0, node=node),
        )
        control.inject(turn[self.seen % 6], after_ns=us(self.seen * 37 % 900))
        for undo in (StartClock(at_ns=0, node=node), Resume(at_ns=0, node=node)):
            control.inject(undo, after_ns=ms(7))


class Metronome(Node):
    """Has many timers under way and tells of every fifth."""

    def on_start(self) -> None:
        self.rung = 0
        for number in range(12):
            self.set_timer(number, us(300 + 450 * number))

    def on_timer(self, timer: Any) -> None:
        self.rung += 1
        self.set_timer(timer, us(900 + 211 * timer))
        if self.rung % 5 == self.id:
            self.observe("rang", (timer, self.clock.monotonic_ns()))


@pytest.mark.parametrize("nodes", [1, 3, 5])
def test_clocks_that_change_while_timers_run_out_are_the_same_everywhere(
    same_everywhere: SameEverywhere, nodes: int
) -> None:
    """Faults that come between the timers of one slot: what is taken out of the queue while it is emptied."""
    result = same_everywhere(
        Scenario(
            name="meddling",
            nodes=nodes,
            build=lambda node: Metronome(),
            duration_ns=ms(150),
            network=Network(latency=Constant(delay_ns=ms(2))),
            observers=(Meddler,),
            final=lambda node: node.rung,
        )
    )
    assert {fault.kind for fault in result.faults} >= {"set-drift", "stop-clock", "start-clock", "pause", "resume"}
    assert all(rung > 50 for rung in result.final.values())


def test_an_observer_cannot_inject_what_cannot_be() -> None:
    class Wrong(Observer):
        def on_observation(self, observation: Observation, control: Control) -> None:
            control.inject(SlowNode(at_ns=0, node=0, busy_ns=-1))

    with pytest.raises(HandlerError, match=r"slow-node: busy -1 is not a duration"):
        run(replace(plain(1), observers=(Wrong,)))


# Faults as values.


def test_the_manual_names_every_kind_of_fault() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert [kind for kind in WRITTEN if f"`{kind}`" not in readme] == []


def test_every_kind_of_fault_is_in_the_plan_of_everything() -> None:
    assert {fault.kind for fault in PLAN} == set(FAULTS)


@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS)
def test_every_fault_is_documented_and_readable(kind: type[Fault]) -> None:
    assert kind.__doc__ and kind.__doc__.strip()
    fault = next(fault for fault in PLAN if type(fault) is kind)
    text = str(fault)
    assert kind.kind in text and "_ns" not in text
    if isinstance(fault, NodeFault | LinkFault):
        assert "node" in text or "the " in text


@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS)
def test_every_fault_shows_in_the_digest_of_the_environment(kind: type[Fault]) -> None:
    fault = drawn_fault(stream(3, kind.kind), kind, 5)
    assert run(plain(3, fault)).digest != run(plain(3)).digest


def test_the_plan_of_everything_reads_back_from_toml() -> None:
    swizzles = SwizzleClog(at_ns=1, lasts_ns=5), SwizzleClog(at_ns=1, lasts_ns=5, links=True, nodes=(3, 1))
    written = write_settings("everything", Settings(faults=(*PLAN, *swizzles)))
    assert settings_from_toml(tomllib.loads(written), "x.toml", Path())[1].faults == (*PLAN, *swizzles)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('kind = "torn-crash"\nat = "1s"\nnode = "leader"', TornCrash(at_ns=10**9, node="leader")),
        (
            'kind = "jump-clock"\nat = "1s"\nnode = 0\nby = "-1.5s"',
            FAULTS["jump-clock"](at_ns=10**9, node=0, by_ns=-1_500_000_000),  # type: ignore[call-arg]
        ),
        (
            'kind = "set-drift"\nat = "1s"\nnode = 0\ndrift = "-200ppm"',
            FAULTS["set-drift"](at_ns=10**9, node=0, drift_ppb=-200_000),  # type: ignore[call-arg]
        ),
        (
            'kind = "swizzle-clog"\nat = "1s"\nlasts = "8s"\nnodes = [2, 0]\nlinks = true',
            SwizzleClog(at_ns=10**9, lasts_ns=8 * 10**9, links=True, nodes=(2, 0)),
        ),
        ('kind = "swizzle-clog"\nat = "1s"\nlasts = "8s"', SwizzleClog(at_ns=10**9, lasts_ns=8 * 10**9)),
        ('kind = "set-loss"\nat = "1s"\nloss = 0.5', FAULTS["set-loss"](at_ns=10**9, loss=0.5)),  # type: ignore[call-arg]
        (
            'kind = "set-bandwidth"\nat = "1s"\nbytes_per_s = 1_000',
            FAULTS["set-bandwidth"](at_ns=10**9, bytes_per_s=1000),  # type: ignore[call-arg]
        ),
    ],
)
def test_a_fault_as_a_user_writes_it(text: str, fault: Fault) -> None:
    document = tomllib.loads(f'scenario = "phold"\n[[faults]]\n{text}')
    assert settings_from_toml(document, "x.toml", Path())[1].faults == (fault,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "slow-node"\nat = "1s"\nnode = 0', 'x.toml: faults[0].busy is missing: write busy = "10s"'),
        ('kind = "jump-clock"\nat = "1s"\nnode = 0\nby = 5', "x.toml: faults[0].by: 5 has no unit"),
        ('kind = "jump-clock"\nat = "-1s"\nnode = 0\nby = "5s"', "x.toml: faults[0].at: -1s is negative"),
        ('kind = "set-drift"\nat = "1s"\nnode = 0\ndrift = 5', "x.toml: faults[0].drift: 5 is not text"),
        ('kind = "set-loss"\nat = "1s"\nloss = "x"', "x.toml: faults[0].loss: 'x' is not a number"),
        ('kind = "set-bandwidth"\nat = "1s"\nbytes_per_s = 1.5', "x.toml: faults[0].bytes_per_s: 1.5 is not a whole"),
        (
            'kind = "swizzle"\nat = "1s"',
            "x.toml: faults[0].kind: unknown kind 'swizzle': did you mean 'swizzle-clog'",
        ),
        ('kind = "swizzle-clog"\nat = "1s"', 'x.toml: faults[0].lasts is missing: write lasts = "10s"'),
        (
            'kind = "swizzle-clog"\nat = "1s"\nlasts = "8s"\nlinks = "all"',
            "x.toml: faults[0].links: 'all' is not true or false: write links = false",
        ),
        (
            'kind = "swizzle-clog"\nat = "1s"\nlasts = "8s"\nnodes = 3',
            "x.toml: faults[0].nodes: 3 is not an array: write nodes = [0, 1, 2]",
        ),
        (
            'kind = "swizzle-clog"\nat = "1s"\nlasts = "8s"\nnodes = [0, "leader"]',
            "x.toml: faults[0].nodes[1]: 'leader' is not a node's number: write nodes = [0, 1, 2]",
        ),
        (
            'kind = "partition"\nat = "1s"\ngroups = [["leader"], [0, "7"]]',
            "x.toml: faults[0].groups[1][1]: '7' is not a node: write groups = [[\"leader\"], [0, 1, 2]]",
        ),
        (
            'kind = "partition"\nat = "1s"\ngroups = [[true]]',
            "x.toml: faults[0].groups[0][0]: True is not a node: write groups = ",
        ),
        ('kind = "partition"\nat = "1s"\ngroups = "all"', "x.toml: faults[0].groups: 'all' is not an array: write "),
        ('kind = "partition"\nat = "1s"', "x.toml: faults[0].groups is missing: write groups = "),
        ('kind = "crash"\nat = "1s"\nnode = ""', "x.toml: faults[0].node: '' is not a node: write node = 0 or"),
        ('kind = "crash"\nat = "1s"\nnode = 1.0', "x.toml: faults[0].node: 1.0 is not a node: write node = 0 or"),
        (
            'kind = "set-loss"\nat = "1s"\nloss = true',
            "x.toml: faults[0].loss: True is not a number: write loss = 0.01",
        ),
    ],
)
def test_a_fault_written_wrong_is_one_clear_line(text: str, said: str) -> None:
    document = tomllib.loads(f'scenario = "phold"\n[[faults]]\n{text}')
    with pytest.raises(UsageError) as caught:
        settings_from_toml(document, "x.toml", Path())
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("slow-node", {"node": 0, "busy_ns": -1}, "busy -1 is not a duration"),
        ("slow-disk", {"node": 0, "sync_ns": 0.5}, "sync 0.5 is not a duration"),
        ("add-delay", {"delay_ns": -5}, "delay -5 is not a duration"),
        ("set-loss", {"loss": 1.5}, "loss: 1.5 is not a probability"),
        ("set-corruption", {"detected": 0.0, "undetected": -1}, "undetected: -1 is not a probability"),
        ("set-bandwidth", {"bytes_per_s": 1 << 60}, "is not a bandwidth"),
        ("pause", {"node": 9}, "node 9 is out of range"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(kind: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_faults((FAULTS[kind](at_ns=0, **values),), 5)
    assert str(caught.value).startswith(f"faults[0] ({kind}): ")
    assert said in str(caught.value)


def test_events_can_be_taken_out_of_the_queue_at_any_time() -> None:
    """A change of a clock takes timers out; what is left comes in order, whatever slot it stands in."""
    for slot_ns in (1, 1 << 8, 1 << 14, 1 << 40):
        luck = stream(slot_ns, "take out")
        queue = EventQueue(slot_ns)
        expected = [(luck.randrange(1_000_000), 0, count, count % 7, 0, None) for count in range(500)]
        for event in expected:
            queue.push(event)
        given = []
        while queue.next_time_ns() is not None:
            if not queue.current and not queue.near:
                assert queue.open_slot(1 << 62)
                continue
            given.append(queue.current.pop(0))
            if len(given) in (1, 90, 200):
                node = len(given) % 7
                out = queue.take_out(lambda event: event[3] == node)  # noqa: B023 - called before it changes
                assert out == sorted(out) and len(out) > 5
                expected = [event for event in expected if event not in out]
        assert given == sorted(expected)
