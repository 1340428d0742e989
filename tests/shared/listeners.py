"""Nodes that the kernel's tests share: who talks every 10 ms, who tells what it hears, and who writes that down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock import Constant, Control, Message, Network, Node, Observation, Observer, Scenario, ms


class Note(Message):
    number: int
    padding: bytes = b""


class Told(Observer):
    """Keeps what it is told."""

    reacts = False

    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        self.seen.append(observation)

    def report(self) -> list[Observation]:
        return self.seen


class Listener(Node):
    """Observes what it gets."""

    def on_message(self, source: int, message: Note) -> None:
        self.observe("got", (source, message.number))


class Talker(Listener):
    """Node 0 sends a numbered note to node 1 every 10 ms."""

    def on_start(self) -> None:
        self.sent = 0
        if self.id == 0:
            self.set_timer("talk", ms(10))

    def on_timer(self, timer: str) -> None:
        self.sent += 1
        self.send(1, Note(self.sent))
        self.set_timer("talk", ms(10))


class Shouter(Listener):
    """Everybody tells everybody every 10 ms."""

    def on_start(self) -> None:
        self.sent = 0
        self.set_timer("shout", ms(10))

    def on_timer(self, timer: str) -> None:
        self.sent += 1
        self.broadcast(Note(self.sent))
        self.set_timer("shout", ms(10))


def scenario(build: Callable[[int], Node], nodes: int = 2, **settings: Any) -> Scenario:
    """Runs for 105 ms, every message takes 4 ms, and all is told to Told, unless the settings say otherwise."""
    values: dict[str, Any] = {
        "name": "test",
        "duration_ns": ms(105),
        "network": Network(latency=Constant(delay_ns=ms(4))),
        "observers": (Told,),
        **settings,
    }
    return Scenario(nodes=nodes, build=build, **values)
