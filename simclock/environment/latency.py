"""Latency models: how long a message travels, drawn by the sender from its own link stream.

Law: whole nanoseconds, sampled with integers only. Each model knows its smallest delay between different nodes: that
is the lookahead by which several hosts may run at once.

Most models add a uniform part to a smallest delay; they say so with `span(source, target)`, and the kernel then
draws without asking again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

from simclock.durations import HOUR, MILLISECOND, TIME_NS_MAX, format_duration
from simclock.environment.quantiles import NORMAL, QUANTILE_ONE, QuantileTable, log_normal_table
from simclock.errors import UsageError
from simclock.readable import say

Bits = Callable[[int], int]
"""`bits(k)` gives k random bits as a whole number."""


class Latency(Protocol):
    """What the kernel asks of a latency model: any class with these four is one.

        class EveryTenthIsSlow:
            everywhere_uniform = None  # every message is asked for

            def __init__(self):
                self.sent = 0

            def check(self, nodes):
                pass

            def delay_ns_min(self, nodes):
                return ms(2)

            def sample_ns(self, source, target, now_ns, bits):
                self.sent += 1
                return ms(50) if self.sent % 10 == 0 else ms(2) + bits(20)

    A model may remember what it was asked: every sender of every run has a copy of its own, made (by `copy.deepcopy`)
    when it first sends, which survives its crash. So what a model remembers is what that one sender has sent, wherever
    other nodes live. One that remembers nothing but is dear to copy may say so: `def __deepcopy__(self, memo): return
    self`. Luck comes from `bits` alone; delays are whole nanoseconds, and `sample_ns` never gives less than
    `delay_ns_min` between two different nodes.
    """

    @property
    def everywhere_uniform(self) -> tuple[int, int] | None:
        """`(low_ns, span_ns)` where every link draws `low + uniform(0 .. span - 1)`, else None."""
        ...

    def delay_ns_min(self, nodes: int) -> int:
        """The smallest delay between two different nodes out of `nodes`, in nanoseconds."""
        ...

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int:
        """The delay of a message that leaves now; `bits(k)` gives k random bits of the sender's link stream."""
        ...

    def check(self, nodes: int) -> None:
        """Raise UsageError where the model cannot serve that many nodes."""
        ...


def latency_text(latency: Latency) -> str:
    """How a model is told: one of a user's own that says nothing of itself by its class alone."""
    silent = type(latency).__str__ is object.__str__ and type(latency).__repr__ is object.__repr__
    return type(latency).__name__ if silent else str(latency)


class Sampled(Protocol):
    """What a sender asks."""

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int: ...


class _OwnCopy:
    """A sender's own copy of a model that may change, whose answers are checked."""

    __slots__ = ("_delay_ns_min", "_model")

    def __init__(self, model: Latency, delay_ns_min: int) -> None:
        self._model = model
        self._delay_ns_min = delay_ns_min

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int:
        delay_ns = self._model.sample_ns(source, target, now_ns, bits)
        if type(delay_ns) is not int or delay_ns < (self._delay_ns_min if source != target else 0):
            raise UsageError(
                f"network.latency: {type(self._model).__name__} gave {delay_ns!r} from node {source} to {target}: a "
                f"delay is whole nanoseconds, and not less than its delay_ns_min, {self._delay_ns_min}"
            )
        return delay_ns


def own_copy(latency: Latency, delay_ns_min: int) -> Sampled:
    """What one sender asks, which shares nothing that may change; the models of this file never do, and stay one."""
    if type(latency).__module__ == __name__:
        return latency
    try:
        return _OwnCopy(deepcopy(latency), delay_ns_min)
    except Exception as error:
        raise UsageError(
            f"network.latency: {type(latency).__name__} cannot be copied for each sender "
            f"({type(error).__name__}: {error}): let it hold plain data, or define __deepcopy__"
        ) from None


def missing_of_latency(latency: object) -> list[str]:
    """What a class lacks to be a latency model."""
    return [name for name in _ASKED if not hasattr(latency, name)]


_ASKED = ("everywhere_uniform", "delay_ns_min", "sample_ns", "check")


def _positive(name: str, value: int) -> None:
    if type(value) is not int or not 0 <= value <= TIME_NS_MAX:
        raise UsageError(f"network.{name}: {say(value)} is not a delay: whole nanoseconds, zero to ten years")


class _SameOnEveryLink:
    """A model whose links are all alike and serve any number of nodes."""

    def check(self, nodes: int) -> None:
        """Any number of nodes will do."""


@dataclass(frozen=True, kw_only=True)
class Constant(_SameOnEveryLink):
    """Every message takes the same time."""

    model: ClassVar[str] = "constant"
    delay_ns: int

    def __post_init__(self) -> None:
        _positive("delay", self.delay_ns)

    @property
    def everywhere_uniform(self) -> tuple[int, int] | None:
        return self.delay_ns, 1

    def delay_ns_min(self, nodes: int) -> int:
        return self.delay_ns

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int:
        return self.delay_ns

    def __str__(self) -> str:
        return f"constant {format_duration(self.delay_ns)}"


@dataclass(frozen=True, kw_only=True)
class Uniform(_SameOnEveryLink):
    """Every whole number of nanoseconds from `low_ns` to `high_ns` is as likely as any other."""

    model: ClassVar[str] = "uniform"
    low_ns: int
    high_ns: int

    def __post_init__(self) -> None:
        _positive("low", self.low_ns)
        _positive("high", self.high_ns)
        if self.high_ns < self.low_ns:
            raise UsageError(
                f"network.high: {format_duration(self.high_ns)} is less than low, {format_duration(self.low_ns)}"
            )

    @property
    def everywhere_uniform(self) -> tuple[int, int] | None:
        return self.low_ns, self.high_ns - self.low_ns + 1

    def delay_ns_min(self, nodes: int) -> int:
        return self.low_ns

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int:
        return self.low_ns + (bits(32) * (self.high_ns - self.low_ns + 1) >> 32)

    def __str__(self) -> str:
        return f"uniform {format_duration(self.low_ns)}..{format_duration(self.high_ns)}"


@dataclass(frozen=True, kw_only=True)
class Normal(_SameOnEveryLink):
    """Normal with a floor: a draw below the floor counts as the floor."""

    model: ClassVar[str] = "normal"
    mean_ns: int
    deviation_ns: int
    floor_ns: int
    everywhere_uniform: ClassVar[None] = None

    def __post_init__(self) -> None:
        for name in ("mean", "deviation", "floor"):
            _positive(name, getattr(self, f"{name}_ns"))

    def delay_ns_min(self, nodes: int) -> int:
        return self.floor_ns

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int:
        return max(self.floor_ns, self.mean_ns + self.deviation_ns * NORMAL.sample(bits) // QUANTILE_ONE)

    def __str__(self) -> str:
        mean, deviation, floor = map(format_duration, (self.mean_ns, self.deviation_ns, self.floor_ns))
        return f"normal {mean} +- {deviation}, floor {floor}"


@dataclass(frozen=True, kw_only=True)
class LogNormal(_SameOnEveryLink):
    """Log-normal with a floor: the long right tail of real networks.

    `sigma` is the standard deviation of the logarithm, as decimal text (`"0.5"`), so that it is exact.
    """

    model: ClassVar[str] = "log-normal"
    median_ns: int
    sigma: str
    floor_ns: int
    everywhere_uniform: ClassVar[None] = None

    def __post_init__(self) -> None:
        _positive("median", self.median_ns)
        _positive("floor", self.floor_ns)
        try:
            sigma = Decimal(self.sigma)
        except (InvalidOperation, TypeError, ValueError):
            raise UsageError(f'network.sigma: {say(self.sigma)} is not a decimal number, such as "0.5"') from None
        if not (sigma.is_finite() and 0 <= sigma <= 5):
            raise UsageError(f"network.sigma: {say(self.sigma)} is out of range: 0 to 5")

    @cached_property
    def _table(self) -> QuantileTable:
        return log_normal_table(self.median_ns, Decimal(self.sigma))

    def delay_ns_min(self, nodes: int) -> int:
        return self.floor_ns

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int:
        return max(self.floor_ns, self._table.sample(bits))

    def __str__(self) -> str:
        median, floor = format_duration(self.median_ns), format_duration(self.floor_ns)
        return f"log-normal median {median}, sigma {self.sigma}, floor {floor}"


@dataclass(frozen=True, kw_only=True)
class Regions:
    """Nodes live in regions; a matrix gives the one-way delay from region to region, which may be asymmetric.

    A message takes the matrix's delay plus a uniform jitter of up to `jitter_percent` of it. Two nodes in one region
    are `local_ns` apart, unless the matrix has an entry from the region to itself.
    """

    model: ClassVar[str] = "regions"
    one_way_ns: Mapping[tuple[str, str], int]
    placement: Sequence[str]
    """The region of each node, by node id."""
    jitter_percent: int = 5
    local_ns: int = MILLISECOND // 2
    source: str = ""
    """Where the figures come from, for reports."""
    _region: list[int] = field(init=False, repr=False, compare=False, hash=False)
    """The row of each node, by node id."""
    _rows: list[list[tuple[int, int]]] = field(init=False, repr=False, compare=False, hash=False)
    """Smallest delay and span from row to row."""
    everywhere_uniform: ClassVar[None] = None

    def __post_init__(self) -> None:
        _positive("local", self.local_ns)
        if type(self.jitter_percent) is not int or not 0 <= self.jitter_percent <= 1000:
            raise UsageError(f"network.jitter: {say(self.jitter_percent)} is out of range: 0 to 1000 percent")
        object.__setattr__(self, "placement", tuple(self.placement))
        regions = sorted(set(self.placement))
        rows = [[self._low_and_span(source, target) for target in regions] for source in regions]
        object.__setattr__(self, "_region", [regions.index(region) for region in self.placement])
        object.__setattr__(self, "_rows", rows)

    def _low_and_span(self, source: str, target: str) -> tuple[int, int]:
        delay_ns = self.one_way_ns.get((source, target))
        if delay_ns is None:
            if source != target:
                raise UsageError(f"network.regions: the matrix has no entry from {source!r} to {target!r}")
            delay_ns = self.local_ns
        _positive("one_way", delay_ns)
        return delay_ns, delay_ns * self.jitter_percent // 100 + 1

    def check(self, nodes: int) -> None:
        if len(self.placement) != nodes:
            raise UsageError(
                f"network.regions: {len(self.placement)} nodes have a region, but the scenario has {nodes} nodes"
            )

    def delay_ns_min(self, nodes: int) -> int:
        shared = {region for region, count in Counter(self._region).items() if count > 1}
        return min(
            (low for i, row in enumerate(self._rows) for j, (low, _) in enumerate(row) if i != j or i in shared),
            default=self.local_ns,
        )

    def sample_ns(self, source: int, target: int, now_ns: int, bits: Bits) -> int:
        region = self._region
        low, span = self._rows[region[source]][region[target]]
        return low + (bits(32) * span >> 32)

    def __str__(self) -> str:
        count = len(set(self.placement))
        origin = f" ({self.source})" if self.source else ""
        return f"{count} regions{origin}, jitter {self.jitter_percent}%"


def read_round_trips(path: Path | Any) -> dict[tuple[str, str], int]:
    """Read a matrix of round-trip times in milliseconds as one-way delays in nanoseconds (half the round trip).

    The file is CSV with a header and three columns: from, to, round trip in ms. `path` is a Path or anything else
    with `open()`, such as a package resource.
    """
    import csv

    one_way_ns: dict[tuple[str, str], int] = {}
    with path.open(encoding="utf-8") as lines:
        # A comment is an empty line to the reader, so that its lines are those of the file.
        reader = csv.reader("\n" if line.startswith("#") else line for line in lines)
        rows = filter(None, reader)
        next(rows, None)
        for row in rows:
            try:
                source, target, round_trip_ms = row
                delay = Decimal(round_trip_ms) * MILLISECOND / 2
            except (ValueError, ArithmeticError):
                raise UsageError(
                    f"{path}:{reader.line_num}: expected from,to,milliseconds, found {','.join(row)!r}"
                ) from None
            if not (delay.is_finite() and 0 <= delay <= HOUR):
                raise UsageError(f"{path}:{reader.line_num}: {round_trip_ms} ms is not a round-trip time")
            one_way_ns[source, target] = int(delay)
    if not one_way_ns:
        raise UsageError(f"{path}: no round-trip times in it: expected lines of from,to,milliseconds")
    return one_way_ns
