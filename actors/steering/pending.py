"""Messages on their way, and which of them may arrive next.

| model | of the messages on their way to a node may arrive |
|---|---|
| `bag` | each |
| `fifo` | the first sent on each link |
| `causal` | each that no other one on its way to the same node was sent before, in Lamport's happened-before |
| `mailbox` | the first sent |
| `set` | each, again and again: what was sent once stays, and is there once; as specifications in TLA+ have it |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from simclock.errors import UsageError
from simclock.readable import say

MODELS = ("bag", "fifo", "causal", "mailbox", "set")


class Pending(NamedTuple):
    """A message on its way."""

    number: int
    source: int
    target: int
    message: Any
    sent_ns: int = 0
    sequence: int = 0
    """The source's own running number, as in a trace."""
    past: int = 0
    """Bit n: message n was sent before this one, in Lamport's happened-before."""

    @property
    def kind(self) -> str:
        """The name of its class."""
        return type(self.message).__name__

    def __str__(self) -> str:
        return f"{self.source}->{self.target} {self.message} #{self.number}"


def check_model(model: str) -> str:
    """Raise UsageError for what is no message model."""
    if model not in MODELS:
        raise UsageError(f"model: {say(model)} is none: {', '.join(MODELS)}")
    return model


def may_arrive(model: str, pending: Collection[Pending]) -> Iterable[Pending]:
    """Those that may arrive next, in the order of `pending`, which is that of their numbers."""
    if model in ("bag", "set"):
        return pending
    if model == "causal":
        masks: dict[int, int] = {}
        for each in pending:
            masks[each.target] = masks.get(each.target, 0) | 1 << each.number
        return [each for each in pending if not each.past & masks[each.target]]
    firsts: dict[Any, Pending] = {}
    for each in pending:
        firsts.setdefault(each.target if model == "mailbox" else (each.source, each.target), each)
    return list(firsts.values())
