"""Operations of clients laid over a scenario, in place of what its clients would draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from simclock.errors import UsageError
from simclock.kernel.process import Process
from simclock.protocols.key_value import Planned, PlannedOperation
from simclock.scenario import Scenario


def with_operations(scenario: Scenario, operations: Sequence[PlannedOperation] | None) -> Scenario:
    """The scenario whose clients call these and nothing else; None: what they draw.

    Raises UsageError for an operation of a node that takes none from a plan, or that cannot call it.
    """
    if operations is None:
        return scenario
    of: dict[int, list[PlannedOperation]] = {}
    built: dict[int, Process] = {}
    for place, each in enumerate(operations):
        if not 0 <= each.node < scenario.nodes:
            last = scenario.nodes - 1
            raise UsageError(f"operations[{place}].node: {each.node} is out of range: nodes are 0 to {last}")
        if each.node not in built:
            built[each.node] = scenario.build_node(each.node)
        client = built[each.node]
        if not isinstance(client, Planned):
            name = type(client).__name__
            raise UsageError(f"operations[{place}].node: node {each.node} is a {name}, and takes none from a plan")
        if problem := client.planned_problem(each):
            raise UsageError(f"operations[{place}].{problem}")
        of.setdefault(each.node, []).append(each)
    return replace(scenario, build=_Planning(scenario.build, {node: tuple(mine) for node, mine in of.items()}))


def planned_clients(scenario: Scenario) -> tuple[int, ...]:
    """The nodes that can take their operations from a plan."""
    return tuple(node for node in range(scenario.nodes) if isinstance(scenario.build_node(node), Planned))


@dataclass(frozen=True)
class _Planning:
    """Builds clients that have a plan."""

    build: Callable[[int], Process]
    operations: Mapping[int, tuple[PlannedOperation, ...]]

    def __call__(self, node: int) -> Process:
        made = self.build(node)
        if isinstance(made, Planned):
            made.planned = self.operations.get(node, ())
        return made
