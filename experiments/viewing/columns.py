"""Columns of whole numbers as bytes that a page can carry: small, and read by a few lines of JavaScript.

Laws: `unpack(pack(values)) == values`; the same values give the same bytes everywhere. A column is stored as the
differences to its least value (of a `rising` one, of its steps), each of `width` bytes, and by planes: first the lowest
byte of every value, then the next. Planes of high bytes are mostly one byte over and over, so that deflate takes them
for nothing. A number has to be exact as a JavaScript number: less than 2^53 from zero.
"""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

EXACT_MAX = 2**53 - 1
"""The greatest whole number that JavaScript counts to without a gap."""
LEVEL = 6
"""Of deflate: 9 takes three times as long for a few hundredths of the size."""


class Packed(NamedTuple):
    """A column as it lies in a page."""

    planes: bytes
    size: int
    width: int
    """Bytes of a value."""
    base: int
    """The least value, or step."""
    rising: bool
    """Whether steps are stored, the first from 0."""

    @property
    def form(self) -> dict[str, Any]:
        """What a reader has to know beside the bytes."""
        return {"count": self.size, "width": self.width, "base": self.base, "rising": self.rising}


def pack(values: Sequence[int], *, rising: bool = False) -> Packed:
    """The column; `rising` is for values that seldom fall, such as times: their steps are small."""
    stored: Sequence[int] = values
    if rising and values:
        stored = [values[0], *(after - before for before, after in pairwise(values))]
    base = min(stored, default=0)
    width = max(1, (max(stored, default=0) - base).bit_length() + 7 >> 3)
    words = array("Q", (value - base for value in stored))
    if sys.byteorder == "big":
        words.byteswap()
    raw = words.tobytes()
    planes = b"".join(raw[plane :: words.itemsize] for plane in range(width))
    return Packed(planes, len(values), width, base, rising)


def unpack(packed: Packed) -> list[int]:
    """The values again, as the page reads them."""
    planes, count, width, base, rising = packed
    words = [base] * count
    for plane in range(width):
        shift = 8 * plane
        for place, byte in enumerate(planes[plane * count : (plane + 1) * count]):
            words[place] += byte << shift
    return list(accumulate(words)) if rising else words


def deflated(parts: Iterable[bytes]) -> str:
    """Bytes as text that can stand in a page."""
    squeezed = zlib.compressobj(LEVEL)
    data = b"".join([*map(squeezed.compress, parts), squeezed.flush()])
    return base64.b64encode(data).decode("ascii")


def inflated(text: str) -> bytes:
    """What `deflated` was given, in one piece."""
    return zlib.decompress(base64.b64decode(text))
