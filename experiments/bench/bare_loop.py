"""The yardstick: the least Python that can run such nodes. A heap of tuples, `send`, `set_timer`, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from random import Random
from typing import Any


class BareNode:
    """What `simclock.Node` is to simclock. Handlers are added by `handlers.on`."""

    def join(self, loop: BareLoop, id: int, nodes: int) -> None:
        self.loop, self.id, self.nodes, self.random = loop, id, nodes, loop.random

    def send(self, target: int, message: Any) -> None:
        loop = self.loop
        loop.count += 1
        time_ns = loop.now_ns + loop.low_ns + int(loop.draw() * loop.span_ns)
        heappush(loop.heap, (time_ns, loop.count, self.id, target, message))

    def broadcast(self, message: Any) -> None:
        for target in range(self.nodes):
            if target != self.id:
                self.send(target, message)

    def set_timer(self, name: str, duration_ns: int) -> None:
        loop = self.loop
        loop.count += 1
        heappush(loop.heap, (loop.now_ns + duration_ns, loop.count, -1, self.id, name))


class BareLoop:
    def __init__(self, nodes: Iterable[Any], seed: int, low_ns: int, span_ns: int) -> None:
        self.heap: list[Any] = []
        self.now_ns = self.count = 0
        self.low_ns, self.span_ns = low_ns, span_ns
        self.random = Random(seed)
        self.draw = self.random.random
        self.nodes = list(nodes)
        for id, node in enumerate(self.nodes):
            node.join(self, id, len(self.nodes))

    def run(self, end_ns: int) -> int:
        for node in self.nodes:
            node.on_start()
        heap, nodes, handled = self.heap, self.nodes, 0
        while heap:
            time_ns, _, source, target, payload = heappop(heap)
            if time_ns >= end_ns:
                break
            self.now_ns = time_ns
            handled += 1
            if source >= 0:
                nodes[target].on_message(source, payload)
            else:
                nodes[target].on_timer(payload)
        return handled
