"""The story of a synchronization, line by line: what the clocks show, and every step of setting them right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from simclock import Fault, RunResult
from simclock.durations import MILLISECOND, SECOND
from simclock.experiments.catalog.clock_synchronization.course import (
    ClockCourse,
    ClockSetup,
    Happening,
    happening_ns,
    happenings,
    report_of_clocks,
)
from simclock.faults import Note
from simclock.protocols.clock_synchronization.observed import (
    Adjusted,
    Asked,
    Averaged,
    Filtered,
    Heard,
    Polled,
    Prompted,
    Sampled,
    read,
)

NODES_SHOWN_MAX = 6


def story(result: RunResult) -> Iterator[str]:
    """What happened in a run that is over."""
    report = report_of_clocks(result)
    told = ClockStory(report.setup)
    yield from told.tell(happenings(result.faults, report.observations), result.virtual_ns + 1)


class ClockStory:
    """Tells what it is told, in order, and what the clocks show every `every_ns` of true time."""

    def __init__(self, setup: ClockSetup) -> None:
        self.setup = setup
        self._course = ClockCourse(setup)
        self._next_ns = 0

    def tell(self, happened: Iterable[Happening], before_ns: int) -> Iterator[str]:
        """What happened since it was last told, all earlier than `before_ns`."""
        for happening in happened:
            yield from self._clocks_before(happening_ns(happening))
            line = self._line(happening)
            if line:
                yield f"[{true_time(happening_ns(happening))}] {line}"
            self._course.happen(happening)
        yield from self._clocks_before(before_ns)

    def _clocks_before(self, before_ns: int) -> Iterator[str]:
        """A line of clocks comes after everything that happened at its instant."""
        while self._next_ns < before_ns:
            yield f"[{true_time(self._next_ns)}] {self._clocks(self._next_ns)}"
            self._next_ns += self.setup.every_ns

    def _clocks(self, time_ns: int) -> str:
        shown = [
            f"node {node} {clock_time(self._course.wall_ns(node, time_ns))} ({difference(error_ns)})"
            for node, error_ns in enumerate(self._course.errors_ns(time_ns)[:NODES_SHOWN_MAX])
        ]
        if self.setup.nodes > NODES_SHOWN_MAX:
            shown.append(f"and {self.setup.nodes - NODES_SHOWN_MAX} more")
        return f"{', '.join(shown)}; max skew {duration(self._course.skew_ns(time_ns))}"

    def _line(self, happening: Happening) -> str:
        if isinstance(happening, Fault):
            return "" if isinstance(happening, Note) else happening.describe()
        node = happening.node
        match read(happening):
            case Prompted():
                return f"time server (node {node}): everybody synchronize, by Cristian's algorithm"
            case Asked(algorithm, server):
                return f"  node {node} asks the time server (node {server}) for the time ({algorithm})"
            case Polled(number, others):
                asks = f"asks {nodes(others)} what their clocks show" if others else "has nobody to ask"
                return f"Berkeley round {number}: node {node} (leader) {asks}"
            case Sampled() as sampled:
                return f"  node {node} {_sampled(sampled)}"
            case Filtered(delay_ns, age_ns):
                return f"  node {node} {_filtered(delay_ns, age_ns)}"
            case Heard() as heard:
                return f"  {_heard(heard)}"
            case Averaged() as averaged:
                return f"  {_averaged(averaged)}"
            case Adjusted() as adjusted:
                return f"  node {node} {_adjusted(adjusted)}"
        return ""


def _sampled(value: Sampled) -> str:
    said = f"hears: {clock_time(value.reported_ns)}, RTT {duration(value.rtt_ns)}"
    if value.refused:
        return f"{said}: refused, {value.refused}"
    now = f"so it is {clock_time(value.estimate_ns)} there"
    return f"{said}, {now}: {difference(value.offset_ns)} from its own, at most {duration(value.margin_ns)} wrong"


def _filtered(delay_ns: int, age_ns: int) -> str:
    if age_ns < 0:
        return "keeps to the sample used before: it is better than any since"
    return (
        f"uses the best of its latest samples: delay {duration(delay_ns)}, {'this' if not age_ns else 'an older'} one"
    )


def _heard(value: Heard) -> str:
    said = f"node {value.node} reported {clock_time(value.reported_ns)}, RTT {duration(value.rtt_ns)}"
    if value.refused:
        return f"{said}: refused, {value.refused}"
    return (
        f"{said}, adjusted {clock_time(value.adjusted_ns)}: {difference(value.difference_ns)} from the leader's, "
        f"at most {duration(value.margin_ns)} wrong"
    )


def _averaged(value: Averaged) -> str:
    left_out = f" ({nodes(value.rejected)} left out)" if value.rejected else ""
    silent = f" (nothing from {nodes(value.silent)})" if value.silent else ""
    sent = ", ".join(f"node {node} {difference(by_ns)}" for node, by_ns in value.adjustments[: NODES_SHOWN_MAX + 2])
    return (
        f"average of {nodes(value.included)}{left_out}{silent}: {difference(value.average_ns)} from the leader's; "
        f"adjustments sent: {sent}"
    )


def _adjusted(value: Adjusted) -> str:
    if value.way == "step":
        return f"steps its clock by {difference(value.by_ns)}"
    takes_ns = abs(value.by_ns) * 1_000_000 // value.rate_ppm
    return f"slews its clock by {difference(value.by_ns)} at {value.rate_ppm} ppm, which takes {duration(takes_ns)}"


def true_time(time_ns: int) -> str:
    """`  20.0042s`."""
    return f"{time_ns / SECOND:9.4f}s"


def clock_time(wall_ns: int) -> str:
    """What a clock shows: `20.004213s`."""
    return f"{wall_ns / SECOND:.6f}s"


def difference(time_ns: int) -> str:
    """With its sign: `+1.203ms`."""
    return ("+" if time_ns >= 0 else "-") + duration(abs(time_ns))


def duration(time_ns: int) -> str:
    """`1.203ms`, or seconds from ten on."""
    return f"{time_ns / SECOND:.3f}s" if time_ns >= 10 * SECOND else f"{time_ns / MILLISECOND:.3f}ms"


def nodes(ids: Sequence[int]) -> str:
    """`nodes 1, 2`."""
    return f"node{'' if len(ids) == 1 else 's'} {', '.join(map(str, ids))}"
