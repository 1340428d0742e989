"""What must hold of TrueTime and of commit timestamps, judged on the canonical stream.

    TrueTime Contains Now   the true time is in every interval that a node reads (Spanner 3)
    Start                   a commit timestamp is not below the true time at which its transaction began (4.1.2)
    Commit Wait             nobody sees data, or hears of a commit, before its timestamp has passed (4.1.2)
    Monotone Timestamps     what a leader assigns is above all that it assigned, or served reads at, before (4.1.1)

An observation's time is the true time, which no node knows. Each property is named once in a run.
"""

from __future__ import annotations

from typing import Any

from simclock import Control, Observation, Observer, format_duration
from simclock.protocols.true_time.observed import (
    Applied,
    Assigned,
    Begun,
    Committed,
    Now,
    PreparedAt,
    Saw,
    Served,
    Succeeded,
    read,
)

CONTAINS_NOW = "TrueTime Contains Now"
START = "Start"
COMMIT_WAIT = "Commit Wait"
MONOTONE = "Monotone Timestamps"


class TrueTimeProperties(Observer):
    """Judges every interval, timestamp and answer. The run goes on, so that what follows is seen too."""

    def __init__(self) -> None:
        self._begun_ns: dict[int, int] = {}
        self._assigned: dict[int, int] = {}
        """Leader -> the largest timestamp it must stay above."""
        self._named: set[str] = set()
        self.epsilon_ns_max = 0
        self.counts = {"intervals": 0, "prepared": 0, "assigned": 0, "commits": 0, "applied": 0, "reads served": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        time_ns, node = observation.time_ns, observation.node
        match read(observation):
            case Now(earliest_ns, latest_ns):
                self._on_now(time_ns, node, earliest_ns, latest_ns, control)
            case Begun(transaction):
                self._begun_ns[transaction] = time_ns
            case PreparedAt(transaction, timestamp):
                self._on_assigned("prepared", node, transaction, timestamp, control)
            case Assigned(transaction, timestamp):
                self._on_assigned("assigned", node, transaction, timestamp, control)
                self._on_commit_timestamp(node, transaction, timestamp, control)
            case Served(timestamp=timestamp):
                self.counts["reads served"] += 1
                self._assigned[node] = max(timestamp, self._assigned.get(node, 0))
            case Applied(timestamp=timestamp):
                self.counts["applied"] += 1
                self._assigned[node] = max(timestamp, self._assigned.get(node, 0))
            case Committed():
                self.counts["commits"] += 1
            case Saw(versions=versions):
                for key, timestamp, _ in versions:
                    if timestamp:  # 0 says that there is nothing under the key yet, so there is nothing to wait for
                        self._on_seen(time_ns, node, f"key {key} of timestamp", timestamp, control)
            case Succeeded(transaction, "write", int(timestamp)):
                self._on_seen(time_ns, node, f"of the commit of transaction {transaction} at", timestamp, control)

    def _on_now(self, time_ns: int, node: int, earliest_ns: int, latest_ns: int, control: Control) -> None:
        self.counts["intervals"] += 1
        self.epsilon_ns_max = max(self.epsilon_ns_max, (latest_ns - earliest_ns + 1) // 2)
        if not earliest_ns <= time_ns <= latest_ns:
            self._violated(control, CONTAINS_NOW, node, f"it is not in {interval_text(earliest_ns, latest_ns)}")

    def _on_assigned(self, kind: str, node: int, transaction: int, timestamp: int, control: Control) -> None:
        self.counts[kind] += 1
        before = self._assigned.get(node, 0)
        if timestamp <= before:
            times = f"{format_duration(timestamp)}, after {format_duration(before)}"
            detail = f"transaction {transaction} is {kind} at {times} was assigned or read at"
            self._violated(control, MONOTONE, node, detail)
        self._assigned[node] = max(before, timestamp)

    def _on_commit_timestamp(self, node: int, transaction: int, timestamp: int, control: Control) -> None:
        begun_ns = self._begun_ns.get(transaction)
        if begun_ns is not None and timestamp < begun_ns:
            times = f"began at {format_duration(begun_ns)} and gets the timestamp {format_duration(timestamp)}"
            detail = f"transaction {transaction} {times}"
            self._violated(control, START, node, detail)

    def _on_seen(self, time_ns: int, node: int, what: str, timestamp: int, control: Control) -> None:
        if timestamp >= time_ns:
            ahead = format_duration(timestamp - time_ns)
            detail = f"it hears {what} {format_duration(timestamp)}, which is {ahead} ahead"
            self._violated(control, COMMIT_WAIT, node, detail)

    def _violated(self, control: Control, name: str, node: int, detail: str) -> None:
        if name not in self._named:
            self._named.add(name)
            control.violated(name, node, detail, stop=False)

    def report(self) -> dict[str, Any]:
        return {**self.counts, "epsilon_ns_max": self.epsilon_ns_max}


def interval_text(earliest_ns: int, latest_ns: int) -> str:
    """`[100.25ms, 105.25ms]`."""
    return f"[{format_duration(earliest_ns)}, {format_duration(latest_ns)}]"
