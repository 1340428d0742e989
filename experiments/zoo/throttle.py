"""Rate limiters with one wrong line."""

from __future__ import annotations

from functools import partial
from typing import Any

from experiments.hourly_throttle import Parts
from experiments.spelling import unknown
from experiments.zoo.bug import Bug
from protocols.throttle import Answered, FixedWindow, Limiter, RateLimiter, SlidingCounter, SlidingLog, TokenBucket
from protocols.throttle.limiters import BUCKETS
from protocols.throttle.properties import RATE_LIMIT, RETRY_AFTER
from simclock import UsageError


class CountsFromZero(FixedWindow):
    """THROTTLE-01: the window begins anew every hour, so its edge lets twice the limit through."""


class ForgetsOldestPart(SlidingCounter):
    """THROTTLE-02: one part of the window too few counts."""

    kept = BUCKETS - 1


class ReadsWallClock(RateLimiter):
    """THROTTLE-03: the window goes by the wall clock, which jumps."""

    def _now_ns(self) -> int:
        return self.clock.wall_ns()


class SavesUp(TokenBucket):
    """THROTTLE-04: the bucket has no brim: who was idle for long gets it all at once."""

    def _capped(self, parts: int) -> int:
        return parts


class FillsWhole(TokenBucket):
    """THROTTLE-05: the whole limit flows in beside the burst."""

    @property
    def rate(self) -> int:
        return self.limit.count


class ForgetsAdmitted(RateLimiter):
    """THROTTLE-06: what was admitted is in memory alone."""

    def _keep(self, source: int, limiter: Limiter, answer: Answered) -> None:
        pass


class CountsRefused(SlidingLog):
    """THROTTLE-07: a request that is refused counts too."""

    def admit(self, now_ns: int) -> int | None:
        wait_ns = super().admit(now_ns)
        if wait_ns is not None:
            self.count(now_ns)
        return wait_ns


_row = partial(Bug, scenario="throttle-hunt", judged=False)
_FLAW = "https://blog.cloudflare.com/counting-things-a-lot-of-different-things/"
_METER = "Turner, New Directions in Communications, 1986"
_OWN = "a rule of protocols/throttle left out"

BUGS: tuple[Bug, ...] = (
    _row(id="THROTTLE-01", name="fixed-window", wrong=CountsFromZero, property=RATE_LIMIT, source=_FLAW),
    _row(id="THROTTLE-02", name="edge-off-by-one", wrong=ForgetsOldestPart, property=RATE_LIMIT, source=_OWN),
    _row(id="THROTTLE-03", name="wall-clock-window", wrong=ReadsWallClock, property=RATE_LIMIT, source=_OWN),
    _row(id="THROTTLE-04", name="bucket-without-brim", wrong=SavesUp, property=RATE_LIMIT, source=_METER),
    _row(id="THROTTLE-05", name="burst-beside-limit", wrong=FillsWhole, property=RATE_LIMIT, source=_METER),
    _row(id="THROTTLE-06", name="count-in-memory", wrong=ForgetsAdmitted, property=RATE_LIMIT, source=_OWN),
    _row(id="THROTTLE-07", name="refused-counts", wrong=CountsRefused, property=RETRY_AFTER, source=_OWN),
)


def parts_of(bug_id: str) -> Parts:
    """The parts of a run with that bug; of the right one where the id is empty."""
    if not bug_id:
        return Parts()
    rows = {bug.id: bug for bug in BUGS}
    if bug_id not in rows:
        raise UsageError(f"bug: {unknown('bug', bug_id, rows)}")
    wrong: Any = rows[bug_id].wrong
    return Parts(server=wrong) if issubclass(wrong, RateLimiter) else Parts(limiter=wrong)
