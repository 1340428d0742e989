"""Two-phase commit as Gray and Lamport specify it (Consensus on Transaction Commit, 2006; TwoPhase.tla).

A step of a node is an action of the specification: a resource manager's timers are what it may decide by itself, to
prepare or to abort, and the coordinator's are to commit and to abort. Messages are a set that only grows (`--model
set`), so every message arrives again and again, and the states are those of TLC: 288 with three managers.

Symmetric: the resource managers. The coordinator names those that are prepared, and renames them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simclock import Message, Network, Node, Observer, Scenario, Told, Uniform, ms, seconds
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.told import reader


class Prepared(Message):
    """A manager has prepared: it commits if it is told to."""


class Commit(Message):
    """The coordinator has decided to commit."""


class Abort(Message):
    """The coordinator has decided to abort."""


class Committed(Told):
    """A manager has committed."""


class Aborted(Told):
    """A manager has aborted."""


class ResourceManager(Node):
    """Working, prepared, committed or aborted."""

    messages = (Commit, Abort)

    def __init__(self, coordinator: int) -> None:
        self.coordinator = coordinator
        self.state = "working"

    def on_start(self) -> None:
        self.set_timer("prepare", self.random.uniform_ns(ms(1), ms(50)))
        self.set_timer("abort", self.random.uniform_ns(ms(40), ms(400)))

    def on_timer(self, timer: str) -> None:
        if timer == "prepare":
            self.cancel_timer("abort")
            self.state = "prepared"
        else:
            self.cancel_timer("prepare")
            self.state = "aborted"
            self.observe(Aborted())
        self.says(self.state)

    def says(self, state: str) -> None:
        """Tell what it has decided by itself: that it is prepared; that it has aborted, nobody needs to hear."""
        if state == "prepared":
            self.send(self.coordinator, Prepared())

    def on_message(self, source: int, message: Message) -> None:
        decision = "committed" if isinstance(message, Commit) else "aborted"
        if decision == self.state:
            return
        self.cancel_timer("prepare")
        self.cancel_timer("abort")
        self.state = decision
        self.observe(Committed() if decision == "committed" else Aborted())


class Coordinator(Node):
    """Commits once all managers are prepared, or aborts whenever it likes; then it listens no more."""

    messages = (Prepared,)

    def __init__(self, managers: int) -> None:
        self.managers = managers
        self.state = "init"
        self.prepared: frozenset[int] = frozenset()

    def on_start(self) -> None:
        self.set_timer("abort", self.random.uniform_ns(ms(60), ms(600)))

    def takes(self, source: int, message: Message) -> bool:
        """The specification's guard: what arrives after the decision is not looked at."""
        return self.state == "init"

    def on_message(self, source: int, message: Message) -> None:
        if self.state != "init":
            return
        self.prepared |= {source}
        if len(self.prepared) == self.managers:
            self.set_timer("commit", ms(1))

    def on_timer(self, timer: str) -> None:
        self.cancel_timer("abort")
        self.cancel_timer("commit")
        self.state = "committed" if timer == "commit" else "aborted"
        self.broadcast(Commit() if timer == "commit" else Abort())

    def rename(self, new: Sequence[int]) -> None:
        """The managers have changed places."""
        self.prepared = frozenset(new[manager] for manager in self.prepared)


class Consistency(Observer[tuple[frozenset[int], frozenset[int]]]):
    """TCConsistent: no manager has committed while another has aborted."""

    def __init__(self) -> None:
        self.committed: frozenset[int] = frozenset()
        self.aborted: frozenset[int] = frozenset()
        self._read = reader(Committed, Aborted)

    def on_observation(self, observation: Any, control: Any) -> None:
        told = self._read(observation)
        if isinstance(told, Committed):
            self.committed |= {observation.node}
        elif isinstance(told, Aborted):
            self.aborted |= {observation.node}
        if told is not None and self.committed and self.aborted:
            detail = f"committed: {sorted(self.committed)}, aborted: {sorted(self.aborted)}"
            control.violated("TCConsistent", observation.node, detail)

    def rename(self, new: Sequence[int]) -> None:
        """The managers have changed places."""
        self.committed = frozenset(new[node] for node in self.committed)
        self.aborted = frozenset(new[node] for node in self.aborted)

    def report(self) -> tuple[frozenset[int], frozenset[int]]:
        """Who has committed, and who has aborted."""
        return self.committed, self.aborted


@dataclass(frozen=True)
class Parts:
    """What the scenario is made of."""

    ResourceManager: type[ResourceManager] = ResourceManager
    Coordinator: type[Coordinator] = Coordinator


def two_phase_commit(settings: Settings, parts: Parts) -> Scenario:
    """`managers` resource managers, 0 to managers - 1, and the coordinator after them."""
    managers = settings.parameters.get("managers", 3)

    def build(node: int) -> Node:
        return parts.ResourceManager(managers) if node < managers else parts.Coordinator(managers)

    return Scenario(
        name="two-phase-commit",
        nodes=managers + 1,
        build=build,
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9))),
        observers=(Consistency,),
        parameters={"managers": managers},
        servers=tuple(range(managers + 1)),
    )


TWO_PHASE_COMMIT = Entry(
    name="two-phase-commit",
    summary="resource managers and a coordinator, with the steps of the TLA+ specification",
    source="Gray and Lamport, Consensus on Transaction Commit, 2006",
    make=two_phase_commit,
    parts=Parts(),
    judge=judge_invariants,
    parameters=Parameters(managers=Whole(3, least=1, help="Resource managers.")),
    exploration=Exploration(model="set", symmetric=lambda scenario: (tuple(range(scenario.parameters["managers"])),)),
)
