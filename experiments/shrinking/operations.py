"""What clients call as something that can be made smaller: recorded of a run, left out in groups, moved between nodes.

Only clients that can take their operations from a plan are recorded (`key_value.Planned`): what others call they draw.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from simclock import Control, Observation, Observer
from simclock.experiments.entries.planned_operations import planned_clients
from simclock.protocols.key_value import Planned, PlannedOperation
from simclock.protocols.key_value.observed import Invoked
from simclock.scenario import Scenario

Operations = tuple[PlannedOperation, ...]

OF_ONE = ("key", "node", "process")
"""What operations have in common that are left out together, before each alone."""


class OperationsCalled(Observer[tuple[Any, ...]]):
    """Keeps what was called, when and where; it changes nothing about a run."""

    reacts = judges = False

    def __init__(self) -> None:
        self.called: list[tuple[int, int, Any]] = []
        """(time in ns, node, what was observed)."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name == Invoked.observed_as:
            self.called.append((observation.time_ns, observation.node, observation.value))


def operations_of(called: OperationsCalled, scenario: Scenario) -> Operations:
    """What was called as a plan, in its order; nothing where a client takes no plan, or of what no plan can say."""
    takes: dict[int, bool] = {}
    found = []
    for time_ns, node, value in called.called:
        if node not in takes:
            takes[node] = isinstance(scenario.build_node(node), Planned)
        operation = _operation(time_ns, node, value) if takes[node] else None
        if operation is None:
            return ()
        found.append(operation)
    return tuple(found)


def _operation(time_ns: int, node: int, told: Any) -> PlannedOperation | None:
    try:
        process, function, key, argument = told
        expected, value = argument if function == "cas" else (None, argument)
        fields = {"process": process, "function": function, "key": key, "value": value, "expected": expected}
        return msgspec.convert({"at_ns": time_ns, "node": node, **fields}, PlannedOperation)
    except (TypeError, ValueError):  # also msgspec's
        return None


def together(operations: Operations, of: str) -> list[tuple[int, ...]]:
    """Positions of operations that have it in common."""
    groups: dict[Any, list[int]] = {}
    for position, each in enumerate(operations):
        groups.setdefault(getattr(each, of), []).append(position)
    return [tuple(group) for group in groups.values()]


def before(operations: Operations | None, end_ns: int) -> Operations | None:
    """Those that are called before then."""
    return None if operations is None else tuple(each for each in operations if each.at_ns < end_ns)


def sooner(operations: Operations | None, from_ns: int, less_ns: int) -> Operations | None:
    """Those from an instant on, called so much earlier."""
    if operations is None:
        return None
    moved = (
        msgspec.structs.replace(each, at_ns=each.at_ns - less_ns) if each.at_ns >= from_ns else each
        for each in operations
    )
    return in_order(moved)


def moved_to(operations: Operations | None, was: Scenario, now: Scenario) -> Operations | None:
    """Those of the clients that are left, each client by its place among them, where other nodes are gone."""
    if operations is None:
        return None
    place_of = dict(zip(planned_clients(was), planned_clients(now), strict=False))
    if all(old == new for old, new in place_of.items()) and len(place_of) == len(planned_clients(was)):
        return operations
    return tuple(
        msgspec.structs.replace(each, node=place_of[each.node]) for each in operations if each.node in place_of
    )


def rounded(operations: Operations, unit_ns: int) -> Operations:
    """Called at multiples of the unit."""
    return in_order(msgspec.structs.replace(each, at_ns=each.at_ns // unit_ns * unit_ns) for each in operations)


def in_order(operations: Iterable[PlannedOperation]) -> Operations:
    """By time; what is called at one instant stays as it stands."""
    return tuple(sorted(operations, key=lambda each: each.at_ns))
