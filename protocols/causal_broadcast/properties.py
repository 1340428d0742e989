"""The order of deliveries, judged by what members tell, not by the clocks that messages carry.

    FIFO Order         of each member's broadcasts, every other member delivers the next one, once
    Causal Order       everything that its sender had sent or delivered before a broadcast is delivered before it
    Kept Until Stable  who has delivered a broadcast still has it when a member asks for it that it was to wait for:
                       one that was there from the start, has not left, and was never suspected by it
    Reply After Question   an answer is not delivered before what it answers ("answer" is what an application observes)

The report holds what each member has delivered in the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simclock import Control, Observation, Observer
from simclock.protocols.causal_broadcast.observed import (
    Answered,
    Delivered,
    Dropped,
    Forgotten,
    Joined,
    Left,
    Name,
    Sent,
    Suspected,
    Welcomed,
    read,
)


class Deliveries(NamedTuple):
    """What happened."""

    delivered: dict[int, dict[int, int]]
    """Node -> member -> how many of its broadcasts it has delivered, or was given with the state."""
    sent: dict[int, int]
    """Member -> how many broadcasts it has sent."""
    counts: dict[str, int]


class DeliveryOrder(Observer):
    """Judges every delivery while the run goes on."""

    def __init__(self, stop: bool = True) -> None:
        self._stop = stop
        self._seen: dict[int, dict[int, int]] = {}
        self._before: dict[Name, dict[int, int]] = {}
        """Broadcast -> what its sender had sent or delivered, itself not counted."""
        self._question: dict[Name, Name] = {}
        self._sent: dict[int, int] = {}
        self._taken: dict[int, dict[int, int]] = {}
        """Node -> member -> how many of its broadcasts came with a state: those were never kept there."""
        self._suspects: set[tuple[int, int]] = set()
        """(node, member that it has suspected)."""
        self._came_or_went: set[int] = set()
        """Nodes that joined later, came back, or have left."""
        names = ("broadcast", "delivered", "answers", "concurrent", "joined", "left", "suspected", "dropped", "gone")
        self._counts = dict.fromkeys(names, 0)

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        match read(observation):
            case Delivered(member, count):
                self._on_deliver(node, member, count, control)
            case Sent(member, count):
                seen = self._seen.setdefault(node, {})
                self._before[member, count] = dict(seen)
                seen[member] = self._sent[member] = count
                self._counts["broadcast"] += 1
            case Answered(answer, question):
                self._question[answer] = question
                self._counts["answers"] += 1
            case Welcomed(delivered):
                self._seen[node] = dict(delivered)
                self._taken[node] = dict(delivered)
            case Forgotten(asker, member, count):
                self._on_forgotten(node, asker, member, count, control)
            case Dropped(dropped=dropped):
                self._counts["dropped"] += dropped
            case Joined() | Left() as told:
                self._came_or_went.add(node)
                self._counts[told.observed_as] += 1
            case Suspected(member):
                self._counts["suspected"] += 1
                self._suspects.add((node, member))

    def _on_deliver(self, node: int, member: int, count: int, control: Control) -> None:
        seen = self._seen.setdefault(node, {})
        self._counts["delivered"] += 1
        if count != seen.get(member, 0) + 1:
            detail = f"delivers {member}:{count}, where {member}:{seen.get(member, 0) + 1} is next"
            control.violated("FIFO Order", node, detail, stop=self._stop)
        before = self._before.get((member, count), {})
        for other, known in before.items():
            if other != member and known > seen.get(other, 0):
                detail = f"delivers {member}:{count} before {other}:{known}, which its sender had seen"
                control.violated("Causal Order", node, detail, stop=self._stop)
                break
        question = self._question.get((member, count))
        if question is not None and seen.get(question[0], 0) < question[1]:
            detail = f"delivers the answer {member}:{count} before the question {question[0]}:{question[1]}"
            control.violated("Reply After Question", node, detail, stop=self._stop)
        self._counts["concurrent"] += any(known > before.get(other, 0) for other, known in seen.items())
        seen[member] = max(count, seen.get(member, 0))

    def _on_forgotten(self, node: int, asker: int, member: int, count: int, control: Control) -> None:
        """From the start until it leaves or crashes, a member has the number of its node."""
        self._counts["gone"] += 1
        is_lacking = self._seen.get(asker, {}).get(member, 0) < count
        was_taken = count <= self._taken.get(node, {}).get(member, 0)
        is_waited_for = (node, asker) not in self._suspects and not self._came_or_went & {node, asker}
        if is_lacking and is_waited_for and not was_taken:
            detail = f"has forgotten {member}:{count}, which node {asker} lacks, a member that it never suspected"
            control.violated("Kept Until Stable", node, detail, stop=self._stop)

    def report(self) -> Any:
        return Deliveries({node: dict(seen) for node, seen in self._seen.items()}, dict(self._sent), dict(self._counts))
