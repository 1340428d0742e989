"""Rate limiters with one wrong line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simclock.experiments.entries.bug import Bug
from simclock.protocols.throttle import (
    Answered,
    FixedWindow,
    Limiter,
    RateLimiter,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)
from simclock.protocols.throttle.limiters import BUCKETS
from simclock.protocols.throttle.properties import NEEDLESS_REFUSAL, RATE_LIMIT, RETRY_AFTER


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


class AdmitsHalf(SlidingLog):
    """THROTTLE-08: it gives half of what it promises."""

    def wait_ns(self, now_ns: int) -> int:
        wait_ns = super().wait_ns(now_ns)
        half = self.limit.count // 2
        return wait_ns if len(self.times_ns) < half else self.times_ns[-half] + self.limit.window_ns - now_ns


class WaitsForNewest(SlidingLog):
    """THROTTLE-09: it tells to wait until the newest request is out of the window, and not the oldest."""

    def wait_ns(self, now_ns: int) -> int:
        wait_ns = super().wait_ns(now_ns)
        return self.times_ns[-1] + self.limit.window_ns - now_ns if wait_ns else 0


class KeepsPartMore(SlidingCounter):
    """THROTTLE-10: one part of the window too many counts."""

    kept = BUCKETS + 1


class BeginsEmpty(TokenBucket):
    """THROTTLE-11: the bucket of a new client is empty."""

    def restore(self, state: Sequence[int]) -> None:
        super().restore(state or (0, 0))


_row = partial(Bug, scenario="throttle-hunt", judged=False)
_FLAW = "https://blog.cloudflare.com/counting-things-a-lot-of-different-things/"
_METER = "Turner, New Directions in Communications, 1986"
_OWN = "a rule of protocols/throttle left out"

BUGS: tuple[Bug, ...] = (
    _row(id="THROTTLE-01", name="fixed-window", parts={"limiter": CountsFromZero}, property=RATE_LIMIT, source=_FLAW),
    _row(
        id="THROTTLE-02", name="edge-off-by-one", parts={"limiter": ForgetsOldestPart}, property=RATE_LIMIT, source=_OWN
    ),
    _row(
        id="THROTTLE-03", name="wall-clock-window", parts={"server": ReadsWallClock}, property=RATE_LIMIT, source=_OWN
    ),
    _row(id="THROTTLE-04", name="bucket-without-brim", parts={"limiter": SavesUp}, property=RATE_LIMIT, source=_METER),
    _row(
        id="THROTTLE-05", name="burst-beside-limit", parts={"limiter": FillsWhole}, property=RATE_LIMIT, source=_METER
    ),
    _row(id="THROTTLE-06", name="count-in-memory", parts={"server": ForgetsAdmitted}, property=RATE_LIMIT, source=_OWN),
    _row(id="THROTTLE-07", name="refused-counts", parts={"limiter": CountsRefused}, property=RETRY_AFTER, source=_OWN),
    _row(id="THROTTLE-08", name="admits-half", parts={"limiter": AdmitsHalf}, property=NEEDLESS_REFUSAL, source=_OWN),
    _row(
        id="THROTTLE-09", name="waits-for-newest", parts={"limiter": WaitsForNewest}, property=RETRY_AFTER, source=_OWN
    ),
    _row(
        id="THROTTLE-10", name="part-too-many", parts={"limiter": KeepsPartMore}, property=NEEDLESS_REFUSAL, source=_OWN
    ),
    _row(
        id="THROTTLE-11", name="begins-empty", parts={"limiter": BeginsEmpty}, property=NEEDLESS_REFUSAL, source=_METER
    ),
)
