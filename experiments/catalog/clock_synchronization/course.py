"""The clocks of a finished run, built again from what is known of it: what each showed at any true time, to the
nanosecond.

A node's clock is a function of the seed, of what the environment did to it, and of what its node corrected. All three
are in the canonical data, so nobody has to ask the nodes for samples at one instant, which they could not give: their
timers run by their own clocks. Nodes say what their clock showed whenever they correct it, and `ClockProperties` holds
that against the clock that was built again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simclock import Fault, JumpClock, Observation, RunResult, SetDrift, StartClock, StopClock
from simclock.environment.quartz import Clocks
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.clock_synchronization import Synchronization
from simclock.protocols.clock_synchronization.observed import (
    Adjusted,
    Asked,
    Averaged,
    Filtered,
    Heard,
    Polled,
    Prompted,
    Reported,
    Sampled,
)

KEPT = (Asked, Sampled, Filtered, Polled, Reported, Heard, Averaged, Adjusted, Prompted)

Happening = Fault | Observation


class ClockSetup(NamedTuple):
    """What decides the clocks of a run, and what their synchronization was to keep."""

    seed: int
    clocks: Clocks
    nodes: int
    """That are synchronized; the time server is the node after them."""
    sync: str
    """"none", "cristian", "berkeley" or "ntp"."""
    synchronization: Synchronization
    every_ns: int
    """From one line of clocks in the story to the next."""

    @property
    def drift_ppb_max(self) -> int:
        """How fast a clock may run away from true time."""
        return self.clocks.drift_ppb_max + self.clocks.wander_ppb_max


class ClockReport(NamedTuple):
    """What `ClockRecord` kept."""

    setup: ClockSetup
    observations: tuple[Observation, ...]


class ClockRecord(Recorded):
    """Keeps what the nodes of a synchronization told, together with what decides their clocks."""

    def __init__(self, setup: ClockSetup) -> None:
        super().__init__(KEPT)
        self.setup = setup

    def report(self) -> ClockReport:  # type: ignore[override]
        return ClockReport(self.setup, super().report())


def report_of_clocks(result: RunResult) -> ClockReport:
    """What the run's ClockRecord kept."""
    report: ClockReport = result.reports["ClockRecord"]
    return report


def happening_ns(happening: Happening) -> int:
    """When it was."""
    return happening.at_ns if isinstance(happening, Fault) else happening.time_ns


def happenings(faults: Iterable[Fault], observations: Iterable[Observation]) -> Iterator[Happening]:
    """Both in one order: at one instant the environment comes first."""
    return heapq.merge(faults, observations, key=happening_ns)


class ClockCourse:
    """The clocks; what happened has to be told to it in order, and readings be asked for in order of true time."""

    def __init__(self, setup: ClockSetup) -> None:
        self.clocks = [setup.clocks.clock(setup.seed, node) for node in range(setup.nodes + 1)]
        self.nodes = range(setup.nodes)
        self.server = setup.nodes

    def happen(self, happening: Happening) -> None:
        """What moves a clock moves it here."""
        match happening:
            case Observation(time_ns=time_ns, node=node):
                adjusted = Adjusted.read(happening)
                if adjusted is not None and adjusted.way == "step":
                    self.clocks[node].step(time_ns, adjusted.by_ns)
                elif adjusted is not None:
                    self.clocks[node].slew(time_ns, adjusted.by_ns, adjusted.rate_ppm)
            case JumpClock(node=int(node), by_ns=by_ns):
                self.clocks[node].jump(by_ns)
            case SetDrift(at_ns=at_ns, node=int(node), drift_ppb=drift_ppb):
                self.clocks[node].set_drift(at_ns, drift_ppb)
            case StopClock(at_ns=at_ns, node=int(node)) if not self.clocks[node].stopped:
                self.clocks[node].stop(at_ns)
            case StartClock(at_ns=at_ns, node=int(node)) if self.clocks[node].stopped:
                self.clocks[node].start(at_ns)

    def wall_ns(self, node: int, true_ns: int) -> int:
        """What its wall clock shows."""
        return self.clocks[node].wall_ns(true_ns)

    def ahead_ns(self, node: int, true_ns: int) -> int:
        """How far its wall clock is ahead of its monotonic one."""
        return self.clocks[node].wall_ns(true_ns) - self.clocks[node].monotonic_ns(true_ns)

    def errors_ns(self, true_ns: int) -> list[int]:
        """Of every node, how far its wall clock is ahead of the time server's."""
        reference_ns = self.wall_ns(self.server, true_ns)
        return [self.wall_ns(node, true_ns) - reference_ns for node in self.nodes]

    def skew_ns(self, true_ns: int) -> int:
        """The largest difference between two of the synchronized clocks."""
        walls = [self.wall_ns(node, true_ns) for node in self.nodes]
        return max(walls) - min(walls)


class Sample(NamedTuple):
    """All clocks at one instant."""

    time_ns: int
    errors_ns: tuple[int, ...]

    @property
    def skew_ns(self) -> int:
        """The largest difference between two of them."""
        return max(self.errors_ns) - min(self.errors_ns)


def samples(result: RunResult, step_ns: int) -> Iterator[Sample]:
    """The clocks every `step_ns` of true time, and just before and after whatever moved one."""
    report = report_of_clocks(result)
    course = ClockCourse(report.setup)
    at_ns = 0

    def sample(time_ns: int) -> Sample:
        return Sample(time_ns, tuple(course.errors_ns(time_ns)))

    for happening in happenings(result.faults, report.observations):
        time_ns = happening_ns(happening)
        while at_ns < time_ns:
            yield sample(at_ns)
            at_ns += step_ns
        moves = isinstance(happening, Fault) or happening.name == Adjusted.observed_as
        if moves:
            yield sample(time_ns)
        course.happen(happening)
        if moves:
            yield sample(time_ns)
    while at_ns <= result.virtual_ns:
        yield sample(at_ns)
        at_ns += step_ns
