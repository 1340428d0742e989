"""Four generators as streams of luck: what a draw costs, what a stream weighs, and whether two streams ever meet.

A simulator with a stream for each node and purpose wants all three. Two streams meet where one gives, from some draw
on, what the other has given or will: then nodes that should be independent are not. Every generator is set up here from
names, as `simclock.stream` does with the last of them, from which runs draw. The first is CPython's, in C. splitmix64,
ChaCha20 and BLAKE2b in counter mode are written in Python: what is compared is what each costs a program in plain
Python.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from struct import unpack
from typing import Any, Protocol

from simclock import UsageError, stream
from simclock.experiments.entries.studies import Row, Study, StudySettings

GAMMA = 0x9E3779B97F4A7C15
WINDOW_WORDS = 4
"""So many words in a row are alike by chance once in 2**128 pairs: who shares them has met."""
_MASK_32 = (1 << 32) - 1
_MASK_64 = (1 << 64) - 1


class Generator(Protocol):
    """What is measured of a generator."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


class SplitMix64:
    """splitmix64 (Steele, Lea and Flood 2014): a counter in steps of GAMMA, and a mixer."""

    __slots__ = ("_state",)

    def __init__(self, state: int) -> None:
        self._state = state & _MASK_64

    def next(self) -> int:
        """The next 64 bits."""
        self._state = state = self._state + GAMMA & _MASK_64
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK_64
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK_64
        return state ^ state >> 31

    def getrandbits(self, k: int) -> int:
        """At most 64 bits."""
        return self.next() >> 64 - k

    def random(self) -> float:
        """A multiple of 2**-53, 0 <= result < 1."""
        return (self.next() >> 11) * 2.0**-53


class ChaCha20:
    """The key stream of ChaCha20 (RFC 8439), in words of 32 bits."""

    __slots__ = ("_block", "_key", "_left", "_nonce")

    def __init__(self, key: bytes, nonce: bytes = bytes(12), block: int = 0) -> None:
        self._key, self._nonce, self._block = key, nonce, block
        self._left = 1

    def block(self) -> list[int]:
        """The next sixteen words."""
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
        start += [*unpack("<8I", self._key), self._block, *unpack("<3I", self._nonce)]
        self._block += 1
        words = start.copy()
        for _ in range(10):
            for a, b, c, d in _ROUNDS:
                _quarter_round(words, a, b, c, d)
        return [word + before & _MASK_32 for word, before in zip(words, start, strict=True)]

    def getrandbits(self, k: int) -> int:
        """At most 32 bits."""
        if self._left == 1:
            self._left = sum(word << 32 * place for place, word in enumerate(self.block())) | 1 << 512
        word = self._left & _MASK_32
        self._left >>= 32
        return word >> 32 - k

    def random(self) -> float:
        """A multiple of 2**-53, 0 <= result < 1."""
        return (self.getrandbits(32) | self.getrandbits(21) << 32) * 2.0**-53


_ROUNDS = (
    *((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)),
    *((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)),
)
"""The columns, then the diagonals."""


def _quarter_round(words: list[int], a: int, b: int, c: int, d: int) -> None:
    for left, added, turned, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        words[left] = words[left] + words[added] & _MASK_32
        mixed = words[turned] ^ words[left]
        words[turned] = (mixed << by | mixed >> 32 - by) & _MASK_32


def _key(seed: int, node: int) -> bytes:
    return blake2b(f"{seed}/study/{node}".encode(), digest_size=32).digest()


GENERATORS: dict[str, tuple[Callable[[int, int], Generator], str]] = {
    "Mersenne Twister": (
        lambda seed, node: random.Random(int.from_bytes(_key(seed, node), "big")),
        "one cycle of 2**19937, streams begin anywhere on it: they are too far apart to meet",
    ),
    "splitmix64": (
        lambda seed, node: SplitMix64(int.from_bytes(_key(seed, node)[:8], "big")),
        "one cycle of 2**64, streams begin anywhere on it: n of m draws meet with a chance of about n*n*m / 2**64",
    ),
    "splitmix64, numbered": (
        lambda seed, node: SplitMix64(seed + node * GAMMA),
        "begun at seed + node * gamma, where each step is gamma: stream i is stream 0, i draws later",
    ),
    "ChaCha20": (
        lambda seed, node: ChaCha20(_key(seed, node)),
        "a key of its own for each stream: no two are alike unless two keys are; 2**36 words a stream",
    ),
    "BLAKE2b, keyed": (
        lambda seed, node: stream(seed, "study", node),
        "a key of its own for each stream: no two are alike unless two keys are; 2**68 words a stream",
    ),
}
"""How the stream of a node is made, and why streams meet or not."""


def held_bytes(generator: Generator) -> int:
    """What a generator that was drawn from holds in memory: itself and what its fields hold."""
    fields: Sequence[str] = getattr(generator, "__slots__", ())
    return sum(sys.getsizeof(value) for value in (generator, *(getattr(generator, name) for name in fields)))


def draws_per_s(draw: Callable[..., Any], *arguments: int, draws: int) -> int:
    """Of the quickest of three turns, by processor time: others only add to it."""
    turns_s = []
    for _ in range(3):
        before_s = time.process_time()
        for _ in range(draws):
            draw(*arguments)
        turns_s.append(time.process_time() - before_s)
    return int(draws / max(min(turns_s), 1e-9))


def meetings(generators: Iterator[Generator], words: int) -> int:
    """How many runs of WINDOW_WORDS words in these streams had been seen before."""
    seen = set()
    windows = 0
    for generator in generators:
        drawn = [generator.getrandbits(32) for _ in range(words)]
        for first in range(words - WINDOW_WORDS + 1):
            seen.add(tuple(drawn[first : first + WINDOW_WORDS]))
            windows += 1
    return windows - len(seen)


def rows(settings: StudySettings) -> Iterator[Row]:
    """One for each generator."""
    for name, least in (("draws", 1), ("streams", 2), ("words", WINDOW_WORDS)):
        value = settings.parameters[name]
        if type(value) is not int or value < least:
            raise UsageError(f"{name}: {value!r} is out of range: a whole number, {least} or more")
    draws, streams, words = (settings.parameters[name] for name in ("draws", "streams", "words"))
    for name, (make, _) in GENERATORS.items():
        generator = make(settings.seed, 0)
        bits = draws_per_s(generator.getrandbits, 32, draws=draws)
        floats = draws_per_s(generator.random, draws=draws)
        met = meetings((make(settings.seed, node) for node in range(streams)), words)
        yield name, bits, floats, held_bytes(generator), streams, met


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """Why streams meet, or not."""
    return [f"{name}: {GENERATORS[name][1]}" for name, *_ in measured]


STREAMS_STUDY = Study(
    name="streams",
    summary="four generators as streams: draws a second, bytes a stream, and do streams meet?",
    source="Matsumoto and Nishimura 1998; Steele, Lea and Flood 2014; RFC 8439; RFC 7693",
    headers=("generator", "32 bits [draws/s]", "random() [draws/s]", "a stream [B]", "streams", "4 words met again"),
    rows=rows,
    notes=notes,
    parameters={"draws": 20_000, "streams": 1_000, "words": 64},
)
