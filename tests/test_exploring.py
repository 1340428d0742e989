"""Exploration: exact numbers of states, the shortest scripts, and what is said where a search cannot go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from simclock import Message, Node, Observer, Scenario, UsageError
from simclock.actors.steering import Crash, Drop, Duplicate, World, steered_run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.specifications.two_phase_commit import Prepared, ResourceManager
from simclock.experiments.checkers.properties import always, eventually, sometimes
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.exploring.search import Asked, Bounds, Enough, Findings
from simclock.experiments.exploring.states import levels
from simclock.experiments.exploring.states.bfs import bfs
from simclock.experiments.exploring.states.dfs import dfs
from simclock.experiments.exploring.states.merged import Merged
from simclock.experiments.exploring.states.space import Space
from simclock.experiments.exploring.watching import NO_ERROR
from simclock.guarding.guard import guarding


def unlimited(findings: Findings) -> None:
    pass


def asked_of(name: str, symmetric: bool = False, **parameters: Any) -> Asked:
    entry = entries()[name]
    made = make_scenario(entry, Settings(parameters=parameters))
    exploration = entry.exploration
    groups = exploration.symmetric(made) if symmetric else ()
    return Asked(scenario=made, model=exploration.model, symmetric=groups, instant=exploration.instant(made))


# Exact oracles: TLC's and Stateright's numbers (distinct, generated, depth), the first state included.


@pytest.mark.parametrize(
    ("managers", "distinct", "generated", "depth"),
    [(2, 56, 154, 8), (3, 288, 1146, 11), (4, 1568, 8258, 14), (5, 8832, 58146, 17)],
)
def test_two_phase_commit_has_the_states_of_tlc(managers: int, distinct: int, generated: int, depth: int) -> None:
    findings = bfs(asked_of("two-phase-commit", managers=managers), unlimited)
    assert (findings.states, findings.transitions + 1, findings.depth + 1) == (distinct, generated, depth)
    assert findings.complete and not findings.found
    deep = dfs(asked_of("two-phase-commit", managers=managers), unlimited)
    assert (deep.states, deep.transitions) == (findings.states, findings.transitions)


@pytest.mark.slow
def test_two_phase_commit_with_six_managers_has_the_states_of_tlc() -> None:
    findings = bfs(asked_of("two-phase-commit", managers=6), unlimited)
    assert (findings.states, findings.transitions + 1, findings.depth + 1) == (50_816, 402_306, 20)


def test_symmetric_managers_leave_one_state_of_each_orbit_and_stateright_s_number_depth_first() -> None:
    assert bfs(asked_of("two-phase-commit", True, managers=3), unlimited).states == 80
    assert bfs(asked_of("two-phase-commit", True, managers=5), unlimited).states == 314
    assert dfs(asked_of("two-phase-commit", True, managers=5), unlimited).states == 665


@pytest.mark.parametrize(
    ("acceptors", "values", "distinct", "depth"), [(1, 1, 25, 9), pytest.param(3, 2, 3921, 17, marks=pytest.mark.slow)]
)
def test_paxos_has_the_states_of_tlc(acceptors: int, values: int, distinct: int, depth: int) -> None:
    findings = bfs(asked_of("paxos-specification", acceptors=acceptors, values=values), unlimited)
    assert (findings.states, findings.depth + 1) == (distinct, depth)
    assert findings.complete and not findings.found


@pytest.mark.parametrize(("drops", "distinct"), [(0, 11), (None, 4094)])
def test_ping_pong_has_the_states_of_stateright(drops: int | None, distinct: int) -> None:
    asked = replace(asked_of("ping-pong-specification"), bounds=Bounds(drops=drops))
    assert bfs(asked, unlimited).states == distinct


# What is found.


class Hasty(ResourceManager):
    """Aborts by itself also after it has promised not to."""

    def on_timer(self, timer: str) -> None:
        if timer == "prepare":
            self.state = "prepared"
            self.send(self.coordinator, Prepared())
        else:
            super().on_timer(timer)


def test_a_violation_comes_with_a_shortest_script_that_replays_to_it() -> None:
    entry = entries()["two-phase-commit"]
    made = make_scenario(entry, Settings(parameters={"managers": 2}))
    build = made.build
    wrong = replace(made, build=lambda node: Hasty(2) if node < 2 else build(node))
    asked = Asked(scenario=wrong, model="set")
    findings = bfs(asked, unlimited)
    (found,) = findings.found
    assert found.violation.property == "TCConsistent" and not findings.complete
    assert list(map(str, found.steps)) == [
        "fire 0 prepare",
        "fire 0 abort",
        "fire 1 prepare",
        "deliver 0->2 Prepared #0",
        "deliver 1->2 Prepared #1",
        "fire 2 commit",
        "deliver 2->0 Commit #2",
    ]
    result = steered_run(wrong, found.steps, model="set")
    assert [each.property for each in result.violations] == ["TCConsistent"]
    (other,) = dfs(asked, unlimited).found
    assert len(other.steps) >= len(found.steps)
    assert [each.property for each in steered_run(wrong, other.steps, model="set").violations] == ["TCConsistent"]


class Ball(Message):
    hops: int


class Thrower(Node):
    """Throws a ball on, at most twice; counts what it has had, and keeps that."""

    def on_start(self) -> None:
        self.had = self.disk.read("had", 0)
        if self.id == 0:
            self.set_timer("throw", 5)

    def on_timer(self, timer: str) -> None:
        self.send(1, Ball(0))
        self.send(self.nodes - 1, Ball(1))

    def on_message(self, source: int, message: Ball) -> None:
        self.had += 1
        self.disk.write("had", self.had)
        if message.hops:
            self.disk.sync()
        if message.hops < 2:
            self.send((self.id + 1) % self.nodes, Ball(message.hops + 1))
        self.observe("had", self.had)


def throwers(nodes: int = 3, *observers: Any) -> Scenario:
    return Scenario(name="throwers", nodes=nodes, build=lambda node: Thrower(), observers=observers)


def by_hand(scenario: Scenario, model: str, bounds: Bounds) -> int:
    """Distinct states, by copies of worlds: locals, messages on their way, and what is left of the bounds."""
    kinds = bounds.kinds
    first = World(scenario, model=model, timed=False)
    left = (bounds.crashes, bounds.drops, bounds.duplicates)
    seen = {(first.fingerprint(), left)}
    stack = [(first, left)]
    place = {Crash: 0, Drop: 1, Duplicate: 2}
    while stack:
        world, left = stack.pop()
        for step in world.enabled(kinds):
            then = list(left)
            if type(step) in place:
                if not then[place[type(step)]]:
                    continue
                then[place[type(step)]] -= 1  # type: ignore[operator] # bound above
            other = world.copy()
            other.take(step)
            key = other.fingerprint(), tuple(then)
            if key not in seen:
                seen.add(key)
                stack.append((other, tuple(then)))
    return len(seen)


@pytest.mark.parametrize("model", ["bag", "fifo", "mailbox"])
@pytest.mark.parametrize("bounds", [Bounds(), Bounds(crashes=1), Bounds(drops=1, duplicates=1)], ids=str)
def test_states_are_those_that_copies_of_worlds_go_through(model: str, bounds: Bounds) -> None:
    findings = bfs(Asked(scenario=throwers(), model=model, bounds=bounds), unlimited)
    assert findings.complete
    assert findings.states == by_hand(throwers(), model, bounds) >= 10


def test_every_kind_of_property_is_judged() -> None:
    scenario = throwers(
        2,
        always("never five", lambda nodes: nodes.now.value < 5),
        sometimes("three at once", lambda nodes: nodes.now.value == 3),
        sometimes("nine", lambda nodes: nodes.now.value == 9),
        eventually("both had one", lambda nodes: len(nodes.values("had")) == 2, within=0),
    )
    findings = bfs(Asked(scenario=scenario), unlimited)
    assert findings.complete and not findings.found
    assert set(findings.reached) == {"three at once"}
    lossy = bfs(Asked(scenario=scenario, bounds=Bounds(drops=2)), unlimited)
    (found,) = lossy.found
    assert found.violation.property == "both had one"
    assert list(map(str, found.steps)) == ["fire 0 throw", "drop 0->1 Ball #0", "drop 0->1 Ball #1"]


def test_an_error_of_a_node_is_found_with_the_way_to_it() -> None:
    class Trips(Thrower):
        def on_message(self, source: int, message: Ball) -> None:
            if self.had == 1 and message.hops == 0:
                raise ValueError("one too many")
            super().on_message(source, message)

    scenario = Scenario(name="trips", nodes=2, build=lambda node: Trips())
    (found,) = bfs(Asked(scenario=scenario), unlimited).found
    assert found.violation.property == NO_ERROR and "one too many" in found.violation.detail
    assert list(map(str, found.steps)) == ["fire 0 throw", "deliver 0->1 Ball #1", "deliver 0->1 Ball #0"]


def test_bounds_keep_out_what_they_say() -> None:
    class Ticks(Node):
        def on_start(self) -> None:
            self.n = 0
            self.set_timer("tick", 1)
            self.set_timer(("tock", 1), 1)

        def on_timer(self, timer: Any) -> None:
            self.n += 1
            self.set_timer(timer, 1)

    scenario = Scenario(name="ticks", nodes=1, build=lambda node: Ticks())
    by_timers = bfs(Asked(scenario=scenario, bounds=Bounds(timers=3)), unlimited)
    assert (by_timers.states, by_timers.depth, by_timers.ends, by_timers.bounded) == (4, 3, 0, True)
    named = bfs(Asked(scenario=scenario, bounds=Bounds(named_timers={"tick": 1, "tock": 2})), unlimited)
    assert (named.states, named.depth) == (6, 3)
    by_steps = bfs(Asked(scenario=scenario, bounds=Bounds(steps=5)), unlimited)
    assert (by_steps.states, by_steps.depth, by_steps.pruned) == (6, 5, {"steps": 1})

    def enough(findings: Findings) -> None:
        raise Enough("that will do")

    for search in (bfs, dfs):
        endless = search(Asked(scenario=scenario), enough)
        assert endless.ended == "that will do" and not endless.complete and endless.states > 1000
        assert "timers are not bounded" in endless.heed[-1]


# Bad input.


def test_what_cannot_be_explored_is_refused_with_the_place() -> None:
    class Keeps(Thrower):
        def on_start(self) -> None:
            super().on_start()
            self.log = iter([])

    scenario = Scenario(name="keeps", nodes=2, build=lambda node: Keeps())
    with pytest.raises(UsageError, match=r"node 0 \(Keeps\): attribute log holds a list_iterator"):
        bfs(Asked(scenario=scenario), unlimited)
    with pytest.raises(UsageError, match="under causal use a strategy over executions"):
        bfs(Asked(scenario=throwers(), model="causal"), unlimited)

    class Watches(Observer[None]):
        def __init__(self) -> None:
            self.file = open(__file__)  # noqa: SIM115 - what is refused

    with pytest.raises(UsageError, match="observer Watches: attribute file holds a TextIOWrapper"):
        bfs(Asked(scenario=throwers(2, Watches)), unlimited)


def test_real_luck_and_the_real_clock_are_errors_of_the_node() -> None:
    class Looks(Thrower):
        def on_message(self, source: int, message: Ball) -> None:
            self.at = time.time()

    scenario = Scenario(name="looks", nodes=2, build=lambda node: Looks())
    (found,) = bfs(Asked(scenario=scenario), unlimited).found
    assert found.violation.property == NO_ERROR and "time.time reads the real clock" in found.violation.detail


def explore(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["explore", *words])
    return result.exit_code, result.output, result.stderr


def test_the_command_reports_and_its_status_says_what_was_found() -> None:
    status, text, _ = explore("two-phase-commit", "--managers", "3")
    assert status == 0 and "288 distinct" in text and text.rstrip().endswith("valid")
    status, text, _ = explore("two-phase-commit", "--managers", "3", "--steps", "4", "--format", "json")
    assert status == 0 and json.loads(text)["pruned"] == {"steps": 50}
    status, text, _ = explore("two-phase-commit", "--managers", "8", "--states", "3000")
    assert status == 3 and "the limit of 3,000 states is hit" in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--strategy", "bsf"), "--strategy: unknown strategy 'bsf': did you mean 'bfs'?"),
        (("--crashes", "-1"), "--crashes: '-1' is not a bound: write a whole number, such as 2, or any"),
        (("--timers", "prepare=x"), "--timers prepare: 'x' is not a bound"),
        (("--torn", "1"), "--torn: a torn crash is one of the crashes: give --crashes too"),
        (("--managers", "0"), "is too small: 1 or more"),
    ],
)
def test_bad_options_get_one_line(words: tuple[str, ...], line: str) -> None:
    status, _, errors = explore("two-phase-commit", *words)
    assert status == 2 and line in errors and len(errors.splitlines()) == 1


def test_a_scenario_without_symmetric_nodes_says_so() -> None:
    status, _, errors = explore("broadcast", "--nodes", "2", "--symmetric")
    assert status == 2 and "broadcast does not say which nodes do the same" in errors


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_way_through_the_states_is_a_way_through_a_world(data: Any) -> None:
    """What a space says of a random walk, a world says too."""
    model = data.draw(st.sampled_from(["bag", "fifo", "mailbox"]))
    asked = Asked(scenario=throwers(), model=model, bounds=Bounds(crashes=2, torn=1, drops=1, duplicates=1))
    space = Space(asked, guarding(asked.scenario.build, False))
    way = [space.initial]
    for _ in range(data.draw(st.integers(0, 12))):
        moves = space.moves(way[-1])
        if not moves:
            break
        way.append(data.draw(st.sampled_from(moves))[1])
    steps = Merged(space, None).steps(way)
    world = World(asked.scenario, model=model, nodes=space.locals)
    for step in steps:
        world.take(step)
    assert [world.state(node) for node in range(3)] == [space.sid(way[-1], node) for node in range(3)]
    waiting = [mail for node in range(3) for mail in space.inboxes.contents(node, space.box(way[-1], node))]
    assert sorted(map(str, (space.inboxes.mail[mail][:3] for mail in waiting))) == sorted(
        str((each.source, each.target, each.message)) for each in world.pending.values()
    )


# Several processes, and searches that go on.


def told_of(findings: Findings) -> Any:
    found = [(each.violation, each.steps) for each in findings.found]
    numbers = (findings.states, findings.transitions, findings.depth, findings.ends)
    return (*numbers, found, findings.reached, findings.pruned, findings.heed, findings.complete)


def test_any_number_of_processes_finds_the_same_in_the_same_order() -> None:
    observers = (
        always("never two", lambda nodes: nodes.now.value < 2),
        sometimes("one", lambda nodes: bool(nodes.now)),
    )
    bounds = Bounds(crashes=1, drops=1, duplicates=1)
    asked = Asked(scenario=throwers(3, *observers), bounds=bounds, all_violations=True)
    alone = bfs(asked, unlimited)
    assert alone.found and alone.states > 1000
    assert told_of(bfs(replace(asked, workers=2), unlimited)) == told_of(alone)


def test_a_search_that_was_ended_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of("two-phase-commit", managers=4)
    whole = bfs(asked, unlimited)
    resumable = replace(asked, resume=tmp_path / "search")

    def enough_of(states: int) -> Callable[[Findings], None]:
        def ticked(findings: Findings) -> None:
            if findings.states >= states:
                raise Enough("for now")

        return ticked

    monkeypatch.setattr(levels, "TICK", 7)
    for states in (100, 900):
        part = bfs(resumable, enough_of(states))
        assert part.ended == "for now" and states <= part.states < whole.states
    assert told_of(bfs(resumable, unlimited)) == told_of(whole)
    with pytest.raises(UsageError, match="is of another search: two-phase-commit"):
        bfs(replace(asked_of("two-phase-commit", managers=3), resume=tmp_path / "search"), unlimited)
    (tmp_path / "none").write_bytes(b"no pickle")
    with pytest.raises(UsageError, match="holds no search"):
        bfs(replace(asked, resume=tmp_path / "none"), unlimited)
