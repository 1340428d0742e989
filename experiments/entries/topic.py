"""A topic: a subject of the catalog, as one value.

Law: to import a topic registers nothing. What there is follows from the list of topics alone
(`simclock.experiments.catalog`), so it is the same whoever imports what first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace

from simclock.experiments.entries.bug import BUG, Bug
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.lanes import Lanes
from simclock.experiments.entries.shot import Shot
from simclock.experiments.entries.studies import Study


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What a topic has; its entries with a parameter `bug` take those of its bugs whose parts they have."""

    name: str
    entries: tuple[Entry, ...] = ()
    bugs: tuple[Bug, ...] = ()
    studies: tuple[Study, ...] = ()
    lanes: Lanes | None = None
    """How nodes are coloured in pictures of its entries that do not say so themselves."""
    shot: Shot | None = None
    """What the gallery shows; None: how its first scenario begins."""
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    """Ids of documented bugs -> why there is no row."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", tuple([self._with_lanes(self._with_bugs(entry)) for entry in self.entries]))
        if self.shot is not None and self.shot.scenario not in {entry.name for entry in self.entries}:
            raise ValueError(f"{self.name}: {self.shot.scenario} is no scenario of its own to be shown")
        takes = {entry.name: entry.bugs for entry in self.entries}
        for bug in self.bugs:
            if bug.id not in takes.get(bug.scenario, ()):
                raise ValueError(f"{self.name}: {bug.scenario} has no parts {', '.join(bug.parts)} for {bug.id}")

    def _with_lanes(self, entry: Entry) -> Entry:
        return entry if entry.lanes is not None else replace(entry, lanes=self.lanes)

    def _with_bugs(self, entry: Entry) -> Entry:
        if BUG not in entry.parameters or not is_dataclass(entry.parts):
            return entry
        parts = {each.name for each in fields(entry.parts)}
        return replace(entry, bugs={bug.id: bug for bug in self.bugs if parts.issuperset(bug.parts)})
