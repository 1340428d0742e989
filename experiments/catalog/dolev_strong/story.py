"""What a run of `dolev-strong` tells: its report, and its story broadcast by broadcast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from simclock import Observation, RunResult, format_duration, us
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.dolev_strong import ByzantineBroadcast
from simclock.protocols.dolev_strong.observed import (
    Decided,
    Extracted,
    Joined,
    Lied,
    Proposed,
    Refused,
    Relayed,
    read,
)
from simclock.protocols.dolev_strong.properties import said

KEPT = (Proposed, Extracted, Relayed, Refused, Decided, Joined, Lied)
TOLD_MAX = 4
"""Broadcasts that are told."""
AFTER_ALL = 1 << 32
"""The place of a decision among the rounds."""
LINES_MAX = 12
"""Of one round."""


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """What the nodes are built for, and what came of it."""
    kept = result.report(ByzantineBroadcast)
    settings = kept.settings
    round = format_duration(settings.round_ns)
    apart = kept.over * settings.senders - kept.decided - kept.lying
    rows = [
        ("built for", f"n = {settings.nodes}, f = {settings.faults}: {settings.rounds} rounds of {round} a broadcast"),
        ("liars", _names(kept.liars) if kept.liars else "none"),
        ("broadcasts", _outcome(kept.decided, kept.lying, apart)),
        ("values", f"{kept.extracted} extracted by correct nodes, {kept.relayed} sent on"),
    ]
    if kept.refused:
        rows.append(("refused", ", ".join(f"{times} ({why})" for why, times in kept.refused)))
    if kept.struck:
        rows.append(("struck by faults", f"nodes {', '.join(map(str, kept.struck))}: each is one of the f"))
    return rows


def _outcome(decided: int, lying: int, apart: int) -> str:
    """What became of the broadcasts that are over, each of one sender."""
    parted = f", {apart} not the same by all" if apart else ""
    return f"{decided + lying + apart} over: {decided} decided as a value, {lying} as the sender's lie{parted}"


def story(result: RunResult) -> Iterator[str]:
    """Who says what to whom, who believes it, and what all decide."""
    correct = {*result.report(ByzantineBroadcast).correct, *result.report(ByzantineBroadcast).struck}
    told = [each for each in recorded(result) if each.node in correct or each.name == Lied.observed_as]
    rounds = result.report(ByzantineBroadcast).settings.rounds
    for (broadcast, round), group in groupby(sorted(told, key=_place), key=_place):
        if broadcast >= TOLD_MAX:
            yield "..."
            return
        those = list(group)
        since = format_duration(min(each.time_ns for each in those) // us(1) * us(1))
        yield f"[Broadcast {broadcast}, {f'round {round}' if round <= rounds else 'the end'}] {since}"
        lines = list(_lines(those))
        yield from lines[:LINES_MAX]
        if len(lines) > LINES_MAX:
            yield f"  ... and {len(lines) - LINES_MAX} more"


def _place(each: Observation) -> tuple[int, int]:
    """Broadcast and round. Clocks differ, so what belongs to one round is not all told before the next begins."""
    match read(each):
        case Proposed(broadcast):
            return broadcast, 1
        case Extracted(broadcast, round) | Relayed(broadcast, round) | Refused(broadcast, round):
            return broadcast, max(1, round)
        case Lied(broadcast, round):
            return broadcast, max(1, round)
        case Decided(broadcast):
            return broadcast, AFTER_ALL
        case Joined(broadcast):
            return broadcast, 0
    raise AssertionError(f"{each.name} is not kept")


def _lines(those: Sequence[Observation]) -> Iterator[str]:
    """What was told in a round; who decides the same shares a line."""
    decisions: dict[tuple[int, str | None], list[int]] = {}
    for each in those:
        node = f"node {each.node}"
        match read(each):
            case Proposed(value=value):
                yield f"  {node} is the sender, signs {value!r} and sends it to all"
            case Relayed(values=values):
                yield f"  {node} signs and sends to all: {_several(values)}"
            case Extracted(values=taken):
                for sender, value, signers in taken:
                    yield f"  {node} extracts {value!r} of node {sender}, signed by {_names(signers)}"
            case Refused(source=source, sender=sender, value=value, signers=signers, why=why):
                yield (
                    f"  {node} refuses {value!r} of node {sender} from node {source}, "
                    f"signed by {_names(signers)}: {why}"
                )
            case Lied(targets=targets, sender=sender, value=value, signers=signers):
                yield (
                    f"  liar {each.node} gives {_targets(targets)} {value!r} of node {sender}, "
                    f"signed by {_names(signers)}"
                )
            case Joined():
                yield f"  {node} takes part from here on"
            case Decided(values=values):
                for sender, decided in values:
                    decisions.setdefault((sender, decided), []).append(each.node)
    for (sender, decided), nodes in sorted(decisions.items(), key=lambda item: (item[0][0], min(item[1]))):
        verb = "decides" if len(nodes) == 1 else "decide"
        what = said(decided) if decided is None else f"{decided!r}, of node {sender}"
        yield f"  {_targets(sorted(nodes))} {verb} {what.replace('the sender', f'node {sender}')}"


def _several(values: Sequence[tuple[int, str]]) -> str:
    return ", ".join(f"{value!r} of node {sender}" for sender, value in values)


def _targets(nodes: Sequence[int]) -> str:
    return f"node {nodes[0]}" if len(nodes) == 1 else f"nodes {_names(nodes)}"


def _names(nodes: Sequence[int]) -> str:
    if len(nodes) == 1:
        return str(nodes[0])
    return f"{', '.join(map(str, nodes[:-1]))} and {nodes[-1]}" if nodes else "nobody"
