"""A change of a node's clock moves that node's timers, each once, and looks at nobody else's."""

import pytest

import simclock
from simclock import Control, Node, Observation, Observer, Scenario, ms, seconds
from simclock.faults import SetDrift, StartClock, StopClock
from simclock.kernel._kernel import EventQueue
from simclock.kernel.events import ENVIRONMENT, TIMER


def test_what_is_removed_from_the_queue_costs_no_look_at_other_slots() -> None:
    class Seen(list):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            raise AssertionError("another slot was looked through")

    queue = EventQueue(1 << 10)
    own = [(count << 12, 0, count, 0, TIMER, count) for count in range(1, 9)]
    for event in own:
        queue.push(event)
    other = (1 << 30, ENVIRONMENT, 1, 1, TIMER, "other")
    queue.push(other)
    queue.slots[other[0] >> 10] = Seen([other])
    queue.remove(own[2:])
    assert queue.next_time_ns() == own[0][0]
    queue.slots[other[0] >> 10] = [other]
    assert queue.pending() == [*own[:2], other]


class Sleeper(Node):
    """Has several timers under way, over all that a clock can do."""

    def on_start(self) -> None:
        for n in range(5):
            self.set_timer(n, ms(10 * (n + 1)))
        self.cancel_timer(3)

    def on_timer(self, timer: int) -> None:
        self.observe("rang", (timer, self.clock.monotonic_ns()))


@pytest.mark.parametrize("placement", ["inline", "windows:2"])
def test_timers_are_moved_once_by_every_change_of_a_clock(placement: str) -> None:
    """Stopped, changed while stopped and started again: each timer rings once, when the clock shows its time."""
    faults = (
        SetDrift(at_ns=ms(4), node=0, drift_ppb=100_000_000),
        StopClock(at_ns=ms(13), node=0),
        SetDrift(at_ns=ms(20), node=0, drift_ppb=-100_000_000),
        StartClock(at_ns=ms(25), node=0),
        SetDrift(at_ns=ms(26), node=0, drift_ppb=0),
    )
    scenario = Scenario(
        name="sleeping", nodes=2, build=lambda _: Sleeper(), duration_ns=seconds(1), faults=faults, observers=(Telling,)
    )
    told = simclock.run(scenario, placement).reports["Telling"]
    for node in range(2):
        rang = [value for at, value in told if at == node]
        assert [timer for timer, _ in rang] == [0, 1, 2, 4]
        assert all(0 <= shown - ms(10 * (timer + 1)) < 10 for timer, shown in rang), rang


class Telling(Observer):
    """Keeps who told what."""

    reacts = False

    def __init__(self) -> None:
        self.told: list[tuple[int, object]] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        self.told.append((observation.node, observation.value))

    def report(self) -> list[tuple[int, object]]:
        return self.told
