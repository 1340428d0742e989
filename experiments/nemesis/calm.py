"""Calm: since when nothing has gone wrong any more, and which faults act for ever.

Law: what is owed eventually is owed only where there was calm for long enough. A fault that has no end leaves none,
however early it struck; a fault that changed nothing (a heal where nothing was cut) ends none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simclock import (
    AddDelay,
    CorruptRecord,
    Crash,
    Fault,
    FillDisk,
    JumpClock,
    LoseSyncs,
    MendDisk,
    Note,
    Pause,
    Restart,
    Resume,
    SetBandwidth,
    SetCorruption,
    SetDrift,
    SetLoss,
    SlowDisk,
    SlowNode,
    StartClock,
    StopClock,
    format_duration,
)
from simclock.environment.network import Delays, Links
from simclock.environment.quartz import MILLION, PARTS
from simclock.faults import NodeFault
from simclock.kernel.strikes.links import strike_links
from simclock.kernel.strikes.traffic import strike_delays
from simclock.observers import Happened

DOWN = "down"
"""The sort of standing fault that a protocol for crashes bears: who is down stays so."""
SORTS = (DOWN, "paused", "slow", "clock", "drift", "full", "lies", "slow disk", "links", "traffic")
"""Every sort of standing fault."""
DRIFT_PPB_MAX = PARTS // 1000
"""A clock that is a thousandth too fast or slow delays nothing that anybody waits for."""


class Standing(NamedTuple):
    """A fault that acts when the run ends."""

    sort: str
    text: str
    """As in "node 0 is still paused"."""


class Calm(NamedTuple):
    """What is left of the faults of a run."""

    since_ns: int
    """When the last one began or ended, or what it held back came at the latest; 0 where there was none."""
    standing: tuple[Standing, ...]

    def lacking(self, end_ns: int, settle_ns: int) -> str:
        """Why nothing that takes `settle_ns` of calm can be judged at `end_ns`; empty if it can."""
        if self.standing:
            return self.still
        calm_ns = max(0, end_ns - self.since_ns)
        if calm_ns >= settle_ns:
            return ""
        return f"the last fault ended {format_duration(calm_ns)} before the end, it takes {format_duration(settle_ns)}"

    @property
    def still(self) -> str:
        """The first fault that stands, and how many there are beside it; empty if none does."""
        if not self.standing:
            return ""
        more = len(self.standing) - 1
        return self.standing[0].text + (f" (and {more} more)" if more else "")


def calm_of(happened: Happened, *, bears: Sequence[str] = ()) -> Calm:
    """Follow a run's faults to its end; `bears` are sorts of standing faults under which the protocol goes on.

    Of a finished run that is `result.happened`, of one that an observer has seen the end of `control.happened`.
    """
    course = _Course(happened)
    for fault in happened.faults:
        course.halted_before(fault.at_ns)
        course.strike(fault)
    course.halted_before(None)
    return Calm(course.since_ns, tuple(each for each in course.standing() if each.sort not in bears))


class _Course:
    """The environment as faults change it."""

    def __init__(self, happened: Happened) -> None:
        self.since_ns = 0
        self._usual = happened.environment
        self._links = Links(happened.environment.nodes)
        self._halts = list(reversed(happened.halts))
        self._nodes: dict[tuple[int, str], str] = {}
        """(node, sort) -> how it is put."""
        self._traffic: dict[str, str] = {}
        self._delays = Delays()
        self._syncs_ns: dict[int, int] = {}

    def halted_before(self, time_ns: int | None) -> None:
        """Nodes that ended themselves earlier than that, or ever: they are down."""
        while self._halts and (time_ns is None or self._halts[-1][0] < time_ns):
            at_ns, node = self._halts.pop()
            self._nodes[node, DOWN] = f"node {node} is still down, having ended itself"
            self.since_ns = max(self.since_ns, at_ns)

    def standing(self) -> Iterator[Standing]:
        """What acts now."""
        for (_, sort), text in sorted(self._nodes.items()):
            yield Standing(sort, text)
        for text in self._links.told():
            yield Standing("links", text)
        for text in (*self._delays.told(), *self._traffic.values()):
            yield Standing("traffic", text)

    def strike(self, fault: Fault) -> None:
        """Carry out what the fault does to the environment; if it changes anything there is no calm before it."""
        before = self._state()
        held_ns = 0
        match fault:
            case Note():
                return
            case JumpClock(by_ns=0):
                return
            case JumpClock() | CorruptRecord():  # what they did stays, and they are over
                self.since_ns = max(self.since_ns, fault.at_ns)
                return
            case AddDelay():
                held_ns = self._delays.longest_ns
                strike_delays(self._delays, fault)
            case SetLoss() | SetCorruption() | SetBandwidth():
                self._strike_traffic(fault)
            case NodeFault(recorded=True, node=int(node)):
                held_ns = self._syncs_ns.get(node, 0)
                self._strike_node(fault, node)
            case _:
                strike_links(self._links, fault)
        if self._state() != before:
            self.since_ns = max(self.since_ns, fault.at_ns + held_ns)

    def _state(self) -> tuple[object, ...]:
        return dict(self._nodes), dict(self._traffic), self._delays.state(), self._links.state()

    def _strike_node(self, fault: Fault, node: int) -> None:
        def stands(sort: str, text: str) -> None:
            self._nodes[node, sort] = text

        def ends(*sorts: str) -> None:
            for sort in sorts:
                self._nodes.pop((node, sort), None)

        match fault:
            case Crash():
                ends("paused")
                stands(DOWN, f"node {node} is still down")
            case Restart():
                ends(DOWN)
            case Pause():
                if (node, DOWN) not in self._nodes:
                    stands("paused", f"node {node} is still paused")
            case Resume():
                ends("paused")
            case SlowNode(busy_ns=busy_ns) if busy_ns:
                stands("slow", f"node {node} is still slow, {format_duration(busy_ns)} an event")
            case SlowNode():
                ends("slow")
            case StopClock():
                stands("clock", f"the clock of node {node} still stands")
            case StartClock():
                ends("clock")
            case SetDrift(drift_ppb=drift_ppb) if abs(drift_ppb) > DRIFT_PPB_MAX:
                stands("drift", f"the clock of node {node} still drifts by {drift_ppb * MILLION // PARTS}ppm")
            case SetDrift():
                ends("drift")
            case FillDisk():
                stands("full", f"the disk of node {node} is still full")
            case LoseSyncs():
                stands("lies", f"the disk of node {node} still loses what is synced")
            case SlowDisk(sync_ns=sync_ns) if sync_ns > self._usual.disk.sync_ns:
                self._syncs_ns[node] = sync_ns
                stands("slow disk", f"the disk of node {node} is still slow, {format_duration(sync_ns)} a sync")
            case SlowDisk():
                self._syncs_ns.pop(node, None)
                ends("slow disk")
            case MendDisk():
                self._syncs_ns.pop(node, None)
                ends("full", "lies", "slow disk")

    def _strike_traffic(self, fault: Fault) -> None:
        usual = self._usual.network
        match fault:
            case SetLoss(loss=loss, duplication=duplication):
                worse = loss > usual.loss or duplication > usual.duplication
                text = f"loss is still {loss:g}, duplication {duplication:g}"
            case SetCorruption(detected=detected, undetected=undetected):
                worse = detected > usual.corruption or undetected > usual.undetected_corruption
                text = f"corruption is still {detected:g}, undetected {undetected:g}"
            case SetBandwidth(bytes_per_s=bytes_per_s):
                worse = bytes_per_s > 0 and (not usual.bytes_per_s or bytes_per_s < usual.bytes_per_s)
                text = f"links still carry {bytes_per_s} B/s"
        if worse:
            self._traffic[fault.kind] = text
        else:
            self._traffic.pop(fault.kind, None)
