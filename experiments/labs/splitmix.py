"""SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014), as the labs draw.

Law: all arithmetic is modulo 2**64, unsigned. The labs from db-17 on have a multiplier of their own, by a slip of four
digits or on purpose; their outputs depend on it.
"""

from __future__ import annotations

MASK = (1 << 64) - 1
INCREMENT = 0x9E3779B97F4A7C15
VIGNA = 0xBF58476D1CE4E5B9
"""The multiplier of Vigna's splitmix64.c: lab db-16."""
VARIANT = 0xBF58476D1CE4E7B5
"""The multiplier of labs db-17, 18, 19, 20 and 23."""
_SECOND = 0x94D049BB133111EB


def splitmix64(x: int, multiplier: int) -> int:
    """Increment, then mix; `x` is taken modulo 2**64."""
    z = (x + INCREMENT) & MASK
    z = (z ^ z >> 30) * multiplier & MASK
    z = (z ^ z >> 27) * _SECOND & MASK
    return z ^ z >> 31


class SplitMix64:
    """A stream of draws: the state begins as the seed, and each draw increments it, then mixes."""

    def __init__(self, seed: int, multiplier: int) -> None:
        self.state = seed & MASK
        self.multiplier = multiplier

    def next(self) -> int:
        """The next 64 bits."""
        drawn = splitmix64(self.state, self.multiplier)
        self.state = (self.state + INCREMENT) & MASK
        return drawn
