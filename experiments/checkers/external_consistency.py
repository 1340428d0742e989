"""Whether a history of transactions is externally consistent in the order of its timestamps (Spanner 4.1.2).

    External Consistency   what ended before another began, in true time, has the smaller timestamp
    Timestamp Order        every read returned what a replay of all commits in timestamp order has there
    Repeatable Snapshot    two reads of a key at one timestamp returned the same
    Atomic Commit          a transaction has one outcome and one timestamp, wherever it is asked, and at every
                           participant

The first two together are strict serializability, with the timestamps as the witness: the transactions can be put into
one order that explains every read, and that order respects true time.

A read-only transaction has no commit. It counts as ended at the earlier of its timestamp and its true end, or at the
newest version that it saw if that is later: from then on nobody may be put before that version.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from simclock import format_duration

EXTERNAL_CONSISTENCY = "External Consistency"
TIMESTAMP_ORDER = "Timestamp Order"
REPEATABLE = "Repeatable Snapshot"
ATOMIC = "Atomic Commit"

WRITE, READ, SNAPSHOT = "write", "read", "snapshot"
OK, ABORTED, UNKNOWN = "ok", "aborted", "unknown"


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A transaction as its client knew it; times are true times."""

    id: int
    kind: str
    """"write", "read" (of the present) or "snapshot" (of the past)."""
    began_ns: int
    ended_ns: int | None = None
    """None while it is open."""
    outcome: str = UNKNOWN
    timestamp: int | None = None
    """As the client heard it; of an unknown outcome what the servers say is taken."""
    seen: tuple[tuple[int, int, int], ...] = ()
    """(key, timestamp, value) of what it read; (key, 0, 0) where there was nothing."""
    writes: tuple[tuple[int, int], ...] = ()
    """(key, value)."""


@dataclass(frozen=True)
class Finding:
    """A property that does not hold, the first transaction that shows it, and how many do."""

    property: str
    transaction: int
    detail: str
    other: int | None = None
    """Of a pair, the earlier transaction."""
    count: int = 1

    def __str__(self) -> str:
        more = f" (and {self.count - 1:,} more)" if self.count > 1 else ""
        return f"{self.property}: {self.detail}{more}"


@dataclass
class Judgement:
    """What was found, and how much there was to judge."""

    findings: dict[str, Finding] = field(default_factory=dict)
    committed: int = 0
    ordered: int = 0
    """Transactions that began after another had ended: each was compared with the latest of those."""
    replayed: int = 0
    """Reads compared with the replay."""
    repeated: int = 0
    """Reads of a key and timestamp that had been read before."""

    @property
    def holds(self) -> bool:
        return not self.findings

    def found(self, name: str, transaction: int, detail: str, other: int | None = None) -> None:
        """Keep the first example of each property, and count."""
        first = self.findings.get(name)
        if first is None:
            self.findings[name] = Finding(name, transaction, detail, other)
        else:
            self.findings[name] = replace(first, count=first.count + 1)


def check_external_consistency(
    transactions: Sequence[Transaction],
    timestamps: Mapping[int, Iterable[int]] | None = None,
    aborted: Mapping[int, Sequence[int]] | None = None,
) -> Judgement:
    """Judge a history.

    `timestamps` is what the servers committed: transaction -> every timestamp it was given by anyone. Without it a
    transaction of unknown outcome counts as not committed. `aborted` is which servers aborted: transaction -> nodes.
    """
    judgement = Judgement()
    given = {transaction: sorted(set(found)) for transaction, found in (timestamps or {}).items()}
    committed: dict[int, int] = {}
    for each in transactions:
        _check_outcome(each, given.get(each.id, []), (aborted or {}).get(each.id, ()), judgement)
        timestamp = _timestamp(each, given)
        if each.kind == WRITE and timestamp is not None:
            committed[each.id] = timestamp
    judgement.committed = len(committed)
    _check_order(transactions, committed, judgement)
    _check_reads(transactions, committed, judgement)
    _check_repeats(transactions, judgement)
    return judgement


def _timestamp(each: Transaction, given: Mapping[int, Sequence[int]]) -> int | None:
    if each.outcome == OK:
        return each.timestamp
    found = given.get(each.id)
    return found[0] if found else None


def _check_outcome(each: Transaction, given: Sequence[int], aborted: Sequence[int], judgement: Judgement) -> None:
    if given and aborted:
        detail = f"transaction {each.id} is committed at {_time(given[0])}, and node {aborted[0]} aborts it"
        judgement.found(ATOMIC, each.id, detail)
    if len(given) > 1:
        judgement.found(ATOMIC, each.id, f"transaction {each.id} is committed at {' and at '.join(map(_time, given))}")
    elif given and each.outcome == ABORTED:
        judgement.found(ATOMIC, each.id, f"transaction {each.id} is aborted, and committed at {_time(given[0])}")
    elif given and each.outcome == OK and each.kind == WRITE and each.timestamp != given[0]:
        detail = (
            f"transaction {each.id} is committed at {_time(given[0])}, and its client hears {_time(each.timestamp)}"
        )
        judgement.found(ATOMIC, each.id, detail)


def _check_order(transactions: Sequence[Transaction], committed: Mapping[int, int], judgement: Judgement) -> None:
    """Everybody against the largest timestamp of those that had ended when it began."""
    ended = sorted(
        (each.ended_ns, _order_timestamp(each), each.id)
        for each in transactions
        if each.outcome == OK and each.ended_ns is not None
    )
    position, largest, largest_id = 0, -1, -1
    for each in sorted(transactions, key=lambda each: (each.began_ns, each.id)):
        while position < len(ended) and ended[position][0] < each.began_ns:
            if ended[position][1] > largest:
                _, largest, largest_id = ended[position]
            position += 1
        timestamp = committed.get(each.id) if each.kind == WRITE else each.timestamp
        if each.kind == SNAPSHOT or timestamp is None or position == 0:
            continue
        judgement.ordered += 1
        if timestamp < largest or (each.kind == WRITE and timestamp == largest):
            detail = (
                f"transaction {largest_id} of timestamp {_time(largest)} had ended when transaction {each.id} began, "
                f"which has the timestamp {_time(timestamp)}"
            )
            judgement.found(EXTERNAL_CONSISTENCY, each.id, detail, largest_id)


def _order_timestamp(each: Transaction) -> int:
    """Before which nobody may come who begins when this one has ended."""
    newest = max((timestamp for _, timestamp, _ in each.seen), default=0)
    assert each.timestamp is not None and each.ended_ns is not None, "it has ended well"
    if each.kind == WRITE:
        return each.timestamp
    return newest if each.kind == SNAPSHOT else max(newest, min(each.timestamp, each.ended_ns))


def _check_reads(transactions: Sequence[Transaction], committed: Mapping[int, int], judgement: Judgement) -> None:
    """Replay all commits in timestamp order."""
    versions: dict[int, list[tuple[int, int]]] = {}
    for each in transactions:
        if each.id in committed:
            for key, value in each.writes:
                versions.setdefault(key, []).append((committed[each.id], value))
    for key, written in versions.items():
        written.sort()
        for (one, first), (other, second) in pairwise(written):
            if one == other:
                detail = f"key {key} has two versions of timestamp {_time(one)}: {first} and {second}"
                judgement.found(TIMESTAMP_ORDER, second, detail)
    for each in transactions:
        last = committed[each.id] - 1 if each.id in committed else each.timestamp
        for key, timestamp, value in each.seen:
            judgement.replayed += 1
            aborted = each.kind == WRITE and each.id not in committed
            wrong = _wrong_read(key, (timestamp, value), versions.get(key, []), None if aborted else last)
            if wrong:
                judgement.found(TIMESTAMP_ORDER, each.id, f"transaction {each.id} {wrong}")


def _wrong_read(key: int, found: tuple[int, int], written: Sequence[tuple[int, int]], last: int | None) -> str:
    """What is wrong with a read of the newest version up to `last`; None where it need only be committed."""
    if last is None:
        fine = found == (0, 0) or found in written
        return "" if fine else f"reads {_say(key, found)}, which nobody committed"
    position = bisect_right(written, last, key=lambda version: version[0])
    expected = written[position - 1] if position else (0, 0)
    return (
        ""
        if found == expected
        else f"reads {_say(key, found)}; up to {_time(last)} the newest is {_say(key, expected)}"
    )


def _check_repeats(transactions: Sequence[Transaction], judgement: Judgement) -> None:
    read: dict[tuple[int, int | None], tuple[tuple[int, int], int]] = {}
    for each in transactions:
        if each.kind == WRITE:
            continue
        for key, timestamp, value in each.seen:
            first, reader = read.setdefault((key, each.timestamp), ((timestamp, value), each.id))
            judgement.repeated += reader != each.id
            if first != (timestamp, value):
                detail = (
                    f"at {_time(each.timestamp)} transaction {reader} reads {_say(key, first)}, "
                    f"transaction {each.id} {_say(key, (timestamp, value))}"
                )
                judgement.found(REPEATABLE, each.id, detail)


def _say(key: int, version: tuple[int, int]) -> str:
    timestamp, value = version
    return f"key {key} = {value} of {_time(timestamp)}" if timestamp else f"nothing under key {key}"


def _time(timestamp: int | None) -> str:
    return "nothing" if timestamp is None else format_duration(timestamp)
