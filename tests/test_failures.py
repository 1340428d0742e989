"""Code that fails, in whatever way it ends: a failure of that code, with its place, the same wherever it runs."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from simclock import (
    Control,
    HandlerError,
    Network,
    Observation,
    Observer,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Message, Node
from simclock.actors.placements.ray.session import ray_session
from simclock.actors.run import Placement, run
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import Verdict
from simclock.experiments.runs.outcome import FAILED, SeedRunner
from simclock.experiments.runs.report import report_of

PLACEMENTS = ("inline", "windows")


class Word(Message):
    text: str


class OwnEnd(BaseException):
    pass


ENDS: tuple[Callable[[], Any], ...] = (
    lambda: sys.exit(0),
    lambda: sys.exit("text"),
    lambda: raise_(SystemExit),
    lambda: raise_(KeyboardInterrupt),
    lambda: raise_(GeneratorExit),
    lambda: raise_(asyncio.CancelledError()),
    lambda: raise_(OwnEnd("x")),
)


def raise_(error: BaseException | type[BaseException]) -> None:
    raise error


def scenario(build: Callable[[int], Node], **more: Any) -> Scenario:
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)))
    return Scenario(
        **{"name": "ends", "nodes": 3, "build": build, "duration_ns": seconds(1), "network": network, **more}
    )


def at_5ms(act: Callable[[Node], Any], node: int = 1) -> Callable[[int], Node]:
    """What builds nodes, one of which does that 5 ms after the start."""

    class Acts(Node):
        def on_start(self) -> None:
            if self.id == node:
                self.set_timer("now", ms(5))

        def on_timer(self, timer: str) -> None:
            act(self)

    return lambda node: Acts()


def failed(made: Scenario) -> HandlerError:
    """The failure, which is the same on every placement."""
    errors = []
    for placement in PLACEMENTS:
        with pytest.raises(HandlerError) as caught:
            run(made, placement)
        errors.append(caught.value)
    assert len({error.failure for error in errors}) == 1
    return errors[0]


@pytest.mark.parametrize("end", ENDS)
def test_a_handler_that_ends_the_process_is_a_failure_of_its_node(end: Callable[[], Any]) -> None:
    failure = failed(scenario(at_5ms(lambda node: end()))).failure
    assert (failure.node, failure.time_ns) == (1, ms(5))
    assert __file__ in failure.place and not failure.usage


@pytest.mark.parametrize("end", ENDS)
def test_build_and_final_that_end_the_process_are_failures_of_their_node(end: Callable[[], Any]) -> None:
    def build(node: int) -> Node:
        return Node() if node < 2 else end()

    assert (failed(scenario(build)).failure.node, failed(scenario(build)).failure.time_ns) == (2, 0)
    failure = failed(scenario(lambda node: Node(), final=lambda node: end() if node.id else None)).failure
    assert (failure.node, failure.time_ns) == (1, seconds(1))
    assert __file__ in failure.place


@pytest.mark.parametrize("end", ENDS)
def test_an_observer_that_ends_the_process_is_a_failure_of_the_observer(end: Callable[[], Any]) -> None:
    class Made(Observer):
        def __init__(self) -> None:
            end()

    class Reads(Observer):
        def on_observation(self, observation: Observation, control: Control) -> None:
            end()

    class Finishes(Observer):
        def on_finish(self, control: Control) -> None:
            end()

    class Reports(Observer):
        def report(self) -> None:
            end()

    tells = at_5ms(lambda node: node.observe("told"))
    for observer, time_ns in ((Made, 0), (Reads, ms(5)), (Finishes, seconds(1)), (Reports, seconds(1))):
        failure = failed(scenario(tells, observers=(observer,))).failure
        assert (failure.node, failure.time_ns) == (-1, time_ns)
        assert observer.__name__ in failure.event and __file__ in failure.place


@pytest.mark.parametrize("end", ENDS)
def test_a_judge_that_ends_the_process_is_a_failure_of_the_judge(end: Callable[[], Any]) -> None:
    result = run(scenario(lambda node: Node()))
    valid = Verdict(status="valid", lines=())
    entry = Entry(name="judged", summary="", make=lambda settings: scenario(at_5ms(print)), judge=lambda result: valid)
    for part in ("judge", "describe", "sometimes"):
        with pytest.raises(HandlerError, match="the judge failed at 1s") as caught:
            report_of(replace(entry, **{part: lambda result: end()}), result)
        assert __file__ in caught.value.failure.place


@pytest.mark.parametrize("end", ENDS)
def test_a_sweep_keeps_such_a_run_as_failed(end: Callable[[], Any]) -> None:
    made = scenario(at_5ms(lambda node: end()))
    entry = Entry(name="ends", summary="", make=lambda settings: made, judge=lambda result: raise_(AssertionError))
    (outcome,) = SeedRunner(entry=entry, settings=Settings())([7])
    assert outcome.verdict == FAILED and outcome.virtual_ns == ms(5)
    assert outcome.detail.startswith("node 1 at 5ms on timer 'now': ") and __file__ in outcome.detail


def test_the_users_own_ctrl_c_still_ends_a_run(interruptible: None) -> None:
    """As it comes: a signal, which Python takes between two instructions of whatever runs."""

    def pressed(node: Node) -> None:
        signal.raise_signal(signal.SIGINT)

    for placement in PLACEMENTS:
        with pytest.raises(KeyboardInterrupt):
            run(scenario(at_5ms(pressed)), placement, guard=False)


def test_ctrl_c_is_known_where_somebody_else_takes_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    def handler(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(scenario(at_5ms(lambda node: signal.raise_signal(signal.SIGINT))), guard=False)
        with pytest.raises(HandlerError, match="KeyboardInterrupt"):
            run(scenario(at_5ms(lambda node: raise_(KeyboardInterrupt))), guard=False)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "call",
    [
        lambda: os.kill(os.getpid(), 0),  # harmless, were it let through
        lambda: os.execve("/no/such/file", [""], {}),
        lambda: signal.raise_signal(signal.SIGCHLD),
    ],
)
def test_what_would_end_the_process_at_once_is_guarded(call: Callable[[], Any]) -> None:
    failure = failed(scenario(at_5ms(lambda node: call()))).failure
    assert "ends the process, with every node in it: use self.halt" in failure.error


@pytest.mark.ray
@pytest.mark.slow
def test_on_ray_it_is_the_same_failure() -> None:
    """Each way out once, in one local Ray: a handler, `final`, and an observer while it is made."""

    class Made(Observer):
        def __init__(self) -> None:
            sys.exit(0)

    def leaves(node: Node) -> None:
        raise KeyboardInterrupt

    ending = at_5ms(leaves)
    with ray_session():
        for made in (
            scenario(ending),
            scenario(lambda node: Node(), final=leaves),
            scenario(lambda node: Node(), observers=(Made,)),
        ):
            with pytest.raises(HandlerError) as caught:
                run(made, Placement(kind="ray", hosts=2))
            assert caught.value.failure == failed(made).failure


# What is sent.


@pytest.mark.parametrize("target", [True, 1.0, 9, -1, None, "1"])
@pytest.mark.parametrize("loss", [0.0, 0.5])
def test_a_target_that_is_no_nodes_number_is_refused_at_the_sender(target: Any, loss: float) -> None:
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), loss=loss)
    made = scenario(at_5ms(lambda node: node.send(target, Word("x"))), network=network)
    said = refused(made)
    assert f"send to {target!r}: nodes are the whole numbers 0 to 2 (node 1 at 5ms" in said and __file__ in said


@pytest.mark.parametrize("message", ["x", None, [Word("x")], Word, 7])
@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_what_is_no_message_is_refused_at_the_sender(message: Any, loss: float) -> None:
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), loss=loss)
    for act in (lambda node: node.send(0, message), lambda node: node.broadcast(message)):
        said = refused(scenario(at_5ms(act), network=network))
        assert "which is no Message" in said and "(node 1 at 5ms" in said and __file__ in said


def refused(made: Scenario) -> str:
    """The one line, which is the same on every placement."""
    said = set()
    for placement in PLACEMENTS:
        with pytest.raises(UsageError) as caught:
            run(made, placement)
        said.add(str(caught.value))
    (line,) = said
    assert "\n" not in line
    return line


# What a scenario is made of.


class Claimant(Node):
    def __init__(self) -> None:
        self.held = 0


class Told(Observer):
    pass


def test_a_scenario_of_what_cannot_be_called_is_refused_when_it_is_made() -> None:
    for more, said in (
        ({"build": Claimant}, "build: Claimant is called with the node's number"),
        ({"build": Claimant()}, "build: Claimant is an object that cannot be called: write lambda node: Claimant()"),
        ({"byzantine": {1: Claimant}}, "byzantine.1.: Claimant is called with the node's number"),
        ({"final": 7}, "final: int is an object"),
        ({"final": lambda: 7}, "final: <lambda> is called with a node"),
        ({"observers": (Told(),)}, "observers: Told.. has been made already: give Told"),
        ({"observers": Told}, "observers: give a tuple"),
        ({"observers": (lambda node: Told(),)}, "observers: <lambda> is called with nothing"),
    ):
        with pytest.raises(UsageError, match=said):
            scenario(**{"build": lambda node: Node(), **more})
    with pytest.raises(UsageError, match="made int, which is no simclock"):
        run(scenario(lambda node: Node(), observers=(int,)))


EARLY: tuple[Callable[[Node], Any], ...] = (
    lambda node: node.set_timer("t", 1),
    lambda node: node.cancel_timer("t"),
    lambda node: node.send(0, Word("x")),
    lambda node: node.broadcast(Word("x")),
    lambda node: node.observe("x"),
    lambda node: node.halt("x"),
    lambda node: node.id,
    lambda node: node.nodes,
    lambda node: node.clock,
    lambda node: node.disk,
    lambda node: node.random,
)


@pytest.mark.parametrize("ask", EARLY)
def test_what_a_node_asks_while_it_is_made_is_told_in_one_line(ask: Callable[[Node], Any]) -> None:
    class Early(Node):
        def __init__(self) -> None:
            ask(self)

    failure = failed(scenario(lambda node: Early())).failure
    assert "from on_start on, not in __init__" in failure.error and __file__ in failure.place and not failure.trace
