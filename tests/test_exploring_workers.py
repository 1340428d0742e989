"""Exploring by several workers: the findings are those of one process, whoever looks at what, and when."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

import oracle_programs as oracle
from simclock import Message, Node, Scenario
from simclock.actors.placements.shipping import dumps, loads
from simclock.actors.placements.standing import Kept, WorkerDied, answer_in, processes
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.properties import always, sometimes
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.exploring.executions.delays import DelayMethod
from simclock.experiments.exploring.executions.dpor import DporMethod
from simclock.experiments.exploring.executions.pct import PctMethod
from simclock.experiments.exploring.executions.pieces import Given
from simclock.experiments.exploring.executions.random_walks import RandomMethod
from simclock.experiments.exploring.executions.systems import Run, Trace
from simclock.experiments.exploring.executions.tally import Bounds as RunBounds
from simclock.experiments.exploring.parallel import levels
from simclock.experiments.exploring.parallel.executions import in_order
from simclock.experiments.exploring.programs.program import Program
from simclock.experiments.exploring.search import Asked, Bounds, Findings
from simclock.experiments.exploring.states.bfs import bfs
from simclock.experiments.exploring.strategies import strategy_named


class Ball(Message):
    n: int


class Thrower(Node):
    def on_start(self) -> None:
        self.held = 0
        self.send((self.id + 1) % self.nodes, Ball(0))

    def on_message(self, source: int, message: Ball) -> None:
        self.held = max(self.held, message.n)
        self.observe("held", self.held)
        if message.n < 2:
            self.send((self.id + 1) % self.nodes, Ball(message.n + 1))


def throwers(nodes: int) -> Asked:
    observers = (
        always("never two", lambda nodes: nodes.now.value < 2),
        sometimes("one", lambda nodes: bool(nodes.now)),
    )
    made = Scenario(name="throwers", nodes=nodes, build=lambda node: Thrower(), observers=observers)
    return Asked(scenario=made, bounds=Bounds(crashes=1, drops=1, duplicates=1), all_violations=True)


def asked_of(name: str, **parameters: Any) -> Asked:
    entry = entries()[name]
    made = make_scenario(entry, Settings(parameters=parameters))
    return Asked(scenario=made, model=entry.exploration.model, instant=entry.exploration.instant(made))


def unlimited(findings: Findings) -> None:
    pass


# States.


@pytest.mark.parametrize(
    "asked",
    [
        throwers(3),
        replace(throwers(3), all_violations=False),
        asked_of("two-phase-commit", managers=4),
        pytest.param(asked_of("paxos-specification"), marks=pytest.mark.slow),
    ],
    ids=["throwers", "one-violation", "two-phase-commit", "paxos"],
)
def test_workers_find_the_states_of_one_process(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, ways and the order of what is found, with levels that are shared and levels that are not."""
    monkeypatch.setattr(levels, "ALONE", 20)
    monkeypatch.setattr(levels, "MEASURED", 100)
    monkeypatch.setattr(levels, "BACKLOG", 2)
    alone = bfs(asked, unlimited)
    assert alone.states > 100
    for workers in (2, 3):
        assert bfs(replace(asked, workers=workers), unlimited) == alone


def test_a_small_search_begins_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*arguments: Any) -> Any:
        raise AssertionError("a process begins")

    monkeypatch.setattr("simclock.experiments.exploring.parallel.workers.processes", none)
    asked = asked_of("two-phase-commit", managers=2)
    assert bfs(replace(asked, workers=3), unlimited).states == 56


def test_parts_follow_how_fast_workers_are() -> None:
    assert levels.parts(100, [1.0, 1.0]) == [0, 50, 100]
    assert levels.parts(100, [3.0, 1.0]) == [0, 75, 100]
    assert levels.parts(1, [1.0, 1.0, 1.0])[-1] == 1


class Echo:
    """Stands in a worker."""

    def __init__(self) -> None:
        self.heard = b""

    def told(self, data: bytes) -> None:
        if data == b"die":
            raise SystemExit(3)
        self.heard += data

    def asked(self, data: bytes) -> bytes:
        if data == b"fail":
            raise ValueError("cannot")
        return self.heard + data


def test_standing_workers_are_told_and_asked_in_order() -> None:
    with processes(2, lambda worker: Echo, lambda worker: Echo) as crew:
        for worker in range(crew.count):
            crew.tell(worker, b"a")
            crew.ask(worker, b"1")
            crew.tell(worker, b"b")
            crew.ask(worker, b"2")
        assert [crew.hear(worker) for worker in (1, 0, 0, 1)] == [b"a1", b"a1", b"ab2", b"ab2"]
        crew.ask(0, b"fail")
        with pytest.raises(ValueError, match="cannot"):
            crew.hear(0)
        crew.tell(1, b"die")
        crew.ask(1, b"3")
        with pytest.raises(WorkerDied, match="has died"):
            crew.hear(1)
        assert not crew.replace(1, Echo)


def test_what_a_worker_is_told_may_fail_and_is_heard_with_the_next_answer() -> None:
    class Fails(Echo):
        def told(self, data: bytes) -> None:
            raise ValueError("not so")

    kept = Kept(Fails)
    kept.told(b"a")
    with pytest.raises(ValueError, match="not so"):
        answer_in(kept.asked(b"b"))


# Executions.


class Answer:
    def __init__(self, explored: Any) -> None:
        self.explored = explored


def the_last_first(method: Any, program: Program, bounds: RunBounds, most: int) -> Callable[..., Any]:
    """Explores pieces as workers would that have three pieces at once, and answer the last one first."""

    def mapped(items: Iterable[Given]) -> Iterator[tuple[Given, Answer]]:
        waiting = iter(items)
        while True:
            taken = [given for given in (next(waiting, None) for _ in range(3)) if given is not None]
            if not taken:
                return
            for given in reversed(taken):
                explored = method.explore(program, loads(given.shipped), bounds, unseen, most)
                yield given, Answer(loads(dumps(explored)))

    return mapped


def unseen(run: Run, trace: Trace, end: str) -> None:
    pass


PROGRAMS = {
    "last_zero": oracle.last_zero(4),
    "popl_14": oracle.popl_14(),
    "workers": oracle.workers(),
    "senders": oracle.senders(4, 4, "mailbox"),
    "opposite_locks": oracle.opposite_locks(8),
    "order_violation": oracle.order_violation(),
}
DPOR = ("dpor", "source")
METHODS = {
    "dpor": DporMethod(),
    "source": DporMethod(optimal=False),
    "delay": DelayMethod(2),
    "pct": PctMethod(2, 100),
    "random": RandomMethod(100),
}


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        pytest.param(strategy, name, marks=pytest.mark.slow if strategy in DPOR and name == "workers" else ())
        for strategy in METHODS
        for name in PROGRAMS
    ],
)
def test_pieces_that_are_explored_ahead_of_their_turn_change_nothing(strategy: str, name: str) -> None:
    program = PROGRAMS[name]
    for bounds in (RunBounds(), RunBounds(stop_at_violation=True)):
        method = METHODS[strategy].measured(program, bounds)  # type: ignore[attr-defined]
        whole = method.search(program, bounds, unseen)
        for most in (1, 5):
            pieces = method.pieces(program, bounds)
            in_order(pieces, 3, the_last_first(method, program, bounds, most), lambda answer: answer.explored)
            assert pieces.found == whole, most


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["dpor", "dpor:source", "delay:1", "pct:2", "random"])
def test_workers_find_the_executions_of_one_process(strategy: str) -> None:
    search, argument = strategy_named(strategy)
    bounds = Bounds(crashes=1, steps=5)
    asked = replace(throwers(2), bounds=bounds, argument=argument, executions=80)
    alone = search(asked, unlimited)
    assert alone.found and alone.reached and alone.executions > 10
    for workers in (2, 3):
        assert search(replace(asked, workers=workers), unlimited) == alone


# On a Ray.


@pytest.mark.ray
@pytest.mark.slow
def test_a_ray_finds_the_same(ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "ALONE", 20)
    asked = throwers(3)
    assert bfs(replace(asked, workers=2, address="local"), unlimited) == bfs(asked, unlimited)
    search, _ = strategy_named("dpor")
    few = replace(throwers(2), bounds=Bounds(steps=5))
    assert search(replace(few, workers=2, address="local"), unlimited) == search(few, unlimited)


@pytest.mark.ray
@pytest.mark.slow
def test_an_actor_that_dies_is_replaced(ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first to look at the third shared level is gone before it has looked."""
    import ray as the_ray

    from simclock.actors.placements.ray.standing import _Actors

    monkeypatch.setattr(levels, "ALONE", 20)
    asked, calls = throwers(3), []
    ask = _Actors.ask

    def killing(self: _Actors, worker: int, data: bytes) -> None:
        calls.append(worker)
        if len(calls) == 5:
            the_ray.kill(self._actors[worker])
        ask(self, worker, data)

    monkeypatch.setattr(_Actors, "ask", killing)
    assert bfs(replace(asked, workers=2, address="local"), unlimited) == bfs(asked, unlimited)
    assert calls.count(calls[4]) > len(calls) // 2, "it was asked once more"


def test_the_command_line_takes_workers_and_says_where_one_process_searches() -> None:
    def told(*arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(main, ["explore", "two-phase-commit", *arguments, "--format", "json"])
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    assert told("--workers", "2", "--managers", "4") == told("--managers", "4")
    few = ("--managers", "2")
    alone, several = told(*few, "--symmetric"), told(*few, "--symmetric", "--workers", "2")
    assert several.pop("heed")[-1].startswith("one process searched")
    assert alone.items() >= several.items()
    source = ("--strategy", "dpor:source", "--model", "bag")
    assert told(*few, *source, "--workers", "2") == told(*few, *source)


def test_an_address_where_no_ray_answers_is_one_line() -> None:
    for strategy in ("bfs", "dpor"):
        arguments = ["explore", "two-phase-commit", "--strategy", strategy, "--model", "bag"]
        done = CliRunner().invoke(main, [*arguments, "--address", "127.0.0.1:1"])
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1) and "no Ray answers" in done.stderr
