"""What happened to the replicas of `crdts`, line by line, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock import Heal, Partition, RunResult, format_duration
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.crdts.observed import Delivered, Merged, Updated, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Change(NamedTuple):
    """A value that changed."""

    time_ns: int
    node: int
    what: str
    value: Any


def changes(result: RunResult) -> Iterator[Change]:
    """What users asked, and what changed a value from elsewhere; in order."""
    values: dict[int, Any] = {}
    for each in recorded(result):
        match read(each):
            case Updated(operation=operation, value=value):
                yield Change(each.time_ns, each.node, operation_text(operation), value)
            case Merged(source=source, value=value) | Delivered(origin=source, value=value):
                if value != values.get(each.node):
                    yield Change(each.time_ns, each.node, f"hears node {source}", value)
            case _:
                continue
        values[each.node] = value


def operation_text(operation: Any) -> str:
    """`add 'x'`, `update ('a', 'set'): add 'x'`."""
    match operation:
        case ("update", (str(name), str(kind)), inner):
            return f"{name} ({kind}): {operation_text(inner)}"
        case ("remove", (str(name), str(kind))):
            return f"remove {name} ({kind})"
    return " ".join(str(part) for part in operation)


def value_text(value: Any) -> str:
    """A value as a user would write it."""
    match value:
        case bool():
            return "on" if value else "off"
        case tuple() if value and all(isinstance(each, tuple) for each in value):
            return "{" + ", ".join(f"{name}: {value_text(inner)}" for (name, _), inner in value) + "}"
        case tuple():
            return "{" + ", ".join(map(str, value)) + "}"
        case str():
            return repr(value)
    return str(value)


def story(result: RunResult) -> Iterator[str]:
    """Updates, who is alone, who hears whom, and when all agree."""
    told = list(changes(result))
    lines = [
        (change.time_ns, 1, f"node {change.node}  {change.what:<24} {value_text(change.value)}") for change in told
    ]
    for fault in result.faults:
        if isinstance(fault, Partition):
            groups = " | ".join(" ".join(map(str, group)) for group in fault.groups)
            lines.append((fault.at_ns, 0, f"[PARTITION] {groups}"))
        elif isinstance(fault, Heal):
            lines.append((fault.at_ns, 0, "[HEALED]"))
    ends = [end for end in result.final.values() if end is not None]
    if told and len({end.state for end in ends}) == 1:
        agreed = f"[CONVERGED] every replica has {value_text(ends[0].value)}"
        lines.append((told[-1].time_ns, 2, agreed))
    for time_ns, _, line in sorted(lines, key=lambda line: line[:2]):
        yield f"{time_ns // 1_000_000 / 1000:7.3f} s  {line}"
    healed_ns = max((fault.at_ns for fault in result.faults if isinstance(fault, Heal)), default=None)
    agreed_ns = None if healed_ns is None else _agreed_ns(result, healed_ns)
    if healed_ns is not None and agreed_ns is not None:
        took = format_duration((agreed_ns - healed_ns) // 1_000_000 * 1_000_000)
        yield f"           all had one value for the first time {took} after the network healed"


def _agreed_ns(result: RunResult, healed_ns: int) -> int | None:
    """When all replicas had one value for the first time after that."""
    values: dict[int, Any] = {}
    for change in changes(result):
        values[change.node] = change.value
        if change.time_ns >= healed_ns and len(values) == len(result.final) and len(set(values.values())) == 1:
            return change.time_ns
    return None


def plot(result: RunResult, axes: Axes) -> None:
    """The value of each replica over time: a counter's, else how much is in it."""
    for node in sorted(result.final):
        points = [(0.0, 0)]
        points += [(each.time_ns / 1e9, _height(each.value)) for each in changes(result) if each.node == node]
        points.append((result.virtual_ns / 1e9, points[-1][1]))
        axes.step(*zip(*points, strict=True), where="post", label=f"replica {node}")
    cuts = [fault.at_ns for fault in result.faults if isinstance(fault, Partition)]
    heals = [fault.at_ns for fault in result.faults if isinstance(fault, Heal)]
    for cut_ns, heal_ns in zip(cuts, heals, strict=False):
        axes.axvspan(cut_ns / 1e9, heal_ns / 1e9, alpha=0.15, color="gray", label="everyone is alone")
    axes.set_xlabel("time [s]")
    axes.set_ylabel("value")
    axes.legend(loc="lower right")


def _height(value: Any) -> int:
    return len(value) if isinstance(value, tuple | str) else int(value) if isinstance(value, int) else 0
