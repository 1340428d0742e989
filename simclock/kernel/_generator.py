"""The generator of the plain core; `simclock.streams` defines it."""

from __future__ import annotations

import sys
from array import array
from hashlib import blake2b
from operator import index

from simclock.errors import UsageError

KEY_BYTES = 32
BLOCK_WORDS = 16
_SWAPPED = sys.byteorder == "big"
_TO_THE_UNIT = 2.0**-53
_WORD_TO_THE_UNIT = 2.0**-32


class Generator:
    """Words of 32 bits, and what is drawn by them."""

    __slots__ = ("_blocks", "_key", "words")

    _blocks: int
    """How many blocks were made."""
    words: array[int]
    """The words that were made and are not taken, the next one last; the same array for as long as the stream lives.

    Whoever draws a word at a time, as the kernel does, takes it with `(luck.words or luck.fill()).pop()`: that is
    `getrandbits(32)` without the call.
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
        self.words = array("I")

    def fill(self) -> array[int]:
        """Make the next block, behind the words that are left; returns `words`."""
        number = self._blocks
        self._blocks = number + 1
        block = blake2b(number.to_bytes(8, "little"), key=self._key).digest()
        words = self.words
        if words or _SWAPPED:
            made = array("I", block)
            if _SWAPPED:
                made.byteswap()
            made.reverse()
            words[:0] = made
        else:
            words.frombytes(block)
            words.reverse()
        return words

    def getrandbits(self, k: int) -> int:
        """A whole number of `k` random bits, 0 <= result < 2**k. Raises ValueError for a negative k."""
        if 0 < k <= 32:
            return (self.words or self.fill()).pop() >> 32 - k
        k = index(k)
        if k < 0:
            raise ValueError(f"getrandbits({k}): there are no fewer bits than none")
        wanted = -(-k // 32)
        words = self.words
        while len(words) < wanted:
            self.fill()
        taken = words[len(words) - wanted :]
        del words[len(words) - wanted :]
        number = 0
        for word in taken:
            number = number << 32 | word
        return number >> 32 * wanted - k

    def random(self) -> float:
        """A multiple of 2**-53, 0 <= result < 1."""
        words = self.words
        if len(words) < 2:
            self.fill()
        # No bit is lost: the first word gives the lower 21 of the 53, the second the upper 32.
        return (words.pop() >> 11) * _TO_THE_UNIT + words.pop() * _WORD_TO_THE_UNIT

    def below(self, n: int) -> int:
        """A whole number, 0 <= result < n, each as likely. Raises ValueError where n is not positive."""
        if n <= 0:
            raise ValueError(f"no whole number is from 0 to below {n}")
        bits = n.bit_length()
        if bits > 32:
            while (draw := self.getrandbits(bits)) >= n:
                pass
            return draw
        words, unused = self.words, 32 - bits
        while (draw := (words or self.fill()).pop() >> unused) >= n:
            pass
        return draw

    def getstate(self) -> tuple[bytes, int]:
        """The key, and how many words are taken: `setstate` goes back to there, in this stream or in another."""
        return self._key, self._blocks * BLOCK_WORDS - len(self.words)

    def setstate(self, state: tuple[bytes, int]) -> None:
        """Go to where a stream was when it gave this state."""
        self._key, taken = state
        self._blocks, within = divmod(taken, BLOCK_WORDS)
        del self.words[:]
        if within:
            self.fill()
            del self.words[BLOCK_WORDS - within :]
