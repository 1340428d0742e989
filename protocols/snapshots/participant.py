"""What every snapshot algorithm needs: who begins one, what each node records, who hears of it, and how it ends.

Law 1: a snapshot ends at its initiator as complete or as failed, in time, whatever the others do.
Law 2: a node records its state for a snapshot once, also over a crash. What it has recorded is in memory alone, so a
       node that comes back has lost its part, says so, and does not take part in that snapshot again: a state recorded
       after the crash would belong to another cut.
Law 3: a node reports when its part is whole, and never before.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.snapshots.bank import Bank
from simclock.protocols.snapshots.messages import Failed, Marker, Report, SnapshotId, Transfer
from simclock.protocols.snapshots.observed import Completed, GivenUp, Initiated, Recorded
from simclock.protocols.snapshots.settings import SnapshotSettings

SNAPSHOTS_MAX = 1 << 24
"""That an incarnation begins: what is numbered from 0 in the next begins there."""


class Recording:
    """One node's part of one snapshot."""

    def __init__(self, balance: int, sources: list[int]) -> None:
        self.balance = balance
        self.channels: dict[int, list[tuple[int, int]]] = {source: [] for source in sources}
        """Source -> (number, amount) of the transfers that were under way from there."""
        self.open: set[int] = set(sources)
        """Sources from which something may still have to be recorded."""
        self.expected: dict[int, int] = {}
        """Lai-Yang: source -> how many white transfers there are on the channel from it."""
        self.arrived: dict[int, int] = {}
        """Lai-Yang: source -> how many of them had arrived before."""

    def report(self, snapshot: SnapshotId) -> Report:
        """For the initiator."""
        kept = sorted(self.channels.items())
        channels = tuple((source, tuple(amount for _, amount in transfers)) for source, transfers in kept)
        return Report(snapshot, self.balance, channels)


class Participant(Bank):
    """A node that takes part in snapshots; the algorithm is in the class that derives from it."""

    def __init__(self, settings: SnapshotSettings) -> None:
        super().__init__(settings)
        self.seen: set[SnapshotId] = set()
        """Snapshots for which it has recorded its state, or never will; persistent (Law 2)."""
        self.recordings: dict[SnapshotId, Recording] = {}
        """Its parts that are not whole yet, in order of their beginning."""
        self.gathered: dict[SnapshotId, dict[int, Report]] = {}
        """Initiator: the snapshots that have not ended, and the reports so far."""
        self.begun = 0
        """Snapshots begun by this incarnation."""

    def on_start(self) -> None:
        super().on_start()
        self.seen = set(self.disk.read("seen", ()))
        for snapshot in self.disk.read("unfinished", ()):
            self._lose(snapshot)
        self._next_snapshot()
        self._end_step()

    def _lose(self, snapshot: SnapshotId) -> None:
        """Law 2: its part went with the crash."""
        if snapshot[0] == self.id:
            self.observe(GivenUp(snapshot, "its initiator crashed"))
            for other in self.others:
                self.put(other, Failed(snapshot))
        else:
            self.put(snapshot[0], Failed(snapshot))
        self._changed.add("unfinished")

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "snapshot":
                self.initiate()
                self._next_snapshot()
            case ("give up", tuple(snapshot)):
                self._give_up(snapshot)
        super().on_timer(timer)

    def deliver(self, source: int, payload: Any) -> None:
        match payload:
            case Transfer():
                self.on_transfer(source, payload)
            case Marker():
                self.on_marker(source, payload)
            case Report(snapshot):
                self._gather(source, snapshot, payload)
            case Failed(snapshot):
                self._on_failed(source, snapshot)

    # What the algorithm decides.

    def on_transfer(self, source: int, transfer: Transfer) -> None:
        """Money arrives: which snapshots record it as under way?"""
        super().deliver(source, transfer)

    def on_marker(self, source: int, marker: Marker) -> None:
        """Another node has recorded its state."""
        raise NotImplementedError

    # A snapshot at its initiator.

    def _next_snapshot(self) -> None:
        if self.settings.snapshot_ns:
            self.set_timer("snapshot", self.random.exponential_ns(self.settings.snapshot_ns))

    def initiate(self) -> None:
        """Begin a snapshot: any node may, at any time."""
        snapshot = (self.id, self.incarnation * SNAPSHOTS_MAX + self.begun)
        self.begun += 1
        self.observe(Initiated(snapshot))
        self.gathered[snapshot] = {}
        self.set_timer(("give up", snapshot), self.settings.timeout_ns)
        self.record(snapshot)

    def _gather(self, source: int, snapshot: SnapshotId, report: Report) -> None:
        reports = self.gathered.get(snapshot)
        if reports is None:
            return  # it has ended
        reports[source] = report
        if len(reports) == self.nodes:
            self._complete(snapshot, reports)

    def _complete(self, snapshot: SnapshotId, reports: dict[int, Report]) -> None:
        del self.gathered[snapshot]
        self.cancel_timer(("give up", snapshot))
        self._changed.add("unfinished")
        states = tuple((node, reports[node].balance) for node in sorted(reports))
        channels = tuple(
            (source, target, amounts) for target in sorted(reports) for source, amounts in reports[target].channels
        )
        self.observe(Completed(snapshot, states, channels))

    def _give_up(self, snapshot: SnapshotId) -> None:
        """Law 1: the time is up. Who is not the initiator forgets its part: the initiator gave up long ago."""
        reports = self.gathered.get(snapshot)
        if reports is None:
            self.recordings.pop(snapshot, None)
            self._changed.add("unfinished")
            return
        own = self.recordings.get(snapshot)
        what = "report" if own is None else "marker"
        missing = [node for node in range(self.nodes) if node not in reports] if own is None else sorted(own.open)
        self._fail(snapshot, f"no {what} of node {', '.join(map(str, missing))} in time")

    def _fail(self, snapshot: SnapshotId, reason: str) -> None:
        self.gathered.pop(snapshot, None)
        self.recordings.pop(snapshot, None)
        self.cancel_timer(("give up", snapshot))
        self._changed.add("unfinished")
        self.observe(GivenUp(snapshot, reason))
        for other in self.others:
            self.put(other, Failed(snapshot))

    def _on_failed(self, source: int, snapshot: SnapshotId) -> None:
        if snapshot in self.gathered:
            self._fail(snapshot, f"node {source} crashed, and lost its part")
        else:
            self.recordings.pop(snapshot, None)
            self._remember(snapshot)

    # A snapshot at any node.

    def record(self, snapshot: SnapshotId) -> None:
        """Record the own state, and tell everybody at once."""
        self._remember(snapshot)
        if snapshot[0] != self.id:
            self.set_timer(("give up", snapshot), 2 * self.settings.timeout_ns)
        self.recordings[snapshot] = self.recorded_state(snapshot)
        self.send_markers(snapshot)
        self.settle(snapshot)

    def recorded_state(self, snapshot: SnapshotId) -> Recording:
        """The own state, now."""
        self.observe(Recorded(snapshot, self.balance))
        return Recording(self.balance, self.others)

    def send_markers(self, snapshot: SnapshotId) -> None:
        """On every channel, before anything else is sent there."""
        for other in self.others:
            self.put(other, Marker(snapshot, self.transfers[other]))

    def settle(self, snapshot: SnapshotId) -> None:
        """Law 3: report, once no channel is open."""
        recording = self.recordings[snapshot]
        if recording.open:
            return
        del self.recordings[snapshot]
        self._changed.add("unfinished")
        if snapshot[0] != self.id:
            self.cancel_timer(("give up", snapshot))
        report = recording.report(snapshot)
        if snapshot[0] == self.id:
            self._gather(self.id, snapshot, report)
        else:
            self.put(snapshot[0], report)

    def _remember(self, snapshot: SnapshotId) -> None:
        self.seen.add(snapshot)
        self._changed.update(("seen", "unfinished"))

    def _kept(self, name: str) -> Any:
        match name:
            case "seen":
                return tuple(sorted(self.seen))
            case "unfinished":
                return tuple(sorted({*self.recordings, *self.gathered}))
        return super()._kept(name)
