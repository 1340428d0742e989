"""Distributions as quantile tables, in integer arithmetic only.

Why: `log`, `exp` and `cos` of one platform's C library differ from another's in the last bit, and one bit is enough
to part two runs. A table's values are made by `decimal` (correctly rounded on every platform) or from values rounded so
far that the last bits cannot matter; a draw is a table look-up with linear interpolation.

Shape: 1,024 cells of equal probability; the first and the last are divided again into 1,024, so the tails reach
probabilities of about one in two million.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

CELLS = 1024
CELL_BITS = 10
QUANTILE_ONE = 1 << 30
"""Table values are in units of 1 / QUANTILE_ONE, unless a table says otherwise."""

EXACT = Context(prec=30)


class _Edges(dict[int, int]):
    """The values at the edges of cells, each made when it is first asked for: a short run asks for few."""

    def __init__(self, quantile_at: Callable[[int], int]) -> None:
        super().__init__()
        self._quantile_at = quantile_at

    def __missing__(self, edge: int) -> int:
        value = self[edge] = self._quantile_at(edge)
        return value


class QuantileTable:
    """The inverse of a distribution function, sampled with 20 random bits.

    `quantile(p)` gives the value at probability `p`, a Fraction strictly between 0 and 1, as a whole number.
    """

    def __init__(self, quantile: Callable[[Fraction], int]) -> None:
        innermost = Fraction(1, 2 * CELLS * CELLS)

        def low(edge: int) -> int:
            return quantile(Fraction(edge, CELLS * CELLS) if edge else innermost)

        def high(edge: int) -> int:
            return quantile(1 - Fraction(CELLS - edge, CELLS * CELLS) if edge < CELLS else 1 - innermost)

        def middle(edge: int) -> int:
            return quantile(Fraction(edge, CELLS))  # its first and last cells are in low and high

        self._low, self._middle, self._high = _Edges(low), _Edges(middle), _Edges(high)

    def sample(self, bits: Callable[[int], int]) -> int:
        """One draw; `bits(k)` gives k random bits."""
        draw = bits(30)
        cell = draw >> 20
        if cell == 0:
            edges, cell = self._low, draw >> CELL_BITS & (CELLS - 1)
        elif cell == CELLS - 1:
            edges, cell = self._high, draw >> CELL_BITS & (CELLS - 1)
        else:
            edges, draw = self._middle, draw >> CELL_BITS
        part = draw & (CELLS - 1)
        return (edges[cell] * (CELLS - part) + edges[cell + 1] * part) >> CELL_BITS


def normal_quantile(probability: Fraction) -> int:
    """The standard normal quantile in units of 1 / QUANTILE_ONE.

    `inv_cdf` is good to about 1e-16; rounded to 1e-9 the platform's last bits are gone.
    """
    from statistics import NormalDist  # it brings `random`, and few draw from a normal distribution

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
