"""What a row of the zoo is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.telling.spelling import unknown

SAFETY = "S"
LIVENESS = "L"


@dataclass(frozen=True, kw_only=True)
class Bug:
    """One row: a documented bug, as a class that differs from the right one in the wrong line alone.

    It is hunted in the scenario of that name, whose parameter `bug` puts it in, under the scenario's own nemesis. A row
    counts as found only where `property` is named, by an observer or by the entry's judge.
    """

    id: str
    name: str
    wrong: type
    """The class with the wrong line."""
    property: str
    kind: str = SAFETY
    source: str
    scenario: str
    judged: bool = True
    """Whether the entry's judge has to be asked; where an observer names the property, that can be spared."""
    liveness_ns: int | None = None
    """How long the liveness phase of a hunt is; None: the scenario has its own, or none is needed."""


def wrong_class(bug: str, rows: Iterable[Bug]) -> Any:
    """The class with the wrong line of the row of that id. Raises UsageError where there is none."""
    wrong = {row.id: row.wrong for row in rows}
    if bug not in wrong:
        raise UsageError(f"bug: {unknown('bug', bug, wrong)}")
    return wrong[bug]
