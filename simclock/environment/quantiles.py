"""Distributions as quantile tables, in integer arithmetic only.

Why: `log`, `exp` and `cos` of one platform's C library differ from another's in the last bit, and one bit is enough
to part two runs. A table is made once, by `decimal` (correctly rounded on every platform) or from values rounded so
far that the last bits cannot matter; a draw is a table look-up with linear interpolation.

Shape: 1,024 cells of equal probability; the first and the last are divided again into 1,024, so the tails reach
probabilities of about one in two million.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from statistics import NormalDist

CELLS = 1024
CELL_BITS = 10
QUANTILE_ONE = 1 << 30
"""Table values are in units of 1 / QUANTILE_ONE, unless a table says otherwise."""

EXACT = Context(prec=30)


class QuantileTable:
    """The inverse of a distribution function, sampled with 20 random bits.

    `quantile(p)` gives the value at probability `p`, a Fraction strictly between 0 and 1, as a whole number.
    """

    def __init__(self, quantile: Callable[[Fraction], int]) -> None:
        self._quantile = quantile

    @cached_property
    def _edges(self) -> tuple[list[int], list[int], list[int]]:
        quantile = self._quantile
        innermost = Fraction(1, 2 * CELLS * CELLS)
        low = [quantile(Fraction(i, CELLS * CELLS) if i else innermost) for i in range(CELLS + 1)]
        middle = [low[0], *(quantile(Fraction(i, CELLS)) for i in range(1, CELLS))]
        high = [quantile(1 - Fraction(i, CELLS * CELLS) if i else 1 - innermost) for i in range(CELLS, -1, -1)]
        middle.append(high[-1])
        return low, middle, high

    def sample(self, bits: Callable[[int], int]) -> int:
        """One draw; `bits(k)` gives k random bits."""
        low, middle, high = self._edges
        draw = bits(30)
        cell = draw >> 20
        if cell == 0:
            edges, cell = low, draw >> CELL_BITS & (CELLS - 1)
        elif cell == CELLS - 1:
            edges, cell = high, draw >> CELL_BITS & (CELLS - 1)
        else:
            edges, draw = middle, draw >> CELL_BITS
        part = draw & (CELLS - 1)
        return (edges[cell] * (CELLS - part) + edges[cell + 1] * part) >> CELL_BITS


def normal_quantile(probability: Fraction) -> int:
    """The standard normal quantile in units of 1 / QUANTILE_ONE.

    `inv_cdf` is good to about 1e-16; rounded to 1e-9 the platform's last bits are gone.
    """
    return round(NormalDist().inv_cdf(float(probability)) * QUANTILE_ONE)


def exponential_quantile(probability: Fraction) -> int:
    """The quantile of the exponential distribution with mean 1, in units of 1 / QUANTILE_ONE."""
    rest = 1 - probability
    logarithm = EXACT.ln(EXACT.divide(Decimal(rest.numerator), Decimal(rest.denominator)))
    return int(EXACT.multiply(-logarithm, Decimal(QUANTILE_ONE)))


@lru_cache(maxsize=64)
def log_normal_table(median_ns: int, sigma: Decimal) -> QuantileTable:
    """The log-normal distribution with that median; its values are whole nanoseconds."""

    def quantile(probability: Fraction) -> int:
        normal = EXACT.divide(Decimal(normal_quantile(probability)), Decimal(QUANTILE_ONE))
        return int(EXACT.multiply(Decimal(median_ns), EXACT.exp(EXACT.multiply(sigma, normal))))

    return QuantileTable(quantile)


NORMAL = QuantileTable(normal_quantile)
EXPONENTIAL = QuantileTable(exponential_quantile)
