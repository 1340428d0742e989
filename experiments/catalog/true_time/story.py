"""The story of a run with TrueTime: a few commits with their intervals and waits, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simclock import Observation, RunResult, format_duration, us
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.true_time.observed import Assigned, Begun, Committed, Succeeded, Synchronized, read
from simclock.protocols.true_time.properties import interval_text

SYNCHRONIZATIONS = 2
COMMITS = 4
"""How many are told."""


@dataclass
class _Commit:
    told: Assigned
    assigned: Observation
    committed: Observation | None = None
    heard: Observation | None = None


def story(result: RunResult, pair: tuple[int, int] | None = None) -> Iterator[str]:
    """The first synchronizations, and the first commits from the timestamp to the answer.

    `pair` is two transactions whose timestamps are not in the order of true time.
    """
    told = 0
    for each in recorded(result):
        heard = Synchronized.read(each)
        if heard is not None and told < SYNCHRONIZATIONS:
            told += 1
            verb = "takes" if heard.taken else "does not take"
            epsilon_ns = (heard.latest_ns - heard.earliest_ns + 1) // 2
            yield (
                f"[TrueTime] {_at(each)} node {each.node} {verb} the reading of master {heard.source} "
                f"(round trip {_short(heard.round_trip_ns)}), epsilon is {_short(epsilon_ns)}"
            )
    for commit in _commits(result)[:COMMITS]:
        yield from _tell(commit)
    if pair is not None:
        yield "..."
        yield from _tell_pair(result, pair)


def _tell_pair(result: RunResult, pair: tuple[int, int]) -> Iterator[str]:
    for each in recorded(result):
        match read(each):
            case Begun(transaction, kind, timestamp) if transaction == pair[1]:
                at = "" if kind == "write" else f", reading at {format_duration(timestamp or 0)}"
                yield f"[Transaction {transaction}] {_at(each)} begins at client {each.node}{at}"
            case Assigned(transaction, timestamp) if transaction in pair:
                assigns = f"leader {each.node} assigns the commit timestamp {format_duration(timestamp)}"
                yield f"[Transaction {transaction}] {_at(each)} {assigns}"
            case Succeeded(transaction) if transaction == pair[0]:
                yield f"[Transaction {transaction}] {_at(each)} client {each.node} hears of its end"
    yield f"[Violation] {pair[1]} began after the end of {pair[0]}, and its timestamp is not the larger one"


def _commits(result: RunResult) -> list[_Commit]:
    """In order of their timestamps' assignment."""
    found: dict[int, _Commit] = {}
    for each in recorded(result):
        match read(each):
            case Assigned(transaction) as told:
                found.setdefault(transaction, _Commit(told, each))
            case Committed(transaction) if transaction in found:
                found[transaction].committed = found[transaction].committed or each
            case Succeeded(transaction) if transaction in found:
                found[transaction].heard = each
    return list(found.values())


def _tell(commit: _Commit) -> Iterator[str]:
    told, assigned = commit.told, commit.assigned
    timestamp, name = told.timestamp, f"[Transaction {told.transaction}]"
    yield f"[TrueTime] Now: {interval_text(_floor(told.earliest_ns), _floor(told.latest_ns))} at leader {assigned.node}"
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
