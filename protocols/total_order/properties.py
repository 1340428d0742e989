"""The properties of a totally ordered chat, as an observer of what participants tell.

    Total Order        no two screens show different messages at one position, and each shows a position once, in turn,
                       also across a time when it took no part; after a crash it begins with the first
    Timestamp Order    along the positions, (count, node) ascends
    Integrity          what is shown was said, and has one position
    Causal Order       a message stands after everything its author's screen had shown, and after what it answers

The report is what a judge of liveness needs: see `Screens`.
"""

from __future__ import annotations

from typing import NamedTuple

from simclock import Control, Observation, Observer
from simclock.protocols.total_order.observed import Blank, Displayed, LeftOut, Name, Pending, Said, Viewed, read


class Screens(NamedTuple):
    """What happened, in canonical order."""

    said: tuple[tuple[int, Name], ...]
    """(time, message)."""
    order: tuple[Name, ...]
    """The total order, as far as any screen has shown it; None is not among it: positions have no gap."""
    shown: dict[int, int]
    """Node -> the position that its screen will show next."""
    views: dict[int, tuple[int, int]]
    """Node that takes part -> (number of its view, when it began to take part without a break)."""
    latest: tuple[int, tuple[int, ...]]
    """(number, members) of the last view."""
    lost: tuple[Name, ...]
    """What an author was told may not be shown."""
    counts: dict[str, int]


class TotalOrderProperties(Observer):
    """Judges every screen while the run goes on."""

    def __init__(self, nodes: int) -> None:
        self._shown = dict.fromkeys(range(nodes), 0)
        self._order: list[Name] = []
        self._position: dict[Name, int] = {}
        self._after: dict[Name, int] = {}
        """Message -> the position from which on it may stand."""
        self._said: list[tuple[int, Name]] = []
        self._views: dict[int, tuple[int, int]] = {}
        self._latest: tuple[int, tuple[int, ...]] = (0, tuple(range(nodes)))
        self._lost: list[Name] = []
        self._counts = dict.fromkeys(
            (
                "said",
                "displayed",
                "held",
                "replies",
                "ties",
                "views",
                "left out",
                "joined",
                "missed and shown",
            ),
            0,
        )
        self._heads: dict[int, int] = {}
        """Node that joined -> how long the order was then."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        match read(observation):
            case Said() as said:
                self._on_said(observation.time_ns, said, control)
            case Pending(waits_for=waits_for):
                self._counts["held"] += bool(waits_for)
            case Displayed(position, count, author):
                self._on_displayed(node, position, (count, author), control)
            case Blank():
                self._shown[node] = 0
            case Viewed() as view:
                self._on_view(observation.time_ns, node, view)
            case LeftOut(lost=lost):
                self._counts["left out"] += 1
                self._views.pop(node, None)
                self._lost += lost

    def _on_said(self, time_ns: int, said: Said, control: Control) -> None:
        node, reply_to, displayed = said.node, said.reply_to, said.displayed
        name = (said.count, node)
        self._counts["said"] += 1
        self._said.append((time_ns, name))
        self._after[name] = displayed
        if reply_to is not None:
            self._counts["replies"] += 1
            answered = self._position.get(reply_to)
            if answered is None:
                control.violated("Causal Order", node, f"{name} answers {reply_to}, which no screen has shown")
            else:
                self._after[name] = max(displayed, answered + 1)

    def _on_displayed(self, node: int, position: int, name: Name, control: Control) -> None:
        self._counts["displayed"] += 1
        self._counts["missed and shown"] += position < self._heads.get(node, 0)
        if position != self._shown[node]:
            control.violated("Total Order", node, f"shows position {position}, where {self._shown[node]} is next")
        self._shown[node] = position + 1
        if position < len(self._order):
            if self._order[position] != name:
                control.violated("Total Order", node, f"position {position}: {name}, elsewhere {self._order[position]}")
            return
        if position > len(self._order):
            control.violated("Total Order", node, f"position {position} is shown, {len(self._order)} by nobody")
            return
        if name not in self._after or name in self._position:
            known = "has been shown" if name in self._position else "was never said"
            control.violated("Integrity", node, f"position {position}: {name} {known}")
            return
        if position < self._after[name]:
            detail = f"{name} at position {position}: its author had seen {self._after[name]}"
            control.violated("Causal Order", node, detail)
        if self._order:
            self._counts["ties"] += self._order[-1][0] == name[0]
            if self._order[-1] > name:
                control.violated("Timestamp Order", node, f"{name} is shown after {self._order[-1]}")
        self._order.append(name)
        self._position[name] = position

    def _on_view(self, time_ns: int, node: int, view: Viewed) -> None:
        number, joins = view.number, view.joins
        before = self._views.get(node)
        self._views[node] = (number, time_ns if joins or before is None else before[1])
        if joins:
            self._counts["joined"] += 1
            self._heads[node] = len(self._order)
        if number > self._latest[0]:
            self._counts["views"] += 1
            self._latest = (number, view.members)

    def report(self) -> Screens:
        return Screens(
            tuple(self._said),
            tuple(self._order),
            dict(self._shown),
            dict(self._views),
            self._latest,
            tuple(self._lost),
            dict(self._counts),
        )
