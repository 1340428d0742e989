"""Exploration in virtual time: timers in the order of their deadlines, two delays, and a node that stands still."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from simclock import Message, Node, Observer, Scenario, UsageError, ms, seconds
from simclock.actors.steering.running import steered_run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.exploring.search import Asked, Bounds, Findings
from simclock.experiments.exploring.states.timed import timed


def unlimited(findings: Findings) -> None:
    pass


class Order(Observer[None]):
    """Finds the orders that it is not to see, and keeps nothing else."""

    def __init__(self, *never: str) -> None:
        self.never = never
        self.seen = ""

    def on_observation(self, observation: Any, control: Any) -> None:
        self.seen += observation.name
        if self.seen in self.never:
            control.violated(self.seen, observation.node, f"at {control.now_ns}", stop=False)


class Alarms(Node):
    """Two timers each, of which the node's number says when the first is due."""

    def on_start(self) -> None:
        self.set_timer("a", ms(10 + 10 * self.id))
        self.set_timer("b", ms(30))

    def on_timer(self, timer: str) -> None:
        self.observe(f"{timer}{self.id}")


def alarms(*never: str, nodes: int = 2) -> Scenario:
    observers = (partial(Order, *never),)
    return Scenario(
        name="alarms", nodes=nodes, build=lambda node: Alarms(), duration_ns=seconds(1), observers=observers
    )


def test_timers_run_out_in_the_order_of_their_deadlines() -> None:
    scenario = alarms("b0", "b1", "a1", "a0b0", "a0b1", "a0a1b0b1", "a0a1b1b0")
    findings = timed(Asked(scenario=scenario, argument="1ms-2ms", all_violations=True), unlimited)
    assert {each.violation.property for each in findings.found} == {"a0a1b0b1", "a0a1b1b0"}


def test_a_node_that_stands_still_is_late() -> None:
    late = Asked(scenario=alarms("a1a0"), argument="1ms-2ms,15ms")
    (found,) = timed(late, unlimited).found
    assert "at 25000000" in found.violation.detail
    assert not timed(Asked(scenario=alarms("a1a0"), argument="1ms-2ms,5ms"), unlimited).found
    result = steered_run(late.scenario, found.steps)
    assert [each.property for each in result.violations] == ["a1a0"]


def test_the_end_bounds_the_search_and_it_says_so() -> None:
    findings = timed(Asked(scenario=alarms("a0a1b0"), argument="1ms-2ms,0s,25ms"), unlimited)
    assert findings.complete and not findings.found
    assert findings.pruned["time"] == 1


class Word(Message):
    text: str


class Speaks(Node):
    def on_start(self) -> None:
        if self.id == 0:
            self.send(1, Word("x"))
            self.set_timer("then", ms(3))

    def on_timer(self, timer: str) -> None:
        self.send(1, Word("y"))

    def on_message(self, source: int, message: Word) -> None:
        self.observe(message.text)


@pytest.mark.parametrize(
    ("delays", "model", "found"),
    [
        ("1ms-2ms", "bag", {"xy"}),
        ("1ms-5ms", "bag", {"xy", "yx"}),
        ("1ms-5ms", "fifo", {"xy"}),
        ("4ms-5ms", "bag", {"xy"}),
    ],
)
def test_a_message_takes_one_of_two_delays(delays: str, model: str, found: set[str]) -> None:
    observers = (partial(Order, "xy", "yx"),)
    scenario = Scenario(name="speaks", nodes=2, build=lambda node: Speaks(), duration_ns=ms(99), observers=observers)
    findings = timed(Asked(scenario=scenario, argument=delays, model=model, all_violations=True), unlimited)
    assert {each.violation.property for each in findings.found} == found


def test_what_gets_lost_or_comes_twice_is_bounded() -> None:
    observers = (partial(Order, "y", "xxy"),)
    scenario = Scenario(name="speaks", nodes=2, build=lambda node: Speaks(), duration_ns=ms(99), observers=observers)
    asked = partial(Asked, scenario=scenario, argument="1ms-2ms", all_violations=True)
    assert not timed(asked(), unlimited).found
    found = [timed(asked(bounds=bounds), unlimited).found for bounds in (Bounds(drops=1), Bounds(duplicates=1))]
    assert [[each.violation.property for each in those] for those in found] == [["y"], ["xxy"]]


@pytest.mark.parametrize(
    ("argument", "bounds", "said"),
    [
        ("", Bounds(), "write timed:LOW-HIGH"),
        ("5ms", Bounds(), "write timed:LOW-HIGH"),
        ("5ms-1ms", Bounds(), "the shorter delay comes first"),
        ("1ms-2", Bounds(), "--strategy timed:1ms-2: "),
        ("-1ms-2ms", Bounds(), "write timed:LOW-HIGH"),
        ("1ms-2ms,1ms,0s", Bounds(), "UNTIL is more than zero"),
        ("1ms-2ms", Bounds(crashes=1), "--crashes: timed knows"),
        ("1ms-2ms", Bounds(drops=None), "needs a number"),
        ("1ms-2ms", Bounds(named_timers={"a": 1}), "no --timers"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(argument: str, bounds: Bounds, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        timed(Asked(scenario=alarms(), argument=argument, bounds=bounds), unlimited)


# Leases.


def leases(argument: str, bounds: Bounds | None = None, nodes: int | None = None, **parameters: Any) -> Findings:
    scenario = make_scenario(entries()["leases-script"], Settings(nodes=nodes, parameters=parameters))
    return timed(Asked(scenario=scenario, argument=argument, bounds=bounds or Bounds()), unlimited)


def test_one_holder_keeps_its_lease_within_its_bounds() -> None:
    findings = leases("5ms-40ms", nodes=3)
    assert findings.complete and not findings.found


@pytest.mark.parametrize(
    ("argument", "bounds", "parameters", "violated"),
    [
        ("40ms-40ms,420ms", Bounds(), {"bug": "LEASE-01"}, "Mutual Exclusion Of Effects"),
        ("40ms-40ms,420ms", Bounds(), {"bug": "LEASE-07"}, "At Most One Holder"),
        (
            "40ms-40ms",
            Bounds(drops=2),
            {"bug": "PAPER-LEASE-1", "margin": "0ms", "prepare": "10ms", "writes": 10},
            "Believer Is Holder",
        ),
    ],
    ids=["LEASE-01", "LEASE-07", "PAPER-LEASE-1"],
)
def test_rows_about_durations_are_found_by_a_script(
    argument: str, bounds: Bounds, parameters: dict[str, Any], violated: str
) -> None:
    found = leases(argument, bounds, **parameters).found
    (steps,) = [each.steps for each in found if each.violation.property == violated]
    scenario = make_scenario(entries()["leases-script"], Settings(parameters=parameters))
    assert violated in [each.property for each in steered_run(scenario, steps).violations]
    right = {name: value for name, value in parameters.items() if name != "bug"}
    findings = leases(argument, replace(bounds, steps=len(steps)), **right)
    assert findings.complete and not findings.found
