"""Snapshots by colours on channels that need not be FIFO.

    T. H. Lai, T. H. Yang, On Distributed Snapshots, Information Processing Letters 25(3), 1987.
    F. Mattern, Efficient Algorithms for Distributed Snapshots and Global Virtual Time Approximation, Journal of
    Parallel and Distributed Computing 18(4), 1993.

Every node is white and becomes red when it records its state; a message has the colour of its sender. A white node that
meets a red message records its state *before* it takes the message in. White messages that a red node receives were
under way when the cut was made.

Deviation: Lai and Yang have each node send along the history of all it sent and received, and take the difference for
the channels' states. Here each node says how many white transfers it has sent on each channel (Mattern's counters), and
the receiver waits until it has had as many; the white ones that come late are the channel's state. The count travels
in a marker, which also turns a node red that gets no red message for a long time; it may overtake and be overtaken.

Several snapshots may be under way at once: a message carries the ids of those for which its sender is red and not yet
sure that everybody is. A node is sure when it has a marker from each.
"""

from __future__ import annotations

from msgspec.structs import replace

from simclock.protocols.snapshots.messages import Marker, SnapshotId, Transfer
from simclock.protocols.snapshots.participant import Participant, Recording
from simclock.protocols.snapshots.settings import SnapshotSettings


class LaiYang(Participant):
    """A node that takes part in the algorithm."""

    fifo = False

    def __init__(self, settings: SnapshotSettings) -> None:
        super().__init__(settings)
        self.arrived: dict[int, int] = {}
        """Source -> how many transfers from there have been taken in; persistent."""

    def on_start(self) -> None:
        self.arrived = dict(self.disk.read("arrived", ((other, 0) for other in self.others)))
        super().on_start()

    def coloured(self, transfer: Transfer) -> Transfer:
        """Red for every snapshot that this node has recorded and is not sure of."""
        return replace(transfer, red=tuple(self.recordings))

    def recorded_state(self, snapshot: SnapshotId) -> Recording:
        recording = super().recorded_state(snapshot)
        recording.arrived = dict(self.arrived)
        return recording

    def on_transfer(self, source: int, transfer: Transfer) -> None:
        for snapshot in transfer.red:
            if snapshot not in self.seen:
                self.record(snapshot)
        super().on_transfer(source, transfer)
        self.arrived[source] += 1
        self._changed.add("arrived")
        for snapshot, recording in list(self.recordings.items()):
            if snapshot not in transfer.red and source in recording.open:
                recording.channels[source].append((transfer.number, transfer.amount))
                self._close(snapshot, recording, source)

    def on_marker(self, source: int, marker: Marker) -> None:
        snapshot = marker.snapshot
        if snapshot not in self.seen:
            self.record(snapshot)
        recording = self.recordings.get(snapshot)
        if recording is not None:
            recording.expected[source] = marker.white
            self._close(snapshot, recording, source)

    def _close(self, snapshot: SnapshotId, recording: Recording, source: int) -> None:
        """The channel is recorded when every white transfer has arrived.

        A sender that is sure sends without the colour again, and that may overtake its marker: what has a number from
        the marker's count on is red all the same.
        """
        expected = recording.expected.get(source)
        if expected is None:
            return
        white = [transfer for transfer in recording.channels[source] if transfer[0] < expected]
        recording.channels[source] = white
        if recording.arrived[source] + len(white) == expected:
            recording.open.discard(source)
            self.settle(snapshot)

    def _kept(self, name: str) -> object:
        return tuple(self.arrived.items()) if name == "arrived" else super()._kept(name)
