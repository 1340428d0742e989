"""All luck comes from named streams: `stream(seed, purpose, node)`.

Law: a stream depends on its name alone, so a new draw in one stream moves no other, and a node draws the same luck
wherever it lives.

The generator is keyed BLAKE2b (RFC 7693) in counter mode. Whoever keeps to this draws the same, in any language:

* **Name**: `SEED/PURPOSE/NODE` in UTF-8, the numbers in decimal, without a sign unless negative: `7/latency/3`.
* **Key**: the BLAKE2b digest of the name, 32 bytes, no key.
* **Block** number i = 0, 1, 2, ...: the BLAKE2b digest, 64 bytes, under that key, of i as 8 bytes, least significant
  first.
* **Words**: a block is sixteen words of 32 bits, each least significant byte first. They are taken in order, each once.
* **getrandbits(k)**: the next ceil(k / 32) words as one number, the first least significant, shifted right until it has
  k bits. So a word is `getrandbits(32)`, and no bits take no word.
* **random()**: `getrandbits(53)` times 2 to the -53, exactly.
* **below(n)**, for n > 0: with k the number of bits of n itself (of 8, 4), `getrandbits(k)` until it is less than n.
  `randrange`, `choice`, `shuffle` and `sample` draw by it, `choices`, `uniform` and `triangular` by `random()`.
* **uniform_ns(low, high)**: `getrandbits(64)` times (high - low + 1), shifted right by 64, plus low.
  `exponential_ns` and `normal_ns` look up `getrandbits(30)` in the tables of `quantiles`.

`tests/test_streams.py` has vectors. A name is in one way a seed, a purpose and a node, so two names are one stream only
where two digests of 32 bytes are equal. Under two keys blocks are unrelated, and within one stream none comes back
before 2 to the 64 have gone.

The methods are those of `random.Random`, and from the same words make what it makes; but a stream is none: a Mersenne
Twister is 2.5 KB, and of thousands of nodes with two streams each none is in the processor's cache when its turn comes.
What would go through the C library's `log`, `exp` or `cos` differs in the last bit between platforms, so those methods
are refused; `quantiles` has exact ones.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import MutableSequence, Sequence
from hashlib import blake2b
from itertools import accumulate
from math import isfinite, sqrt
from operator import index
from typing import Any, NoReturn, TypeVar

from simclock.environment.quantiles import EXPONENTIAL, NORMAL, QUANTILE_ONE
from simclock.errors import UsageError
from simclock.kernel.core import KEY_BYTES, Generator

Item = TypeVar("Item")


def _refused(name: str, instead: str) -> Any:
    def refuse(self: Stream, *_arguments: Any, **_named: Any) -> NoReturn:
        raise UsageError(
            f"Stream.{name} goes through the platform's C library and would differ between machines: use {instead}"
        )

    refuse.__name__ = name
    return refuse


class Stream(Generator):
    """A stream of luck: the methods of `random.Random`, with exact distributions only.

    `key` is the stream's, 32 bytes, or a whole number that stands for them, most significant byte first;
    `stream` makes one by its name. What all else is drawn by, `getrandbits`, `random` and `below`, is the core's.
    """

    __slots__ = ()

    # Nanoseconds.

    def exponential_ns(self, mean_ns: int) -> int:
        """A waiting time with the given mean, in nanoseconds: from 0 to about 14 times the mean."""
        return mean_ns * EXPONENTIAL.sample(self.getrandbits) // QUANTILE_ONE

    def normal_ns(self, mean_ns: int, deviation_ns: int) -> int:
        """A normal draw in whole nanoseconds, within about five standard deviations."""
        return mean_ns + deviation_ns * NORMAL.sample(self.getrandbits) // QUANTILE_ONE

    def uniform_ns(self, low_ns: int, high_ns: int) -> int:
        """A whole number of nanoseconds, `low_ns <= result <= high_ns`."""
        return low_ns + (self.getrandbits(64) * (high_ns - low_ns + 1) >> 64)

    # What random.Random has, drawn as it draws it.

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """One of `range(start)`, or of `range(start, stop, step)`. Raises ValueError where that is empty."""
        if stop is None:
            if step != 1:
                raise TypeError("randrange takes a step only with a stop")
            return self.below(index(start))
        start, stop, step = index(start), index(stop), index(step)
        if step == 0:
            raise ValueError("randrange takes no step of 0")
        items = -((start - stop) // step)
        if items <= 0:
            raise ValueError(f"nothing is in range({start}, {stop}, {step})")
        return start + step * self.below(items)

    def randint(self, a: int, b: int) -> int:
        """A whole number, a <= result <= b."""
        return self.randrange(a, index(b) + 1)

    def choice(self, seq: Sequence[Item]) -> Item:
        """One of these. Raises IndexError where there are none."""
        if not len(seq):
            raise IndexError("there is nothing to choose from")
        return seq[self.below(len(seq))]

    def choices(
        self,
        population: Sequence[Item],
        weights: Sequence[float] | None = None,
        *,
        cum_weights: Sequence[float] | None = None,
        k: int = 1,
    ) -> list[Item]:
        """`k` of these, each drawn from all of them; `weights` say how likely each is, or `cum_weights` their sums."""
        if weights is not None and cum_weights is not None:
            raise TypeError("choices takes weights or cum_weights, not both")
        items = len(population)
        if weights is None and cum_weights is None:
            return [population[int(self.random() * items)] for _ in range(k)]
        sums = list(accumulate(weights)) if weights is not None else list(cum_weights or ())
        if len(sums) != items:
            raise ValueError(f"choices has {len(sums)} weights for {items} to choose from")
        if not sums or not sums[-1] > 0 or not isfinite(sums[-1]):
            raise ValueError("the sum of the weights must be greater than zero, and finite")
        return [population[bisect(sums, self.random() * sums[-1], 0, items - 1)] for _ in range(k)]

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Put a list in random order, in place: from its end on, each changes places with one not behind it."""
        for place in range(len(x) - 1, 0, -1):
            other = self.below(place + 1)
            x[place], x[other] = x[other], x[place]

    def sample(self, population: Sequence[Item], k: int, *, counts: Sequence[int] | None = None) -> list[Item]:
        """`k` different ones of these, in random order; `counts` says how often each is there.

        One of the first n is taken and the last of the n put in its place, then of the first n - 1, and so on; only
        those are kept that have moved. Raises ValueError where there are fewer than `k`.
        """
        if not isinstance(population, Sequence):
            raise TypeError("sample takes a sequence: of a set, sorted(...)")
        if counts is not None:
            sums = list(accumulate(counts))
            if len(sums) != len(population):
                raise ValueError(f"sample has {len(sums)} counts for {len(population)} to choose from")
            return [population[bisect(sums, place)] for place in self.sample(range(sums[-1] if sums else 0), k)]
        items = len(population)
        if not 0 <= k <= items:
            raise ValueError(f"a sample of {k} is wanted, of {items}")
        moved: dict[int, int] = {}
        taken = []
        for last in range(items - 1, items - 1 - k, -1):
            place = self.below(last + 1)
            taken.append(population[moved.get(place, place)])
            moved[place] = moved.pop(last, last)
        return taken

    def uniform(self, a: float, b: float) -> float:
        """A number between `a` and `b`: a + (b - a) * random()."""
        return a + (b - a) * self.random()

    def triangular(self, low: float = 0.0, high: float = 1.0, mode: float | None = None) -> float:
        """A number between `low` and `high`, likeliest at `mode` (the middle, if not given)."""
        part = self.random()
        if low == high:
            return low
        at_mode = 0.5 if mode is None else (mode - low) / (high - low)
        if part > at_mode:
            part, at_mode, low, high = 1.0 - part, 1.0 - at_mode, high, low
        return low + (high - low) * sqrt(part * at_mode)

    def randbytes(self, n: int) -> bytes:
        """`n` random bytes."""
        return self.getrandbits(8 * n).to_bytes(n, "little")

    # Where it stands.

    def __reduce__(self) -> tuple[Any, ...]:
        state = self.getstate()
        return Stream, state[:1], state

    def __setstate__(self, state: tuple[bytes, int]) -> None:
        self.setstate(state)

    def seed(self, *_arguments: Any, **_named: Any) -> NoReturn:
        """Refused: a stream is its name."""
        raise UsageError("Stream.seed would make another of this one: make it by stream(seed, purpose, node)")

    expovariate = _refused("expovariate", "exponential_ns")
    gauss = _refused("gauss", "normal_ns")
    normalvariate = _refused("normalvariate", "normal_ns")
    lognormvariate = _refused("lognormvariate", "a LogNormal latency, or normal_ns")
    betavariate = _refused("betavariate", "uniform_ns")
    binomialvariate = _refused("binomialvariate", "a sum of draws of random()")
    gammavariate = _refused("gammavariate", "exponential_ns")
    paretovariate = _refused("paretovariate", "exponential_ns")
    weibullvariate = _refused("weibullvariate", "exponential_ns")
    vonmisesvariate = _refused("vonmisesvariate", "uniform_ns")


def stream(seed: int, purpose: str, node: int = -1) -> Stream:
    """The stream of that name. `node` is -1 for what belongs to the environment."""
    return Stream(blake2b(f"{seed}/{purpose}/{node}".encode(), digest_size=KEY_BYTES).digest())
