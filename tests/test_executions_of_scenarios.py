"""The strategies over executions on the nodes of a scenario: they agree with the search of all states."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simclock import Control, Message, Node, Observation, Observer, Scenario
from simclock.actors.steering import World
from simclock.errors import UsageError
from simclock.experiments.exploring.executions.stateless import estimated
from simclock.experiments.exploring.search import Asked, Bounds, Enough, Findings
from simclock.experiments.exploring.strategies import strategy_named


class Vote(Message):
    number: int


class Voter(Node):
    def on_start(self) -> None:
        self.send(0, Vote(self.id))


class Counter(Node):
    def on_start(self) -> None:
        self.got: tuple[int, ...] = ()

    def on_message(self, source: int, message: Vote) -> None:
        self.got = (*self.got, message.number)
        if len(self.got) == 2:
            self.observe("second", message.number)


class NoTwo(Observer[None]):
    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.value == 2:
            control.violated("no two", observation.node, "two was second")


def votes(nodes: int) -> Scenario:
    return Scenario(
        name="votes",
        nodes=nodes,
        build=lambda node: Voter() if node else Counter(),
        observers=(NoTwo,),
    )


def explored(strategy: str, scenario: Scenario, most: int = 1_000, **asked: Any) -> Findings:
    def ticked(findings: Findings) -> None:
        if findings.executions > most:
            raise Enough("too many")

    search, argument = strategy_named(strategy)
    return search(Asked(scenario=scenario, argument=argument, **asked), ticked)


@pytest.mark.parametrize(("model", "executions"), [("bag", 6), ("fifo", 6), ("causal", 6), ("mailbox", 1)])
def test_orders_of_arrival_are_explored_once(model: str, executions: int) -> None:
    """In a mailbox the three votes, sent as the nodes begin, have one order."""
    found = explored("dpor", votes(4), model=model, all_violations=True)
    assert (found.executions, found.complete, found.bounded) == (executions, True, False)
    assert dict(found.more)["redundant"] == "0 runs"


@pytest.mark.parametrize("model", ["bag", "fifo", "causal", "mailbox"])
@pytest.mark.parametrize("strategy", ["dpor", "delay:1", "pct:2", "random"])
def test_a_violation_is_told_as_steps_that_a_world_takes(strategy: str, model: str) -> None:
    found = explored(strategy, votes(4), model=model, executions=60)
    assert [each.violation.property for each in found.found] == ["no two"]
    world = World(votes(4), model=model, timed=False)
    for step in found.found[0].steps:
        world.take(step)
    assert [each.property for each in world.violations] == ["no two"]


def test_a_strategy_that_draws_depends_on_the_seed_alone() -> None:
    for strategy in ("pct:2", "random"):
        asked = {"executions": 20, "seed": 7, "all_violations": True}
        first, again = (explored(strategy, votes(5), **asked) for _ in range(2))
        assert first == again


def test_an_estimate_of_a_scenario() -> None:
    assert estimated(Asked(scenario=votes(5)), probes=10).executions == 24


@pytest.mark.parametrize("strategy", ["dpor", "delay:6", "pct:2", "random"])
def test_a_search_ends_when_somebody_has_enough(strategy: str) -> None:
    def ticked(_: Findings) -> None:
        raise Enough("enough")

    search, argument = strategy_named(strategy)
    asked = Asked(scenario=votes(6), argument=argument, all_violations=True)
    found = search(asked, ticked)
    assert (found.ended, found.complete) == ("enough", False)
    assert 0 < found.executions < 120


class Hop(Message):
    value: int
    left: int


class Table(Node):
    """Does what a table says, drawn at random."""

    def __init__(self, table: dict[Any, Any]) -> None:
        self.table = table
        self.state = 0

    def on_start(self) -> None:
        self.does("start", 1 + (self.id == 0))

    def does(self, key: Any, left: int) -> None:
        self.state, sends, sets, told = self.table[key]
        for target, value in sends if left else ():
            self.send(target, Hop(value, left - 1))
        if sets:
            self.set_timer("t", 10)
        if told is not None:
            self.observe("told", told)

    def on_message(self, source: int, message: Hop) -> None:
        self.does((self.state, message.value), message.left)

    def on_timer(self, name: str) -> None:
        self.does(("timer", self.state), 1)


class NotTwice(Observer[None]):
    """Minds the order in which nodes tell."""

    def __init__(self) -> None:
        self.last = -1

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.value == self.last:
            control.violated(f"twice {self.last}", observation.node, "twice in a row")
        self.last = observation.value

    def on_finish(self, control: Control) -> None:
        if self.last == 2:
            control.violated("ends in two", 0, "two was last")


def table(luck: random.Random, nodes: int, own: int, tells: float) -> dict[Any, Any]:
    others = [node for node in range(nodes) if node != own]

    def row() -> Any:
        sends = tuple((luck.choice(others), luck.randrange(2)) for _ in range(luck.choice([0, 1, 1, 2])))
        return luck.randrange(2), sends, luck.random() < 0.2, luck.randrange(3) if luck.random() < tells else None

    keys = ["start", *((a, b) for a in range(2) for b in range(2)), ("timer", 0), ("timer", 1)]
    return {key: row() for key in keys}


@pytest.mark.parametrize("number", range(16))
def test_dpor_finds_what_the_search_of_all_states_finds(number: int) -> None:
    """On random nodes, with timers, crashes and losses: the same violations, and no execution in vain."""
    luck = random.Random(number)
    nodes, tells = luck.choice([2, 3]), luck.choice([0.0, 0.15, 0.4])
    tables = [table(luck, nodes, node, tells) for node in range(nodes)]
    bounds = Bounds(timers=luck.choice([0, 1]), crashes=luck.choice([0, 0, 1]), drops=luck.choice([0, 0, 1]))
    scenario = Scenario(name="table", nodes=nodes, build=lambda node: Table(tables[node]), observers=(NotTwice,))
    for model in ("bag", "fifo"):
        asked = {"model": model, "bounds": bounds, "all_violations": True}
        states = explored("bfs", scenario, **asked)
        found = explored("dpor", scenario, most=150, **asked)
        assert dict(found.more)["redundant"] == "0 runs"
        if not found.complete:
            continue
        assert {each.violation.property for each in found.found} == {each.violation.property for each in states.found}


@pytest.mark.parametrize(
    ("strategy", "asked", "said"),
    [
        ("delay:x", {}, "--strategy delay:x"),
        ("pct:0", {}, "a whole number from 1 on"),
        ("pct:1001", {}, "1000 at most"),
        ("delay:" + "9" * 5000, {}, "1000000 at most"),
        ("delay:", {}, "nothing stands after the colon"),
        ("dpor:", {}, "nothing stands after the colon"),
        ("bfs:3", {}, "bfs takes nothing after a colon"),
        ("dfs:", {}, "dfs takes nothing after a colon"),
        ("dpor:2", {}, "after the colon stands source"),
        ("random:2", {}, "takes nothing after a colon"),
        ("dpor", {"model": "set"}, "--model set"),
        ("dpor", {"model": "fifo", "bounds": Bounds(duplicates=1)}, "--duplicates"),
    ],
)
def test_what_a_strategy_cannot_do_is_refused(strategy: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        explored(strategy, votes(3), **asked)
