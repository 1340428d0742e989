"""What replicas of a conflict-free data type owe, judged by what they tell.

From what each replica asked and heard the observer computes which operations every state has seen, and from these alone
what its value has to be (`crdt_specification`):

    Strong Eventual Consistency   replicas that have seen the same operations have the same value, at once
    Value As Specified            a value is what its operations and their order of causes say
    No Resurrection               nothing is there that was undone by who had seen it
    Nothing Forgotten             a replica comes back with the version that it told last
    Merge Is Total                any two states can be merged
    Convergence                   in time after everything has healed, all have the value of all operations

The first is the "strong convergence" of Shapiro, Preguica, Baquero and Zawirski, "Conflict-free replicated data types",
SSS 2011.
"""

from __future__ import annotations

from typing import Any

from simclock import Control, Observation, Observer, Told, format_duration
from simclock.experiments.catalog.crdts.specification import Asked, chosen, resurrected, specified
from simclock.protocols.crdts.observed import Delivered, Merged, MergeRefused, Started, Updated, read

CONSISTENCY = "Strong Eventual Consistency"
VALUE = "Value As Specified"
RESURRECTION = "No Resurrection"
MEMORY = "Nothing Forgotten"
TOTAL = "Merge Is Total"
CONVERGENCE = "Convergence"
COUNT_MAX = 1 << 40
"""A count beyond any that users can reach in a run: some bugs double it with every message."""
TEXT_MAX = 120


class Histories:
    """Which operations every state of every replica has seen."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.numbers: dict[tuple[int, int], int] = {}
        """(replica, its number) -> number of all."""
        self.seen: dict[tuple[int, int], int] = {}
        """(replica, version) -> operations, as bits."""
        self.latest: dict[int, tuple[int, int, Any]] = {}
        """Replica -> (version, operations, value)."""

    def take(self, node: int, told: Told | None) -> bool:
        """Take note of what a replica told; says whether it told a value."""
        match told:
            case Started(version):
                _, seen, value = self.latest.get(node, (0, 0, None))
                self.latest[node] = (version, self.seen.get((node, version), 0), value)
                return False
            case Updated(version, number, operation, value):
                _, before, _ = self.latest.get(node, (0, 0, None))
                self.numbers[node, number] = len(self.asked)
                self.asked.append(Asked(len(self.asked), node, operation, before))
                seen = before | 1 << self.numbers[node, number]
            case Merged(version, source, source_version, value):
                seen = self.latest[node][1] | self.seen.get((source, source_version), 0)
            case Delivered(version, origin, number, value):
                seen = self.latest[node][1] | 1 << self.numbers[origin, number]
            case _:
                return False
        self.seen[node, version] = seen
        self.latest[node] = (version, seen, value)
        return True

    @property
    def everything(self) -> int:
        """All operations, as bits."""
        return (1 << len(self.asked)) - 1

    @property
    def concurrent(self) -> int:
        """How many operations were asked by a replica that had not seen all that were asked before."""
        return sum(each.seen != (1 << each.number) - 1 for each in self.asked)


class CrdtProperties(Observer):
    """Judges every value that is told. A property is named once."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._histories = Histories()
        self._specified: dict[int, Any] = {}
        self._values: dict[int, tuple[Any, int]] = {}
        self._named: set[str] = set()
        self._told_version: dict[int, int] = {}
        self._counts = {"merges": 0, "restarts": 0, "values judged": 0}

    def on_observation(self, observation: Observation, control: Control) -> None:
        node, told = observation.node, read(observation)
        match told:
            case MergeRefused(reason):
                self._violated(control, TOTAL, node, reason)
            case Started(version):
                last = self._told_version.get(node)
                self._counts["restarts"] += last is not None
                if last is not None and last != version:
                    detail = f"came back with version {version}, and had told version {last}"
                    self._violated(control, MEMORY, node, detail)
                self._told_version[node] = version
        if self._histories.take(node, told):
            version, seen, value = self._histories.latest[node]
            self._told_version[node] = version
            self._counts["merges"] += not isinstance(told, Updated)
            self._judge(control, node, seen, value)

    def _judge(self, control: Control, node: int, seen: int, value: Any) -> None:
        self._counts["values judged"] += 1
        operations = self._histories.asked
        if seen not in self._specified:
            self._specified[seen] = specified(self._kind, chosen(operations, seen))
        other, other_node = self._values.setdefault(seen, (value, node))
        if other != value:
            detail = f"{_short(value)}, where node {other_node} had {_short(other)} of the same operations"
            self._violated(control, CONSISTENCY, node, detail)
        if value != self._specified[seen]:
            self._violated(control, VALUE, node, f"{_short(value)}, specified {_short(self._specified[seen])}")
            risen = resurrected(self._kind, chosen(operations, seen), value)
            if risen:
                what = ", ".join(_short(part[0] if len(part) == 1 else part) for part in risen)
                self._violated(control, RESURRECTION, node, f"{what} is back in {_short(value)}")
        if isinstance(value, int) and abs(value) > COUNT_MAX:
            control.stop("a count beyond all that was counted")

    def _violated(self, control: Control, name: str, node: int, detail: str) -> None:
        if name not in self._named:
            self._named.add(name)
            control.violated(name, node, detail, stop=False)

    def report(self) -> dict[str, Any]:
        histories = self._histories
        everything = specified(self._kind, histories.asked)
        complete = sum(seen == histories.everything for _, seen, _ in histories.latest.values())
        current = sum(value == everything for _, _, value in histories.latest.values())
        counts = {"updates": len(histories.asked), "concurrent updates": histories.concurrent, **self._counts}
        return {**counts, "replicas that have seen all": complete, "replicas with the value of all": current}


class Converges(Observer):
    """Demands that all replicas have the value of all operations, within some time after T.

    Not that they have seen all: an operation that changes nothing, such as to add what is there, need not travel.
    """

    def __init__(self, kind: str, replicas: tuple[int, ...], within_ns: int, healed_ns: int) -> None:
        self._kind = kind
        self._replicas = replicas
        self._within_ns = within_ns
        self._due_ns = healed_ns + within_ns
        self._healed_ns = healed_ns
        self._histories = Histories()
        self._judged = False
        self._changed_ns = 0

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.time_ns >= self._due_ns:
            self._judge(control)
        before = self._histories.latest.get(observation.node)
        self._histories.take(observation.node, read(observation))
        if self._histories.latest.get(observation.node) != before:
            self._changed_ns = observation.time_ns

    def on_finish(self, control: Control) -> None:
        if control.now_ns >= self._due_ns:
            self._judge(control)

    def _judge(self, control: Control) -> None:
        if self._judged:
            return
        self._judged = True
        due = specified(self._kind, self._histories.asked)
        after = f"{format_duration(self._within_ns)} after everything healed"
        for node in self._replicas:
            _, seen, value = self._histories.latest.get(node, (0, 0, None))
            if value != due and self._histories.asked:
                missing = (self._histories.everything & ~seen).bit_count()
                detail = f"{_short(value)} {after}, {missing} operations not seen; of all it is {_short(due)}"
                control.violated(CONVERGENCE, node, detail)
                return

    def report(self) -> dict[str, int]:
        return {"converged_after_ns": max(0, self._changed_ns - self._healed_ns)}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]} ..."
