"""What a synchronization of clocks promises, held against the clocks as they really were.

Seven properties, five of them with a bound:

* Error Within Half The Round Trip: a reading that a node uses is at most D/2 - min wrong (Cristian 1989, reading a
  remote clock; the same for each reading of the Berkeley leader, and for NTP with the delay in place of D).
* Margin Within Tolerance: a node uses no reading that it must itself take to be more wrong than agreed.
* Monotone Wall Clock: a wall clock goes back only by a step larger than the step threshold.
* Skew Within Bound: between synchronizations a clock is no further from the time server's than the margin of the
  reading it was set by, the drift since, and what is left to slew; two clocks of one Berkeley round no further from
  each other than the sum for both.
* Average Of Agreeing Clocks: a Berkeley leader averages, and adjusts by, what it heard: see `clock_average`.
* Set Right In Time: where everything has healed, three intervals later every clock is within what the readings since
  then may be wrong, the drift since, and what is left to slew: of the time server's, or, of Berkeley's, of each other.
* Least Delay Of Eight: an NTP client uses the sample that the clock filter names: see `clock_filter`.

To each bound comes what the clocks drift, and are slewed, while a message is on its way: 2 * drift + slew rate, of the
true round trip. Skew is judged for clocks that the environment has left alone since they were set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from simclock import Crash, Fault, Observation, RunResult, SetDrift, format_duration
from simclock.environment.quartz import MILLION, PARTS
from simclock.experiments.catalog.clock_synchronization.average import wrong_average
from simclock.experiments.catalog.clock_synchronization.course import (
    ClockCourse,
    ClockReport,
    Happening,
    happenings,
    report_of_clocks,
)
from simclock.experiments.catalog.clock_synchronization.filter import Exchange, FilterCourse
from simclock.experiments.catalog.clock_synchronization.progress import INTERVALS
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict
from simclock.experiments.nemesis import healed_ns
from simclock.faults import NodeFault
from simclock.protocols.clock_synchronization.ntp import STAGES
from simclock.protocols.clock_synchronization.observed import (
    Adjusted,
    Averaged,
    Filtered,
    Heard,
    Polled,
    Reported,
    Sampled,
    read,
)

ERROR = "Error Within Half The Round Trip"
MARGIN = "Margin Within Tolerance"
MONOTONE = "Monotone Wall Clock"
SKEW = "Skew Within Bound"
AVERAGE = "Average Of Agreeing Clocks"
FILTER = "Least Delay Of Eight"
IN_TIME = "Set Right In Time"
REBUILT = "Clocks As The Nodes Read Them"
"""Of this judge itself: the clocks built again show what the nodes read."""
OF_ALGORITHM = {"berkeley": (AVERAGE,), "ntp": (FILTER,)}
ROUNDING_NS = 16
SHOWN_MAX = 5


class Set(NamedTuple):
    """How a node's clock was set last."""

    known_ns: int
    """True time at which it was."""

    measured_ns: int
    """True time from which drift counts."""
    margin_ns: int
    round: int
    """Of the Berkeley algorithm; 0 where the reference is the time server."""


class ClockProperties:
    """Goes through what happened in a run once, and names what does not hold."""

    def __init__(self, report: ClockReport, faults: tuple[Fault, ...], end_ns: int) -> None:
        self.setup = report.setup
        self.found: list[tuple[str, str]] = []
        """(property, what was seen)."""
        self.reached: Counter[str] = Counter()
        self._course = ClockCourse(report.setup)
        drifts = [abs(fault.drift_ppb) for fault in faults if isinstance(fault, SetDrift)]
        clocks = self.setup.clocks
        self._drift_ppb = max(clocks.drift_ppb_max, *drifts, 0) + clocks.wander_ppb_max  # around whichever drift
        self._slew_ppb = self.setup.synchronization.slew_rate_ppm * (PARTS // MILLION)
        self._set: dict[int, Set] = {}
        self._pending: dict[int, int] = {}
        """Node -> the Berkeley round whose adjustment it is about to get."""
        self._sampled_ns: dict[int, int] = {}
        """Node -> when it last used a reading of the time server."""
        self._frozen_ns: dict[int, int] = {}
        """Leader -> how far its wall clock was ahead of the monotonic one when its round began."""
        self._round_ns: dict[int, int] = {}
        """Round -> true time of its beginning."""
        self._differences_ns: dict[tuple[int, int], int] = {}
        """(round, follower) -> its clock less the leader's, truly, when it was read."""
        self._margins_ns: dict[int, int] = {}
        """Follower -> margin of its reading in the round under way; the leader's own is none."""
        self._heard_ns: dict[int, int] = {}
        """Node -> its clock less the leader's, as that heard it in the round under way; the leader's own is 0."""
        self._filters: dict[int, FilterCourse] = {}
        self._averaged: dict[int, dict[int, int]] = {}
        """Round -> node -> margin."""
        self._healed_ns = healed_ns(faults)
        self._margin_ns_max = 0
        """The largest margin, with what the journey adds, of a reading that was used since then."""
        for happening in happenings(faults, report.observations):
            self._happen(happening)
        for node in sorted(self._filters):
            self._judge_filter(end_ns, node)
        self._judge_skew(end_ns)
        self._judge_healed(end_ns)

    def _drifted_ns(self, passed_ns: int) -> int:
        """How far two clocks may part while so much true time goes by, rounded up."""
        return -(-2 * self._drift_ppb * passed_ns // PARTS)

    def _journey_ns(self, rtt_ns: int) -> int:
        """What the bound of a reading does not say: drift and slew while the messages were on their way."""
        slewed_ppb = -(-self._slew_ppb * (PARTS + self._drift_ppb) // PARTS)  # of true time: a fast clock slews faster
        return -(-(2 * self._drift_ppb + slewed_ppb) * self._true_ns(rtt_ns) // PARTS) + ROUNDING_NS

    def _true_ns(self, local_ns: int) -> int:
        """How much true time goes by, at most, while a node's clock advances by so much. NTP reads a clock that may be
        slewed besides."""
        slowest = (PARTS - self._drift_ppb) * (PARTS - (self._slew_ppb if self.setup.sync == "ntp" else 0))
        return -(-max(0, local_ns) * PARTS * PARTS // slowest)

    def _violated(self, property: str, time_ns: int, node: int, text: str) -> None:
        self.found.append((property, f"at {format_duration(time_ns)}, node {node}: {text}"))

    def _happen(self, happening: Happening) -> None:
        if isinstance(happening, Observation):
            time_ns, node = happening.time_ns, happening.node
            match read(happening):
                case Adjusted() as adjusted:
                    self._adjusted(time_ns, node, adjusted)
                case Sampled() as sampled:
                    self._sampled(time_ns, node, sampled)
                case Polled(number):
                    self._frozen_ns[node] = self._course.ahead_ns(node, time_ns)
                    self._round_ns[number] = time_ns
                    self._margins_ns = {node: 0}
                    self._heard_ns = {node: 0}
                case Reported(number):
                    self._reported(time_ns, node, number)
                case Heard() as heard:
                    self._heard(time_ns, node, heard)
                case Filtered(delay_ns, age_ns):
                    self._filtered(time_ns, node, delay_ns, age_ns)
                case Averaged(round=number, adjustments=adjustments) as averaged:
                    self.reached["averages"] += 1
                    self.reached["clocks left out of an average"] += len(averaged.rejected)
                    self._averaged[number] = self._margins_ns
                    self._judge_average(time_ns, node, averaged)
                    self._pending.update(dict.fromkeys((other for other, _ in adjustments), number))
            self._course.happen(happening)
            return
        self._course.happen(happening)
        if isinstance(happening, NodeFault) and isinstance(happening.node, int):
            self._set.pop(happening.node, None)
            if isinstance(happening, Crash):
                self._judge_filter(happening.at_ns, happening.node)
                self._filters.pop(happening.node, None)
            self.reached["clock faults"] += happening.kind.endswith(("clock", "drift"))

    # Readings.

    def _sampled(self, time_ns: int, node: int, sampled: Sampled) -> None:
        if sampled.refused:
            self.reached["readings refused"] += 1
            return
        self.reached["readings used"] += 1
        self._judge_filter(time_ns, node)
        true_ns = self._course.wall_ns(sampled.server, time_ns) - self._course.wall_ns(node, time_ns)
        self._judge_reading(time_ns, node, sampled.offset_ns - true_ns, sampled.margin_ns, sampled.rtt_ns)
        if sampled.algorithm == "cristian":
            self._sampled_ns[node] = time_ns
            self._is_set(node, Set(time_ns, time_ns, sampled.margin_ns + self._journey_ns(sampled.rtt_ns), 0))
            self._filter(node).asked_elsewhere()
        else:
            ahead_ns = self._course.ahead_ns(node, time_ns) + sampled.offset_ns
            at_ns = self._course.clocks[node].monotonic_ns(time_ns)
            self._filter(node).accepted(Exchange(sampled.rtt_ns, at_ns, ahead_ns), time_ns)

    def _filter(self, node: int) -> FilterCourse:
        return self._filters.setdefault(node, FilterCourse())

    def _judge_filter(self, time_ns: int, node: int) -> None:
        """Whether a client has done what it owes to the samples that it accepted before."""
        for text in self._filter(node).overdue():
            self._violated(FILTER, time_ns, node, text)

    def _filtered(self, time_ns: int, node: int, delay_ns: int, age_ns: int) -> None:
        """NTP: the best sample of those kept, `age_ns` old; below zero, the one used before still counts."""
        self._sampled_ns[node] = time_ns
        for text in self._filter(node).wrong(time_ns, delay_ns, age_ns):
            self._violated(FILTER, time_ns, node, text)
        left_ns = self._course.clocks[node].slew_left_ns(time_ns)
        self._filter(node).owes(time_ns, self._course.ahead_ns(node, time_ns), left_ns)
        self.reached["samples not the newest"] += age_ns > 0
        if age_ns >= 0:
            margin_ns = max(0, -(-delay_ns // 2) - self.setup.synchronization.delay_ns_min)
            self._is_set(node, Set(time_ns, time_ns - self._true_ns(age_ns), margin_ns + self._journey_ns(delay_ns), 0))

    def _is_set(self, node: int, how: Set) -> None:
        self._judge_skew(how.known_ns)
        if not self._course.clocks[node].stopped:  # one that stands is in nobody's model
            self._set[node] = how

    def _reported(self, time_ns: int, node: int, number: int) -> None:
        leader = self.setup.synchronization.leader
        if leader in self._frozen_ns:
            leader_ns = self._course.clocks[leader].monotonic_ns(time_ns) + self._frozen_ns[leader]
            self._differences_ns[number, node] = self._course.wall_ns(node, time_ns) - leader_ns

    def _heard(self, time_ns: int, node: int, heard: Heard) -> None:
        if heard.refused:
            self.reached["readings refused"] += 1
            return
        self.reached["readings used"] += 1
        self._heard_ns[heard.node] = heard.difference_ns
        self._margins_ns[heard.node] = heard.margin_ns + self._journey_ns(heard.rtt_ns)
        true_ns = self._differences_ns[heard.round, heard.node]
        self._judge_reading(time_ns, node, heard.difference_ns - true_ns, heard.margin_ns, heard.rtt_ns)

    def _judge_reading(self, time_ns: int, node: int, error_ns: int, margin_ns: int, rtt_ns: int) -> None:
        tolerated_ns = self.setup.synchronization.margin_ns_max
        if margin_ns > tolerated_ns:
            claimed, agreed = format_duration(margin_ns), format_duration(tolerated_ns)
            self._violated(MARGIN, time_ns, node, f"used a reading with a margin of {claimed}, above {agreed}")
        if self._healed_ns is not None and time_ns >= self._healed_ns:
            self._margin_ns_max = max(self._margin_ns_max, margin_ns + self._journey_ns(rtt_ns))
        if abs(error_ns) > margin_ns + self._journey_ns(rtt_ns):
            claimed = format_duration(margin_ns)
            self._violated(ERROR, time_ns, node, f"used a reading {format_duration(error_ns)} wrong, bound {claimed}")

    def _judge_average(self, time_ns: int, node: int, averaged: Averaged) -> None:
        everybody = [each for each in range(self.setup.nodes) if each != node]
        for text in wrong_average(averaged, self._heard_ns, everybody, node, self.setup.synchronization.outlier_ns):
            self._violated(AVERAGE, time_ns, node, text)

    # Corrections.

    def _adjusted(self, time_ns: int, node: int, adjusted: Adjusted) -> None:
        really_ns = self._course.wall_ns(node, time_ns)
        if really_ns != adjusted.wall_ns:
            read = f"it read {adjusted.wall_ns}ns, its clock showed {really_ns}ns"
            self._violated(REBUILT, time_ns, node, read)
        self.reached["steps" if adjusted.way == "step" else "slews"] += 1
        self.reached["steps back"] += adjusted.way == "step" and adjusted.by_ns < 0
        threshold_ns = self.setup.synchronization.step_over_ns
        if adjusted.way == "step" and -threshold_ns <= adjusted.by_ns < 0:
            by, threshold = format_duration(adjusted.by_ns), format_duration(threshold_ns)
            self._violated(MONOTONE, time_ns, node, f"its wall clock went back by {by}; steps are above {threshold}")
        for text in self._filter(node).wrong_aim(time_ns, adjusted.by_ns, self._course.ahead_ns(node, time_ns)):
            self._violated(FILTER, time_ns, node, text)
        if self._sampled_ns.get(node) == time_ns:
            return  # by a reading of the time server, which has been noted
        self._judge_skew(time_ns)
        number = self._pending.pop(node, 0)
        self._set.pop(node, None)
        if number:
            self._is_set(node, Set(time_ns, self._round_ns[number], self._averaged[number][node], number))

    def _judge_skew(self, time_ns: int) -> None:
        """Just before a clock is corrected, and at the end: there a clock is as wrong as it gets."""
        if self.setup.sync == "none" and not self._set:
            return
        errors_ns = self._course.errors_ns(time_ns)
        groups: dict[int, list[tuple[int, int, int]]] = {}
        for node, how in self._set.items():
            left_ns = abs(self._course.clocks[node].slew_left_ns(time_ns))
            bound_ns = how.margin_ns + self._drifted_ns(time_ns - how.measured_ns) + left_ns + ROUNDING_NS
            groups.setdefault(how.round, []).append((errors_ns[node] - bound_ns, errors_ns[node] + bound_ns, node))
        for number, intervals in groups.items():
            self.reached["clocks held against their bound"] += len(intervals)
            if not number:
                for low_ns, high_ns, node in intervals:
                    if not low_ns <= 0 <= high_ns:
                        error = format_duration((low_ns + high_ns) // 2)
                        bound = format_duration((high_ns - low_ns) // 2)
                        self._violated(SKEW, time_ns, node, f"{error} from the time server's clock, bound {bound}")
                continue
            lowest, highest = max(intervals), min(intervals, key=lambda each: each[1])
            if lowest[0] > highest[1]:
                over = format_duration(lowest[0] - highest[1])
                self._violated(SKEW, time_ns, lowest[2], f"further from node {highest[2]} than allowed, by {over}")

    def _judge_healed(self, end_ns: int) -> None:
        """At the end of a run that was left in peace for long enough."""
        interval_ns, sync = self.setup.synchronization.interval_ns, self.setup.sync
        if sync == "none" or self._healed_ns is None or end_ns < self._healed_ns + (INTERVALS + 1) * interval_ns:
            return
        # NTP goes by the best of its latest samples, which may be as old as that.
        old_ns = self._true_ns((STAGES if sync == "ntp" else INTERVALS) * interval_ns)
        bounds_ns = [
            self._margin_ns_max + self._drifted_ns(old_ns) + abs(self._course.clocks[node].slew_left_ns(end_ns))
            for node in range(self.setup.nodes)
        ]
        errors_ns = self._course.errors_ns(end_ns)[: self.setup.nodes]
        lowest_ns = max(error_ns - bound_ns for error_ns, bound_ns in zip(errors_ns, bounds_ns, strict=True))
        highest_ns = min(error_ns + bound_ns for error_ns, bound_ns in zip(errors_ns, bounds_ns, strict=True))
        if sync != "berkeley":
            lowest_ns, highest_ns = max(0, lowest_ns), min(0, highest_ns)
        self.reached["clocks set right in time"] += self.setup.nodes
        if lowest_ns > highest_ns:
            healed, over = format_duration(end_ns - self._healed_ns), format_duration(lowest_ns - highest_ns)
            self._violated(IN_TIME, end_ns, -1, f"{healed} after all healed, clocks are too far apart by {over}")


def judge(result: RunResult) -> Verdict:
    """Every property, with the first of what was found."""
    judged = properties_of(result)
    found = judged.found
    if not found and not judged.reached["readings used"]:
        return Verdict(status=UNKNOWN, lines=(f"no reading of another clock was used: {SKEW} is not judged",))
    if not found:
        skew = (SKEW,) if judged.reached["clocks held against their bound"] else ()
        held = ", ".join((ERROR, MARGIN, MONOTONE, *skew, *OF_ALGORITHM.get(judged.setup.sync, ())))
        others = () if skew else (f"{SKEW} is not judged: no clock was set",)
        return Verdict(status=VALID, lines=(f"{held} hold", *others))
    lines = [f"{name} violated {text}" for name, text in found[:SHOWN_MAX]]
    if len(found) > SHOWN_MAX:
        lines.append(f"and {len(found) - SHOWN_MAX} more")
    names = tuple(dict.fromkeys(name for name, _ in found))
    return Verdict(status=VIOLATED, lines=tuple(lines), properties=names)


def properties_of(result: RunResult) -> ClockProperties:
    """The run's clocks, judged."""
    return ClockProperties(report_of_clocks(result), result.faults, result.virtual_ns)


def sometimes(result: RunResult) -> Mapping[str, int]:
    """What a run should reach now and then."""
    reached = properties_of(result).reached
    names = ("readings used", "readings refused", "steps", "slews", "clocks held against their bound")
    return {name: reached[name] for name in names}
