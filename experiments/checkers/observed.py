"""What nodes have observed so far: what the predicate of a property is given.

    lambda nodes: nodes[0].leader                  the last value that node 0 observed under "leader"
    lambda nodes: nodes[0]["commit index"]         the same, of a name that is no word
    lambda nodes: "leader" in nodes[0]             whether node 0 has observed that name
    lambda nodes: nodes[0].get("leader", False)    its value, or another where there is none
    lambda nodes: nodes.values("leader")           the last value of each node that has observed that name
    lambda nodes: nodes.now.value > 3              the observation that has just been made

Law: a predicate reads what was observed, in the canonical order, and no live object. A node may be an actor in another
process, and its attributes change between two observations at instants that differ from placement to placement; what it
observes does not, so neither does a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simclock.observers import Observation


class NotObserved(AttributeError):
    """A node has not observed that name (yet): the predicate cannot be judged. `getattr` with a default takes that."""

    def __init__(self, node: int, observed: str) -> None:
        super().__init__(f"node {node} has not observed {observed!r}")
        self.node = node
        self.observed = observed


class ObservedNode:
    """One node, as far as it has told: its attributes are names of observations, their values the last ones."""

    __slots__ = ("_nodes", "id")

    def __init__(self, nodes: Nodes, id: int) -> None:
        self._nodes = nodes
        self.id = id

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python asks for such names by itself
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        values = self._nodes.read(name)
        if self.id not in values:
            raise NotObserved(self.id, name)
        return values[self.id]

    def __contains__(self, name: str) -> bool:
        return self.id in self._nodes.read(name)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"node {self.id} is one node: its values are read by name")

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default; a name that is read so may be one that no node ever observes."""
        return self._nodes.latest.get(name, {}).get(self.id, default)

    def __repr__(self) -> str:
        return f"node {self.id}"


class Nodes:
    """The nodes of a run, as far as they have told: `nodes[2]`, `len(nodes)`, `for node in nodes`."""

    def __init__(self, count: int) -> None:
        self.latest: dict[str, dict[int, Any]] = {}
        """Name -> node -> the value last observed."""
        self.names_read: set[str] = set()
        """What the predicates of a property rest on."""
        self.just_read: set[str] = set()
        """The same of what was asked last."""
        self.momentary = False
        """Whether what was asked last is about the observation of the instant, and not about a state that stays."""
        self._nodes = [ObservedNode(self, id) for id in range(count)]
        self._now: Observation | None = None

    def take(self, observation: Observation) -> None:
        """A node has told something."""
        self._now = observation
        self.latest.setdefault(observation.name, {})[observation.node] = observation.value

    def ask_anew(self) -> None:
        """A predicate is about to read."""
        self.just_read, self.momentary = set(), False

    def read(self, name: str) -> dict[int, Any]:
        """Node -> the value last observed under that name, on which the property rests."""
        self.just_read.add(name)
        self.names_read.add(name)
        return self.latest.get(name, {})

    @property
    def now(self) -> Observation:
        """The observation that has just been made: its `name`, `value`, `node` and `time_ns`."""
        assert self._now is not None, "a predicate is asked about an observation"
        self.momentary = True
        return self._now

    def values(self, name: str) -> tuple[Any, ...]:
        """The value last observed under that name by each node that has, in the order of nodes."""
        values = self.read(name)
        return tuple(values[node] for node in sorted(values))

    def told(self) -> str:
        """What was read last, `leader: 3 at node 0, none at node 1`; empty where nothing was read by name."""
        return "; ".join(f"{name}: {self._of_all(name)}" for name in sorted(self.just_read))

    def _of_all(self, name: str) -> str:
        values = self.latest.get(name, {})
        return ", ".join(f"{values[node]!r} at node {node}" for node in sorted(values)) or "observed by no node"

    def __getitem__(self, node: int) -> ObservedNode:
        return self._nodes[node]

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[ObservedNode]:
        return iter(self._nodes)
