"""What a row of the zoo is."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.entries.parameters import Text

BUG = "bug"
"""The parameter of an entry that names the bug to put in."""

PUT_IN = Text("", help="A row of the zoo, put in.")
"""What that parameter is."""
SAFETY = "S"
LIVENESS = "L"


@dataclass(frozen=True, kw_only=True)
class Bug:
    """One row: a documented bug, as classes that differ from the right ones in the wrong line alone.

    It is hunted in the scenario of that name, whose parameter `bug` puts it in, under the scenario's own nemesis. A row
    counts as found only where `property` is named, by an observer or by the entry's judge.
    """

    id: str
    name: str
    parts: Mapping[str, type]
    """Field of the entry's parts -> the class with the wrong line that takes its place."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the scenario's maker is asked for beside it; a user who asks for something else is refused."""
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameter -> the values with which the wrong line is reached, where not with all; the seed may draw others."""
    property: str
    kind: str = SAFETY
    source: str = ""
    scenario: str
    judged: bool = True
    """Whether the entry's judge has to be asked; where an observer names the property, that can be spared."""
    nemesis: str | None = None
    """What strikes in a hunt; None: what the scenario has of its own, for a row of your own a swarm."""
    liveness_ns: int | None = None
    """How long the liveness phase of a hunt is; None: the scenario has its own, or none is needed."""

    @builtins.property
    def wrong(self) -> type:
        """The class with the wrong line; of several, the first."""
        return next(iter(self.parts.values()))

    def check(self, asked: Mapping[str, Any]) -> None:
        """Refuse parameters under which nothing would be wrong with the run; an empty value leaves it to the seed."""
        wanted = {name: (value,) for name, value in self.parameters.items()}
        for name, values in {**wanted, **self.needs}.items():
            if asked.get(name, "") not in ("", *values):
                raise UsageError(f"{name}: {self.id} is not in {asked[name]}: use {' or '.join(map(str, values))}")
