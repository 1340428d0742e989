"""A small causal broadcast group under trouble drawn from the seed, in which members ask and answer: for finding bugs.

`--set bug=CAUSAL-01` puts a wrong line in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    RunResult,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.nemesis import DOWN, calm_of
from simclock.experiments.telling.chronicle import Chronicle
from simclock.protocols.causal_broadcast import CausalQueue, DeliveryOrder, Member, MemberSettings
from simclock.protocols.causal_broadcast.chatter import Chatter, Chatterer
from simclock.protocols.causal_broadcast.observed import Answered, Delivered, Dropped, Joined, Left, Suspected
from simclock.protocols.causal_broadcast.properties import Deliveries

DELIVERED = "All Delivered"
PARAMETERS = Parameters(
    bug=PUT_IN,
)
CALM_NS = seconds(4)
SETTLE_NS = seconds(4)
"""Within what time after the last trouble everyone has everything: suspicion, and some rounds of asking under loss."""


class MemberAtEnd(NamedTuple):
    """What is kept of a member that is up at the end, or crashes."""

    member: int
    is_in: bool
    delivered: tuple[tuple[int, int], ...]
    sent: int
    held: int
    held_count: int
    held_high: int
    kept_high: int
    requests: int
    resent: int
    rejoined: int
    given_up: int


def member_at_end(node: Any) -> MemberAtEnd:
    """What is kept of a member."""
    return MemberAtEnd(
        member=node.member,
        is_in=node.is_in,
        delivered=tuple(sorted(node.queue.delivered.items())),
        sent=node.count,
        held=len(node.queue.held),
        held_count=node.queue.held_count,
        held_high=node.queue.held_high,
        kept_high=node.kept_high,
        requests=node.requests,
        resent=node.resent,
        rejoined=node.rejoined,
        given_up=node.given_up,
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a member is made of; None: the right one."""

    member: type[Member] | None = None
    queue: type[CausalQueue] | None = None

    def chatterer(self) -> type[Chatterer]:
        """The class of a member that chatters, made of these."""
        bases = (Chatterer,) if self.member is None else (self.member, Chatterer)
        return type("Chatterer", bases, {} if self.queue is None else {"queue_class": self.queue})


def causal_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The group, network and trouble that the seed draws; one trouble at a time."""
    chatterer = parts.chatterer()
    luck = stream(settings.seed, "causal-hunt")
    nodes = luck.choice((3, 4, 5))
    nodes = nodes if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not a group: 2 or more")
    high_ns = luck.choice((ms(10), ms(40), ms(100)))
    group = MemberSettings(
        founders=max(1, nodes - luck.choice((0, 1))),
        tick_ns=ms(50),
        request_ns=ms(60),
        suspect_ns=luck.choice((ms(300), ms(1000))),
        give_up_ns=ms(800),
        join_after_ns=luck.uniform_ns(0, ms(1500)),
        held_max=luck.choice((20, 1000)),
        window=luck.choice((5, 100)),
    )
    chatter = Chatter(pause_ns=luck.choice((ms(20), ms(60))) * nodes, until_ns=CALM_NS)
    network = Network(
        latency=Uniform(low_ns=ms(1), high_ns=high_ns),
        loss=luck.choice((0.0, 0.05, 0.15)),
        duplication=luck.choice((0.0, 0.1)),
    )
    faults: list[Fault] = []
    at_ns = luck.uniform_ns(ms(50), ms(800))
    while at_ns < CALM_NS - ms(1000):
        faults += _trouble(luck.randrange(5), luck.randrange(nodes), nodes, at_ns, luck.uniform_ns(ms(50), ms(900)))
        at_ns += luck.uniform_ns(ms(900), ms(1600))
    if luck.randrange(3) == 0:
        faults.append(Crash(at_ns=at_ns, node=luck.randrange(nodes)))  # for good

    def build(node: int) -> Node:
        return chatterer(group, chatter)

    return Scenario(
        name="causal-hunt",
        nodes=nodes,
        build=build,
        duration_ns=CALM_NS + SETTLE_NS + ms(500),
        network=network,
        faults=tuple(faults),
        observers=(DeliveryOrder,),
        final=member_at_end,
        fallen=member_at_end,
    )


def _trouble(kind: int, node: int, nodes: int, at_ns: int, long_ns: int) -> tuple[Fault, ...]:
    until_ns = at_ns + long_ns
    others = tuple([other for other in range(nodes) if other != node])
    if kind == 0:
        return Crash(at_ns=at_ns, node=node), Restart(at_ns=until_ns, node=node)
    if kind == 1:
        return Pause(at_ns=at_ns, node=node), Resume(at_ns=until_ns, node=node)
    if kind == 2:
        return Partition(at_ns=at_ns, groups=((node, *others[:1]), others[1:])), Heal(at_ns=until_ns)
    if kind == 3:
        return Partition(at_ns=at_ns, groups=((node,), others)), Heal(at_ns=until_ns)
    return Cut(at_ns=at_ns, source=node, target=others[0]), Heal(at_ns=until_ns)


# Judging.


def judge(result: RunResult) -> Verdict:
    """The order of deliveries; and that everyone has everything, where the run was calm for long enough."""
    order: Deliveries = result.reports["DeliveryOrder"]
    safe = judge_invariants(result)
    whole = all_delivered(result, SETTLE_NS)
    counts = order.counts
    held = (f"causal order holds: {counts['delivered']} deliveries, {counts['concurrent']} of what was concurrent",)
    if safe.status != VIOLATED:
        safe = Verdict(status=VALID if counts["delivered"] else UNKNOWN, lines=held)
    return together(safe, whole)


def all_delivered(result: RunResult, settle_ns: int) -> Verdict:
    """Whether every member that is up has every broadcast of those that are up, and all have the same of the others."""
    calm = calm_of(result.happened, bears=(DOWN,))
    lacking = calm.lacking(result.virtual_ns, settle_ns)
    if lacking:
        status = UNKNOWN if calm.standing else VALID
        return Verdict(status=status, lines=(f"{lacking}: {DELIVERED} is not judged",))
    ends = [end for end in result.final.values() if end is not None]
    want: dict[int, int] = {}
    for end in ends:
        for member, count in (*end.delivered, (end.member, end.sent)):
            want[member] = max(count, want.get(member, 0))
    wrong = []
    for node, end in sorted(result.final.items()):
        if end is None:
            continue
        has = dict(end.delivered)
        lacks = [
            f"{member}:{has.get(member, 0)} of {count}" for member, count in want.items() if has.get(member, 0) < count
        ]
        if not end.is_in:
            wrong.append(f"node {node} is up and no member")
        elif lacks:
            wrong.append(f"node {node} has delivered {', '.join(lacks)} and holds {end.held}")
    if wrong:
        return Verdict(
            status=VIOLATED, lines=tuple([f"{DELIVERED} violated: {each}" for each in wrong]), properties=(DELIVERED,)
        )
    return Verdict(status=VALID, lines=(f"{DELIVERED}: {len(ends)} members have all {sum(want.values())} broadcasts",))


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """What was held, kept, lost and asked for."""
    ends = result.lives
    held_high, kept_high = (max([getattr(end, name) for end in ends], default=0) for name in ("held_high", "kept_high"))
    total = {
        name: sum(getattr(end, name) for end in ends)
        for name in ("held_count", "requests", "resent", "rejoined", "given_up")
    }
    return (
        ("held back", f"{total['held_count']} messages, at most {held_high} at once"),
        ("kept", f"at most {kept_high} messages at once until all had them"),
        ("repair", f"{total['requests']} requests, {total['resent']} sent again"),
        ("members", f"{total['rejoined']} fell behind and took the state; {total['given_up']} messages given up"),
    )


def sometimes(result: RunResult) -> Mapping[str, int]:
    """What a run should reach."""
    ends = result.lives
    order: Deliveries = result.reports["DeliveryOrder"]
    return {**order.counts, "held": sum(end.held_count for end in ends), "rejoined": sum(end.rejoined for end in ends)}


STORY = Chronicle(
    {
        Joined: "takes member {member} in",
        Left: "has member {member} leave",
        Suspected: "suspects member {member}",
        Dropped: "drops message {count} of member {member}",
        Answered: "answers {question} with {answer}",
        Delivered: "delivers message {count} of member {member}",
    }
)

CAUSAL_HUNT = Entry(
    name="causal-hunt",
    summary="a small causal broadcast group with trouble drawn from the seed: for finding bugs",
    source="Birman, Schiper & Stephenson, Lightweight Causal and Atomic Group Multicast, 1991",
    project=5,
    make=causal_hunt,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    sometimes=sometimes,
    story=STORY,
)
