"""A generator of streams that any language can have: `counter_stream(seed, purpose, node)`.

Runs do not draw from it: `simclock.streams` does that by the Mersenne Twister, which CPython has in C. This one
takes a fourteenth of the memory and in plain Python five to twelve times the time (`simclock study streams`).

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

A name is in one way a seed, a purpose and a node, so two names are one stream only where two digests of 32 bytes are
equal. Under two keys blocks are unrelated, and within one stream none comes back before 2 to the 64 have gone.

The methods are those of `random.Random`, and from the same words make what it makes; but a stream is none. A Mersenne
Twister is 2.5 KB, and of thousands of nodes with two streams each none is in the processor's cache when its turn comes.
This is a key and two numbers, one of them the words that are left of a block, and no block is made before it is drawn
from."""

from __future__ import annotations

from bisect import bisect
from collections.abc import MutableSequence, Sequence
from hashlib import blake2b
from itertools import accumulate
from math import isfinite, sqrt
from operator import index
from typing import Any, NoReturn, TypeVar

from simclock.errors import UsageError

Item = TypeVar("Item")

KEY_BYTES = 32
BLOCK_WORDS = 16
BLOCK_BYTES = 64
_WORD = (1 << 32) - 1
_TWO_WORDS = (1 << 64) - 1
_ABOVE_A_BLOCK = 1 << 8 * BLOCK_BYTES
_NOTHING = 1
_TO_THE_UNIT = 2.0**-53


class CounterStream:
    """A stream of luck: the methods of `random.Random`, with no distribution that goes through the C library.

    `key` is the stream's, 32 bytes, or a whole number that stands for them, most significant byte first;
    `counter_stream` makes one by its name.
    """

    __slots__ = ("_blocks", "_key", "_left")

    _blocks: int
    """How many blocks were made."""
    _left: int
    """The words of the last block that are not taken, as one number, the next least significant, and a 1 above them.

    A number is the lightest way to keep them, with no more to touch at a draw than this object and itself.
    """

    def __init__(self, key: int | bytes) -> None:
        if not isinstance(key, bytes):
            key = index(key)
            if not 0 <= key < 1 << 8 * KEY_BYTES:
                raise UsageError(f"a stream's number is {key}: it must be from 0 to 2**{8 * KEY_BYTES} - 1")
            key = key.to_bytes(KEY_BYTES, "big")
        elif len(key) != KEY_BYTES:
            raise UsageError(f"a stream's key has {len(key)} bytes: it must have {KEY_BYTES}")
        self._key = key
        self._blocks = 0
        self._left = _NOTHING

    def _block(self) -> bytes:
        number = self._blocks
        self._blocks = number + 1
        return blake2b(number.to_bytes(8, "little"), key=self._key).digest()

    def _words(self) -> int:
        """The next block as `_left` has it."""
        return int.from_bytes(self._block(), "little") | _ABOVE_A_BLOCK

    def getrandbits(self, k: int) -> int:
        """A whole number of `k` random bits, 0 <= result < 2**k. Raises ValueError for a negative k."""
        if 0 < k <= 32:
            left = self._left
            if left == _NOTHING:
                left = self._words()
            self._left = left >> 32
            return (left & _WORD) >> 32 - k
        if 32 < k <= 64:
            left = self._left
            if left > _TWO_WORDS:
                self._left = left >> 64
                return (left & _TWO_WORDS) >> 64 - k
        return self._many_bits(index(k))

    def _many_bits(self, k: int) -> int:
        if k < 0:
            raise ValueError(f"getrandbits({k}): there are no fewer bits than none")
        wanted = -(-k // 32) * 32
        have = self._left.bit_length() - 1
        blocks = max(0, -((have - wanted) // (8 * BLOCK_BYTES)))
        made = b"".join([self._block() for _ in range(blocks)])
        words = (int.from_bytes(made + b"\1", "little") << have) + self._left - (1 << have) if blocks else self._left
        self._left = words >> wanted
        return (words & (1 << wanted) - 1) >> wanted - k

    def random(self) -> float:
        """A multiple of 2**-53, 0 <= result < 1."""
        left = self._left
        if left > _TWO_WORDS:
            self._left = left >> 64
            return ((left & _TWO_WORDS) >> 11) * _TO_THE_UNIT
        return self._many_bits(53) * _TO_THE_UNIT

    def below(self, n: int) -> int:
        """A whole number, 0 <= result < n, each as likely. Raises ValueError where n is not positive."""
        if n <= 0:
            raise ValueError(f"no whole number is from 0 to below {n}")
        bits = n.bit_length()
        if bits > 32:
            while (draw := self.getrandbits(bits)) >= n:
                pass
            return draw
        left = self._left
        while True:
            if left == _NOTHING:
                left = self._words()
            draw = (left & _WORD) >> 32 - bits
            left >>= 32
            if draw < n:
                self._left = left
                return draw

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

    def getstate(self) -> tuple[bytes, int]:
        """The key, and how many words are taken: `setstate` goes back to there, in this stream or in another."""
        return self._key, self._blocks * BLOCK_WORDS - (self._left.bit_length() - 1) // 32

    def setstate(self, state: tuple[bytes, int]) -> None:
        """Go to where a stream was when it gave this state."""
        self._key, taken = state
        self._blocks, within = divmod(taken, BLOCK_WORDS)
        self._left = self._words() >> 32 * within if within else _NOTHING

    def __reduce__(self) -> tuple[Any, ...]:
        return CounterStream, (self._key,), self.getstate()

    def __setstate__(self, state: tuple[bytes, int]) -> None:
        self.setstate(state)

    def seed(self, *_arguments: Any, **_named: Any) -> NoReturn:
        """Refused: a stream is its name."""
        raise UsageError(
            "CounterStream.seed would make another of this one: make it by counter_stream(seed, purpose, node)"
        )


def counter_stream(seed: int, purpose: str, node: int = -1) -> CounterStream:
    """The stream of that name. `node` is -1 for what belongs to the environment."""
    return CounterStream(blake2b(f"{seed}/{purpose}/{node}".encode(), digest_size=KEY_BYTES).digest())
