"""Times as logs write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from simclock.durations import SECOND
from simclock.experiments.causality.execution import NO_TIME
from simclock.experiments.telling.spelling import is_64_bits

_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,18})?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)
_FRACTION = re.compile(r"[.,](\d{1,9})\d*", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_ns_of(value: Any) -> int:
    """Nanoseconds of a number of seconds or of a text of ISO 8601, from 1970 on; NO_TIME of anything else."""
    if type(value) is int or type(value) is float:
        value = repr(value)
    if not isinstance(value, str):
        return NO_TIME
    if _NUMBER.fullmatch(value):
        time_ns = int(Decimal(value) * SECOND)
        return time_ns if is_64_bits(time_ns) else NO_TIME
    if not _ISO.match(value):
        return NO_TIME
    fraction = _FRACTION.search(value)
    digits = "" if fraction is None else fraction[1]
    try:
        at = datetime.fromisoformat(value if fraction is None else value.replace(fraction[0], "", 1))
    except (ValueError, OverflowError):
        return NO_TIME
    whole = (at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // timedelta(seconds=1)
    return whole * SECOND + int(digits.ljust(9, "0"))
