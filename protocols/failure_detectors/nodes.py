"""Nodes that send heartbeats, and one that watches them with several detectors at once, so that they can be compared.

Law 1: heartbeats are numbered, and one that was overtaken counts for nothing.
Law 2: a detector changes nothing for another: what arrives is the same for all.
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Node
from simclock.protocols.failure_detectors.arrivals import Arrivals
from simclock.protocols.failure_detectors.detectors import Detector
from simclock.protocols.failure_detectors.messages import Heartbeat
from simclock.protocols.failure_detectors.observed import Suspects, Trusts

WINDOW = 1000
"""Intervals that are kept: the default of Akka's detector (`max-sample-size`)."""


class Heartbeater(Node):
    """Tells the monitor that it is up, again and again."""

    def __init__(self, monitor: int, interval_ns: int) -> None:
        self.monitor = monitor
        self.interval_ns = interval_ns
        self.number = 0

    def on_start(self) -> None:
        self.set_timer("beat", self.random.uniform_ns(0, self.interval_ns))

    def on_timer(self, timer: Any) -> None:
        self.number += 1
        self.send(self.monitor, Heartbeat(self.incarnation, self.number))
        self.set_timer("beat", self.interval_ns)


class _Watched:
    """What the monitor knows of one node."""

    __slots__ = ("arrivals", "latest", "suspected")

    def __init__(self) -> None:
        self.arrivals = Arrivals(WINDOW)
        self.latest = (0, 0)
        """(incarnation, number) of the latest heartbeat."""
        self.suspected: set[int] = set()
        """Detectors that suspect it."""


class Monitor(Node):
    """Watches every node that has sent it a heartbeat."""

    def __init__(self, detectors: tuple[Detector, ...]) -> None:
        self.detectors = detectors
        self.watched: dict[int, _Watched] = {}

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Heartbeat(incarnation, number):
                known = self.watched.setdefault(source, _Watched())
                if (incarnation, number) > known.latest:
                    self._heard(source, known, incarnation, number)

    def _heard(self, node: int, known: _Watched, incarnation: int, number: int) -> None:
        now_ns = self.clock.monotonic_ns()
        if incarnation > known.latest[0]:
            known.arrivals.begin_again(now_ns)
        else:
            known.arrivals.heard(now_ns)
        known.latest = incarnation, number
        for detector in sorted(known.suspected):
            self.observe(Trusts(node, detector))
        known.suspected.clear()
        self._wait(node, known)

    def on_timer(self, timer: Any) -> None:
        """The first of the detectors that still trust this node has waited long enough."""
        node: int = timer
        known = self.watched[node]
        waited_ns = self.clock.monotonic_ns() - (known.arrivals.last_ns or 0)
        for number, detector in enumerate(self.detectors):
            if number not in known.suspected and detector.patience_ns(known.arrivals) <= waited_ns:
                known.suspected.add(number)
                self.observe(Suspects(node, number))
        self._wait(node, known)

    def _wait(self, node: int, known: _Watched) -> None:
        """One timer for all detectors: a heartbeat that comes in time costs no more with many of them."""
        left = [
            detector.patience_ns(known.arrivals)
            for number, detector in enumerate(self.detectors)
            if number not in known.suspected
        ]
        if left:
            waited_ns = self.clock.monotonic_ns() - (known.arrivals.last_ns or 0)
            self.set_timer(node, max(0, min(left) - waited_ns))
