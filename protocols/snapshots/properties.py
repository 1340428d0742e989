"""What has to hold of snapshots, judged from outside: by vector clocks that the nodes know nothing of.

    Consistent Cut   Mattern's criterion: with V the vector clock of each node's recording, no node has heard of more
                     events of a node than had happened there when it recorded (V_i[j] <= V_j[j] for all i, j). The
                     events are transfers sent and received, and recordings
    Channel State    what is reported as under way is what had been sent before its sender recorded, and had not been
                     received when its receiver did
    Conservation     nodes and channels together have the money that there is
    Snapshot Ends    from T on, every snapshot is complete or has failed within a stated time, and some are complete

`Cuts` keeps the books for the first three; a snapshot is judged when its initiator says that it is complete, so one
that fails is never taken for a lie.
"""

from __future__ import annotations

from typing import Any

from simclock import Control, Observation, Observer, format_duration
from simclock.protocols.snapshots.messages import SnapshotId
from simclock.protocols.snapshots.observed import Completed, GivenUp, Initiated, Received, Recorded, Sent, read

CONSISTENT_CUT = "Consistent Cut"
CHANNEL_STATE = "Channel State"
CONSERVATION = "Conservation"
SNAPSHOT_ENDS = "Snapshot Ends"

Link = tuple[int, int]
"""(source, target)."""


class Cut:
    """Where one snapshot cuts the run."""

    def __init__(self) -> None:
        self.clocks: dict[int, tuple[int, ...]] = {}
        """Node -> its vector clock when it recorded."""
        self.sent: dict[Link, int] = {}
        """Channel -> how many transfers its source had sent when it recorded."""
        self.pending: dict[Link, frozenset[int]] = {}
        """Channel -> the numbers of the transfers that were under way when its target recorded."""
        self.known: dict[Link, int] = {}
        """Channel -> how many had been sent on it when its target recorded."""

    def crossing(self, link: Link) -> list[int]:
        """The numbers of the transfers that cross the cut from its past to its future."""
        sent = self.sent[link]
        early = {number for number in self.pending[link] if number < sent}
        return sorted(early | set(range(self.known[link], sent)))

    def broken_by(self) -> tuple[int, int] | None:
        """(i, j) where i has heard of something at j that j recorded too early for; None of a consistent cut."""
        for i, heard in self.clocks.items():
            for j, own in self.clocks.items():
                if heard[j] > own[j]:
                    return i, j
        return None


class Cuts(Observer):
    """Keeps the transfers of a run and the cuts of its snapshots, and judges each that is complete."""

    def __init__(self, nodes: int, total: int) -> None:
        self._nodes = nodes
        self._total = total
        self._clocks = [[0] * nodes for _ in range(nodes)]
        self._amounts: dict[Link, list[int]] = {}
        """Channel -> the amounts sent on it, by number."""
        self._stamps: dict[Link, dict[int, tuple[int, ...]]] = {}
        """Channel -> the vector clocks of the transfers that are under way."""
        self._cuts: dict[SnapshotId, Cut] = {}
        self._counts = {"initiated": 0, "complete": 0, "failed": 0, "under_way": 0, "at_once_max": 0, "repeated": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        node = observation.node
        match read(observation):
            case Sent(target, number, amount):
                self._sent((node, target), number, amount, control)
            case Received(source, number):
                self._received((source, node), number, control)
            case Initiated(snapshot):
                self._cuts[snapshot] = Cut()
                self._counts["initiated"] += 1
                self._counts["at_once_max"] = max(self._counts["at_once_max"], len(self._cuts))
            case Recorded(snapshot) if snapshot in self._cuts:
                self._recorded(self._cuts[snapshot], node)
            case Completed(snapshot) as told:
                self._counts["complete"] += 1
                cut = self._cuts.pop(snapshot, None)
                if cut is None:
                    detail = f"snapshot {snapshot[0]}.{snapshot[1]} is complete, and had ended or was never begun"
                    control.violated(CONSISTENT_CUT, node, detail)
                else:
                    self._judge(cut, node, told, control)
            case GivenUp(snapshot):
                self._counts["failed"] += 1
                self._cuts.pop(snapshot, None)

    def _tick(self, node: int) -> tuple[int, ...]:
        self._clocks[node][node] += 1
        return tuple(self._clocks[node])

    def _sent(self, link: Link, number: int, amount: int, control: Control) -> None:
        amounts = self._amounts.setdefault(link, [])
        if number != len(amounts):
            source, target = link
            detail = f"sends transfer {number} to node {target}, and {len(amounts)} is next: its books are not its own"
            control.violated(CONSERVATION, source, detail)
            return
        amounts.append(amount)
        self._stamps.setdefault(link, {})[number] = self._tick(link[0])

    def _received(self, link: Link, number: int, control: Control) -> None:
        stamp = self._stamps.get(link, {}).pop(number, None)
        if stamp is None:
            self._counts["repeated"] += 1
            source, target = link
            detail = f"transfer {number} from node {source} arrived again at node {target}: money was made"
            control.violated(CONSERVATION, target, detail)
            return
        own = self._clocks[link[1]]
        self._clocks[link[1]] = [max(one, other) for one, other in zip(own, stamp, strict=True)]
        self._tick(link[1])

    def _recorded(self, cut: Cut, node: int) -> None:
        cut.clocks[node] = self._tick(node)
        for other in range(self._nodes):
            if other != node:
                cut.sent[node, other] = len(self._amounts.get((node, other), ()))
                link = (other, node)
                cut.known[link] = len(self._amounts.get(link, ()))
                cut.pending[link] = frozenset(self._stamps.get(link, ()))

    def _judge(self, cut: Cut, node: int, told: Completed, control: Control) -> None:
        name = f"snapshot {told.snapshot[0]}.{told.snapshot[1]}"
        lacking = [other for other in range(self._nodes) if other not in cut.clocks]
        broken = cut.broken_by()
        if lacking:
            control.violated(CONSISTENT_CUT, node, f"{name} is complete, and node {lacking[0]} has recorded nothing")
        elif broken is not None:
            i, j = broken
            detail = f"{name}: node {i} recorded after hearing of what node {j} did after it had recorded"
            control.violated(CONSISTENT_CUT, node, detail)
        else:
            self._judge_channels(cut, node, told, control)
        total = sum(balance for _, balance in told.balances) + sum(sum(amounts) for _, _, amounts in told.channels)
        self._counts["under_way"] += sum(len(amounts) for _, _, amounts in told.channels)
        if total != self._total:
            control.violated(CONSERVATION, node, f"{name} counts {total}, and there is {self._total}")

    def _judge_channels(self, cut: Cut, node: int, told: Completed, control: Control) -> None:
        snapshot = told.snapshot
        recorded = {(source, target): sorted(amounts) for source, target, amounts in told.channels}
        for link in sorted(cut.sent):
            amounts = self._amounts.get(link, [])
            crossing = sorted(amounts[number] for number in cut.crossing(link))
            if recorded.get(link) != crossing:
                source, target = link
                detail = (
                    f"snapshot {snapshot[0]}.{snapshot[1]}: under way from node {source} to {target} was "
                    f"{_list(crossing)}, and is recorded as {_list(recorded.get(link, []))}"
                )
                control.violated(CHANNEL_STATE, node, detail)
                return

    def report(self) -> dict[str, int]:
        return {**self._counts, "total": self._total}


def _list(amounts: list[int]) -> str:
    return " + ".join(map(str, amounts)) or "nothing"


class SnapshotEnds(Observer):
    """Every snapshot ends in time, from T on; and one that was begun after T is complete."""

    def __init__(self, within_ns: int, healed_ns: int = 0) -> None:
        self._within_ns = within_ns
        self._healed_ns = healed_ns
        self._open: dict[SnapshotId, int] = {}
        """When each began; oldest first."""
        self._due: bool = False
        """Whether a snapshot was begun after T, early enough to be complete."""
        self._completed = False
        self._told = False

    def on_observation(self, observation: Observation, control: Control) -> None:
        self._judge(control)
        match read(observation):
            case Initiated(snapshot):
                self._open[snapshot] = observation.time_ns
            case Completed(snapshot) | GivenUp(snapshot) as told:
                begun_ns = self._open.pop(snapshot, None)
                if begun_ns is not None and begun_ns >= self._healed_ns:
                    self._due = True
                    self._completed |= isinstance(told, Completed)

    def on_finish(self, control: Control) -> None:
        self._judge(control)
        if self._due and not self._completed and not self._told:
            detail = (
                "no snapshot begun after everything healed was complete (is the timeout too short for this network?)"
            )
            control.violated(SNAPSHOT_ENDS, -1, detail)

    def _judge(self, control: Control) -> None:
        if self._told or not self._open:
            return
        snapshot, begun_ns = next(iter(self._open.items()))
        if control.now_ns - max(begun_ns, self._healed_ns) > self._within_ns:
            self._told = True
            within = format_duration(self._within_ns)
            detail = f"snapshot {snapshot[0]}.{snapshot[1]} is neither complete nor failed after {within}"
            control.violated(SNAPSHOT_ENDS, snapshot[0], detail)

    def report(self) -> dict[str, Any]:
        return {"open": len(self._open), "completed_after_healing": self._completed}
