"""The verdict on a history: its partitions are searched one by one, within the limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NoReturn

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.certificate import flaw_of
from simclock.experiments.checkers.linearizability.limits import LimitHitError, Limits, limits_of
from simclock.experiments.checkers.linearizability.model import Model, ModelError, State
from simclock.experiments.checkers.linearizability.search import Found, Search

LINES_SHOWN = 5
STATE_LENGTH_SHOWN = 200


class Verdict(StrEnum):
    """What can be said of a history."""

    OK = "OK"
    ILLEGAL = "ILLEGAL"
    UNKNOWN = "UNKNOWN"
    """A limit was hit before either was certain."""


@dataclass(frozen=True, kw_only=True)
class Linearizability:
    """A verdict and its reasons."""

    verdict: Verdict
    model: Model = field(repr=False)
    operations: int
    """How many were judged: neither those that failed, nor reads of unknown outcome, which show nothing."""
    partitions: int
    steps: int
    """How many configurations the search tried."""
    linearizations: tuple[tuple[Operation, ...], ...] = field(default=(), repr=False)
    """If OK: for every partition its operations in a legal order."""
    partition: tuple[Operation, ...] = field(default=(), repr=False)
    """If not OK: the operations of the partition that failed, or of one that was given up."""
    prefix: tuple[Operation, ...] = field(default=(), repr=False)
    """If not OK: the longest legal order found for the beginning of that partition."""
    state: State = None
    """After the prefix."""
    blocked: Operation | None = None
    """If ILLEGAL: the operation that returns next and cannot follow, whatever comes between."""
    under_way: tuple[Operation, ...] = field(default=(), repr=False)
    """What could have come between: not in the prefix, and called before `blocked` returned."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has three values, none of them true or false: compare `.verdict`")

    def explain(self) -> str:
        """The verdict and, where it is not OK, why; a few lines."""
        parts = "1 partition" if self.partitions == 1 else f"{self.partitions} partitions"
        size = f"{self.operations} operations in {parts}, {self.steps} steps"
        name = self.model.name
        if self.verdict is Verdict.OK:
            return f"OK: linearizable as a {name} ({size})"
        if self.verdict is Verdict.UNKNOWN:
            lines = [f"UNKNOWN: whether linearizable as a {name}; a limit was hit ({size})"]
        else:
            lines = [f"ILLEGAL: not linearizable as a {name} ({size})"]
        describe = self.model.describe
        lines += [f"  longest legal order found: {len(self.prefix)} of {len(self.partition)} operations"]
        lines += _shown([describe(each) for each in self.prefix], last=True)
        lines += [f"  which leaves {_short(self.state)}"]
        if self.verdict is Verdict.ILLEGAL and self.blocked is not None:
            lines += [f"  and cannot be followed by {describe(self.blocked)}"]
            if self.under_way:
                lines += ["  not even after what else was under way:"]
                lines += _shown([describe(each) for each in self.under_way], last=False)
        return "\n".join(lines)


def _short(state: State) -> str:
    text = repr(state)
    if len(text) <= STATE_LENGTH_SHOWN:
        return text
    return f"{text[: STATE_LENGTH_SHOWN // 2]} ... {text[-STATE_LENGTH_SHOWN // 2 :]}"


def _shown(lines: list[str], last: bool) -> list[str]:
    """The first or the last few lines, and how many more there are."""
    hidden = len(lines) - LINES_SHOWN
    if hidden <= 0:
        return [f"    {line}" for line in lines]
    if last:
        return [f"    ({hidden} more)", *(f"    {line}" for line in lines[hidden:])]
    return [*(f"    {line}" for line in lines[:LINES_SHOWN]), f"    ({hidden} more)"]


def check_linearizability(
    operations: Iterable[Operation],
    model: Model,
    time_limit_s: float | None = None,
    step_limit: int | None = None,
) -> Linearizability:
    """Judge a history by a model.

    The limits are for all partitions together: each may use its share of what is left, the smallest first.
    One ILLEGAL partition decides. Where the time limit is hit the verdict depends on the machine; by
    `step_limit` it is the same everywhere. Without limits the search may take very long, and much memory.

    Raises ModelError where the model breaks its rules, or does not speak of an operation.
    """
    return linearizability_within(limits_of(time_limit_s, step_limit), operations, model)


def linearizability_within(limits: Limits, operations: Iterable[Operation], model: Model) -> Linearizability:
    """The verdict by limits that others set, whose steps are counted there."""
    judged = [each for each in operations if each.outcome != "fail"]
    judged = [each for each in judged if not (each.is_open and model.is_read(each))]
    parts = _partitions(judged, model)
    result = Linearizability(verdict=Verdict.OK, model=model, operations=len(judged), partitions=len(parts), steps=0)
    orders: list[tuple[Operation, ...]] = [()] * len(parts)
    by_size = sorted(range(len(parts)), key=lambda index: len(parts[index]))
    for done, index in enumerate(by_size):
        part, left = parts[index], len(parts) - done
        found = _searched(part, model, limits.share(left))
        limits.steps += found.steps
        result = replace(result, steps=limits.steps)
        if found.linearizable:
            orders[index] = found.order
            _prove(part, found, model)
        elif found.linearizable is False:
            return _not_ok(result, Verdict.ILLEGAL, part, found)
        elif result.verdict is Verdict.OK:
            result = _not_ok(result, Verdict.UNKNOWN, part, found)
    return result if result.verdict is Verdict.UNKNOWN else replace(result, linearizations=tuple(orders))


def _searched(part: Sequence[Operation], model: Model, limits: Limits) -> Found:
    try:
        return Search(part, model, limits).run()
    except LimitHitError:
        return Found(linearizable=None, order=(), steps=limits.steps, state=model.initial)


def _partitions(operations: list[Operation], model: Model) -> list[list[Operation]]:
    if model.partition is None:
        return [operations]
    parts = model.partition(operations)
    if Counter(map(id, operations)) != Counter(id(each) for part in parts for each in part):
        raise ModelError(f"{model.name}: partition must put every operation into exactly one part")
    return parts


def _prove(part: Sequence[Operation], found: Found, model: Model) -> None:
    """OK is only said of an order that replays: a search that a wrong hint misled is not believed."""
    flaw = flaw_of(found.order, part, model)
    if flaw is not None:
        raise ModelError(f"{model.name}: the order found is none ({flaw}); is a hint of the model wrong?")


def _not_ok(result: Linearizability, verdict: Verdict, part: Sequence[Operation], found: Found) -> Linearizability:
    return replace(
        result,
        verdict=verdict,
        partition=tuple(part),
        prefix=found.order,
        state=found.state,
        blocked=found.blocked,
        under_way=found.under_way,
    )
