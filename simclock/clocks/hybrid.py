"""Hybrid logical clocks (Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks", 2014).

    clock = clock.tick(wall_ms)                        # a local event, or a send: the message carries `clock.latest`
    clock = clock.receive(message.time, wall_ms)       # a receipt

A timestamp is 64 bits: 48 of physical milliseconds, 16 of a logical counter (the paper's section 6 has the same split).
As one number it is close to physical time and never goes back, so both rules of the paper's figure 5 become one:
*the next timestamp is one more than the greatest that was seen, or the wall clock's, whichever is greater.*

Law 1, the clock condition: if event a happened before event b, then time(a) < time(b). Timestamps are totally ordered,
so the converse does not hold.
Law 2, it survives a bad wall clock: while the wall clock stands still, is set back by ten minutes or runs slow, the
counter goes on. When the counter overflows it carries into the milliseconds: 65,536 events in one millisecond move the
clock one millisecond ahead. (Deviation: the paper leaves the overflow open; the other answer is to wait.) A clock may
use fewer of the counter's bits (`logical_bits`), so that the overflow can be tried without so many events.
Law 3, boundedness: the physical part is never further ahead of the node's own readings than `offset_ms_max`, but for
carries. A timestamp from further ahead is refused: taken in, one bad clock would drag every other clock along.
"""

from __future__ import annotations

import enum
from typing import Self

import msgspec

from simclock.clocks.order import ClockValue, check_count
from simclock.errors import SimclockError, UsageError

LOGICAL_BITS = 16
PHYSICAL_BITS = 48


class ClockRefusal(SimclockError):
    """A reading or a timestamp that a clock does not take in; the clock is as it was.

    ClockRefusal
    ├── RemoteTooFarAhead     a message's timestamp is ahead of the own clock by more than the bound
    └── ForwardJump           the own wall clock leapt forward
    """


class RemoteTooFarAhead(ClockRefusal):
    """Ask `accepts` first, and treat the message as one from a broken node."""


class ForwardJump(ClockRefusal):
    """A node that cannot trust its clock stops, as CockroachDB does, or tries again later."""


class ForwardJumps(enum.Enum):
    """What to do when the wall clock leaps forward."""

    FOLLOW = "follow"
    """Take it in: the timestamps leap with it, and cannot come back."""
    REFUSE = "refuse"
    """Raise ForwardJump at half of `offset_ms_max` or more (CockroachDB's rule)."""


class HybridTime(ClockValue, frozen=True):
    """A timestamp: 64 bits that compare as one number. A message may carry `packed`."""

    packed: int = 0

    def __post_init__(self) -> None:
        check_count("HybridTime", self.packed)
        if self.packed >> PHYSICAL_BITS + LOGICAL_BITS:
            raise UsageError(f"HybridTime: {self.packed} has more than 64 bits")

    @classmethod
    def of(cls, physical_ms: int, logical: int = 0) -> HybridTime:
        """The timestamp with these parts."""
        check_count("HybridTime.physical_ms", physical_ms)
        check_count("HybridTime.logical", logical)
        if logical >> LOGICAL_BITS:
            raise UsageError(f"HybridTime.logical: {logical} has more than {LOGICAL_BITS} bits")
        return cls(physical_ms << LOGICAL_BITS | logical)

    @property
    def physical_ms(self) -> int:
        """Milliseconds, close to the wall clock's."""
        return self.packed >> LOGICAL_BITS

    @property
    def logical(self) -> int:
        """What orders events of one millisecond."""
        return self.packed & (1 << LOGICAL_BITS) - 1

    def __le__(self, other: HybridTime) -> bool:
        return self.packed <= other.packed

    def encode(self) -> bytes:
        """Eight bytes, most significant first: they sort as the timestamps do."""
        return self.packed.to_bytes(8, "big")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) != 8:
            raise UsageError(f"{data.hex()} is no {cls.__name__}: it takes 8 bytes")
        return cls(int.from_bytes(data, "big"))

    def __str__(self) -> str:
        return f"{self.physical_ms}ms+{self.logical}"


class HybridClock(msgspec.Struct, frozen=True, kw_only=True):
    """The clock of one node. An operation gives a new clock, whose `latest` is the event's timestamp.

    Operations take the node's wall clock and, where the node has one, its monotonic clock, both in milliseconds. The
    monotonic clock tells a leap from a long wait, and what the time must be while the wall clock is wrong.
    """

    offset_ms_max: int
    """How far apart any two nodes' clocks may be."""
    forward_jumps: ForwardJumps = ForwardJumps.FOLLOW
    latest: HybridTime = HybridTime()
    physical_ms_max: int = 0
    """The greatest wall reading so far; 0 before the first. It never goes back.

    While the wall clock is behind by more than clocks may differ, the monotonic clock carries it on, so that peers
    whose clocks are right are still heard.
    """
    monotonic_ms: int = 0
    """What the monotonic clock showed then."""
    logical_bits: int = LOGICAL_BITS
    """How many bits of the counter are used, 1 to 16; the timestamp's layout stays what it is."""

    def __post_init__(self) -> None:
        check_count("HybridClock.offset_ms_max", self.offset_ms_max)
        check_count("HybridClock.logical_bits", self.logical_bits)
        if not 1 <= self.logical_bits <= LOGICAL_BITS:
            raise UsageError(f"HybridClock.logical_bits: {self.logical_bits} is out of range: 1 to {LOGICAL_BITS}")

    def tick(self, wall_ms: int, monotonic_ms: int = 0) -> HybridClock:
        """A local event or a send. Raises ForwardJump where the policy says so."""
        return self._at(self.latest, wall_ms, monotonic_ms)

    def receive(self, remote: HybridTime, wall_ms: int, monotonic_ms: int = 0) -> HybridClock:
        """A receipt. Raises RemoteTooFarAhead unless `accepts` the timestamp, ForwardJump as `tick` does."""
        if not self.accepts(remote, wall_ms, monotonic_ms):
            raise RemoteTooFarAhead(
                f"the timestamp {remote} is more than {self.offset_ms_max}ms ahead of this node's clock, "
                f"{max(wall_ms, self.expected_ms(monotonic_ms))}ms"
            )
        return self._at(max(self.latest, remote), wall_ms, monotonic_ms)

    def accepts(self, remote: HybridTime, wall_ms: int, monotonic_ms: int = 0) -> bool:
        """Whether a timestamp is near enough to take in.

        It is judged by the node's own readings, never by `latest`: that may already be ahead because of others, and
        a bound that moves with what it has let in is no bound.
        """
        return remote.physical_ms - max(wall_ms, self.expected_ms(monotonic_ms)) <= self.offset_ms_max

    def expected_ms(self, monotonic_ms: int = 0) -> int:
        """What the wall clock should show, going by the greatest reading and the monotonic clock since."""
        return self.physical_ms_max + max(0, monotonic_ms - self.monotonic_ms)

    def _at(self, seen: HybridTime, wall_ms: int, monotonic_ms: int) -> HybridClock:
        self._check_jump(wall_ms, monotonic_ms)
        return msgspec.structs.replace(
            self,
            latest=HybridTime(max(self._after(seen), max(0, wall_ms) << LOGICAL_BITS)),
            physical_ms_max=self._greatest_reading(wall_ms, monotonic_ms),
            monotonic_ms=monotonic_ms,
        )

    def _after(self, seen: HybridTime) -> int:
        """The next timestamp, packed: where the counter has no room it carries into the milliseconds."""
        following = HybridTime(seen.packed + 1)
        if following.logical >> self.logical_bits:
            return following.physical_ms + 1 << LOGICAL_BITS
        return following.packed

    def _greatest_reading(self, wall_ms: int, monotonic_ms: int) -> int:
        """A smaller reading does not replace a greater one: else the next jump is measured from the wrong place."""
        expected_ms = self.expected_ms(monotonic_ms)
        if expected_ms - wall_ms > self.offset_ms_max:
            return expected_ms
        return max(self.physical_ms_max, wall_ms)

    def _check_jump(self, wall_ms: int, monotonic_ms: int) -> None:
        if self.forward_jumps is ForwardJumps.FOLLOW or not self.physical_ms_max:
            return
        jump_ms = wall_ms - self.expected_ms(monotonic_ms)
        if jump_ms > 0 and 2 * jump_ms >= self.offset_ms_max:
            raise ForwardJump(
                f"the wall clock leapt forward by {jump_ms}ms, of {self.offset_ms_max}ms that clocks may differ"
            )
