"""The garbage collector, while much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause it where hundreds of thousands of objects are made that all stay and go in no circles.

    The collector would look at them all again whenever a quarter has come to them: a third of the time of reading, and
    two thirds of judging sessions.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
