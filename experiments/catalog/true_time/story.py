"""The story of a run with TrueTime: a few commits with their intervals and waits, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simclock import Observation, RunResult, format_duration, us
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.true_time.properties import interval_text

SYNCHRONIZATIONS = 2
COMMITS = 4
"""How many are told."""


@dataclass
class _Commit:
    assigned: Observation
    committed: Observation | None = None
    heard: Observation | None = None


def story(result: RunResult, pair: tuple[int, int] | None = None) -> Iterator[str]:
    """The first synchronizations, and the first commits from the timestamp to the answer.

    `pair` is two transactions whose timestamps are not in the order of true time.
    """
    told = 0
    for each in recorded(result):
        if each.name == "synchronized" and told < SYNCHRONIZATIONS:
            told += 1
            master, round_trip_ns, taken, earliest_ns, latest_ns = each.value
            verb = "takes" if taken else "does not take"
            yield (
                f"[TrueTime] {_at(each)} node {each.node} {verb} the reading of master {master} "
                f"(round trip {_short(round_trip_ns)}), epsilon is {_short((latest_ns - earliest_ns + 1) // 2)}"
            )
    for commit in _commits(result)[:COMMITS]:
        yield from _tell(commit)
    if pair is not None:
        yield "..."
        yield from _tell_pair(result, pair)


def _tell_pair(result: RunResult, pair: tuple[int, int]) -> Iterator[str]:
    for each in recorded(result):
        name = f"[Transaction {each.value[0]}] {_at(each)}" if isinstance(each.value, tuple | list) else ""
        if not name or each.value[0] not in pair:
            continue
        if each.name == "begin" and each.value[0] == pair[1]:
            at = "" if each.value[1] == "write" else f", reading at {format_duration(each.value[2])}"
            yield f"{name} begins at client {each.node}{at}"
        elif each.name == "assign":
            yield f"{name} leader {each.node} assigns the commit timestamp {format_duration(each.value[1])}"
        elif each.name == "ok" and each.value[0] == pair[0]:
            yield f"{name} client {each.node} hears of its end"
    yield f"[Violation] {pair[1]} began after the end of {pair[0]}, and its timestamp is not the larger one"


def _commits(result: RunResult) -> list[_Commit]:
    """In order of their timestamps' assignment."""
    found: dict[int, _Commit] = {}
    for each in recorded(result):
        if each.name == "assign":
            found.setdefault(each.value[0], _Commit(each))
        elif each.name == "commit" and each.value[0] in found:
            found[each.value[0]].committed = found[each.value[0]].committed or each
        elif each.name == "ok" and each.value[0] in found:
            found[each.value[0]].heard = each
    return list(found.values())


def _tell(commit: _Commit) -> Iterator[str]:
    assigned = commit.assigned
    transaction, timestamp, earliest_ns, latest_ns = assigned.value
    name = f"[Transaction {transaction}]"
    yield f"[TrueTime] Now: {interval_text(_floor(earliest_ns), _floor(latest_ns))} at leader {assigned.node}"
    yield f"{name} {_at(assigned)} assigned commit timestamp {_short(timestamp)}"
    if commit.committed is not None:
        waited_ns = commit.committed.time_ns - assigned.time_ns
        if commit.committed.time_ns > timestamp:
            yield f"{name} waited {_short(waited_ns)} until TT.after({_short(timestamp)})"
        else:
            yield f"{name} did not wait until TT.after({_short(timestamp)})"
        yield f"{name} {_at(commit.committed)} committed: visible, locks released"
    if commit.heard is not None:
        yield f"{name} {_at(commit.heard)} client {commit.heard.node} hears of it"


def _floor(time_ns: int) -> int:
    return time_ns // us(1) * us(1)


def _short(time_ns: int) -> str:
    return format_duration(_floor(time_ns))


def _at(observation: Observation) -> str:
    """True time, which only the laboratory knows."""
    return f"{_short(observation.time_ns)}:"
