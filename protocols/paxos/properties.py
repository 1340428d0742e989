"""What must hold of Paxos (PMS 2.1), judged from observations alone.

    Nontriviality   only a value that has been proposed may be chosen
    Agreement       only a single value is chosen
    Learned Right   a learner never learns that a value has been chosen unless it actually has been

A value is chosen when a majority of acceptors has accepted it in one proposal. All three end the run when they break.
"""

from __future__ import annotations

from simclock import Control, Observation, Observer
from simclock.protocols.paxos.observed import Learned, Proposed, Voted, read
from simclock.protocols.paxos.settings import PaxosSettings


class PaxosProperties(Observer):
    """Reads the observations of all agents; `values` are those that proposers would have chosen."""

    def __init__(self, settings: PaxosSettings, values: tuple[str, ...]) -> None:
        self._settings = settings
        self._values = values
        self._voters: dict[tuple[int, str], set[int]] = {}
        """(number, value) -> the acceptors that have accepted it."""
        self._chosen: str | None = None
        self._counts = {"proposals": 0, "votes": 0, "learned": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        match read(observation):
            case Proposed():
                self._counts["proposals"] += 1
            case Voted(number, value):
                self._counts["votes"] += 1
                voters = self._voters.setdefault((number, value), set())
                voters.add(node)
                if len(voters) >= self._settings.majority:
                    self._choose(node, value, control)
            case Learned(value):
                self._counts["learned"] += 1
                if value != self._chosen:
                    control.violated("Learned Right", node, f"learns {value!r}, chosen is {self._chosen!r}")

    def _choose(self, node: int, value: str, control: Control) -> None:
        if value not in self._values:
            control.violated("Nontriviality", node, f"{value!r} is chosen, which nobody wants")
        if self._chosen not in (None, value):
            control.violated("Agreement", node, f"{value!r} is chosen, and {self._chosen!r} was")
        self._chosen = self._chosen or value

    def report(self) -> dict[str, int]:
        """How often what happened, and how many values were chosen: 0 or 1."""
        return {**self._counts, "chosen": int(self._chosen is not None)}
