"""Who types into a shared document.

An `Author` replays a recording. Each of its keystrokes stands at a position *of the text as it was then*: after its own
earlier keystrokes and exactly those of the others that its author had seen. So the author's copy takes, of every other
author, no more than the next keystroke says (`CausalQueue.want`), and types when it has taken that much. What has come
and is not wanted yet waits in the queue, as a person reads no faster than the recording says they did. A reader takes
everything at once.

A `Typist` types by its own luck: words where its cursor stands, now and then somewhere else, and now and then it
takes a character back and types it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from simclock import UsageError
from simclock.protocols.causal_broadcast import Broadcast, MemberSettings
from simclock.protocols.crdts.sequence import ROOT
from simclock.protocols.shared_document.observed import Completed
from simclock.protocols.shared_document.replica import Patch, Replica


class Stroke(NamedTuple):
    """A keystroke of a recording; more than one change where an editor made several at once, or none."""

    needs: Mapping[int, int]
    """Other author -> how many of its keystrokes this one's author had seen."""
    patches: tuple[Patch, ...]
    """Each is to the text as the ones before it have left it."""
    place: str
    """Where it stands in which recording: named where it does not fit the text."""


class Author(Replica):
    """Replays one author of a recording, or reads along; tells "complete" once it has every keystroke of all."""

    def __init__(
        self, settings: MemberSettings, strokes: tuple[Stroke, ...], totals: Mapping[int, int], stroke_ns: int
    ) -> None:
        super().__init__(settings)
        self.strokes = strokes
        self.totals = totals
        """Author -> how many keystrokes it has in all."""
        self.stroke_ns = stroke_ns
        """Mean time between two keystrokes of one author."""
        self.is_due = self.is_complete = False

    def on_joined(self) -> None:
        super().on_joined()
        if self.strokes:
            self.queue.wanted = self.strokes[0].needs
            self._rest()

    def _rest(self) -> None:
        self.is_due = False
        self.set_timer("type", self.random.exponential_ns(self.stroke_ns))

    def on_timer(self, timer: Any) -> None:
        if timer == "type":
            self.is_due = True
            self._type()
        else:
            super().on_timer(timer)

    def on_room(self) -> None:
        self._type()

    def _take(self, ready: Iterable[Broadcast]) -> None:
        super()._take(ready)
        self._type()

    def _type(self) -> None:
        if self.is_due and self.count < len(self.strokes) and self.can_broadcast and self._has_seen():
            stroke = self.strokes[self.count]
            try:
                self.edit(*stroke.patches)
            except UsageError as error:
                raise UsageError(f"{stroke.place}: {error}") from None
            self._rest()
            following = self.strokes[self.count].needs if self.count < len(self.strokes) else None
            self._take(self.queue.want(following))
        delivered = self.queue.delivered
        if not self.is_complete and all(delivered.get(author, 0) == total for author, total in self.totals.items()):
            self.is_complete = True
            self.observe(Completed(self.edits))

    def _has_seen(self) -> bool:
        delivered = self.queue.delivered
        return all(delivered.get(author, 0) >= count for author, count in self.strokes[self.count].needs.items())


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a typist types; times are by the node's own clock, since the start of the run."""

    phrases: tuple[str, ...] = ()
    """What it types, one after the other and again from the start."""
    stroke_ns: int
    """Mean time between two keystrokes."""
    until_ns: int
    jump_percent: int = 20
    """How often a phrase begins somewhere else than where the last one ended."""
    mistake_percent: int = 5
    """How often the character before the cursor is taken back and typed again."""
    leave_ns: int | None = None
    """When it leaves the group."""


class Typist(Replica):
    """Types by its own luck."""

    def __init__(self, settings: MemberSettings, habits: Habits) -> None:
        super().__init__(settings)
        self.habits = habits
        self.cursor = ROOT
        """The element after which it types."""
        self.typed = 0
        self.left_to_type = ""

    def on_joined(self) -> None:
        super().on_joined()
        self.set_timer("type", self.random.exponential_ns(self.habits.stroke_ns))
        if self.habits.leave_ns is not None:
            self.set_timer("leave", max(0, self.habits.leave_ns - self.clock.monotonic_ns()))

    def on_timer(self, timer: Any) -> None:
        if timer == "leave":
            self.leave()
        elif timer == "type":
            if self.habits.phrases and self.clock.monotonic_ns() < self.habits.until_ns:
                self.set_timer("type", self.random.exponential_ns(self.habits.stroke_ns))
                if self.can_broadcast:
                    self._type()
        else:
            super().on_timer(timer)

    def _type(self) -> None:
        assert self.text is not None, "who types is a member"
        if not self.left_to_type:
            self.left_to_type = self.habits.phrases[self.typed % len(self.habits.phrases)]
            self.typed += 1
            if self.random.randrange(100) < self.habits.jump_percent:
                self.cursor = self.text.id_at(self.random.randrange(len(self.text) + 1) - 1)
        position = self.text.position_after(self.cursor)
        if position and self.random.randrange(100) < self.habits.mistake_percent:
            self.left_to_type = self.text.at(position - 1) + self.left_to_type  # typed again, right this time
            self.edit((position - 1, 1, ""))
        else:
            self.edit((position, 0, self.left_to_type[0]))
            self.left_to_type = self.left_to_type[1:]
            self.cursor = self.text.id_at(position)
