"""Nodes that take part in snapshots with one wrong line."""

from __future__ import annotations

from functools import partial
from typing import Any

from simclock import ms
from simclock.experiments.catalog.snapshots.scenario import HUNT_LIVENESS_NS
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.protocols.snapshots import (
    ChandyLamport,
    Incoming,
    LaiYang,
    Marker,
    Participant,
    Recording,
    SnapshotId,
    Transfer,
)
from simclock.protocols.snapshots.observed import Recorded
from simclock.protocols.snapshots.properties import CHANNEL_STATE, CONSERVATION, CONSISTENT_CUT, SNAPSHOT_ENDS


class RecordsWrongChannel(ChandyLamport):
    """SNAP-01: a marker ends the recording of another channel than the one it came on."""

    def channel_of(self, source: int) -> int:
        return self.others[(self.others.index(source) + 1) % len(self.others)]


class SendsMarkerLate(ChandyLamport):
    """SNAP-02: the marker leaves after the next message, not before it."""

    def send_markers(self, snapshot: SnapshotId) -> None:
        self.set_timer(("markers", snapshot), ms(20))

    def on_timer(self, timer: Any) -> None:
        match timer:
            case ("markers", tuple(snapshot)):
                super().send_markers(snapshot)
        super().on_timer(timer)


class RecordsNoChannels(ChandyLamport):
    """SNAP-03: what is under way is not recorded."""

    def on_transfer(self, source: int, transfer: Transfer) -> None:
        Participant.on_transfer(self, source, transfer)


class OvertakesMarkers(ChandyLamport):
    """SNAP-04: Chandy-Lamport over channels that are not FIFO: a message overtakes the marker."""

    fifo = False


class RecordsStateLate(ChandyLamport):
    """SNAP-05: a node sends its markers at once, and records its state when the last one has come back."""

    def settle(self, snapshot: SnapshotId) -> None:
        recording = self.recordings[snapshot]
        if not recording.open:
            recording.balance = self.balance
        super().settle(snapshot)


class RecordsAfterCrash(ChandyLamport):
    """SNAP-06: a node that lost its part in a crash records its state anew, and reports that."""

    def _lose(self, snapshot: SnapshotId) -> None:
        self.observe(Recorded(snapshot, self.balance))
        self.put(snapshot[0], Recording(self.balance, self.others).report(snapshot))


class IgnoresColour(LaiYang):
    """SNAP-07: a white node takes a red message in before it records its state."""

    def on_transfer(self, source: int, transfer: Transfer) -> None:
        super().on_transfer(source, Transfer(transfer.number, transfer.amount))


class ClosesAtMarker(LaiYang):
    """SNAP-08: the marker ends the channel's recording, though white messages are still under way."""

    def _close(self, snapshot: SnapshotId, recording: Recording, source: int) -> None:
        if source in recording.expected:
            recording.arrived[source] = recording.expected[source] - len(recording.channels[source])
        super()._close(snapshot, recording, source)


class WaitsForEver(ChandyLamport):
    """SNAP-09: a snapshot has no timeout: it waits for a node that has lost its part."""

    def _give_up(self, snapshot: SnapshotId) -> None:
        pass

    def _lose(self, snapshot: SnapshotId) -> None:
        pass


class ReportsWhatItHas(ChandyLamport):
    """SNAP-10: when the time is up, what has been reported so far is called the snapshot."""

    def _give_up(self, snapshot: SnapshotId) -> None:
        if snapshot in self.gathered:
            self._complete(snapshot, self.gathered[snapshot])


class _TakesTwice(Incoming):
    def receive(self, number: int, payload: Any) -> list[Any]:
        again = number < self.floor and isinstance(payload, Transfer)
        return [payload] if again else super().receive(number, payload)


class TakesTwice(ChandyLamport):
    """SNAP-11: a transfer that was sent again is taken in again: money is made."""

    incoming_class = _TakesTwice


class MarksOneSnapshot(ChandyLamport):
    """SNAP-12: a marker is taken as one of whichever snapshot this node records first."""

    def on_marker(self, source: int, marker: Marker) -> None:
        first = next(iter(self.recordings), marker.snapshot)
        super().on_marker(source, Marker(first if marker.snapshot in self.seen else marker.snapshot, marker.white))


class SendsBeforeDurable(ChandyLamport):
    """SNAP-13: what a step changed is written and not synced: money and markers leave before it is durable."""

    def make_durable(self) -> None:
        pass


_CHANDY = "Chandy & Lamport 1985"
_LAI = "Lai & Yang 1987"
_OWN = "a rule of protocols/snapshots left out"

_row = partial(Bug, scenario="snapshots-hunt", judged=False)
_live = partial(_row, kind=LIVENESS, liveness_ns=HUNT_LIVENESS_NS)

BUGS: tuple[Bug, ...] = (
    _row(
        id="SNAP-01",
        name="wrong-channel",
        parts={"participant": RecordsWrongChannel},
        property=CHANNEL_STATE,
        source=_CHANDY,
    ),
    _row(
        id="SNAP-02",
        name="marker-after-next",
        parts={"participant": SendsMarkerLate},
        property=CONSISTENT_CUT,
        source=_CHANDY,
    ),
    _row(
        id="SNAP-03",
        name="channel-not-recorded",
        parts={"participant": RecordsNoChannels},
        property=CHANNEL_STATE,
        source=_CHANDY,
    ),
    _row(
        id="SNAP-04", name="not-fifo", parts={"participant": OvertakesMarkers}, property=CONSISTENT_CUT, source=_CHANDY
    ),
    _row(
        id="SNAP-05",
        name="state-recorded-late",
        parts={"participant": RecordsStateLate},
        property=CONSERVATION,
        source=_CHANDY,
    ),
    _row(
        id="SNAP-06",
        name="recorded-after-crash",
        parts={"participant": RecordsAfterCrash},
        property=CONSERVATION,
        source=_OWN,
    ),
    _row(
        id="SNAP-07", name="colour-ignored", parts={"participant": IgnoresColour}, property=CONSISTENT_CUT, source=_LAI
    ),
    _row(
        id="SNAP-08",
        name="closed-at-marker",
        parts={"participant": ClosesAtMarker},
        property=CHANNEL_STATE,
        source=_LAI,
    ),
    _live(id="SNAP-09", name="no-timeout", parts={"participant": WaitsForEver}, property=SNAPSHOT_ENDS, source=_OWN),
    _row(
        id="SNAP-10",
        name="partial-called-complete",
        parts={"participant": ReportsWhatItHas},
        property=CONSERVATION,
        source=_OWN,
    ),
    _row(id="SNAP-11", name="taken-in-twice", parts={"participant": TakesTwice}, property=CONSERVATION, source=_OWN),
    _row(
        id="SNAP-12",
        name="markers-of-one",
        parts={"participant": MarksOneSnapshot},
        property=CHANNEL_STATE,
        source=_CHANDY,
    ),
    _row(
        id="SNAP-13",
        name="sent-before-durable",
        parts={"participant": SendsBeforeDurable},
        property=CONSERVATION,
        source=_OWN,
    ),
)
