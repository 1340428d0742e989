"""Nodes of a steered world that do not share a place: each part has some, and is asked by value.

Law: a world over parts takes the same steps to the same states, observations and digest as one over `LocalNodes`.
A state's number names its part too, so numbers differ from those of one place; nothing that is printed holds one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from simclock.actors.steering.nodes import LocalEvent, LocalNodes, Outcome, View
from simclock.errors import SimclockError
from simclock.guarding.guard import guarding
from simclock.scenario import Scenario


class Part(Protocol):
    """Where some of the nodes are."""

    def call(self, method: str, *arguments: Any) -> Any:
        """What the method of the `LocalNodes` there answers; its SimclockError is raised."""


class PartOfNodes:
    """What a part does at its own place: bytes in, bytes out."""

    def __init__(self, scenario: Scenario, timed: bool, guard: bool) -> None:
        self._nodes = LocalNodes(scenario, timed=timed)
        self._scenario = scenario
        self._guard = guard

    def answer(self, method: str, arguments: Sequence[Any]) -> tuple[str, Any]:
        """("answer", what the method gives) or ("error", what it raised)."""
        guards = guarding(self._scenario.build, self._guard)
        try:
            with guards.run, guards.advance():
                return "answer", getattr(self._nodes, method)(*arguments)
        except SimclockError as error:
            return "error", error


class SpreadNodes:
    """The nodes of several parts as one world's."""

    def __init__(self, parts: Sequence[Part], host_of: Sequence[int], *, timed: bool = True) -> None:
        self.timed = timed
        self._parts = parts
        self._host_of = host_of

    def begins(self, node: int, now_ns: int) -> Outcome:
        """The node is built and begins."""
        return self._outcome(node, self._ask("begins", node, now_ns))

    def after(self, node: int, state: int, event: LocalEvent, now_ns: int) -> Outcome:
        """What the event does to the node in that state."""
        return self._outcome(node, self._ask("after", node, self._there(state), event, now_ns))

    def takes(self, node: int, state: int, source: int, message: Any) -> bool:
        """Whether the node lets that message in now."""
        answer: bool = self._ask("takes", node, self._there(state), source, message)
        return answer

    def view(self, node: int, state: int) -> View:
        """What is to be seen of the state."""
        answer: View = self._ask("view", node, self._there(state))
        return answer

    def wait_ns(self, node: int, state: int, now_ns: int, duration_ns: int) -> int:
        """How long a duration of the node's clock takes from that time on."""
        answer: int = self._ask("wait_ns", node, self._there(state), now_ns, duration_ns)
        return answer

    def attribute(self, node: int, state: int, name: str) -> Any:
        """A copy of an attribute."""
        return self._ask("attribute", node, self._there(state), name)

    def read(self, node: int, state: int, function: Callable[[Any], Any]) -> Any:
        """What a function says of the node: a copy."""
        return self._ask("read", node, self._there(state), function)

    def heed(self) -> tuple[str, ...]:
        """What who judges by these states ought to know, a line each."""
        return tuple(line for part in self._parts for line in part.call("heed"))

    def _ask(self, method: str, node: int, *arguments: Any) -> Any:
        return self._parts[self._host_of[node]].call(method, node, *arguments)

    def _there(self, state: int) -> int:
        return state // len(self._parts)

    def _outcome(self, node: int, outcome: Outcome) -> Outcome:
        return outcome._replace(state=outcome.state * len(self._parts) + self._host_of[node])
