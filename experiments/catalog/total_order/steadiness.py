"""What a chat owes when all is well, and when one participant crashes and comes back in the middle of that.

Displayed At Once    what is said every screen shows within a bound, while the view stands
View Is Stable       the view changes when somebody crashes or is back, and at no other time
View Follows         those who are left agree on a view without who crashed within a bound, and on one with it when
                     it is back
Told In Full         who joins has told that it was out, or is back; who shows a message, that it held it
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock import Control, Observation, format_duration
from simclock.experiments.checkers.steadiness import Steadiness
from simclock.protocols.total_order.observed import Blank, Displayed, LeftOut, Name, Pending, Said, Viewed, read

DISPLAYED = "Displayed At Once"
STABLE = "View Is Stable"
FOLLOWS = "View Follows"
IN_FULL = "Told In Full"


@dataclass(frozen=True, kw_only=True)
class ChatCalm:
    """When what is owed, and within what."""

    nodes: int
    settled_ns: int
    crashes: int
    """Who crashes at `crash_ns`, and is back at `back_ns`."""
    crash_ns: int
    back_ns: int
    display_within_ns: int
    out_within_ns: int
    in_within_ns: int
    resent_within_ns: int
    """What came to somebody before the view did is sent again after that."""

    def is_steady(self, at_ns: int) -> bool:
        """Whether everybody is there, and has been told so."""
        return (
            self.settled_ns <= at_ns < self.crash_ns
            or at_ns >= self.back_ns + self.in_within_ns + self.resent_within_ns
        )


class ChatSteadiness(Steadiness):
    """Judges a chat from the instant at which it has settled."""

    def __init__(self, calm: ChatCalm) -> None:
        super().__init__(calm.settled_ns, calm_by_ns=calm.back_ns)
        self._calm = calm
        self._shows: dict[Name, tuple[int, set[int]]] = {}
        """Message -> when it was said, and which screens do not show it yet."""
        self._holds: set[tuple[int, Name]] = set()
        """(node, message) that was told to be held."""
        self._members: dict[int, tuple[int, ...]] = {}
        """Node that takes part -> the members of its view."""
        self._due = [(calm.crash_ns + calm.out_within_ns, False), (calm.back_ns + calm.in_within_ns, True)]
        """(instant, whether who crashed is in the view) of what is still to be looked at."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        now_ns, node = observation.time_ns, observation.node
        self.overdue(now_ns)
        match read(observation):
            case Said(count, author) if self._calm.is_steady(now_ns) and self._stays(now_ns):
                self._shows[count, author] = now_ns, set(range(self._calm.nodes))
            case Pending(count, author):
                self._holds.add((node, (count, author)))
            case Displayed(_, count, author) if (count, author) in self._shows:
                message = (count, author)
                self._shows[message][1].discard(node)
                if (node, message) not in self._holds:
                    self.name(now_ns, IN_FULL, node, f"shows {message}, and has not told that it held it")
            case Viewed(_, members, _, joins):
                self._on_view(now_ns, node, members, joins)
            case LeftOut() | Blank():
                self._members.pop(node, None)
                if self._calm.is_steady(now_ns):
                    self.name(now_ns, STABLE, node, "is left out, though all is well")

    def _stays(self, now_ns: int) -> bool:
        """Whether nobody crashes before all screens have to show what is said now."""
        calm = self._calm
        return now_ns + calm.display_within_ns < calm.crash_ns or now_ns >= calm.back_ns

    def _on_view(self, now_ns: int, node: int, members: tuple[int, ...], joins: bool) -> None:
        if joins and node in self._members:
            self.name(now_ns, IN_FULL, node, "joins, and has not told that it was out")
        self._members[node] = members
        if self._calm.is_steady(now_ns):
            self.name(now_ns, STABLE, node, f"the view becomes {members}, though all is well")

    def overdue(self, now_ns: int) -> None:
        calm = self._calm
        while self._due and now_ns > self._due[0][0]:
            _, is_back = self._due.pop(0)
            expected = tuple([each for each in range(calm.nodes) if is_back or each != calm.crashes])
            for node in expected:
                if self._members.get(node) != expected:
                    text = f"takes part with {self._members.get(node, 'nobody')}, and {expected} are up"
                    self.name(now_ns, FOLLOWS, node, text)
        for name, (said_ns, missing) in self._shows.items():
            if missing and now_ns > said_ns + calm.display_within_ns:
                within = format_duration(calm.display_within_ns)
                self.name(now_ns, DISPLAYED, min(missing), f"does not show {name} within {within}")
                missing.clear()
