"""Whether correct clocks are as near to each other, and to true time, as `bound` says: an observer of all of them.

The observer knows the physical clocks, as the scenario has them. A physical clock is a straight line, so the difference
of two logical clocks is greatest where one of them is corrected: it is judged there, just before and just after, of
every pair, and at the end of the run. No tolerance is added.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

from simclock import Clocks, Control, Observation, Observer, format_duration
from simclock.protocols.byzantine_clocks.bound import Bound
from simclock.protocols.byzantine_clocks.observed import Clock, Corrected, read

SKEW_BOUND = "Skew Bound"
"""Lamport and Melliar-Smith, condition S1: at any time, correct clocks show approximately the same."""
CORRECTION_BOUND = "Correction Bound"
"""Condition S2: a correction is small."""
VALIDITY = "Validity"
"""Lundelius and Lynch: correct clocks stay within a linear envelope of true time."""


class Moment(NamedTuple):
    """How far apart correct clocks were."""

    time_ns: int
    round: int
    """The lowest that a correct clock was in."""
    skew_ns: int
    """The greatest difference of those in that round."""
    mixed_ns: int
    """The greatest difference of all correct clocks, some of which are a round ahead."""
    error_ns: int
    """The greatest distance from true time."""


class Agreement(NamedTuple):
    """What a run says about the bound."""

    bound: Bound
    correct: tuple[int, ...]
    """Who does not lie."""
    moments: tuple[Moment, ...]
    rounds: int
    """The lowest that a correct clock ended in."""
    unheard: str
    """What was assumed and did not hold, with its time; empty where all did. What came after it was not judged."""
    struck: tuple[int, ...]
    """Correct nodes whose clock or process met with a fault: they count as faulty from then on."""


class ClockAgreement(Observer):
    """Judges S1, S2 and validity for the nodes that do not lie."""

    def __init__(self, bound: Bound, clocks: Clocks, seed: int, correct: Collection[int]) -> None:
        self._bound = bound
        self._correct = tuple(sorted(correct))
        self._physical = {node: clocks.clock(seed, node) for node in self._correct}
        self._clocks: dict[int, tuple[int, int]] = {}
        """Correct node -> (round, correction)."""
        self._moments: list[Moment] = []
        self._unheard = ""
        self._struck: list[int] = []
        self._named: set[str] = set()

    def on_observation(self, observation: Observation, control: Control) -> None:
        node, told = observation.node, read(observation)
        if node not in self._physical or not isinstance(told, Clock | Corrected) or self._unheard:
            return
        restarted = isinstance(told, Clock) and node in self._clocks
        if restarted or told.wall_ns != self._physical[node].wall_ns(observation.time_ns):
            self._strike(node)
        elif isinstance(told, Clock):
            self._clocks[node] = (told.round, told.correction_ns)
        else:
            self._corrected(observation.time_ns, node, told, control)

    def _strike(self, node: int) -> None:
        self._struck.append(node)
        del self._physical[node]
        self._clocks.pop(node, None)

    def _corrected(self, time_ns: int, node: int, told: Corrected, control: Control) -> None:
        missing = set(self._physical) - {node} - {source for source, _ in told.differences_ns}
        if missing:
            self._unheard = f"node {node} had no answer of node {min(missing)} at {format_duration(time_ns)}"
            return
        physical_ns = {each: self._physical[each].wall_ns(time_ns) for each in self._clocks}
        self._judge(time_ns, physical_ns, control)
        before, _ = self._clocks[node]
        if abs(told.by_ns) > self._bound.correction_ns(before):
            limit = format_duration(self._bound.correction_ns(before))
            self._name(
                control, CORRECTION_BOUND, node, f"corrected by {format_duration(told.by_ns)}, more than {limit}"
            )
        self._clocks[node] = (told.round, told.correction_ns)
        self._judge(time_ns, physical_ns, control)

    def _judge(self, time_ns: int, physical_ns: dict[int, int], control: Control) -> None:
        """All pairs: those of one round, and those of a round and the next."""
        shown = sorted((physical_ns[node] + by_ns, node, number) for node, (number, by_ns) in self._clocks.items())
        groups: dict[int, list[tuple[int, int]]] = {}
        for clock_ns, node, number in shown:
            groups.setdefault(number, []).append((clock_ns, node))
        rounds = sorted(groups)
        for number, group in groups.items():
            self._compare(control, group[0], group[-1], self._bound.skew_ns(number), f"both in round {number}")
        for before, after in pairwise(rounds):
            limit_ns, where = self._bound.mixed_ns(before), f"in rounds {before} and {after}"
            self._compare(control, groups[before][0], groups[after][-1], limit_ns, where)
            self._compare(control, groups[after][0], groups[before][-1], limit_ns, where)
        for shown_ns, node, number in (shown[0], shown[-1]):
            limit_ns = self._bound.envelope_ns(number, time_ns)
            if abs(shown_ns - time_ns) > limit_ns:
                error, limit = format_duration(shown_ns - time_ns), format_duration(limit_ns)
                self._name(control, VALIDITY, node, f"shows {error} from true time, more than {limit}")
        lowest = groups[rounds[0]]
        mixed_ns = shown[-1][0] - shown[0][0]
        error_ns = max(abs(shown[0][0] - time_ns), abs(shown[-1][0] - time_ns))
        self._moments.append(Moment(time_ns, rounds[0], lowest[-1][0] - lowest[0][0], mixed_ns, error_ns))

    def _compare(
        self, control: Control, behind: tuple[int, int], ahead: tuple[int, int], limit_ns: int, where: str
    ) -> None:
        (low_ns, low), (high_ns, high) = behind, ahead
        if high_ns - low_ns > limit_ns:
            skew, limit = format_duration(high_ns - low_ns), format_duration(limit_ns)
            self._name(control, SKEW_BOUND, high, f"{skew} ahead of node {low}, {where}: more than {limit}")

    def _name(self, control: Control, property: str, node: int, detail: str) -> None:
        """A property is named once; the run goes on, to show where it leads."""
        if property not in self._named:
            self._named.add(property)
            control.violated(property, node, detail, stop=False)

    def on_finish(self, control: Control) -> None:
        if self._clocks and not self._unheard:
            now_ns = control.now_ns
            self._judge(now_ns, {node: self._physical[node].wall_ns(now_ns) for node in self._clocks}, control)

    def report(self) -> Agreement:
        rounds = min((number for number, _ in self._clocks.values()), default=0)
        return Agreement(self._bound, self._correct, tuple(self._moments), rounds, self._unheard, tuple(self._struck))
