"""Seeds as a user writes them: `7`, `0:10000` (the end is left out, as in Python), `3,5,20:30`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.telling.spelling import say

SEED_MAX = (1 << 63) - 1
"""What a results database can hold."""
_DIGITS_MAX = len(str(SEED_MAX))
_PART = re.compile(r"([0-9]+)(?::([0-9]+))?", re.ASCII)


def bounded(digits: str) -> int:
    """The number, or one above SEED_MAX where it is larger: Python reads no number of thousands of digits."""
    return min(int(digits), SEED_MAX + 1) if len(digits.lstrip("0")) <= _DIGITS_MAX else SEED_MAX + 1


def check_seed(seed: Any, place: str = "seed") -> None:
    """Refuse what is no seed: the one rule of all commands."""
    if type(seed) is not int or not 0 <= seed <= SEED_MAX:
        raise UsageError(f"{place}: {say(seed)} is not a seed: a whole number from 0 to {SEED_MAX}")


def parse_seeds(text: str, place: str = "--seeds") -> Sequence[int]:
    """The seeds in ascending order, each once."""
    parts = []
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        if found is None:
            raise UsageError(f"{place}: {say(text)} is not a list of seeds: write 0:1000, 7 or 3,5,20:30")
        start, end = bounded(found[1]), bounded(found[2] or "0")
        if found[2] is None:
            end = start + 1
        if max(start, end) > SEED_MAX:
            raise UsageError(f"{place}: a seed may be at most {SEED_MAX}")
        if end <= start:
            raise UsageError(f"{place}: {part.strip()} holds no seed: the end is left out, so it must be the larger")
        parts.append(range(start, end))
    if len(parts) == 1:
        return parts[0]
    return sorted({seed for part in parts for seed in part})


def seeds_text(seeds: Sequence[int]) -> str:
    """The seeds as they are written; `parse_seeds` reads it back."""
    parts: list[list[int]] = []
    if isinstance(seeds, range) and seeds.step == 1:
        parts = [[seeds.start, seeds.stop]]
    else:
        for seed in seeds:
            if parts and parts[-1][1] == seed:
                parts[-1][1] = seed + 1
            else:
                parts.append([seed, seed + 1])
    return ",".join(str(start) if end == start + 1 else f"{start}:{end}" for start, end in parts)
