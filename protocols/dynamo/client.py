"""Clients of the store: each reads, changes what it read, and writes it back with the context it was given.

    "invoke"    (process, "get", key, ()), or (process, "put" or "delete", key, (write, seen, ...))
    "ok"        (process, function, key, (status, value, ...)), what `told` makes of tombstones among the values
    "unknown"   (process, function, key, ())
    "answer"    (function, key, status, values, the context's entries, tombstones)

A write has a name of its own, and says which writes its client had been shown when it got the context that it gives:
that is the true causality, which no clock has touched.

What is written, `content`: "name" the write's own name; "list" a JSON list of all names that the client was shown and
the new one, as a shopping cart; "number" one more than what it was shown.

A client that crashes leaves its operation open, so that it is of unknown outcome. What comes back is another process,
that remembers nothing: nothing that it numbers may be taken for what was numbered before.

A client's id in vector clocks is its own as long as it writes with a context that has its last write in it. Else it
takes a fresh one, as if it were a new client: two writes that do not know each other must not count in one entry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from simclock.actors import Node
from simclock.clocks import VectorClock
from simclock.protocols.dynamo.messages import Answer, ChangeMember, Delete, Get, Put
from simclock.protocols.dynamo.observed import Heard
from simclock.protocols.dynamo.resolution import UNAVAILABLE
from simclock.protocols.dynamo.workload import Workload
from simclock.protocols.key_value.observed import Invoked, Succeeded, Unknown

CALLS_MAX = 1 << 24
"""Of one incarnation: what is numbered from 0 in the next begins there."""
CHANGES = ("put", "delete")
"""The functions that write."""


NOTHING_READ: tuple[VectorClock, tuple[str, ...], tuple[str, ...]] = (VectorClock(), (), ())


def written_names(content: str, values: Sequence[str]) -> tuple[str, ...]:
    """The writes that values tell of, in order; numbers tell of none."""
    if content == "name":
        return tuple(sorted(values))
    if content == "list":
        return tuple(sorted({name for value in values for name in json.loads(value)}))
    return ()


def told(content: str, tombstones: Sequence[str]) -> tuple[str, ...]:
    """Tombstones as values from which `written_names` reads the deletes; numbers tell of none."""
    if content == "name":
        return tuple(tombstones)
    if content == "list":
        return tuple(json.dumps([name]) for name in tombstones)
    return ()


class Client(Node):
    """One client."""

    def __init__(self, servers: tuple[int, ...], workload: Workload) -> None:
        self.servers = servers
        self.workload = workload
        self.process = 0
        """The client's id, in its first incarnation."""
        self.contexts: dict[str, tuple[VectorClock, tuple[str, ...], tuple[str, ...]]] = {}
        """Key -> the latest context, and the values and tombstones that came with it."""
        self.requests = 0
        self.writes = 0
        self.writers: dict[str, tuple[int, int]] = {}
        """Key -> which of its ids in vector clocks it uses, and how often it has."""
        self.open: tuple[int, str, str] | None = None
        """(request, function, key) that waits for its answer."""

    def on_start(self) -> None:
        self.process = self.incarnation * self.nodes + self.id
        self.requests = self.writes = self.incarnation * CALLS_MAX
        self._pause()

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "call" if self.workload.stop_ns is None or self.clock.monotonic_ns() < self.workload.stop_ns:
                self._call()
            case ("give_up", int(request)) if self.open is not None and self.open[0] == request:
                self._unknown()

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, Answer) or self.open is None or self.open[0] != message.request:
            return
        if message.status == UNAVAILABLE:
            self._unknown()
            return
        _, function, key = self.open
        self.contexts[key] = (message.context, message.values, message.tombstones)
        shown = (*message.values, *told(self.workload.content, message.tombstones))
        self.observe(Succeeded(self.process, function, key, (message.status, *shown)))
        entries = message.context.entries
        self.observe(Heard(function, key, message.status, message.values, entries, message.tombstones))
        self._rest()

    # Calls.

    def _pause(self) -> None:
        self.set_timer("call", self.random.exponential_ns(self.workload.pause_ns))

    def _call(self) -> None:
        key = f"k{self.random.randrange(self.workload.keys)}"
        if self._only_reads() or self.random.randrange(100) < self.workload.reads_percent:
            self.get(key)
        elif self.workload.deletes_percent and self.random.randrange(100) < self.workload.deletes_percent:
            self.delete(key)
        else:
            self.put(key, blind=self.random.randrange(100) < self.workload.blind_percent)

    def _only_reads(self) -> bool:
        from_ns = self.workload.reads_from_ns
        return from_ns is not None and self.clock.monotonic_ns() >= from_ns

    def get(self, key: str) -> None:
        """Ask for a key, any server."""
        request = self._ask("get", key, ())
        self.send(self.random.choice(self.servers), Get(self.id, request, key))

    def put(self, key: str, *, blind: bool) -> None:
        """Write a key, with the context of what was shown last, or with none."""
        context, values, deletes = NOTHING_READ if blind else self.contexts.get(key, NOTHING_READ)
        name = self._name("w")
        value = self.value(name, values)
        writer, number = self.count(key, context)
        request = self._ask("put", key, (name, *self.seen(values), *deletes))
        message = Put(self.id, request, key, value, context, writer, number)
        self.send(self.random.choice(self.servers), message)

    def delete(self, key: str) -> None:
        """Delete what was shown last; a client that was shown nothing reads first."""
        context, values, deletes = self.contexts.get(key, NOTHING_READ)
        if not context.entries:
            self.get(key)
            return
        name = self._name("d")
        writer, number = self.count(key, context)
        request = self._ask("delete", key, (name, *self.seen(values), *deletes))
        message = Delete(self.id, request, key, name, context, writer, number)
        self.send(self.random.choice(self.servers), message)

    def seen(self, values: Sequence[str]) -> tuple[str, ...]:
        """The puts that a client knows of that was shown these values."""
        return written_names(self.workload.content, values)

    def _name(self, kind: str) -> str:
        self.writes += 1
        return f"{kind}{self.id}.{self.writes}"

    def value(self, name: str, values: Sequence[str]) -> str:
        """What is written by a client that was shown these values."""
        if self.workload.content == "name":
            return name
        if self.workload.content == "list":
            return json.dumps([*written_names("list", values), name])
        return json.dumps(1 + sum(json.loads(value) for value in values))

    def count(self, key: str, context: VectorClock) -> tuple[str, int]:
        """(id, number) of a write in vector clocks that count clients."""
        generation, number = self.writers.get(key, (self.incarnation * CALLS_MAX, 0))
        if context[self._id(generation)] != number:
            generation, number = generation + 1, 0
        self.writers[key] = (generation, number + 1)
        return self._id(generation), number + 1

    def _id(self, generation: int) -> str:
        return f"c{self.id}" + (f".{generation}" if generation else "")

    def _ask(self, function: str, key: str, argument: tuple[str, ...]) -> int:
        self.requests += 1
        self.open = (self.requests, function, key)
        self.observe(Invoked(self.process, function, key, argument))
        self.set_timer(("give_up", self.requests), self.workload.give_up_ns)
        return self.requests

    def _unknown(self) -> None:
        assert self.open is not None, "an operation is open"
        _, function, key = self.open
        self.observe(Unknown(self.process, function, key, ()))
        self._rest()

    def _rest(self) -> None:
        assert self.open is not None, "an operation is open"
        self.cancel_timer(("give_up", self.open[0]))
        self.open = None
        self._pause()


class Administrator(Node):
    """Has servers join and leave: (at_ns by its clock, the server told, the server that changes, whether it joins)."""

    def __init__(self, orders: tuple[tuple[int, int, int, bool], ...]) -> None:
        self.orders = orders

    def on_start(self) -> None:
        for number, (at_ns, _, _, _) in enumerate(self.orders):
            wait_ns = at_ns - self.clock.monotonic_ns()
            if wait_ns >= 0:  # what was ordered before a crash is not ordered again
                self.set_timer(("order", number), wait_ns)

    def on_timer(self, timer: Any) -> None:
        _, number = timer
        _, told, server, joins = self.orders[number]
        self.send(told, ChangeMember(server, joins))
