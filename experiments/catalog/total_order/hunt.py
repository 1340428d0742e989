"""A small totally ordered chat under trouble drawn from the seed, for finding bugs.

`--set bug=TOTAL-01` puts a wrong line in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock import (
    Crash,
    Cut,
    Fault,
    Heal,
    Network,
    Partition,
    Pause,
    Restart,
    Resume,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
    stream,
)
from simclock.experiments.catalog.total_order.scenario import chat_scenario, describe, judge, settle_ns, sometimes
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.telling.chronicle import Chronicle
from simclock.protocols.total_order import HoldBackQueue, Membership, Participant, TotalOrderSettings
from simclock.protocols.total_order.observed import Blank, Displayed, LeftOut, Said, Viewed
from simclock.protocols.total_order.people import Person, Script

HUNT_PARAMETERS = Parameters(
    bug=PUT_IN,
)
HUNT_ORDER = TotalOrderSettings(heartbeat_ns=ms(40), suspect_ns=ms(250), retry_ns=ms(60))
TROUBLES = ("crash", "crash", "pause", "alone", "one way")
HUNT_CALM_NS = seconds(5)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a person is made of; None: the right one."""

    participant: type[Participant] | None = None
    queue: type[HoldBackQueue] | None = None
    membership: type[Membership] | None = None

    def person(self) -> type[Person]:
        """The class of a person, made of these."""
        bases = (Person,) if self.participant is None else (self.participant, Person)
        parts = {"queue_class": self.queue, "membership_class": self.membership}
        return type("Person", bases, {name: part for name, part in parts.items() if part is not None})


def chat_hunt(settings: Settings, parts: Parts) -> Scenario:
    """A small chat, its network and its troubles drawn from the seed; one trouble at a time, so that a quorum stays."""
    luck = stream(settings.seed, "chat-hunt")
    nodes = luck.choice((3, 4, 5))
    nodes = nodes if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not a chat: 2 or more")
    network = Network(
        latency=Uniform(low_ns=ms(1), high_ns=luck.choice((ms(5), ms(20), ms(60)))),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05)),
    )
    script = Script(
        chatter_ns=luck.choice((ms(20), ms(80))) * nodes,
        chatter_until_ns=HUNT_CALM_NS + seconds(1),
        answer_percent=20 // nodes,
    )
    faults: list[Fault] = []
    at_ns = luck.uniform_ns(ms(100), ms(800))
    while at_ns < HUNT_CALM_NS - ms(1600):
        faults += _trouble(luck.choice(TROUBLES), luck.randrange(nodes), nodes, at_ns, luck.uniform_ns(ms(50), ms(700)))
        at_ns += luck.uniform_ns(ms(1900), ms(2500))
    if luck.randrange(3) == 0:
        faults.append(Crash(at_ns=at_ns, node=luck.randrange(nodes)))  # for good
    return chat_scenario(
        "chat-hunt",
        nodes=nodes,
        order=HUNT_ORDER,
        scripts=(script,) * nodes,
        person=parts.person(),
        duration_ns=HUNT_CALM_NS + settle_ns(HUNT_ORDER) + seconds(2),
        network=network,
        faults=tuple(faults),
    )


def _trouble(kind: str, node: int, nodes: int, at_ns: int, long_ns: int) -> tuple[Fault, ...]:
    until_ns = at_ns + long_ns
    others = tuple([other for other in range(nodes) if other != node])
    if kind == "crash":
        return Crash(at_ns=at_ns, node=node), Restart(at_ns=until_ns, node=node)
    if kind == "pause":
        return Pause(at_ns=at_ns, node=node), Resume(at_ns=until_ns, node=node)
    if kind == "alone":
        return Partition(at_ns=at_ns, groups=((node,), others)), Heal(at_ns=until_ns)
    return Cut(at_ns=at_ns, source=node, target=others[0]), Heal(at_ns=until_ns)


STORY = Chronicle(
    {
        Viewed: "is in view {number}: members {members}, from position {position} on",
        LeftOut: "is left out of view {number}; of its messages these are lost: {lost}",
        Blank: "begins with an empty screen, incarnation {incarnation}",
        Said: "says its message {count}",
        Displayed: "shows message {count} of node {node} at position {position}",
    }
)

CHAT_HUNT = Entry(
    name="chat-hunt",
    summary="a small totally ordered chat with trouble drawn from the seed: for finding bugs",
    source="Lamport 1978",
    project=2,
    make=chat_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=HUNT_PARAMETERS,
    sometimes=sometimes,
    story=STORY,
)
