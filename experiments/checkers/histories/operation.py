"""The two forms of a history's parts: an operation, and the events of its call and return."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

from simclock.errors import UsageError
from simclock.experiments.checkers.histories.values import EXACT, exact

Outcome = Literal["ok", "fail", "unknown"]
EventType = Literal["invoke", "ok", "fail", "info"]
OrderBy = Literal["position", "time"]

OUTCOME_OF: dict[str, Outcome] = {"ok": "ok", "fail": "fail", "info": "unknown"}
TYPE_OF: dict[str, EventType] = {"ok": "ok", "fail": "fail", "unknown": "info"}


class HistoryError(UsageError):
    """A history that is not one. The message is one line that names the place and the mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request of one process and what became of it.

    `call` and `finish` are positions in a log or ns, the same for all operations of a history. Key, argument and result
    are exact (see `values.py`), however they were given.
    """

    process: int
    function: str
    """What was asked: "read", "write", "cas", "get", "append", ...; the model says which it knows."""
    key: Hashable = None
    """The object that was asked, where a history speaks of several."""
    argument: Hashable = None
    result: Hashable = None
    """What the client heard; says nothing unless the outcome is "ok"."""
    call: int
    finish: int | None = None
    """When the client heard, or gave up; None where it never did."""
    outcome: Outcome = "ok"

    def __post_init__(self) -> None:
        if self.outcome not in TYPE_OF:
            raise HistoryError(f"{self}: outcome {self.outcome!r} is none of ok, fail, unknown")
        if self.finish is None and self.outcome != "unknown":
            raise HistoryError(f"{self}: {self.outcome} but no finish; give one, or make it unknown")
        if self.finish is not None and self.finish < self.call:
            raise HistoryError(f"{self}: finishes before its call; were the two swapped?")
        if self.key.__class__ in EXACT and self.argument.__class__ in EXACT and self.result.__class__ in EXACT:
            return
        for field in ("key", "argument", "result"):
            if getattr(self, field).__class__ in EXACT:
                continue
            _make_exact(self, field)
            try:
                hash(getattr(self, field))
            except TypeError:
                raise HistoryError(f"{self}: {field} cannot be hashed; use tuples and frozensets") from None

    @property
    def is_open(self) -> bool:
        """True where the operation may take effect at any time after its call, or never."""
        return self.outcome == "unknown"

    def __str__(self) -> str:
        key = "" if self.key is None else f"{self.key!r}: "
        argument = "" if self.argument is None else repr(self.argument)
        heard = {"ok": f"-> {self.result!r}", "fail": "failed"}.get(self.outcome, "-> ?")
        finish = "" if self.finish is None else self.finish
        return f"process {self.process} {key}{self.function}({argument}) {heard} [{self.call}..{finish}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a history: a process invokes an operation, or the one it has open returns."""

    process: int | None
    """None where the history does not say: see `operations_of`."""
    type: EventType
    function: str | None
    """None on a return that does not repeat it."""
    key: Hashable = None
    value: Hashable = None
    """Of an invoke the argument, of a return the result."""
    time: int | None = None
    index: int | None = None
    """The event's own number, named in errors; where it has none, its place in the sequence is."""

    def __post_init__(self) -> None:
        if self.key.__class__ not in EXACT:
            _make_exact(self, "key")
        if self.value.__class__ not in EXACT:
            _make_exact(self, "value")


def _make_exact(part: Operation | Event, field: str) -> None:
    value = getattr(part, field)
    if type(value) not in EXACT:
        object.__setattr__(part, field, exact(value))
