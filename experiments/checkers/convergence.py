"""Convergence: when nothing moves any more, all replicas are equal.

    judged = convergence(result.final, replicas=range(3))            the values that `Scenario.final` made, at the end
    Scenario(observers=(Converges("state", quiet_ns=seconds(2)),))   or what replicas observed of themselves

Strong eventual consistency (Shapiro et al. 2011) is more: replicas that have delivered the same updates are equal *at
once*. Here it is asked at the end alone, so the run must be given time to come to rest: faults healed, no new updates.
A run that had not come to rest, or in which a fault still acts, is UNKNOWN, never ILLEGAL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.checkers.linearizability import Verdict
from simclock.experiments.nemesis import calm_of
from simclock.observers import Control, Observation, Observer

TEXT_MAX = 200


class Convergence(msgspec.Struct, frozen=True):
    """A verdict, and the replicas in groups of equal state."""

    verdict: Verdict
    groups: tuple[tuple[tuple[int, ...], str], ...]
    """(replicas, their state in text); the largest group first."""
    why: str = ""

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has three values; compare `.verdict` with Verdict.OK")

    def explain(self) -> str:
        """The verdict and, where it is not OK, who differs."""
        count = sum(len(replicas) for replicas, _ in self.groups)
        if self.verdict is Verdict.OK:
            return f"OK: {count} replicas converged"
        lines = [f"{self.verdict}: {self.why}"]
        lines += [f"  replicas {', '.join(map(str, replicas))}: {state}" for replicas, state in self.groups]
        return "\n".join(lines)


def convergence(states: Mapping[int, Any], replicas: Iterable[int] | None = None) -> Convergence:
    """Judge the final states of replicas, all in `states` unless they are named.

    A replica that is down or said nothing (None) has no state: UNKNOWN, unless others differ already. States are equal
    by ==.
    """
    wanted = sorted(states) if replicas is None else list(replicas)
    if not wanted:
        raise UsageError("convergence: there is no replica; does the scenario have `final`?")
    missing = [replica for replica in wanted if states.get(replica) is None]
    groups: list[tuple[list[int], Any]] = []
    for replica in wanted:
        if replica in missing:
            continue
        for members, state in groups:
            if state == states[replica]:
                members.append(replica)
                break
        else:
            groups.append(([replica], states[replica]))
    groups.sort(key=lambda group: (-len(group[0]), group[0]))
    named = tuple((tuple(members), _short(state)) for members, state in groups)
    if len(groups) > 1:
        return Convergence(Verdict.ILLEGAL, named, f"replicas diverged into {len(groups)} states")
    if missing:
        who = ", ".join(map(str, missing))
        return Convergence(Verdict.UNKNOWN, named, f"there is no final state of replica {who}: down, or silent")
    return Convergence(Verdict.OK, named)


def _short(state: Any) -> str:
    text = repr(state)
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX // 2]} ... {text[-TEXT_MAX // 2 :]}"


@dataclass(frozen=True)
class Converges:
    """Makes the observer that judges what replicas observed last under a name; its report is a Convergence.

    `replicas` are all that observed it unless they are named. `quiet_ns` before the end of the run, no state may have
    changed: else the run had not come to rest. Divergence is a violation of the property "convergence".
    """

    name: str
    quiet_ns: int = 0
    replicas: tuple[int, ...] | None = None

    def __call__(self) -> Observer:
        return _ConvergenceObserver(self)


class _ConvergenceObserver(Observer):
    def __init__(self, of: Converges) -> None:
        self._of = of
        self._states: dict[int, Any] = {}
        self._changed_ns = 0
        self._judged: Convergence | None = None

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name != self._of.name:
            return
        node, value = observation.node, observation.value
        if node not in self._states or self._states[node] != value:
            self._states[node] = value
            self._changed_ns = observation.time_ns

    def on_finish(self, control: Control) -> None:
        replicas = self._of.replicas
        if not self._states and replicas is None:
            self._judged = Convergence(Verdict.UNKNOWN, (), f"no replica observed {self._of.name!r}")
            return
        judged = convergence(self._states, replicas)
        assert control.happened is not None, "the run has ended"
        quiet_ns = control.now_ns - self._changed_ns
        lacking = calm_of(control.happened).lacking(control.now_ns, self._of.quiet_ns)
        if lacking and judged.verdict is Verdict.ILLEGAL:
            judged = Convergence(Verdict.UNKNOWN, judged.groups, lacking)
        if quiet_ns < self._of.quiet_ns:
            why = f"still changing {format_duration(quiet_ns)} before the end of the run"
            judged = Convergence(Verdict.UNKNOWN, judged.groups, why)
        if judged.verdict is Verdict.ILLEGAL:
            control.violated("convergence", judged.groups[-1][0][0], judged.why, stop=False)
        self._judged = judged

    def report(self) -> Convergence | None:
        return self._judged


_ConvergenceObserver.__name__ = "Convergence"  # what reports are kept under
