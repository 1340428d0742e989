"""What clients do whatever happens to servers: without it a run that shows nothing passes for one in which nothing is
wrong.

Operation Ends       an operation ends, well or as one of unknown outcome, when its client's patience does
Client Goes On       a client that has nothing open asks again
Told As Asked        what a client tells of an answer is of what it had asked, and what a server tells of a write is of
                     what its client has asked for
"""

from __future__ import annotations

from dataclasses import dataclass

from simclock import Control, Observation, Observer, format_duration, reader
from simclock.protocols.dynamo.observed import Coordinates, Heard
from simclock.protocols.key_value.observed import Invoked, Succeeded, Unknown

ENDS = "Operation Ends"
GOES_ON = "Client Goes On"
AS_ASKED = "Told As Asked"

_read = reader(Invoked, Succeeded, Unknown, Heard, Coordinates)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """When what is due."""

    clients: range
    answer_within_ns: int
    call_within_ns: int
    """More than any pause between two calls."""
    stop_ns: int
    """No call begins after that."""


class ClientsGoOn(Observer):
    """Times every operation; a property is named once."""

    def __init__(self, promise: Promise) -> None:
        self._promise = promise
        self._asked_ns: dict[int, int] = {}
        """Client -> since when it waits for an answer."""
        self._asked: dict[int, tuple[str, str]] = {}
        """Client -> (function, key) of what it asked last."""
        self._keys: set[tuple[int, str]] = set()
        """(client, key) of all that was asked."""
        self._rests_ns = dict.fromkeys(promise.clients, 0)
        """Client -> since when it has nothing open."""
        self._named: set[str] = set()

    def on_observation(self, observation: Observation, control: Control) -> None:
        client = observation.node
        match _read(observation):
            case Invoked(_, function, key):
                self._asked[client] = (function, key)
                self._keys.add((client, key))
                self._rests_ns.pop(client, None)
                self._asked_ns[client] = observation.time_ns
            case Coordinates(writer, _, key) if (writer, key) not in self._keys:
                text = f"tells of a write of {key} by client {writer}, which has not asked for it"
                self._name(control, AS_ASKED, client, text)
            case Heard(function, key):
                self._judge_told(client, function, key, control)
            case Succeeded(_, function, key) | Unknown(_, function, key):
                self._judge_told(client, function, key, control)
                self._late(client, control)
                self._asked_ns.pop(client, None)
                self._rests_ns[client] = observation.time_ns

    def on_finish(self, control: Control) -> None:
        for client in self._promise.clients:
            self._late(client, control)
        for client, since_ns in self._rests_ns.items():
            if since_ns + self._promise.call_within_ns < min(self._promise.stop_ns, control.now_ns):
                self._name(control, GOES_ON, client, f"asks for nothing since {format_duration(since_ns)}")

    def _judge_told(self, client: int, function: str, key: str, control: Control) -> None:
        asked = self._asked.get(client)
        if asked != (function, key):
            self._name(control, AS_ASKED, client, f"tells of a {function} of {key}, and had asked {asked}")

    def _late(self, client: int, control: Control) -> None:
        asked_ns = self._asked_ns.get(client, control.now_ns)
        if control.now_ns > asked_ns + self._promise.answer_within_ns:
            within = format_duration(self._promise.answer_within_ns)
            self._name(control, ENDS, client, f"what it asked at {format_duration(asked_ns)} has no end in {within}")

    def _name(self, control: Control, property: str, client: int, detail: str) -> None:
        if property not in self._named:
            self._named.add(property)
            control.violated(property, client, detail, stop=False)
