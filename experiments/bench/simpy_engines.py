"""The peer: SimPy, twice. `StoreNode` is its idiom, a store and a process per node; `CallbackNode` is the fastest
way it has, a callback per event and no process at all.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from random import Random
from typing import Any

import simpy


class CallbackNode:
    """A message is a timeout whose callback calls the target's handler."""

    def join(self, engine: SimpyEngine, id: int, nodes: int) -> None:
        self.engine, self.id, self.nodes, self.random = engine, id, nodes, engine.random

    def send(self, target: int, message: Any) -> None:
        engine = self.engine
        delay_ns = engine.low_ns + int(engine.draw() * engine.span_ns)
        timeout = engine.environment.timeout(delay_ns, (self.id, message))
        timeout.callbacks.append(engine.nodes[target].arrived)

    def broadcast(self, message: Any) -> None:
        for target in range(self.nodes):
            if target != self.id:
                self.send(target, message)

    def set_timer(self, name: str, duration_ns: int) -> None:
        self.engine.environment.timeout(duration_ns, name).callbacks.append(self.rang)

    def arrived(self, event: Any) -> None:
        self.engine.handled += 1
        self.on_message(*event.value)  # type: ignore[attr-defined]

    def rang(self, event: Any) -> None:
        self.engine.handled += 1
        self.on_timer(event.value)  # type: ignore[attr-defined]


class StoreNode(CallbackNode):
    """A message is put into the target's store when its timeout is over; the node's process gets it from there."""

    def join(self, engine: SimpyEngine, id: int, nodes: int) -> None:
        super().join(engine, id, nodes)
        self.store = simpy.Store(engine.environment)
        engine.environment.process(self.live())

    def arrived(self, event: Any) -> None:
        self.store.put(event.value)

    def rang(self, event: Any) -> None:
        self.store.put((-1, event.value))

    def live(self) -> Generator[Any, Any, None]:
        engine, get = self.engine, self.store.get
        while True:
            source, payload = yield get()
            engine.handled += 1
            if source >= 0:
                self.on_message(source, payload)  # type: ignore[attr-defined]
            else:
                self.on_timer(payload)  # type: ignore[attr-defined]


class SimpyEngine:
    """One SimPy environment and its nodes."""

    def __init__(self, nodes: Iterable[Any], seed: int, low_ns: int, span_ns: int) -> None:
        self.environment = simpy.Environment()
        self.low_ns, self.span_ns = low_ns, span_ns
        self.random = Random(seed)
        self.draw = self.random.random
        self.handled = 0
        self.nodes = list(nodes)
        for id, node in enumerate(self.nodes):
            node.join(self, id, len(self.nodes))

    def run(self, end_ns: int) -> int:
        for node in self.nodes:
            node.on_start()
        self.environment.run(until=end_ns)
        return self.handled
