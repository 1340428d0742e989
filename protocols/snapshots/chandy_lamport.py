"""Snapshots by markers on FIFO channels.

    K. M. Chandy, L. Lamport, Distributed Snapshots: Determining Global States of Distributed Systems, ACM TOCS 3(1),
    1985.

The marker divides each channel: what was sent before it belongs to the past of the cut, what is sent after it does not.
It needs channels that are FIFO, or a message overtakes the marker and is counted on the wrong side.
"""

from __future__ import annotations

from simclock.protocols.snapshots.messages import Marker, Transfer
from simclock.protocols.snapshots.participant import Participant


class ChandyLamport(Participant):
    """A node that takes part in the algorithm."""

    fifo = True

    def on_marker(self, source: int, marker: Marker) -> None:
        """Marker-Receiving Rule: the first marker has the state recorded, and the channel it came on as empty; a later
        one ends the recording of its own channel."""
        snapshot = marker.snapshot
        if snapshot not in self.seen:
            self.record(snapshot)
        recording = self.recordings.get(snapshot)
        if recording is not None:
            recording.open.discard(self.channel_of(source))
            self.settle(snapshot)

    def channel_of(self, source: int) -> int:
        """The channel on which something came."""
        return source

    def on_transfer(self, source: int, transfer: Transfer) -> None:
        """The channel's state is what comes on it after the own state was recorded, and before its marker."""
        super().on_transfer(source, transfer)
        for recording in self.recordings.values():
            if source in recording.open:
                recording.channels[source].append((transfer.number, transfer.amount))
