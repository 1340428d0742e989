"""What a process of a message program may do next, as data."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final


class _Timeout:
    """The answer of a receive that took nothing."""

    def __repr__(self) -> str:
        return "TIMEOUT"


TIMEOUT: Final = _Timeout()


@dataclass(frozen=True, slots=True)
class Operation:
    """What a process yields."""


@dataclass(frozen=True, slots=True)
class Send(Operation):
    """A message to a process, which may be begun later."""

    target: str
    value: Hashable


@dataclass(frozen=True, slots=True)
class Receive(Operation):
    """Take a message: of values that match, of that source."""

    match: Callable[[Any], bool] | None
    source: str | None
    timeout: bool


@dataclass(frozen=True, slots=True)
class Choose(Operation):
    """One of several values."""

    options: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Access(Operation):
    """Read or change a shared variable, once it fulfils the condition."""

    name: str
    verb: str
    how: Hashable
    """What it does to the variable, as in `systems.Step.touches`."""
    change: Callable[[Any], Hashable] | None
    condition: Callable[[Any], bool] | None


@dataclass(frozen=True, slots=True)
class Spawn(Operation):
    """Begin a process."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pause(Operation):
    """Nothing."""
