"""The story of a run of the many-leader store: what went wrong, what conflicted, who ended it, what is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simclock import RunResult, seconds
from simclock.clocks import VectorClock
from simclock.experiments.catalog.dynamo.judge import at_end_of
from simclock.experiments.telling.chronicle import Chronicle
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.dynamo import CONFLICT, NOT_FOUND, OK, answer_json, server_name
from simclock.protocols.dynamo.observed import (
    Delivered,
    Fenced,
    Heard,
    Hinted,
    Members,
    Moved,
    Repaired,
    Suspected,
    TombstonesRemoved,
    read,
)

APART_NS = seconds(2)
"""Of the answers with siblings one is told in so long, and the answer that ends its conflict."""

CHRONICLE = Chronicle(
    {
        Members: "goes by the members {members}",
        Suspected: "suspects server {server}",
        Hinted: "keeps {key} for server {target}",
        Delivered: "has given {key} to server {target}",
        Moved: "gives up {key}: its owners have it",
        Repaired: "repairs {key} at server {server}",
        Fenced: "takes nothing of server {source}, of another ring",
        TombstonesRemoved: "drops the tombstones of {key}: {tombstones}",
    }
)
"""Of a hunt: members, handoffs, repairs."""


def story(result: RunResult) -> Iterator[str]:
    """What went wrong, what conflicted, who ended it, and what is there at the end."""
    lines = [(fault.at_ns, f"-- {fault.describe()}") for fault in result.faults]
    lines += _events(result) + _answers(result)
    for time_ns, text in sorted(lines, key=lambda line: line[0]):
        yield f"{time_ns // 1_000_000 / 1000:8.3f} s  {text}"
    for key, records in at_end_of(result).records.items():
        if records:
            record, context = records[0], VectorClock(records[0].context)
            values = sorted(set(record.values))
            status = CONFLICT if len(values) + bool(record.tombstones) > 1 else OK if values else NOT_FOUND
            yield f"   at end  servers hold {key}: {answer_json(status, values, context, record.tombstones)}"


def _events(result: RunResult) -> list[tuple[int, str]]:
    """The first hint for and delivery to each server, what moved, and who is a member."""
    lines: list[tuple[int, str]] = []
    told: set[tuple[str, Any]] = set()
    for each in recorded(result):
        text = ""
        match read(each):
            case Hinted(key, target):
                text = f"{server_name(each.node)} keeps {key} for {server_name(target)} (hinted handoff)"
                place: Any = (each.name, target)
            case Delivered(key, target):
                text = f"{server_name(each.node)} has given {key} to {server_name(target)}"
                place = (each.name, target)
            case Moved(key):
                text = f"{server_name(each.node)} gave up {key}: its owners have it"
                place = (each.name, each.node, key)
            case TombstonesRemoved(key):
                text = f"{server_name(each.node)} drops the tombstone of {key}: every server has promised"
                place = (each.name, key)
            case Members(members):
                text = "members are now " + " ".join(map(server_name, members))
                place = (each.name, members)
            case _:
                continue
        if place not in told:
            told.add(place)
            lines.append((each.time_ns, text))
    return lines


def _answers(result: RunResult) -> list[tuple[int, str]]:
    """Some answers with siblings, of each key the next answer without, and each key's first delete."""
    lines: list[tuple[int, str]] = []
    open_keys: set[str] = set()
    deleted: set[str] = set()
    next_ns = 0
    for each in recorded(result):
        heard = Heard.read(each)
        if heard is None:
            continue
        function, key, status = heard.function, heard.key, heard.status
        deletes = function == "delete" and key not in deleted
        if deletes:
            deleted.add(key)
        starts = status == CONFLICT and key not in open_keys and each.time_ns >= next_ns
        ends = status in (OK, NOT_FOUND) and key in open_keys
        if starts:
            open_keys.add(key)
            next_ns = each.time_ns + APART_NS
        if ends:
            open_keys.discard(key)
        if starts or ends or deletes or not lines:
            answer = answer_json(status, heard.values, VectorClock(heard.context), heard.tombstones)
            lines.append((each.time_ns, f"client {each.node} {function} {key}: {answer}"))
    return lines
