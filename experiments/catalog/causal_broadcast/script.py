"""A causal broadcast group for scripts and explorers: nobody says anything unless asked to, `ask NODE say "hello"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.catalog.causal_broadcast.hunt import Parts
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.causal_broadcast import Broadcast, DeliveryOrder, Member, MemberSettings
from simclock.protocols.causal_broadcast.observed import Answered

NODES = 3


class Speaker(Member):
    """Says what it is asked to."""

    def __init__(self, settings: MemberSettings) -> None:
        super().__init__(settings)
        self.screen: tuple[tuple[str, tuple[int, int]], ...] = ()
        """What was said and heard here: (text, its name)."""

    def say(self, text: str) -> None:
        """Say something to all."""
        sent = self.multicast(text.encode())
        self.screen = (*self.screen, (text, (self.member, sent.count)))

    def reply(self, text: str) -> None:
        """Answer what was heard last."""
        if not self.screen:
            self.say(text)
            return
        heard = self.screen[-1][1]
        self.say(text)
        self.observe(Answered(self.screen[-1][1], heard))

    def on_deliver(self, message: Broadcast) -> None:
        self.screen = (*self.screen, (message.payload.decode(), (message.member, message.count)))


def causal_script(settings: Settings, parts: Parts) -> Scenario:
    """Three members, or as many as asked for; all are founders."""
    nodes = NODES if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not a group: 2 or more")
    group = MemberSettings(founders=nodes, tick_ns=ms(50), request_ns=ms(60), suspect_ns=ms(500), give_up_ns=ms(800))
    bases = (Speaker,) if parts.member is None else (parts.member, Speaker)
    speaker = type("Speaker", bases, {} if parts.queue is None else {"queue_class": parts.queue})
    return Scenario(
        name="causal-script",
        nodes=nodes,
        build=lambda node: speaker(group),
        duration_ns=seconds(2),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(5))),
        observers=(DeliveryOrder,),
    )


def shown(member: Any) -> Mapping[str, Any]:
    """What was heard, and what is held until what comes before it is there."""
    return {
        "screen": tuple(text for text, _ in member.screen),
        "delivered": dict(sorted(member.queue.delivered.items())),
        "held": tuple(each.payload.decode() for _, each in sorted(member.queue.held.items())),
    }


CAUSAL_SCRIPT = Entry(
    name="causal-script",
    summary="a causal broadcast group in which nobody speaks unasked: for scripts",
    source="Birman, Schiper & Stephenson 1991",
    make=causal_script,
    parts=Parts(),
    judge=judge_invariants,
    parameters=Parameters(bug=PUT_IN),
    shown=shown,
)
