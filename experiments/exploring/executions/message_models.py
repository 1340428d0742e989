"""Which of the messages that match a receive may take: bag, FIFO per link, causal, mailbox.

Arrival is not a step. Which message a receive takes is decided when it is taken, from the messages that have been sent
by then; so two executions are the same exactly where every process takes the same messages in the same order
(reads-from equivalence: Must, Enea et al., OOPSLA 2024).

Mailbox: the sends of an execution must have one order, consistent with happened-before, in which every receive took
the first that matched. A receive that takes m while another matching m' is not taken says "m before m'"; so does every
later send of such an m'. There is an order exactly where these edges and happened-before make no circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

Match = Callable[["Message"], bool]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `number` counts what its source has sent, `event` the steps of the run."""

    source: str
    number: int
    target: str
    value: Any
    event: int

    @property
    def key(self) -> tuple[str, int]:
        """What names it in every run in which its source did the same."""
        return self.source, self.number


class Model(Protocol):
    """A message model, with what it keeps of one run."""

    disabling: ClassVar[bool]

    def step(self, event: int, earlier: Iterable[int]) -> None:
        """A step was made, directly behind those steps."""

    def sent(self, message: Message) -> None:
        """That step sent a message."""

    def took(self, event: int, target: str, match: Match, message: Message | None, left: Sequence[Message]) -> None:
        """That step of the target took a message (or none: a timeout), and left others that match."""

    def may_take(self, message: Message, others: Sequence[Message]) -> bool:
        """Whether a receive may take this of the messages that match."""

    def may_time_out(self, last: int | None, matching: Sequence[Message]) -> bool:
        """Whether a receive of the process whose last step that was may take nothing."""


class Bag:
    """Messages overtake each other everywhere."""

    disabling: ClassVar[bool] = False

    def step(self, event: int, earlier: Iterable[int]) -> None:
        """Nothing is kept."""

    def sent(self, message: Message) -> None:
        """Nothing is kept."""

    def took(self, event: int, target: str, match: Match, message: Message | None, left: Sequence[Message]) -> None:
        """Nothing is kept."""

    def may_take(self, message: Message, others: Sequence[Message]) -> bool:
        """Any."""
        return True

    def may_time_out(self, last: int | None, matching: Sequence[Message]) -> bool:
        """Messages take as long as they like."""
        return True


class Fifo(Bag):
    """Messages of one link keep their order."""

    def may_take(self, message: Message, others: Sequence[Message]) -> bool:
        """None of the same source was sent earlier."""
        return all(other.source != message.source or other.number > message.number for other in others)


class Causal(Bag):
    """No message overtakes another that was sent before it, in the sense of happened-before."""

    def __init__(self) -> None:
        self._past: list[int] = []

    def step(self, event: int, earlier: Iterable[int]) -> None:
        """Its past, as bits."""
        past = 1 << event
        for index in earlier:
            past |= self._past[index]
        self._past.append(past)

    def may_take(self, message: Message, others: Sequence[Message]) -> bool:
        """None was sent before it."""
        past = self._past[message.event]
        return not any(past >> other.event & 1 and not _behind(other, message) for other in others)


class Mailbox(Bag):
    """A receiver's messages have one order, in which they were sent."""

    disabling: ClassVar[bool] = True

    def __init__(self) -> None:
        self._earlier: list[set[int]] = []
        """Of each step, steps that come before it in any order of the sends that fits."""
        self._taken: dict[str, list[tuple[int, Match]]] = {}

    def step(self, event: int, earlier: Iterable[int]) -> None:
        """Happened-before."""
        self._earlier.append(set(earlier))

    def sent(self, message: Message) -> None:
        """Behind what was taken by receives that it would have matched."""
        for event, match in self._taken.get(message.target, ()):
            if match(message):
                self._earlier[message.event].add(event)

    def took(self, event: int, target: str, match: Match, message: Message | None, left: Sequence[Message]) -> None:
        """Before what was left, and before what will be sent that matches."""
        first = event if message is None else message.event
        for other in left:
            self._earlier[other.event].add(first)
        self._taken.setdefault(target, []).append((first, match))

    def order(self) -> list[int]:
        """The steps in an order in which every receive took what had arrived first."""
        left = [set(earlier) - {event} for event, earlier in enumerate(self._earlier)]
        order: list[int] = []
        while len(order) < len(left):
            done = set(order)
            order.append(next(e for e, earlier in enumerate(left) if e not in done and earlier <= done))
        return order

    def _comes_before(self, event: int) -> set[int]:
        seen = {event}
        open_events = [event]
        while open_events:
            for earlier in self._earlier[open_events.pop()]:
                if earlier not in seen:
                    seen.add(earlier)
                    open_events.append(earlier)
        return seen

    def may_take(self, message: Message, others: Sequence[Message]) -> bool:
        """None need have arrived before it."""
        if not others:
            return True
        seen = self._comes_before(message.event)
        return not any(other.event in seen and not _behind(other, message) for other in others)

    def may_time_out(self, last: int | None, matching: Sequence[Message]) -> bool:
        """None need have arrived."""
        if last is None or not matching:
            return True
        seen = self._comes_before(last)
        return not any(other.event in seen for other in matching)


def _behind(other: Message, message: Message) -> bool:
    """Whether another message was sent by the same step, and later."""
    return other.event == message.event and other.number > message.number


MODELS: dict[str, type[Bag]] = {"bag": Bag, "fifo": Fifo, "causal": Causal, "mailbox": Mailbox}
