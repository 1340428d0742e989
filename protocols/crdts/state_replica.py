"""Anti-entropy by whole states, and by delta-intervals.

Almeida, Shoker and Baquero 2018, Algorithm 2. A replica numbers its states; the deltas that led from one to the next
are kept while some neighbour lacks them, and a neighbour is sent the join of those after the last it was sent: the
delta-interval [first, version).

Law (the causal-merge condition, Definition 6): an interval is merged only into a state that has all the sender's state
`first` had. Then deltas do what whole states would have done: what is lost, doubled or out of order leads to a repeated
interval, or to the whole state where the deltas are kept no longer, never to a gap.

Deviation: the paper sends from what is *acknowledged*, so that no receiver need check; here it is from what was *sent*,
which repeats less, and the receiver checks. A refusal or a time-out goes back to what is acknowledged.
Deviation: of what is heard only the news are kept to be handed on, and not to where they came from (Enes, Almeida,
Baquero and Leitao, "Efficient synchronization of state-based CRDTs", ICDE 2019: "remove redundant state" and "avoid
back-propagation"). Without, deltas cost about what whole states do wherever there is more than one way to a replica.
"""

from __future__ import annotations

from typing import Any

from simclock.protocols.crdts.crdt import CannotMerge, Crdt, Operation
from simclock.protocols.crdts.messages import DeltaPush, PushAck, StatePush
from simclock.protocols.crdts.observed import Merged, MergeRefused
from simclock.protocols.crdts.replica import Replica
from simclock.protocols.crdts.settings import ReplicaSettings


class StateReplica(Replica):
    """Sends its whole state."""

    def __init__(self, settings: ReplicaSettings, crdt: type[Crdt]) -> None:
        super().__init__(settings, crdt)
        # Durable.
        self.have: dict[int, int] = {}
        """Neighbour -> all that its state of that version had is in this state."""
        # Volatile.
        self.acknowledged: dict[int, int] = {}
        """Neighbour -> all that this replica's state of that version had is in its state; <= version."""
        self.sent: dict[int, int] = {}
        """Neighbour -> the version it was sent last; acknowledged <= sent <= version."""

    def recover(self) -> None:
        stored = self.disk.read("replica")
        if stored is not None:
            state, self.version, self.updates, have = stored
            self.state = self.crdt.decode(state)
            self.have = dict(have)

    def _store(self) -> None:
        have = tuple(sorted(self.have.items()))
        self.disk.write("replica", (self.state.encode(), self.version, self.updates, have))
        self.disk.sync()

    def _has_all(self, neighbour: int) -> None:
        """Its state is equal to this one, as it has just said: it need not be told."""
        self.acknowledged[neighbour] = self.sent[neighbour] = self.version

    def carry_out(self, operation: Operation) -> None:
        delta = self.state.delta(self.id, operation)
        self.state = self.state.merge(delta)
        self._keep(delta, self.id)
        self._store()

    def _keep(self, delta: Crdt, source: int) -> None:
        """A delta led from the version before to this one."""

    # Telling.

    def has_news(self, neighbour: int) -> bool:
        return self.sent.get(neighbour, 0) < self.version

    def is_unacknowledged(self, neighbour: int) -> bool:
        return self.acknowledged.get(neighbour, 0) < self.version

    def push_again(self, neighbour: int) -> None:
        self.sent[neighbour] = self.acknowledged.get(neighbour, 0)

    def push(self, neighbour: int) -> None:
        self.sent[neighbour] = self.version
        self.post(neighbour, StatePush(self.version, self.state.encode()))

    # Hearing.

    def on_message(self, source: int, message: Any) -> None:
        self.heard_from(source)
        match message:
            case StatePush(version, state):
                self._merge(source, version, self.crdt.decode(state))
            case DeltaPush(first, version, delta):
                if self._may_merge(source, first):
                    self._merge(source, version, self.crdt.decode(delta))
                else:
                    self.post(source, PushAck(self.have.get(source, 0), True))
            case PushAck(version, gap):
                if version > self.acknowledged.get(source, 0):
                    self.acknowledged[source] = version
                    self.acknowledged_more(source)
                if gap:
                    self.push_again(source)
                self.sent[source] = max(self.acknowledged.get(source, 0), self.sent.get(source, 0))

    def _may_merge(self, source: int, first: int) -> bool:
        """Definition 6: this state has all that the source's state `first` had."""
        return first <= self.have.get(source, 0)

    def _merge(self, source: int, version: int, heard: Crdt) -> None:
        try:
            merged = self.state.merge(heard)
        except CannotMerge as refusal:
            self.observe(MergeRefused(str(refusal)))
            return
        if merged != self.state:
            news = heard.beyond(self.state)
            self.state = merged
            self.version += 1
            self._keep(news, source)
        if merged == heard:
            self._has_all(source)
        self.have[source] = max(version, self.have.get(source, 0))
        self._store()
        self.observe(Merged(self.version, source, version, self.told_value()))
        self.post(source, PushAck(self.have[source], False))


class DeltaReplica(StateReplica):
    """Sends what has changed since it last told a neighbour."""

    def __init__(self, settings: ReplicaSettings, crdt: type[Crdt]) -> None:
        super().__init__(settings, crdt)
        # Volatile, as in the paper: after a crash everyone is sent the whole state, once.
        self.deltas: dict[int, tuple[Crdt, int]] = {}
        """Version -> the delta that led to it, and who it came from; versions without a gap, up to this one."""
        self.whole_states = 0
        """How often a whole state was sent because deltas were missing."""

    def _keep(self, delta: Crdt, source: int) -> None:
        self.deltas[self.version] = (delta, source)
        others = (self.acknowledged.get(node, 0) for node in range(self.nodes) if node != self.id)
        everyone_has = min(others, default=self.version)
        while self.deltas:
            oldest = next(iter(self.deltas))  # in order of version
            if oldest > everyone_has and len(self.deltas) <= self.settings.deltas_max:
                break
            del self.deltas[oldest]

    def _has_all(self, neighbour: int) -> None:
        """An interval may only begin where the neighbour has said that it is; a whole state does not tell it."""

    def push(self, neighbour: int) -> None:
        first = self.sent.get(neighbour, 0)
        if first + 1 not in self.deltas:
            self.whole_states += 1
            super().push(neighbour)
            return
        interval = self.crdt()
        for version in range(first + 1, self.version + 1):
            delta, source = self.deltas[version]
            if source != neighbour:
                interval = interval.merge(delta)
        self.sent[neighbour] = self.version
        self.post(neighbour, DeltaPush(first, self.version, interval.encode()))
