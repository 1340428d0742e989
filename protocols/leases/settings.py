"""How long a lease is, by whose clock, and what its holder does with it.

Law: if every clock gains or loses at most `drift_ppb` in a second, a holder's count ends before the table's: it counts
`term_ns` less the drift from before it asked, the leader `term_ns` and the drift from when the request was applied.
So in true time the holder believes for at most `term_ns` after it asked, and the leader waits for at least `term_ns`
after that (Gray and Cheriton 1989: leases need clocks whose drift is bounded, not clocks that agree).
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock import UsageError, format_duration, ms, seconds

PARTS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class LeaseSettings:
    """One value for the servers and all holders."""

    term_ns: int = seconds(5)
    """How long a lease lasts after it was asked for or renewed."""
    drift_ppb: int = 100_000
    """What a clock may gain or lose in a second, in nanoseconds: the bound that everything rests on."""
    guard_ns: int = ms(100)
    """A holder begins no write in the last stretch of its lease: about what a write takes to arrive."""
    first_token: int = 1
    """The token of the first claim."""

    def __post_init__(self) -> None:
        _whole("term", self.term_ns, 1)
        _whole("drift", self.drift_ppb, 0)
        _whole("guard", self.guard_ns, 0)
        _whole("first_token", self.first_token, 1)
        if self.drift_ppb >= PARTS // 2:
            raise UsageError(f"lease.drift: {self.drift_ppb} ppb is out of range: less than 500,000 ppm")
        if self.guard_ns >= self.holder_term_ns:
            guard, term = format_duration(self.guard_ns), format_duration(self.term_ns)
            raise UsageError(f"lease.guard: {guard} leaves nothing of a lease of {term}: make the lease longer")

    @property
    def holder_term_ns(self) -> int:
        """What a holder counts, on a clock that may be slow."""
        return self.term_ns - -(-self.term_ns * self.drift_ppb // PARTS)

    @property
    def leader_term_ns(self) -> int:
        """What the leader counts, on a clock that may be fast."""
        return self.term_ns + -(-self.term_ns * self.drift_ppb // PARTS)


@dataclass(frozen=True, kw_only=True)
class HolderWork:
    """What a holder does: take the lock, write some times, give it back, rest."""

    lock: str = "storage"
    writes: int = 10
    """Writes in one hold."""
    prepare_ns: int = ms(100)
    """Between the look at the lease and the write's departure; 0: both in one step."""
    pause_ns: int = ms(200)
    """Between a write's answer and the next look; 0: at once."""
    rest_ns: int = seconds(1)
    """Mean time between two holds, exponential."""
    first_ns: int = 0
    """When the first hold is asked for, after the start."""
    retry_ns: int = ms(500)
    """A request that has not been answered by then is sent again, to another server."""

    def __post_init__(self) -> None:
        for name, least in (("writes", 1), ("retry_ns", 1)):
            _whole(name, getattr(self, name), least)
        for name in ("prepare_ns", "pause_ns", "rest_ns", "first_ns"):
            _whole(name, getattr(self, name), 0)


def _whole(name: str, value: int, least: int) -> None:
    if type(value) is not int or value < least:
        raise UsageError(f"lease.{name}: {value!r} is not a whole number of {least} or more")
