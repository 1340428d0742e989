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

TOPICS = (
    "synthetic",
    "everything",
    "raft",
    "clock_synchronization",
    "true_time",
    "byzantine_clocks",
    "dolev_strong",
    "clock_laws",
    "leases",
    "failure_detectors",
    "total_order",
    "causal_broadcast",
    "shared_document",
    "crdts",
    "dynamo",
    "lock_table",
    "throttle",
    "snapshots",
    "metadata",
    "specifications",
)
"""The folders, in the order in which their scenarios, bugs and studies are listed."""


@cache
def topics() -> tuple[Topic, ...]:
    """Every topic; they are imported now."""
    found: list[Topic] = [import_module(f"{__name__}.{name}").TOPIC for name in TOPICS]
    return tuple(found)


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
