"""What is made smaller, in which order, as long as the same property stays broken.

First the plan becomes what the environment really did: ids in place of names, injected faults as planned ones, so that
each step can be left out alone. Then, round after round until nothing more gives: duration, faults, what clients call
(which first becomes a plan too), what the network and clocks do by chance, the scenario's numbers, nodes, and the
fields of what faults are left.

Law: every step taken was run and fails in the same way; the outcome depends on the scenario and the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from simclock.environment.network import PROBABILITIES, Network
from simclock.environment.quartz import Clocks
from simclock.errors import SimclockError
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.parameters import is_duration, parameters_of
from simclock.experiments.entries.settings import Settings
from simclock.experiments.shrinking.delta_debugging import Item, ddmin, without_pairs
from simclock.experiments.shrinking.operations import (
    OF_ONE,
    Operations,
    before,
    moved_to,
    rounded,
    sooner,
    together,
)
from simclock.experiments.shrinking.plan import (
    ROUND_NS,
    Plan,
    at,
    in_order,
    named_nodes,
    paired,
    rounder,
    simpler,
    without_nodes,
)
from simclock.experiments.shrinking.trials import RunsSpent, Trials
from simclock.scenario import Scenario

PAIRS_OF_MAX = 12
"""Leaving out every two of more faults than that is not tried."""
DURATION_PARTS = 8
"""A duration is cut at these many places at once."""
DURATION_STEPS_MAX = 4
SMALL = 8
"""A number is tried with every smaller one up to this, and from there on with doubles."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How big a scenario is."""

    faults: int
    operations: int
    """Of clients that can take them from a plan."""
    nodes: int
    duration_ns: int
    parameters: dict[str, int]
    """The scenario's own whole numbers, durations left out."""


@dataclass
class Shrinking:
    """A scenario that is being made smaller."""

    entry: Entry
    best: Settings
    """The smallest so far; it has been run, and fails."""
    trials: Trials
    network: Network | None = None
    """As it was set when shrinking began."""
    told: Callable[[Settings], None] = lambda settings: None
    """Called with each smaller scenario."""
    spent: bool = False
    """Whether the limit on runs ended it."""

    def to_the_end(self) -> None:
        """Make it as small as it gets, or as the limit on runs allows."""
        steps = (self._shorten, self._leave_out_faults, self._leave_out_operations, self._calm, self._lower_numbers)
        more = (self._leave_out_nodes, self._simplify_faults, self._wait_less, self._round_times)
        self._repeat((*steps, *more), self._round_duration)

    def plan_alone(self) -> None:
        """Leave out faults, and nothing else: what a test asserts of a run may need its time and its nodes."""
        self._repeat((self._leave_out_faults, self._simplify_faults))

    def _repeat(self, steps: Sequence[Callable[[], None]], last: Callable[[], None] = lambda: None) -> None:
        """Round after round, until nothing more gives or no more runs are allowed."""
        try:
            while True:
                before = self.best
                for step in steps:
                    step()
                if self.best == before:
                    break
            last()
        except RunsSpent:
            self.spent = True

    # Taking a candidate.

    def _take_first(self, candidates: Sequence[Settings]) -> bool:
        """Take the first candidate that fails; False where none does."""
        found = self.trials.first_failing(candidates)
        if found is None:
            return False
        self._take(candidates[found])
        return True

    def _take(self, settings: Settings) -> None:
        self.best = settings
        self.told(settings)

    @property
    def plan(self) -> Plan:
        """The faults that are left."""
        assert self.best.faults is not None, "the plan was set when shrinking began"
        return self.best.faults

    # Duration.

    def _shorten(self) -> None:
        """End when the property broke; then look for an earlier end, for what is judged at the end of a run."""
        ended_ns = self.trials.trial(self.best).virtual_ns
        if ended_ns < (self.best.duration_ns or ended_ns + 1):
            self._take_first([self._lasting(ended_ns)])
        for _ in range(DURATION_STEPS_MAX):
            whole_ns = self.best.duration_ns
            if whole_ns is None or not self._take_first(
                [self._lasting(whole_ns * part // DURATION_PARTS) for part in range(1, DURATION_PARTS)]
            ):
                return

    def _lasting(self, duration_ns: int) -> Settings:
        """The best, ended there; what would happen later is left out."""
        duration_ns = max(1, duration_ns)
        faults = tuple(fault for fault in self.plan if fault.at_ns < duration_ns)
        operations = before(self.best.operations, duration_ns)
        return replace(self.best, duration_ns=duration_ns, faults=faults, operations=operations)

    def _round_duration(self) -> None:
        """The last step: a duration that is written shorter, though a little longer."""
        whole_ns = self.best.duration_ns
        if whole_ns is not None:
            longer = (-(-whole_ns // unit) * unit for unit in ROUND_NS)
            near = [each for each in longer if whole_ns < each <= whole_ns + whole_ns // 8]
            self._take_first([replace(self.best, duration_ns=each) for each in near])

    # Faults.

    def _leave_out_faults(self) -> None:
        """Pairs first, as a crash and its restart, then one by one, then every two."""
        self._minimize(paired(self.plan), self.plan, self._with)
        self._minimize(_alone(self.plan), self.plan, self._with)
        self._minimize_by_pairs(self.plan, self._with)

    def _minimize(
        self,
        groups: Sequence[tuple[int, ...]],
        whole: tuple[Item, ...],
        with_these: Callable[[tuple[Item, ...]], Settings],
        minimize: Callable[[Any, Any], Any] = ddmin,
    ) -> None:
        """Leave out groups of positions; what is left of `whole` is put into the best so far."""

        def first_failing(candidates: Sequence[tuple[tuple[int, ...], ...]]) -> int | None:
            settings = [with_these(_picked(whole, candidate)) for candidate in candidates]
            found = self.trials.first_failing(settings)
            if found is not None:
                self._take(settings[found])
            return found

        minimize(groups, first_failing)

    def _minimize_by_pairs(self, whole: tuple[Item, ...], with_these: Callable[[tuple[Item, ...]], Settings]) -> None:
        if len(whole) <= PAIRS_OF_MAX:
            self._minimize(_alone(whole), whole, with_these, without_pairs)

    def _with(self, plan: Plan) -> Settings:
        return replace(self.best, faults=plan)

    # What clients call.

    def _leave_out_operations(self) -> None:
        """First what clients called becomes their plan; then those of a key, of a client, of a process, each, every
        two."""
        if self.best.operations is None:
            asked = self.trials.trial(self.best).operations
            if not asked or not self._take_first([self._calling(asked)]):
                return
        for of in OF_ONE:
            self._minimize(together(self.operations, of), self.operations, self._calling)
        self._minimize(_alone(self.operations), self.operations, self._calling)
        self._minimize_by_pairs(self.operations, self._calling)

    @property
    def operations(self) -> Operations:
        """What is left of what clients call, once it is a plan."""
        return self.best.operations or ()

    def _calling(self, operations: Operations) -> Settings:
        return replace(self.best, operations=operations)

    # Chance.

    def _calm(self) -> None:
        """No loss, no duplication, clocks that are right: all of it, or one by one."""
        scenario = self._scenario(self.best)
        assert scenario is not None, "it has been run"
        network, still = scenario.network, Clocks()
        loud = [name for name in PROBABILITIES if getattr(network, name)]
        none: dict[str, Any] = dict.fromkeys(loud, 0.0)
        calm = replace(network, **none)
        candidates = []
        if loud and scenario.clocks != still:
            candidates.append(replace(self.best, network=calm, clocks=still))
        if scenario.clocks != still:
            candidates.append(replace(self.best, clocks=still))
        if loud:
            candidates.append(replace(self.best, network=calm))
            for name in loud if len(loud) > 1 else ():
                one: dict[str, Any] = {name: 0.0}
                candidates.append(replace(self.best, network=replace(network, **one)))
        if candidates:
            self._take_first(candidates)

    # Numbers and nodes.

    def _lower_numbers(self) -> None:
        """Each of the scenario's own whole numbers, towards 1."""
        for name, number in numbers_of(self.entry, self.best).items():
            candidates: list[Settings] = []
            for smaller in _smaller(number):
                parameters = {**self.best.parameters, name: smaller}
                candidates += self._fitting(replace(self.best, parameters=parameters))
            if candidates:
                self._take_first(candidates)

    def _calmed(self, settings: Settings) -> Settings:
        """The candidate with its own network, whose nodes may be others, but no more chance than the best has."""
        if self.best.network == self.network:
            return settings
        assert self.best.network is not None, "only calming changes it"
        made = self._scenario(replace(settings, network=self.network, faults=(), operations=None))
        if made is None:
            return settings
        chances: dict[str, Any] = {name: getattr(self.best.network, name) for name in PROBABILITIES}
        return replace(settings, network=replace(made.network, **chances))

    def _fitting(self, settings: Settings) -> Iterator[Settings]:
        """The candidate with a plan that speaks of its own nodes alone; nothing if there is no such scenario."""
        settings = self._calmed(settings)
        scenario = self._scenario(replace(settings, faults=(), operations=None))
        if scenario is not None:
            gone = [node for node in named_nodes(self.plan) if node >= scenario.nodes]
            yield replace(settings, faults=without_nodes(self.plan, gone), operations=self._called_in(scenario))

    def _called_in(self, scenario: Scenario) -> Operations | None:
        """The operations for a scenario of other nodes."""
        if self.best.operations is None:
            return None
        was = self._scenario(self.best)
        assert was is not None, "it has been run"
        return moved_to(self.best.operations, was, scenario)

    def _scenario(self, settings: Settings) -> Scenario | None:
        try:
            return make_scenario(self.entry, settings)
        except SimclockError:
            return None

    def _leave_out_nodes(self) -> None:
        """Fewer nodes: without those of which the plan speaks least, or without the last ones."""
        scenario = self._scenario(self.best)
        assert scenario is not None, "it has been run"
        count = self.best.nodes or self._scaled_by(scenario)
        named = named_nodes(self.plan)
        candidates = []
        for smaller in _smaller(count):
            settings = self._calmed(replace(self.best, nodes=smaller))
            made = self._scenario(replace(settings, faults=(), operations=None))
            if made is None or made.nodes >= scenario.nodes:
                continue
            settings = replace(settings, operations=self._called_in(made))
            # What `nodes` scales comes first; clients, where there are any, come after.
            least = sorted(range(count), key=lambda node: (named.get(node, 0), -node))[: count - smaller]
            for gone in dict.fromkeys((tuple(sorted(least)), tuple(range(smaller, count)))):
                faults = without_nodes(self.plan, gone)
                candidates.append(replace(settings, faults=faults))
        if candidates:
            self._take_first(candidates)

    def _scaled_by(self, scenario: Scenario) -> int:
        """The value of `nodes` that makes what the scenario makes without it."""
        for nodes in range(1, scenario.nodes):
            made = self._scenario(self._calmed(replace(self.best, nodes=nodes, faults=(), operations=None)))
            if made is not None and made.nodes == scenario.nodes:
                return nodes
        return scenario.nodes

    # The fields of faults.

    def _simplify_faults(self) -> None:
        """Fewer nodes in the groups of a partition."""
        position = 0
        while position < len(self.plan):
            candidates = [self._with(at(self.plan, position, each)) for each in simpler(self.plan[position])]
            if not (candidates and self._take_first(candidates)):
                position += 1

    def _wait_less(self) -> None:
        """Less time before each fault and each operation, and so before all that follow it."""
        place = 0
        while self.best.duration_ns is not None:
            times = self._times_ns()
            if place >= len(times):
                return
            gap_ns = times[place] - (times[place - 1] if place else 0)
            shorter = sorted({gap_ns, gap_ns * 3 // 4, gap_ns // 2} - {0}, reverse=True)
            if shorter:
                self._take_first([self._sooner(times[place], less_ns, self.best.duration_ns) for less_ns in shorter])
            place += 1

    def _times_ns(self) -> list[int]:
        """When faults happen, and operations are called, if they are few."""
        called = self.operations if len(self.operations) <= PAIRS_OF_MAX else ()
        return sorted({fault.at_ns for fault in self.plan} | {each.at_ns for each in called})

    def _sooner(self, from_ns: int, less_ns: int, duration_ns: int) -> Settings:
        """The best, in which all that happens from an instant on happens so much earlier."""
        plan = in_order(
            [_moved(fault, fault.at_ns - less_ns) if fault.at_ns >= from_ns else fault for fault in self.plan]
        )
        operations = sooner(self.best.operations, from_ns, less_ns)
        return replace(self._with(plan), operations=operations, duration_ns=max(1, duration_ns - less_ns))

    def _round_times(self) -> None:
        """Times that are written shorter: all at once, then each."""
        for unit in ROUND_NS:
            plan = in_order([_moved(fault, fault.at_ns // unit * unit) for fault in self.plan])
            if plan == self.plan or self._take_first([self._with(plan)]):
                break
        for unit in ROUND_NS:
            times = rounded(self.operations, unit)
            if times == self.operations or self._take_first([self._calling(times)]):
                break
        for fault in self.plan:
            position = self.plan.index(fault)
            moved = [_moved(fault, time_ns) for time_ns in rounder(fault.at_ns)]
            if moved:
                self._take_first([self._with(at(self.plan, position, each)) for each in moved])


def _moved(fault: Any, at_ns: int) -> Any:
    return msgspec.structs.replace(fault, at_ns=at_ns)


def _picked(whole: tuple[Item, ...], groups: Sequence[tuple[int, ...]]) -> tuple[Item, ...]:
    return tuple(whole[position] for position in sorted(position for group in groups for position in group))


def _alone(items: Sequence[Any]) -> list[tuple[int, ...]]:
    return [(position,) for position in range(len(items))]


def _smaller(number: int) -> list[int]:
    """What is tried in place of a number: smaller ones, the smallest first."""
    doubles = (SMALL << shift for shift in range(max(1, number.bit_length())))
    return sorted({each for each in (*range(1, SMALL), *doubles, number - 1) if 0 < each < number})


def numbers_of(entry: Entry, settings: Settings) -> dict[str, int]:
    """The scenario's own whole numbers that are above 1; durations are none."""
    values = {name: settings.parameters.get(name, default) for name, default in parameters_of(entry).items()}
    return {name: value for name, value in values.items() if type(value) is int and not is_duration(name)}
