"""The catalog: one folder a topic, each a value. A topic that stands in `TOPICS` is reachable everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.entries.bug import Bug
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.studies import Study
from simclock.experiments.entries.topic import Topic

TOPICS = {
    "synthetic": "phold ping-pong timers broadcast",
    "everything": "everything",
    "raft": (
        "raft-kv raft-kv-wan raft-hunt raft-calm-hunt raft-script raft-whole-hunt raft-lease-reads raft-change-hunt "
        "raft-small raft-operated-hunt"
    ),
    "multi_paxos": "paxos multi-paxos-kv multi-paxos-hunt multi-paxos-script",
    "viewstamped_replication": "vsr-kv vsr-hunt vsr-script",
    "zab": "zab-kv zab-hunt zab-calm-hunt zab-script",
    "key_value": "key-value key-value-hunt",
    "counter": "counter",
    "clock_synchronization": "clock-drift clock-hunt clock-calm-hunt",
    "true_time": "truetime truetime-hunt",
    "byzantine_clocks": "byzantine-clocks byzantine-hunt byzantine-equivocation-hunt clock-sources",
    "dolev_strong": "dolev-strong dolev-strong-hunt",
    "clock_laws": "clock-laws clock-overflow-hunt",
    "leases": "leases leases-hunt leases-drift-hunt leases-calm-hunt leases-script",
    "failure_detectors": "failure-detectors",
    "total_order": "chat chat-hunt chat-calm-hunt chat-script",
    "causal_broadcast": "causal-hunt causal-script",
    "shared_document": "shared-document",
    "crdts": "crdts crdt-hunt",
    "dynamo": (
        "dynamo dynamo-hunt dynamo-ring-hunt dynamo-delete-hunt dynamo-quorum-hunt dynamo-calm-hunt dynamo-repair-hunt "
        "dynamo-script"
    ),
    "lock_table": "deadlocks deadlocks-hunt deadlocks-script",
    "throttle": "hourly-throttle throttle-hunt",
    "snapshots": "snapshots snapshots-hunt snapshots-script",
    "metadata": "",
    "raft_costs": "",
    "specifications": (
        "two-phase-commit paxos-specification ping-pong-specification paxos-commit lamport-mutex safra-termination"
    ),
}
"""Folder -> the names of its scenarios, so that one is found without the others; all is listed in this order."""


@cache
def topics() -> tuple[Topic, ...]:
    """Every topic; they are imported now."""
    return tuple(map(_topic, TOPICS))


def _topic(folder: str) -> Topic:
    found: Topic = import_module(f"{__name__}.{folder}").TOPIC
    return found


def entry_named(name: str) -> Entry | None:
    """The scenario of that name, for which no other topic is imported; None where there is none."""
    folder = next((folder for folder, names in TOPICS.items() if name in names.split()), None)
    return entries().get(name) if folder is None else {entry.name: entry for entry in _topic(folder).entries}[name]


def entries() -> dict[str, Entry]:
    """Every scenario by name."""
    return _by("name", "scenarios are called", (entry for topic in topics() for entry in topic.entries))


def bugs() -> dict[str, Bug]:
    """Every bug of the zoo by id."""
    return _by("id", "bugs have the id", (bug for topic in topics() for bug in topic.bugs))


def studies() -> dict[str, Study]:
    """Every study by name."""
    return _by("name", "studies are called", (study for topic in topics() for study in topic.studies))


def _by(key: str, words: str, values: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        name = getattr(value, key)
        if name in found:
            raise UsageError(f"two {words} {name!r}")
        found[name] = value
    return found
