"""What is kept of a run of the many-leader store, and how it is judged and told.

Always owed: Siblings Are Concurrent; and Epochs Only Grow: a server never counts in an epoch of its id, and then is in
an earlier one. Owed at the end, when all is healed and the store has come to rest: No Lost Write,
Deleted Stays Deleted, Replicas Converge, and Tombstones Go where all have to agree. Where quorums are strict, R + W > N
and no server joined or left, also Quorums Intersect and Read Your Writes; Monotonic Reads only where R = N besides,
because a write of unknown outcome may be on one replica alone.

One vector clock for all siblings (versioning=vector ids=server) keeps what has been overwritten: Siblings Are
Concurrent is not asked of it, and the report says what it cost.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simclock import Control, Observation, Observer, RunResult, Told, format_duration
from simclock.experiments.catalog.dynamo.causality import (
    Finding,
    Names,
    Pasts,
    RemovedTombstone,
    Shown,
    deleted_again,
    diverged,
    lost_writes,
    reads_going_back,
    siblings_not_concurrent,
    unseen_by_reads,
)
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.checkers.histories import Operation
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.experiments.nemesis import calm_of
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.dynamo import (
    AGREED,
    CONFLICT,
    STRICT,
    DynamoServer,
    DynamoSettings,
    Ring,
    metadata_bytes,
    written_names,
)
from simclock.protocols.dynamo.observed import (
    Delivered,
    Fenced,
    Hinted,
    Members,
    Moved,
    Received,
    Repaired,
    StandsIn,
    Suspected,
    Synchronized,
    TombstonesRemoved,
    read,
)

HANDOFF_COMPLETES = "Handoff Completes"
TOMBSTONES_GO = "Tombstones Go"
EPOCHS_GROW = "Epochs Only Grow"
HINTS_ARE_DELIVERED = "Hints Are Delivered"
STAND_INS_KEEP_HINTS = "Stand-Ins Keep Hints"
TOLD: tuple[type[Told], ...] = (
    *(Members, Suspected, Hinted, Delivered, Moved, Repaired, Synchronized),
    *(TombstonesRemoved, Fenced),
)
"""What is counted of what servers observe."""
LETTERS = 26
"""So many servers have ids of one letter and an epoch."""
DETAILS_MAX = 3
"""Findings shown for a property."""


class Conditions(NamedTuple):
    """What a judge must know of a scenario."""

    settings: DynamoSettings
    content: str
    causal: bool
    """Whether siblings are owed to be concurrent."""
    members_change: bool
    active_ns: int
    """When the last client stops calling and the last server has been told to join or leave."""
    rest_ns: int
    """What the store needs after that, and after all faults, to come to rest."""
    converges: bool
    """Whether owners are owed to hold the same then."""

    @property
    def overlapping(self) -> bool:
        """Whether every R servers have one in common with every W that took a put."""
        settings = self.settings
        return settings.quorum == STRICT and settings.r + settings.w > settings.n and not self.members_change

    @property
    def tombstones_go(self) -> bool:
        """Whether a key of which nothing but tombstones is left is owed to be gone at the end."""
        return self.settings.delete_mode == AGREED and bool(self.settings.anti_entropy_ns)


class KeepsConditions(Observer):
    """Hands the conditions to the judge."""

    reacts = False

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    def on_observation(self, observation: Observation, control: Control) -> None:
        """Nothing is observed."""

    def report(self) -> Conditions:
        return self._conditions


class HintsAreDelivered(Observer):
    """A hint is dropped only when the server it is meant for has what it holds."""

    def __init__(self) -> None:
        self._open: set[tuple[int, int, str]] = set()
        """(holder, target, key) of a hint that the target has not received since it was last changed."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        match read(observation):
            case Hinted(key, target):
                self._open.add((observation.node, target, key))
            case Received(key, holder):
                self._open.discard((holder, observation.node, key))
            case Delivered(key, target):
                if (observation.node, target, key) in self._open:
                    detail = f"it dropped its hint of {key} for server {target}, which never received it"
                    control.violated(HINTS_ARE_DELIVERED, observation.node, detail, stop=False)


class StandInsKeepHints(Observer):
    """4.6: a server that takes a write of a key that is not its own keeps it as a hint, for one of those it belongs to.

    Asked only where no server joins or leaves: with two views of the ring, a server may not know that a key is its own.
    """

    def __init__(self, settings: DynamoSettings) -> None:
        self._settings = settings
        self._ring = Ring(settings.members, settings.layout)

    def on_observation(self, observation: Observation, control: Control) -> None:
        told = StandsIn.read(observation)
        if told is None:
            return
        key, target = told.key, told.target
        if target not in self._ring.owners(key, self._settings.n):
            kept = "no hint" if target is None else f"a hint for server {target}, which does not own it"
            detail = f"it acknowledged a write of {key}, which is not its own, and keeps {kept}"
            control.violated(STAND_INS_KEEP_HINTS, observation.node, detail, stop=False)


class RecordAtEnd(NamedTuple):
    """What a server has of a key."""

    record: bytes
    values: tuple[str, ...]
    """Of the siblings that are no tombstones."""
    tombstones: tuple[str, ...]
    """The names of deletes."""
    context: tuple[tuple[Any, int], ...]
    metadata_bytes: int


class ServerAtEnd(NamedTuple):
    """What is kept of a server that is up when the run ends."""

    members: tuple[int, ...]
    hints: int
    guards: int
    epoch: int
    records: dict[str, RecordAtEnd]


def server_at_end(node: Any) -> ServerAtEnd | None:
    """What is kept of a node; None of a client."""
    if not isinstance(node, DynamoServer):
        return None
    versioning = node.versioning
    records = {
        key: RecordAtEnd(
            record=versioning.encode(record),
            values=tuple(version.value for version in versioning.versions(record) if not version.deleted),
            tombstones=tuple(version.value for version in versioning.versions(record) if version.deleted),
            context=versioning.context(record).entries,
            metadata_bytes=metadata_bytes(versioning, record),
        )
        for key, record in sorted(node.storage.records.items())
    }
    storage = node.storage
    return ServerAtEnd(storage.membership.members, len(storage.hints), len(storage.guards), storage.epoch, records)


class AtEnd(NamedTuple):
    """The store when the run ends."""

    down: str
    """Why its state is not known; empty if it is."""
    unrest: str
    """Why it had not come to rest; empty if it had."""
    held: dict[str, dict[int, bytes]]
    """Key -> owner -> its record, empty bytes where it has none."""
    records: dict[str, list[RecordAtEnd]]
    """Key -> its owners' records."""


def at_end_of(result: RunResult) -> AtEnd:
    """Gather what the owners of each key hold."""
    conditions: Conditions = result.reports["Conditions"]
    settings = conditions.settings
    servers = {server: result.final.get(server) for server in settings.servers}
    up = {server: state for server, state in servers.items() if state is not None}
    down = sorted(set(servers) - set(up))
    if down:
        return AtEnd(f"server {down[0]} is down", "", {}, {})
    views = {state.members for state in up.values()}
    if len(views) > 1:
        return AtEnd("", "servers know different members", {}, {})
    ring = Ring(views.pop(), settings.layout)
    keys = sorted({key for state in up.values() for key in state.records})
    owners = {key: ring.owners(key, settings.n) for key in keys}
    held = {key: {owner: _record(up[owner], key) for owner in owners[key]} for key in keys}
    records = {key: [up[owner].records[key] for owner in owners[key] if key in up[owner].records] for key in keys}
    hints = sum(state.hints for state in up.values())
    unowned = sum(server not in owners[key] for server, state in up.items() for key in state.records)
    unrest = f"{hints} hints and {unowned} keys are where they do not belong" if hints or unowned else ""
    guards = sum(state.guards for state in up.values())
    if guards and not unrest:
        unrest = f"{guards} guards of tombstones are not released"
    return AtEnd("", unrest, held, records)


def _record(state: ServerAtEnd, key: str) -> bytes:
    return state.records[key].record if key in state.records else b""


# Judging.


def restless(result: RunResult) -> str:
    """Why the run gave the store no time to come to rest; empty if it did."""
    conditions: Conditions = result.reports["Conditions"]
    calm = calm_of(result.happened)
    lacking = calm.lacking(result.virtual_ns, conditions.rest_ns)
    if lacking or result.virtual_ns - conditions.active_ns >= conditions.rest_ns:
        return lacking
    left = format_duration(max(0, result.virtual_ns - conditions.active_ns))
    return f"{left} are left after the last call, it takes {format_duration(conditions.rest_ns)}"


def removed_of(result: RunResult) -> tuple[RemovedTombstone, ...]:
    """The tombstones that were removed, in order of time."""
    gone = ((each.time_ns, TombstonesRemoved.read(each)) for each in recorded(result))
    return tuple(
        RemovedTombstone(time_ns, told.key, name) for time_ns, told in gone if told for name in told.tombstones
    )


def writes_of(content: str, record: RecordAtEnd) -> tuple[str, ...]:
    """The writes that a record's siblings are."""
    return (*(write_of(content, value) for value in record.values), *record.tombstones)


def write_of(content: str, value: str) -> str:
    """The write that a sibling is: its own name, or the last in its list."""
    return value if content == "name" else str(json.loads(value)[-1])


def findings(result: RunResult) -> Iterator[Finding]:
    """All that is wrong."""
    conditions: Conditions = result.reports["Conditions"]
    content = conditions.content
    operations = history_of(result)
    at_end = at_end_of(result)
    rested = not restless(result)
    yield from _epochs_forgotten(result)
    if content != "number":
        pasts = Pasts(operations)
        removed = removed_of(result)
        if conditions.causal:
            yield from siblings_not_concurrent(_shown(operations, at_end, content), pasts)
        if rested and not at_end.unrest and not at_end.down:
            yield from _wrong_at_end(conditions, operations, pasts, at_end, removed)
        if conditions.overlapping:
            names = names_of(content)
            yield from unseen_by_reads(operations, pasts, names, removed)
            if conditions.settings.r == conditions.settings.n:
                yield from reads_going_back(operations, pasts, names, removed)
    if rested and not at_end.down:
        if at_end.unrest:
            yield Finding(HANDOFF_COMPLETES, f"long after everything healed, {at_end.unrest}")
        elif conditions.converges:
            yield from diverged(at_end.held)
            if conditions.tombstones_go:
                yield from _tombstones_left(at_end)


def _wrong_at_end(
    conditions: Conditions,
    operations: Sequence[Operation],
    pasts: Pasts,
    at_end: AtEnd,
    removed: Sequence[RemovedTombstone],
) -> Iterator[Finding]:
    """Writes that are gone, and writes that are there again."""
    content = conditions.content
    held: dict[str, set[str]] = {}
    for key, records in at_end.records.items():
        held[key] = {write for record in records for write in writes_of(content, record)}
    told = {key: sorted(writes) for key, writes in held.items()}
    for each in removed:
        held.setdefault(each.key, set()).add(each.name)
    yield from lost_writes(operations, pasts, {key: sorted(writes) for key, writes in held.items()})
    if conditions.causal:
        # In a list of names, a put that never saw the delete may well tell of what the delete had seen.
        names = names_of(content) if content == "name" else lambda values: ()
        yield from deleted_again(operations, pasts, told, removed, names)


def _epochs_forgotten(result: RunResult) -> Iterator[Finding]:
    """Servers that have counted in an epoch of theirs which they know nothing of any more."""
    conditions: Conditions = result.reports["Conditions"]
    if len(conditions.settings.servers) > LETTERS:
        return
    for server, state in result.final.items():
        for key, record in {} if state is None else state.records.items():
            for id, _ in record.context:
                owner, epoch = id_of(str(id))
                known = result.final.get(owner)
                if known is not None and epoch > known.epoch:
                    detail = f"server {owner} is in epoch {known.epoch}; what server {server} has of {key} counts {id}"
                    yield Finding(EPOCHS_GROW, detail)
                    return


def id_of(text: str) -> tuple[int, int]:
    """(server, epoch) of the id that one of the first 26 servers has in clocks; (-1, 0) of any other id."""
    letter, number = text[:1], text[1:]
    if not "A" <= letter <= "Z" or not (number == "" or number.isdecimal()):
        return -1, 0
    return ord(letter) - ord("A"), int(number or 0)


def _tombstones_left(at_end: AtEnd) -> Iterator[Finding]:
    """Keys of which nothing is left but tombstones, though every server could promise."""
    for key, records in at_end.records.items():
        if records and not any(record.values for record in records):
            yield Finding(TOMBSTONES_GO, f"long after everything healed, {key} still has its tombstone")


def names_of(content: str) -> Names:
    """What tells of which writes values tell."""
    return lambda values: written_names(content, values)


def _shown(operations: Sequence[Operation], at_end: AtEnd, content: str) -> Iterator[Shown]:
    """All that was shown side by side: to clients, and what servers hold at the end."""
    for each in operations:
        result = each.result if isinstance(each.result, tuple) else ()
        if each.outcome == "ok" and result and result[0] == CONFLICT:
            writes = tuple(write_of(content, str(value)) for value in result[1:])
            yield Shown(f"a {each.function} of client {each.process}", str(each.key), writes)
    for key, records in at_end.records.items():
        for record in records:
            yield Shown("at the end", key, writes_of(content, record))


def judge(result: RunResult) -> Verdict:
    """The invariants of observers, and every property that is owed."""
    conditions: Conditions = result.reports["Conditions"]
    invariants = judge_invariants(result)
    found = list(findings(result))
    if found or invariants.status == VIOLATED:
        counts = Counter(each.property for each in found)
        lines = list(invariants.lines) if invariants.status == VIOLATED else []
        for name, count in counts.items():
            details = [each.detail for each in found if each.property == name][:DETAILS_MAX]
            lines += [f"{name} violated, {count} times" if count > 1 else f"{name} violated"]
            lines += [f"  {detail}" for detail in details]
        return Verdict(status=VIOLATED, lines=tuple(lines), properties=tuple(counts))
    at_end = at_end_of(result)
    unknown = restless(result) or at_end.down or at_end.unrest
    if unknown:
        return Verdict(status=UNKNOWN, lines=(f"{unknown}: the store could not come to rest",))
    return Verdict(status=VALID, lines=_held_lines(conditions, deletes_of(history_of(result))))


def _held_lines(conditions: Conditions, deletes: int) -> tuple[str, ...]:
    names = ["No Lost Write"] if conditions.content != "number" else []
    names += ["Deleted Stays Deleted"] if deletes and conditions.causal and conditions.content != "number" else []
    names += ["Replicas Converge"] if conditions.converges else []
    names += ["Tombstones Go"] if deletes and conditions.tombstones_go else []
    names += ["Siblings Are Concurrent"] if conditions.causal and conditions.content != "number" else []
    if conditions.overlapping and conditions.content != "number":
        names += ["Quorums Intersect", "Read Your Writes"]
        names += ["Monotonic Reads"] if conditions.settings.r == conditions.settings.n else []
    return (f"hold: {', '.join(names)}",)


# Describing.


def told(result: RunResult) -> Mapping[str, int]:
    """How often servers observed what."""
    return Counter(each.name for each in recorded(result) if isinstance(read(each), TOLD))


def deletes_of(operations: Sequence[Operation]) -> int:
    """Deletes that were acknowledged."""
    return sum(each.function == "delete" and each.outcome == "ok" for each in operations)


def conflicts(operations: Sequence[Operation]) -> int:
    """Answers with siblings."""
    return sum(
        each.outcome == "ok" and isinstance(each.result, tuple) and each.result[:1] == (CONFLICT,)
        for each in operations
    )


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Operations, conflicts, repairs, and what is kept of a key at the end."""
    operations = history_of(result)
    at_end = at_end_of(result)
    counts = told(result)
    outcomes = Counter(each.outcome for each in operations)
    records = [records[0] for records in at_end.records.values() if records]
    siblings = max((len(record.values) + len(record.tombstones) for record in records), default=0)
    tombstones = sum(bool(record.tombstones) for record in records)
    entries = max((len(record.context) for record in records), default=0)
    metadata = sum(record.metadata_bytes for record in records) // max(1, len(records))
    asked = ", ".join(f"{outcomes[kind]} {kind}" for kind in ("ok", "unknown") if outcomes[kind])
    deletes = deletes_of(operations)
    deleted = f"{deletes} acknowledged; {counts['removed']} tombstones dropped, {tombstones} keys with one at the end"
    return (
        ("operations", f"{asked}; {conflicts(operations)} answers with siblings"),
        ("hinted handoff", f"{counts['hinted']} hints, {counts['delivered']} delivered"),
        ("repairs", f"{counts['repair']} by reads, {counts['synchronized']} by anti-entropy"),
        *((("deletes", deleted),) if deletes else ()),
        ("moved", f"{counts['moved']} keys given to their owners"),
        (
            "at the end",
            f"{len(records)} keys, at most {siblings} siblings and {entries} clock entries; "
            f"{metadata} bytes of metadata a key",
        ),
    )


def sometimes(result: RunResult) -> dict[str, int]:
    """What a run has to reach now and then to show anything."""
    counts = told(result)
    operations = history_of(result)
    puts = sum(each.function == "put" and each.outcome == "ok" for each in operations)
    reached = {name: counts[name] for name in ("hinted", "delivered", "moved", "repair", "synchronized")}
    if deletes_of(operations):
        reached |= {"deletes acknowledged": deletes_of(operations), "tombstones removed": counts["removed"]}
    return {"puts acknowledged": puts, "answers with siblings": conflicts(operations)} | reached
