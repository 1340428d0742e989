"""The verdict on a history: the partitions are searched one by one, within the limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import NoReturn

from experiments.histories import Operation
from experiments.linearizability.certificate import flaw_of
from experiments.linearizability.model import Model, ModelError, State
from experiments.linearizability.search import Found, Search

LINES_SHOWN = 5


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
    model: Model
    operations: int
    """How many were judged; those that failed, and reads of unknown outcome, constrain nothing."""
    partitions: int
    steps: int
    """How many configurations the search tried."""
    linearizations: tuple[tuple[Operation, ...], ...] = ()
    """If OK: for every partition its operations in a legal order."""
    partition: tuple[Operation, ...] = field(default=(), repr=False)
    """If not OK: the operations of the partition that failed, or of one that was given up."""
    prefix: tuple[Operation, ...] = field(default=(), repr=False)
    """If not OK: the longest legal order found for the beginning of that partition."""
    state: State = None
    """After the prefix."""
    blocked: Operation | None = None
    """If not OK: the operation that returns next; if ILLEGAL, it cannot follow, whatever comes between."""
    under_way: tuple[Operation, ...] = field(default=(), repr=False)
    """What could have come between: called before `blocked` returned, and not in the prefix."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has three values; compare `.verdict` with Verdict.OK")

    def explain(self) -> str:
        """The verdict and, where it is not OK, why; a few lines."""
        parts = "1 partition" if self.partitions == 1 else f"{self.partitions} partitions"
        size = f"{self.operations} operations in {parts}, {self.steps} steps"
        if self.verdict is Verdict.OK:
            return f"OK: linearizable as a {self.model.name} ({size})"
        if self.verdict is Verdict.ILLEGAL:
            first = f"ILLEGAL: not linearizable as a {self.model.name} ({size})"
        else:
            first = f"UNKNOWN: gave up before it was certain as a {self.model.name} ({size})"
        if self.blocked is None:
            return first
        describe = self.model.describe
        lines = [
            first,
            f"  longest legal order found: {len(self.prefix)} of {len(self.partition)} operations",
        ]
        lines += _shown([describe(each) for each in self.prefix], last=True)
        lines += [f"  which leaves {_short(self.state)}"]
        cannot = "cannot follow" if self.verdict is Verdict.ILLEGAL else "next to return"
        lines += [f"  {cannot}: {describe(self.blocked)}"]
        if self.under_way:
            lines += ["  not even after some of these, under way then:"]
            lines += _shown([describe(each) for each in self.under_way], last=False)
        return "\n".join(lines)


def _short(state: State, length: int = 200) -> str:
    text = repr(state)
    return text if len(text) <= length else f"{text[: length // 2]} ... {text[-length // 2 :]}"


def _shown(lines: list[str], last: bool) -> list[str]:
    """The first or last few lines, and how many are not shown."""
    hidden = len(lines) - LINES_SHOWN
    if hidden <= 0:
        return [f"    {line}" for line in lines]
    shown = lines[-LINES_SHOWN:] if last else lines[:LINES_SHOWN]
    more = f"    ... {hidden} more"
    listed = [f"    {line}" for line in shown]
    return [more, *listed] if last else [*listed, more]


def check_linearizability(
    operations: Iterable[Operation],
    model: Model,
    time_limit_s: float | None = None,
    step_limit: int | None = None,
) -> Linearizability:
    """Judge a history by a model.

    The limits are for all partitions together; small partitions come first and leave what they do not need to
    the others. One ILLEGAL partition decides. With a time limit alone, which of UNKNOWN and the others comes out
    depends on the machine; `step_limit` is the same everywhere.

    Raises ModelError where the model breaks its rules or does not speak of an operation.
    """
    given = list(operations)
    judged = [each for each in given if each.outcome != "fail" and not (each.is_open and model.is_read(each))]
    parts = _partitions(judged, model)
    deadline = None if time_limit_s is None else monotonic() + time_limit_s
    steps = 0
    orders: list[tuple[Operation, ...]] = [()] * len(parts)
    gave_up: tuple[list[Operation], Found] | None = None
    by_size = sorted(range(len(parts)), key=lambda index: len(parts[index]))
    for done, index in enumerate(by_size):
        part, left = parts[index], len(parts) - done
        steps_max = None if step_limit is None else max(0, step_limit - steps) // left
        now = monotonic()
        found = Search(part, model).run(None if deadline is None else now + max(0.0, deadline - now) / left, steps_max)
        steps += found.steps
        if found.linearizable is False:
            return _failed(Verdict.ILLEGAL, part, found, model, len(judged), len(parts), steps)
        if found.linearizable is None:
            gave_up = gave_up or (part, found)
        else:
            _prove(part, found, model)
            orders[index] = found.order
    if gave_up is not None:
        return _failed(Verdict.UNKNOWN, *gave_up, model, len(judged), len(parts), steps)
    return Linearizability(
        verdict=Verdict.OK,
        model=model,
        operations=len(judged),
        partitions=len(parts),
        steps=steps,
        linearizations=tuple(orders),
    )


def _partitions(operations: list[Operation], model: Model) -> list[list[Operation]]:
    if model.partition is None:
        return [operations]
    parts = model.partition(operations)
    if Counter(map(id, operations)) != Counter(id(each) for part in parts for each in part):
        raise ModelError(f"{model.name}: partition must put every operation into exactly one part")
    return parts


def _prove(part: Sequence[Operation], found: Found, model: Model) -> None:
    """An OK is only given with an order that replays; a search misled by wrong hints is not believed."""
    flaw = flaw_of(found.order, part, model)
    if flaw is not None:
        raise ModelError(f"{model.name}: the order found is none ({flaw}); is a hint of the model wrong?")


def _failed(
    verdict: Verdict,
    part: Sequence[Operation],
    found: Found,
    model: Model,
    operations: int,
    partitions: int,
    steps: int,
) -> Linearizability:
    return Linearizability(
        verdict=verdict,
        model=model,
        operations=operations,
        partitions=partitions,
        steps=steps,
        partition=tuple(part),
        prefix=found.order,
        state=found.state,
        blocked=found.blocked,
        under_way=found.under_way,
    )
