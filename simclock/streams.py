"""All luck comes from named streams: `stream(seed, purpose, node)`.

Law: a stream depends on its name alone, so a new draw in one stream moves no other, and a node draws the same luck
wherever it lives. The generator is the Mersenne Twister, whose `getrandbits`, `random` and `randrange` are the same
on every platform and every supported CPython. What would go through the C library's `log`, `exp` or `cos` differs
in the last bit between platforms, so those methods are refused here; `quantiles` has exact ones.
"""

from __future__ import annotations

import _random
import random
from hashlib import blake2b
from typing import Any, NoReturn

from simclock.environment.quantiles import EXPONENTIAL, NORMAL, QUANTILE_ONE
from simclock.errors import UsageError


def _refused(name: str, instead: str) -> Any:
    def refuse(self: Stream, *_arguments: Any, **_named: Any) -> NoReturn:
        raise UsageError(
            f"Stream.{name} goes through the platform's C library and would differ between machines: use {instead}"
        )

    refuse.__name__ = name
    return refuse


class Stream(random.Random):
    """A stream of luck: `random.Random` with exact distributions only."""

    __slots__ = ()

    def __init__(self, seed: int) -> None:
        # What random.Random.__init__ does for an int, without the way round in Python: a node has two streams.
        _random.Random.seed(self, seed)

    def exponential_ns(self, mean_ns: int) -> int:
        """A waiting time with the given mean, in nanoseconds: from 0 to about 14 times the mean."""
        return mean_ns * EXPONENTIAL.sample(self.getrandbits) // QUANTILE_ONE

    def normal_ns(self, mean_ns: int, deviation_ns: int) -> int:
        """A normal draw in whole nanoseconds, within about five standard deviations."""
        return mean_ns + deviation_ns * NORMAL.sample(self.getrandbits) // QUANTILE_ONE

    def uniform_ns(self, low_ns: int, high_ns: int) -> int:
        """A whole number of nanoseconds, `low_ns <= result <= high_ns`."""
        return low_ns + (self.getrandbits(64) * (high_ns - low_ns + 1) >> 64)

    expovariate = _refused("expovariate", "exponential_ns")
    gauss = _refused("gauss", "normal_ns")
    normalvariate = _refused("normalvariate", "normal_ns")
    lognormvariate = _refused("lognormvariate", "a LogNormal latency, or normal_ns")
    betavariate = _refused("betavariate", "uniform_ns")
    gammavariate = _refused("gammavariate", "exponential_ns")
    paretovariate = _refused("paretovariate", "exponential_ns")
    weibullvariate = _refused("weibullvariate", "exponential_ns")
    vonmisesvariate = _refused("vonmisesvariate", "uniform_ns")


def stream(seed: int, purpose: str, node: int = -1) -> Stream:
    """The stream of that name. `node` is -1 for what belongs to the environment."""
    name = f"{seed}/{purpose}/{node}".encode()
    return Stream(int.from_bytes(blake2b(name, digest_size=32).digest(), "big"))
