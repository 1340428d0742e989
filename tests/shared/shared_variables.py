"""Specifications whose variables all processes see, as nodes: an action of a process is a step of its node.

    spec = Shared(processes=2, beginnings=((0, 0),), steps=lambda process, world: ...)
    counted(spec).states

Every node holds the world, and takes it over in the step in which another node changes it (`instant`). Where there are
several beginnings, node 0 looks at one after the other and chooses one; the states before that are not counted.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

from simclock import Message, Scenario
from simclock.experiments.catalog.specifications.actions import Acting
from simclock.experiments.exploring.search import Asked
from simclock.experiments.exploring.states.bfs import bfs

World = Any
"""An immutable value."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A specification."""

    processes: int
    beginnings: tuple[World, ...]
    steps: Callable[[int, World], Iterable[World]]
    """What a process makes of a world: every successor, in any order, the world itself left out or not."""


class Now(Message):
    world: bytes
    """Pickled: a message's fields have types, a specification's variables have not."""


class Process(Acting):
    spec: ClassVar[Shared]
    """Of the class, since it is no part of a state."""

    def __init__(self) -> None:
        self.place: int | None = 0
        """The beginning that is looked at; None once one is chosen."""
        self.world: World = None
        if len(self.spec.beginnings) == 1:
            self.now(self.spec.beginnings[0])

    def worlds(self) -> tuple[World, ...]:
        return tuple(dict.fromkeys(each for each in self.spec.steps(self.id, self.world) if each != self.world))

    def enabled(self) -> Iterable[Hashable]:
        if self.place is None:
            yield from range(len(self.worlds()))
        elif self.id == 0:
            yield "begin"
            if self.place + 1 < len(self.spec.beginnings):
                yield "next"

    def act(self, action: Any) -> None:
        if action == "next":
            assert self.place is not None
            self.place += 1
            return
        self.now(self.worlds()[action] if self.place is None else self.spec.beginnings[self.place])
        self.broadcast(Now(pickle.dumps(self.world)))

    def on_message(self, source: int, message: Now) -> None:
        self.now(pickle.loads(message.world))
        self.offer()

    def now(self, world: World) -> None:
        self.place, self.world = None, world


class Counted(NamedTuple):
    states: int
    depth: int
    """States on the longest of the shortest ways, as TLC counts; 0 where there are several beginnings."""


def counted(spec: Shared) -> Counted:
    kind = type("Process", (Process,), {"spec": spec})
    scenario = Scenario(name="shared", nodes=spec.processes, build=lambda node: kind())
    findings = bfs(Asked(scenario=scenario, instant=tuple(range(spec.processes))), lambda findings: None)
    assert findings.complete
    beginnings = len(spec.beginnings)
    return Counted(findings.states, findings.depth + 1) if beginnings == 1 else Counted(findings.states - beginnings, 0)


def put(values: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    """The same with another value there."""
    return (*values[:place], value, *values[place + 1 :])


def subsets(elements: Iterable[Any]) -> list[frozenset[Any]]:
    them = sorted(elements)
    return [frozenset(each) for size in range(len(them) + 1) for each in combinations(them, size)]
