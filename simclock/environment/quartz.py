"""The clock a node can read: an offset and a drift away from true time, in integer arithmetic.

Laws: between two changes of drift a reading is `anchor + elapsed + elapsed * drift_ppb // 10**9`, whole nanoseconds,
where the anchor is what the clock showed at the change; nothing a node can do tells it the true time. The monotonic
clock counts from the node's first start and never goes back, nor jumps; the wall clock is the monotonic one plus an
offset, and a jump changes that offset alone. A stopped clock shows one reading on and on.

A node corrects its wall clock by a step, at once, or by a slew, which spreads the correction over the monotonic clock:
after e nanoseconds of it, `e * rate_ppm // 10**6` are corrected, until all is. As a slew is slower than the clock runs,
the slewed wall clock never goes back; a step may. Either replaces what is left of the slew before, since who measures
anew has seen what was done so far; a jump of the environment leaves it under way. Nothing of it touches the monotonic
clock, so timers, drift, wander and stops know nothing of it. It survives a crash with the clock: the correction stays,
and a slew goes on to its end.

A clock that wanders changes its drift at whole multiples of `wander_every_ns` of true time, each time to a new draw
from the node's stream `"wander"`, so its course does not depend on when it is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from simclock.durations import MILLISECOND, SECOND, TIME_NS_MAX
from simclock.errors import UsageError
from simclock.readable import say
from simclock.streams import stream

PARTS = 1_000_000_000
MILLION = 1_000_000
SLEW_RATE_PPM = 500
"""What Unix kernels slew by: half a millisecond per second."""
BY_NS_LIMIT = 1 << 61
WANDER_EVERY_NS_MIN = 10 * MILLISECOND
"""A timer looks ahead over every piece until it runs out; finer pieces would make long timers slow."""


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """How far the nodes' clocks are from the truth. Each node draws its own offset and drift within these bounds.

    With `wander_ppb_max` the drift changes every `wander_every_ns`, to the node's own drift and up to that much more
    or less.
    """

    offset_ns_max: int = 0
    drift_ppb_max: int = 0
    wander_ppb_max: int = 0
    wander_every_ns: int = 10 * SECOND
    true_nodes: tuple[int, ...] = ()
    """Nodes whose clock shows true time, as that of a receiver of it does."""

    def __post_init__(self) -> None:
        if type(self.offset_ns_max) is not int or not 0 <= self.offset_ns_max <= TIME_NS_MAX:
            raise UsageError(
                f"clocks.offset: {say(self.offset_ns_max)} is not a bound: whole nanoseconds, zero to ten years"
            )
        if type(self.drift_ppb_max) is not int or not 0 <= self.drift_ppb_max < PARTS // 2:
            raise UsageError(f"clocks.drift: {say(self.drift_ppb_max)} is not a bound: 0 up to 500,000 ppm")
        if type(self.wander_ppb_max) is not int or not 0 <= self.wander_ppb_max < PARTS // 4:
            raise UsageError(f"clocks.wander: {say(self.wander_ppb_max)} is not a bound: 0 up to 250,000 ppm")
        if type(self.wander_every_ns) is not int or not WANDER_EVERY_NS_MIN <= self.wander_every_ns <= TIME_NS_MAX:
            raise UsageError(
                f"clocks.wander_every: {say(self.wander_every_ns)} is not a time: 10 ms or more, ten years at most"
            )
        if type(self.true_nodes) is not tuple or any(type(node) is not int or node < 0 for node in self.true_nodes):
            raise UsageError(f"clocks.true_nodes: {say(self.true_nodes)} are not nodes: write a tuple of ids, as (3,)")

    @property
    def differ(self) -> bool:
        """Whether a clock's second may differ from a true one."""
        return bool(self.drift_ppb_max or self.wander_ppb_max)

    def clock(self, seed: int, node: int) -> PhysicalClock:
        """The clock of that node."""
        if node in self.true_nodes:
            return PhysicalClock(0, 0)
        offset_ns = drift_ppb = 0
        if self.offset_ns_max or self.drift_ppb_max:
            luck = stream(seed, "clock", node)
            offset_ns = luck.uniform_ns(-self.offset_ns_max, self.offset_ns_max)
            drift_ppb = luck.uniform_ns(-self.drift_ppb_max, self.drift_ppb_max)
        if not self.wander_ppb_max:
            return PhysicalClock(offset_ns, drift_ppb)
        wander = stream(seed, "wander", node)
        return WanderingClock(
            offset_ns,
            drift_ppb,
            self.wander_every_ns,
            lambda: wander.uniform_ns(-self.wander_ppb_max, self.wander_ppb_max),
        )


class PhysicalClock:
    """One node's quartz: it survives the node's crash, like the real one.

    Readings are asked for in the order of true time; `true_duration_ns` alone looks ahead.
    """

    __slots__ = ("_anchor_ns", "_since_ns", "_slew", "drift_ppb", "offset_ns", "stopped")

    def __init__(self, offset_ns: int, drift_ppb: int) -> None:
        self.offset_ns = offset_ns
        """Of the wall clock from the monotonic one, but for a slew that is under way."""
        self.drift_ppb = drift_ppb
        """Nanoseconds gained per true second; below zero the clock is slow."""
        self.stopped = False
        self._since_ns = 0
        """True time from which the present drift, or stop, holds."""
        self._anchor_ns = 0
        """What the monotonic clock showed then."""
        self._slew: tuple[int, int, int] | None = None
        """The slew under way: (the monotonic clock when it began, correction, rate in ppm)."""

    def own_drift_ppb(self) -> int:
        """The drift around which it wanders, where it does."""
        return self.drift_ppb

    def monotonic_ns(self, true_ns: int) -> int:
        """What the monotonic clock shows at that true time."""
        if self.stopped:
            return self._anchor_ns
        return self._anchor_ns + _gained_ns(true_ns - self._since_ns, self.drift_ppb)

    def wall_ns(self, true_ns: int) -> int:
        """What the wall clock shows at that true time."""
        local_ns = self.monotonic_ns(true_ns)
        return self.offset_ns + local_ns + (self._slewed_ns(local_ns) if self._slew is not None else 0)

    def true_duration_ns(self, true_ns: int, local_ns: int) -> int | None:
        """How long to wait from `true_ns` until the clock has advanced by `local_ns`, at least; None if it stands."""
        if self.stopped:
            return 0 if local_ns <= 0 else None
        if not self.drift_ppb:
            return max(0, local_ns)
        goal_ns = self.monotonic_ns(true_ns) + local_ns
        return max(0, _reached_ns(self._since_ns, self._anchor_ns, self.drift_ppb, goal_ns) - true_ns)

    def ahead_ns(self, true_ns: int) -> int:
        """What the monotonic clock will show at a true time to come, if nothing happens to it."""
        return self.monotonic_ns(true_ns)

    # What the node does to it, through `NodeClock`.

    def step(self, true_ns: int, by_ns: int) -> None:
        """Correct the wall clock at once; what is left of a slew is forgotten."""
        self._end_slew(true_ns)
        self.offset_ns += by_ns

    def slew(self, true_ns: int, by_ns: int, rate_ppm: int) -> None:
        """Correct the wall clock bit by bit, in place of what is left of the slew before."""
        self._end_slew(true_ns)
        if by_ns:
            self._slew = self.monotonic_ns(true_ns), by_ns, rate_ppm

    def slew_left_ns(self, true_ns: int) -> int:
        """What a slew under way has still to correct."""
        return 0 if self._slew is None else self._slew[1] - self._slewed_ns(self.monotonic_ns(true_ns))

    def _slewed_ns(self, local_ns: int) -> int:
        assert self._slew is not None, "asked only while there is one"
        since_ns, by_ns, rate_ppm = self._slew
        done_ns = min(abs(by_ns), (local_ns - since_ns) * rate_ppm // MILLION)
        return done_ns if by_ns > 0 else -done_ns

    def _end_slew(self, true_ns: int) -> None:
        if self._slew is not None:
            self.offset_ns += self._slewed_ns(self.monotonic_ns(true_ns))
            self._slew = None

    # What the environment does to it.

    def jump(self, by_ns: int) -> None:
        """The wall clock jumps; the monotonic one does not notice."""
        self.offset_ns += by_ns

    def set_drift(self, true_ns: int, drift_ppb: int) -> None:
        """Another drift from now on."""
        self._settle(true_ns)
        self.drift_ppb = drift_ppb

    def stop(self, true_ns: int) -> None:
        """Stand still from now on."""
        self._settle(true_ns)
        self.stopped = True

    def start(self, true_ns: int) -> None:
        """Go on from where it stood."""
        self._settle(true_ns)
        self.stopped = False

    def _settle(self, true_ns: int) -> None:
        self._anchor_ns, self._since_ns = self.monotonic_ns(true_ns), true_ns


class WanderingClock(PhysicalClock):
    """A quartz whose drift wanders around its own: piecewise constant, drawn anew at fixed true times."""

    __slots__ = ("_draw", "_drawn_ppb", "_every_ns", "_own_ppb", "_piece")

    def __init__(self, offset_ns: int, drift_ppb: int, every_ns: int, draw: Callable[[], int]) -> None:
        super().__init__(offset_ns, drift_ppb)
        self._own_ppb = drift_ppb
        self._every_ns = every_ns
        self._draw = draw
        self._drawn_ppb: deque[int] = deque()
        """Draws of the pieces after the present one, as far as a timer has looked ahead."""
        self._piece = 0
        self.drift_ppb = drift_ppb + draw()

    def own_drift_ppb(self) -> int:
        return self._own_ppb

    def monotonic_ns(self, true_ns: int) -> int:
        while self._piece < true_ns // self._every_ns:
            end_ns = (self._piece + 1) * self._every_ns
            self._anchor_ns, self._since_ns = super().monotonic_ns(end_ns), end_ns
            self._piece += 1
            self.drift_ppb = self._own_ppb + self._ahead_ppb(0)
            self._drawn_ppb.popleft()
        return super().monotonic_ns(true_ns)

    def true_duration_ns(self, true_ns: int, local_ns: int) -> int | None:
        goal_ns = self.monotonic_ns(true_ns) + local_ns
        if self.stopped:
            return 0 if local_ns <= 0 else None
        for since_ns, anchor_ns, drift_ppb, end_ns in self._pieces():
            at_ns = _reached_ns(since_ns, anchor_ns, drift_ppb, goal_ns)
            if at_ns <= end_ns:
                return max(0, at_ns - true_ns)
        raise AssertionError("a clock that runs gets everywhere")

    def ahead_ns(self, true_ns: int) -> int:
        if not self.stopped:
            for since_ns, anchor_ns, drift_ppb, end_ns in self._pieces():
                if true_ns <= end_ns:
                    return anchor_ns + _gained_ns(true_ns - since_ns, drift_ppb)
        return self._anchor_ns

    def _pieces(self) -> Iterator[tuple[int, int, int, int]]:
        """The present piece and those to come, without end: (since, anchor, drift, end)."""
        since_ns, anchor_ns, drift_ppb = self._since_ns, self._anchor_ns, self.drift_ppb
        for ahead in count():
            end_ns = (self._piece + ahead + 1) * self._every_ns
            yield since_ns, anchor_ns, drift_ppb, end_ns
            anchor_ns += _gained_ns(end_ns - since_ns, drift_ppb)
            since_ns, drift_ppb = end_ns, self._own_ppb + self._ahead_ppb(ahead)

    def set_drift(self, true_ns: int, drift_ppb: int) -> None:
        self._settle(true_ns)
        self.drift_ppb += drift_ppb - self._own_ppb
        self._own_ppb = drift_ppb

    def _ahead_ppb(self, ahead: int) -> int:
        while len(self._drawn_ppb) <= ahead:
            self._drawn_ppb.append(self._draw())
        return self._drawn_ppb[ahead]


def _reached_ns(since_ns: int, anchor_ns: int, drift_ppb: int, goal_ns: int) -> int:
    """The first true time at which a clock with that anchor and drift shows `goal_ns` or more."""
    wanted_ns = goal_ns - anchor_ns
    elapsed_ns = -(-wanted_ns * PARTS // (PARTS + drift_ppb))
    while _gained_ns(elapsed_ns, drift_ppb) < wanted_ns:
        elapsed_ns += 1
    return since_ns + elapsed_ns


def _gained_ns(elapsed_ns: int, drift_ppb: int) -> int:
    return elapsed_ns + elapsed_ns * drift_ppb // PARTS
