"""A totally ordered chat for scripts and explorers: nobody says anything unless asked to, `ask NODE say "hello"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.catalog.total_order.hunt import HUNT_ORDER, Parts
from simclock.experiments.catalog.total_order.scenario import chat_scenario
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.exploration import Exploration
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.total_order.people import Script

NODES = 3


def chat_script(settings: Settings, parts: Parts) -> Scenario:
    """Three people, or as many as asked for."""
    nodes = NODES if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not a chat: 2 or more")
    return chat_scenario(
        "chat-script",
        nodes=nodes,
        order=HUNT_ORDER,
        scripts=(Script(),) * nodes,
        person=parts.person(),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(5))),
        faults=(),
    )


def shown(person: Any) -> Mapping[str, Any]:
    """What is on the screen, and what is held back."""
    return {
        "clock": person.lamport.count,
        "screen": tuple(message.text for message in person.history),
        "held": tuple(message.text for message in person.queue.held),
        "view": person.membership.view.number,
        "members": frozenset(person.membership.members),
    }


CHAT_SCRIPT = Entry(
    name="chat-script",
    summary="a totally ordered chat in which nobody speaks unasked: for scripts",
    source="Lamport 1978",
    make=chat_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=Parameters(bug=PUT_IN),
    shown=shown,
    exploration=Exploration(bounds={"timers": 0, "commands": 1}, asks=(("say", ("a",)),)),
)
