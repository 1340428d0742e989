"""What the clients of a store tell of their operations: from it the history is made that a checker judges.

The names are those of Jepsen's histories, but for "unknown", which is its "info". A client of another store tells the
same, with its own functions and values.
"""

from __future__ import annotations

from typing import Any

from simclock import Told, reader


class Operation(Told):
    """What each of them says."""

    process: int
    """Who asks: one operation after the other, and none after one of unknown outcome."""
    function: str
    key: str
    value: Any
    """What it is called with, or what it gave; immutable."""


class Invoked(Operation, observed_as="invoke"):
    """An operation begins; `value` is its argument."""


class Succeeded(Operation, observed_as="ok"):
    """It has taken effect; `value` is what it gave."""


class Failed(Operation, observed_as="fail"):
    """It has not taken effect, and never will; `value` is None."""


class Unknown(Operation):
    """Nobody answers: it may have taken effect, or may yet."""


read = reader(Invoked, Succeeded, Failed, Unknown)
