"""Which of the pending messages a command means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from simclock.errors import UsageError
from simclock.experiments.scripts.commands import ALL, FIRST, LAST, Messages
from simclock.experiments.scripts.telling import message_text, pending_text
from simclock.experiments.scripts.values import same

SHOWN_MAX = 6
"""Messages that an error names."""


class OnItsWay(NamedTuple):
    """A message that was sent and has neither arrived nor been lost."""

    number: int
    source: int
    target: int
    message: Any

    def __str__(self) -> str:
        return pending_text(*self)

    @property
    def name(self) -> str:
        """Without what it says."""
        return f"#{self.number} {self.source}->{self.target} {self.kind}"

    @property
    def kind(self) -> str:
        """The name of its class."""
        return type(self.message).__name__


def fits(each: OnItsWay, asked: Messages) -> bool:
    """Whether a message is one of those meant."""
    return (
        asked.number in (None, each.number)
        and asked.source in (None, each.source)
        and asked.target in (None, each.target)
        and asked.kind in (None, each.kind)
        and all(has_field(each.message, path, written) for path, written in asked.fields)
    )


def has_field(message: Any, path: str, written: str) -> bool:
    """Whether the message has a field of that name, and the value that is written."""
    for name in path.split("."):
        if not hasattr(message, name):
            return False
        message = getattr(message, name)
    return same(message, written)


def chosen(pending: Sequence[OnItsWay], asked: Messages) -> list[OnItsWay]:
    """Those meant, oldest first. Raises UsageError where there is none, or more than one and nothing says which."""
    found = [each for each in pending if fits(each, asked)]
    if not found:
        raise UsageError(f"there is no such message: {_possible(pending, asked)}")
    if asked.which == ALL:
        return found
    if asked.which == LAST:
        return found[-1:]
    if asked.which != FIRST and len({(each.source, each.target, message_text(each.message)) for each in found}) > 1:
        names = _listed(found)
        raise UsageError(f"that names {len(found)} messages, {names}: write a number, a field, or first, last or all")
    return found[:1]


def _possible(pending: Sequence[OnItsWay], asked: Messages) -> str:
    """What could have been meant: what is on the same link first."""
    if not pending:
        return "none is pending"
    near = [each for each in pending if (each.source, each.target) == (asked.source, asked.target)] or [
        each for each in pending if asked.kind == each.kind or asked.target == each.target
    ]
    return f"pending {'is' if len(near or pending) == 1 else 'are'} {_listed(near or pending)}"


def _listed(messages: Sequence[OnItsWay]) -> str:
    shown = [str(each) for each in messages[:SHOWN_MAX]]
    more = [f"and {len(messages) - SHOWN_MAX} more"] if len(messages) > SHOWN_MAX else []
    return "; ".join([*shown, *more])
