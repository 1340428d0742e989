"""A lone host tells observers itself, without a window each time."""

import time
from dataclasses import replace

import pytest

import simclock
from simclock import Control, Message, Node, NondeterminismError, Observation, Observer, Scenario, ms, seconds
from simclock.environment.latency import Uniform
from simclock.environment.network import Network
from simclock.errors import OBSERVER, HandlerError
from simclock.faults import Crash, Restart


class Tick(Message):
    n: int


class Teller(Node):
    """Tells others, and the observers, of each of its ticks."""

    def on_start(self) -> None:
        self.set_timer("tick", ms(1 + self.id))

    def on_message(self, source: int, message: Tick) -> None:
        self.observe("heard", (source, message.n))

    def on_timer(self, timer: str) -> None:
        self.observe("tick")
        self.broadcast(Tick(self.random.randrange(1000)))
        self.set_timer("tick", ms(3))


class Reacting(Observer):
    """Crashes and restarts who has told the most, and ends the run after a while."""

    def __init__(self) -> None:
        self.told: list[Observation] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        time.monotonic()  # an observer is not a node
        self.told.append(observation)
        if len(self.told) % 20 == 0:
            control.inject(Crash(at_ns=0, node=observation.node))
            control.inject(Restart(at_ns=0, node=observation.node), after_ns=ms(7))
        if len(self.told) == 300:
            control.violated("Enough", observation.node, "so many")

    def report(self) -> list[Observation]:
        return self.told


def _telling(node: type[Node] = Teller) -> Scenario:
    return Scenario(
        name="telling",
        nodes=4,
        build=lambda _: node(),
        seed=3,
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(4))),
        observers=(Reacting,),
    )


def test_a_lone_host_tells_observers_itself_and_nothing_else_changes() -> None:
    """Reactions take effect one lookahead later, on one host, on several, and where a trace is written."""
    alone = simclock.run(_telling())
    assert alone.host_calls == 1
    assert [violation.property for violation in alone.violations] == ["Enough"]
    assert alone.counters["fault_crash"] > 5
    for other in (simclock.run(_telling(), "windows:2"), simclock.run(_telling(), trace=lambda record: None)):
        assert other.host_calls > 50
        assert (other.digest, other.violations, other.faults, other.stopped, other.virtual_ns, other.reports) == (
            alone.digest,
            alone.violations,
            alone.faults,
            alone.stopped,
            alone.virtual_ns,
            alone.reports,
        )


class AskingLater(Teller):
    """Reads the real clock in a handler, when the observers have been told many times."""

    def on_message(self, source: int, message: Tick) -> None:
        super().on_message(source, message)
        if self.clock.monotonic_ns() > ms(50):
            time.time()


def test_the_guard_is_back_when_the_observers_have_been_told() -> None:
    with pytest.raises(HandlerError) as caught:
        simclock.run(_telling(AskingLater))
    assert isinstance(caught.value.__cause__, NondeterminismError) or "time.time" in str(caught.value)


class Failing(Reacting):
    """Fails in the middle of the run."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        super().on_observation(observation, control)
        if len(self.told) == 50:
            raise ValueError("cannot go on")


def test_an_observer_that_fails_is_no_node_that_fails() -> None:
    errors = []
    for placement in ("inline", "windows:2"):
        with pytest.raises(HandlerError) as caught:
            simclock.run(replace(_telling(), observers=(Failing,)), placement, replay="again")
        errors.append(caught.value.failure)
    assert errors[0] == errors[1]
    assert (errors[0].node, errors[0].error) == (OBSERVER, "ValueError: cannot go on")
