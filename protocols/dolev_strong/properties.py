"""Agreement, validity and termination, for the nodes that neither lie nor met with a fault: an observer of them.

All three are judged at the end, when it is known whom faults struck: each such node is one of the f.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from simclock import (
    AddDelay,
    Clog,
    ClogNode,
    Control,
    Crash,
    Cut,
    JumpClock,
    Observation,
    Observer,
    Partition,
    Pause,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    Silence,
    SlowNode,
    StopClock,
    format_duration,
)
from simclock.observers import Happened
from simclock.protocols.dolev_strong.observed import Decided, Extracted, Proposed, Refused, Relayed, read
from simclock.protocols.dolev_strong.participant import LATE, OVER
from simclock.protocols.dolev_strong.settings import BroadcastSettings
from simclock.protocols.dolev_strong.synchrony import Synchrony

AGREEMENT = "Agreement"
"""Dolev and Strong, condition I: all correct nodes decide the same."""
VALIDITY = "Validity"
"""Condition II: if the sender is correct, they decide its value."""
TERMINATION = "Termination"
"""Every correct node decides after f + 1 rounds by its clock."""

PROCESS_AND_CLOCK = (Crash, Pause, SlowNode, JumpClock, SetDrift, StopClock)
"""What makes a node one of the f."""


OF_THE_NETWORK = (AddDelay, Clog, ClogNode, Cut, Partition, SetBandwidth, SetCorruption, SetLoss, Silence)
"""What may keep a message from coming in time."""


class Broadcasts(NamedTuple):
    """What a run says about the broadcasts."""

    settings: BroadcastSettings
    liars: tuple[int, ...]
    correct: tuple[int, ...]
    """Who neither lies nor was struck."""
    struck: tuple[int, ...]
    """Who does not lie, and met with a fault of its process or clock."""
    over: int
    """How many broadcasts were over, and judged."""
    decided: int
    """Of how many senders a value was decided."""
    lying: int
    """Of how many it was decided that the sender lies."""
    extracted: int
    """How many values correct nodes have extracted."""
    relayed: int
    """How many they sent on."""
    refused: tuple[tuple[str, int], ...]
    """(why, how often), of correct nodes."""
    unassumed: str
    """What was assumed of delays and clocks, and did not hold; empty where nothing of the kind is known."""


class ByzantineBroadcast(Observer[Broadcasts]):
    """Judges the three properties for the nodes that should keep them."""

    def __init__(self, settings: BroadcastSettings, synchrony: Synchrony, liars: Collection[int]) -> None:
        self._settings = settings
        self._synchrony = synchrony
        self._liars = frozenset(liars)
        self._correct = tuple([node for node in range(settings.nodes) if node not in self._liars])
        self._struck: tuple[int, ...] = ()
        self._proposed: dict[tuple[int, int], str] = {}
        """(broadcast, sender) -> its value."""
        self._decided: dict[tuple[int, int], dict[int, str | None]] = {}
        """(broadcast, sender) -> what each node decided; its first decision counts."""
        self._named: set[str] = set()
        self._over = self._extracted = self._relayed = 0
        self._refused: dict[str, int] = {}
        self._late: list[tuple[int, str]] = []
        """(who sent it, what is said of it): messages of nodes that do not lie which came too late, and mattered."""
        self._unassumed = ""

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        if node in self._liars:
            return
        match read(observation):
            case Proposed(broadcast, value):
                self._proposed[broadcast, node] = value
            case Decided(broadcast, values):
                for sender, decision in values:
                    self._decided.setdefault((broadcast, sender), {}).setdefault(node, decision)
            case Extracted(values=taken):
                self._extracted += len(taken)
            case Relayed(values=sent):
                self._relayed += len(sent)
            case Refused() as refused:
                self._refused[refused.why] = self._refused.get(refused.why, 0) + 1
                if refused.why in (LATE, OVER) and refused.source not in self._liars:
                    self._late.append((refused.source, self._lateness(observation, refused)))

    def _lateness(self, observation: Observation, refused: Refused) -> str:
        round = f"round {refused.round}" if refused.round <= self._settings.rounds else "no round any more"
        return (
            f"at {format_duration(observation.time_ns)} node {observation.node} got a chain of {len(refused.signers)} "
            f"from correct node {refused.source}, and was in {round} of broadcast {refused.broadcast}"
        )

    def on_finish(self, control: Control) -> None:
        assert control.happened is not None
        faults = [fault for fault in control.happened.faults if isinstance(fault, PROCESS_AND_CLOCK)]
        met = {fault.node for fault in faults} | {node for _, node in control.happened.halts}
        self._struck = tuple([node for node in self._correct if node in met])
        self._correct = tuple([node for node in self._correct if node not in met])
        self._unassumed = self._broken_by(control.happened)
        over = range(self._settings.broadcasts)
        self._over = sum(control.now_ns >= self._ends_ns(broadcast) for broadcast in over)
        beyond = len(self._struck) + len(self._liars) - self._settings.faults
        if self._struck and beyond > 0:
            nodes = f"node{'s' * (len(self._struck) != 1)} {', '.join(map(str, self._struck))}"
            why = f"faults struck {nodes} beside {len(self._liars)} that lie, and f is {self._settings.faults}"
            control.not_judged(AGREEMENT, why)
        elif not self._over:
            ends = format_duration(self._ends_ns(0))
            control.not_judged(AGREEMENT, f"no broadcast was over: the first is after {ends}")
        else:
            for broadcast in range(self._over):
                self._judge(broadcast, control)

    def _broken_by(self, happened: Happened) -> str:
        """What did not keep the assumption: a late message of a correct node, else what the network was made to do."""
        late = [text for source, text in self._late if source in self._correct]
        if late:
            return late[0]
        network = happened.environment.network
        if network.loss or network.corruption or network.undetected_corruption:
            return "the network loses or damages messages"
        for fault in happened.faults:
            if isinstance(fault, OF_THE_NETWORK):
                return f"the network met with a fault at {format_duration(fault.at_ns)} ({fault.kind})"
        return ""

    def _ends_ns(self, broadcast: int) -> int:
        """The true time by which every correct node has decided."""
        return self._synchrony.reached_ns(self._settings.reading_ns((broadcast + 1) * self._settings.rounds))

    def _judge(self, broadcast: int, control: Control) -> None:
        for sender in self._settings.senders_of(broadcast):
            decided = self._decided.get((broadcast, sender), {})
            which = f"broadcast {broadcast} of node {sender}"
            values = {node: decided[node] for node in self._correct if node in decided}
            for node in self._correct:
                if node not in decided:
                    self._name(control, TERMINATION, node, f"has not decided {which}")
            first = next(iter(values), None)
            for node, value in values.items():
                if first is not None and value != values[first]:
                    others = f"node {first} decides {said(values[first])}"
                    self._name(control, AGREEMENT, node, f"decides {said(value)} in {which}, and {others}")
                    break
            proposed = self._proposed.get((broadcast, sender))
            for node, value in values.items():
                if sender in self._correct and value != proposed:
                    wrong = f"decides {said(value)} in {which}, which is correct and sent {said(proposed)}"
                    self._name(control, VALIDITY, node, wrong)
                    break

    def _name(self, control: Control, property: str, node: int, detail: str) -> None:
        """A property is named once."""
        if property not in self._named:
            self._named.add(property)
            control.violated(property, node, detail, stop=False)

    def report(self) -> Broadcasts:
        shared = [
            {values[node] for node in self._correct if node in values}
            for (broadcast, _), values in self._decided.items()
            if broadcast < self._over
        ]
        return Broadcasts(
            settings=self._settings,
            liars=tuple(sorted(self._liars)),
            correct=self._correct,
            struck=self._struck,
            over=self._over,
            decided=sum(len(each) == 1 and None not in each for each in shared),
            lying=sum(each == {None} for each in shared),
            extracted=self._extracted,
            relayed=self._relayed,
            refused=tuple(sorted(self._refused.items())),
            unassumed=self._unassumed,
        )


def said(value: str | None) -> str:
    """A decision in words."""
    return "that the sender lies" if value is None else repr(value)
