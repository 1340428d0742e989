"""What a run of the shared document is judged to be, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock import RunResult, Told, format_duration, ms, reader, seconds, us
from simclock.experiments.catalog.shared_document.recordings import read_recording
from simclock.experiments.checkers.convergence import convergence
from simclock.experiments.checkers.linearizability import Verdict as Converged
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants
from simclock.experiments.nemesis import DOWN, calm_of
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.causal_broadcast.observed import Dropped, Joined, Left, Suspected, Welcomed
from simclock.protocols.shared_document.observed import Completed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONVERGENCE = "Convergence"
AS_RECORDED = "Ends As Recorded"
_read = reader(Completed, Joined, Left, Welcomed, Dropped, Suspected)
SETTLE_NS = seconds(10)
"""Within what time after the last trouble all copies are equal."""


class CopyAtEnd(NamedTuple):
    """What is kept of a copy that is up at the end, or crashes."""

    node: int
    text: str | None
    digest: str
    edits: int
    deleted: int
    orphans: int
    deliveries: int
    held_count: int
    held_high: int
    kept_high: int
    reads_along: bool
    delays_ns: tuple[int, ...]
    requests: int
    resent: int
    rejoined: int
    given_up: int
    bytes_clock: int
    bytes_operation: int
    bytes_text: int
    has_left: bool


def copy_at_end(node: Any) -> CopyAtEnd:
    """What is kept of a copy."""
    text = None if node.text is None else str(node.text)
    return CopyAtEnd(
        node=node.id,
        text=text,
        digest=blake2b((text or "").encode(), digest_size=8).hexdigest(),
        edits=node.edits,
        deleted=0 if node.text is None else node.text.deleted,
        orphans=node.orphans,
        deliveries=node.deliveries,
        held_count=node.queue.held_count,
        held_high=node.queue.held_high,
        kept_high=node.kept_high,
        reads_along=node.queue.wanted is None and node.edits == 0,
        delays_ns=tuple(node.delays_ns),
        requests=node.requests,
        resent=node.resent,
        rejoined=node.rejoined,
        given_up=node.given_up,
        bytes_clock=node.bytes_clock,
        bytes_operation=node.bytes_operation,
        bytes_text=node.bytes_text,
        has_left=node.has_left,
    )


def fallen_copy(node: Any) -> CopyAtEnd:
    """What is kept of a copy that crashes: what it has counted, and not its text."""
    return copy_at_end(node)._replace(text=None)


def judge(result: RunResult) -> Verdict:
    """Causal order, equal copies, and the recording's text where there is one."""
    invariants = judge_invariants(result)
    broken = list(invariants.lines) if invariants.status == VIOLATED else []
    lines = [] if broken else ["causal order holds for every delivery"]
    properties: list[str] = []
    status = invariants.status
    copies = {node: copy for node, copy in result.final.items() if copy is not None and not copy.has_left}
    judged = convergence({node: copy.text for node, copy in copies.items()}, replicas=sorted(copies))
    recording = _recording_of(result)
    calm = calm_of(result.happened, bears=(DOWN,))
    lacking = calm.lacking(result.virtual_ns, SETTLE_NS)
    if recording and not result.stopped:
        lines.insert(0, f"the replay is not complete, so {AS_RECORDED} is not judged: give it more time")
        status = UNKNOWN if status == VALID else status
    elif not recording and lacking:
        told = f"{lacking}: {CONVERGENCE} is not judged"
        unknown = status == VALID and bool(calm.standing)
        status = UNKNOWN if unknown else status
        lines = [told, *lines] if unknown else [*lines, told]
    elif judged.verdict is not Converged.OK:
        properties.append(CONVERGENCE)
        broken += [f"{CONVERGENCE} violated: {line}" for line in judged.explain().splitlines()]
    else:
        lines.append(f"{CONVERGENCE}: {len(copies)} copies are equal, {_sizes(copies)}")
    if recording and result.stopped:
        end = read_recording(recording).end
        wrong = ", ".join([str(node) for node, copy in copies.items() if copy.text != end])
        told = f" violated: not the endContent at node {wrong}" if wrong else ": the text is the recording's endContent"
        (broken if wrong else lines).append(AS_RECORDED + told)
        properties += [AS_RECORDED] if wrong else []
    if status == VALID and not result.reports["DeliveryOrder"].counts["delivered"]:
        lines.insert(0, "nothing was delivered, so there is nothing to judge: let it run longer")
        status = UNKNOWN
    lost = [node for node, copy in copies.items() if copy.orphans]
    if lost:
        lines.append(f"operations on unknown elements were skipped at nodes {', '.join(map(str, lost))}")
    return Verdict(status=VIOLATED if properties else status, lines=(*broken, *lines), properties=tuple(properties))


def _sizes(copies: Mapping[int, CopyAtEnd]) -> str:
    copy = next(iter(copies.values()))
    return f"{len(copy.text or ''):,} characters, {copy.deleted:,} deleted ones kept, digest {copy.digest}"


def _recording_of(result: RunResult) -> str:
    """The path of the recording, as the scenario's line has it."""
    return result.scenario.partition("; recording ")[2].partition("; delivery ")[0]


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """What the order cost: messages held, how many at once, for how long, and how many bytes."""
    copies = result.lives
    edits = sum(copy.edits for copy in copies)
    deliveries = sum(copy.deliveries for copy in copies)
    held = sum(copy.held_count for copy in copies)
    share, high = 100 * held // max(1, deliveries), _most(copies, "held_high")
    delays_ns = sorted(delay for copy in copies if copy.reads_along for delay in copy.delays_ns)
    return (
        ("edits", f"{edits:,} by {len({copy.node for copy in copies if copy.edits})} people"),
        (
            "held back",
            f"{held:,} of {deliveries:,} deliveries ({share}%), high-water mark {high} at a member",
        ),
        ("kept", f"at most {_most(copies, 'kept_high')} messages at a member until all had them"),
        ("delay added", _delay_text(delays_ns, sum(copy.deliveries for copy in copies if copy.reads_along))),
        ("metadata", _bytes_text(copies, max(1, edits))),
        ("repair", f"{sum(c.requests for c in copies):,} requests, {sum(c.resent for c in copies):,} sent again"),
        (
            "members",
            f"{sum(c.rejoined for c in copies)} fell behind and took the state, "
            f"{sum(c.given_up for c in copies)} messages given up",
        ),
    )


def _most(copies: Sequence[CopyAtEnd], name: str) -> str:
    return f"{max((getattr(copy, name) for copy in copies), default=0):,}"


def _delay_text(delays_ns: Sequence[int], deliveries: int) -> str:
    if not deliveries:
        return "not measured: nobody only reads along"
    if not delays_ns:
        return "none: nothing was held at who only reads"
    mean_ns = sum(delays_ns) // max(1, deliveries)
    middle = format_duration(int(median(delays_ns)) // us(100) * us(100))
    mean, high = (format_duration(ns // us(100) * us(100)) for ns in (mean_ns, delays_ns[-1]))
    return f"at who only reads: mean {mean} over all deliveries; of the held ones median {middle}, max {high}"


def _bytes_text(copies: Sequence[CopyAtEnd], edits: int) -> str:
    clock = sum(copy.bytes_clock for copy in copies) * 10 // edits
    operation = sum(copy.bytes_operation - copy.bytes_text for copy in copies) * 10 // edits
    total, clock_text, operation_text = (f"{n // 10}.{n % 10} B" for n in (clock + operation, clock, operation))
    return f"{total} per operation: {clock_text} of vector clock, {operation_text} of ids and encoding"


def sometimes(result: RunResult) -> Mapping[str, int]:
    """What a run should reach."""
    counts: dict[str, int] = result.reports["DeliveryOrder"].counts
    names = ("broadcast", "delivered", "concurrent", "joined", "left", "suspected")
    return {name: counts[name] for name in names} | {"held": sum(copy.held_count for copy in result.lives)}


def story(result: RunResult) -> Iterator[str]:
    """Who came and went, and what every copy holds in the end."""
    for observation in recorded(result):
        line = _line(_read(observation))
        if line:
            yield f"{format_duration(observation.time_ns // us(1000) * us(1000)):>10}  node {observation.node}: {line}"
    for node, copy in sorted(result.final.items()):
        if copy is not None and copy.text is not None:
            left = " (left)" if copy.has_left else ""
            text = copy.text if len(copy.text) <= 72 else f"{copy.text[:34]!r} ... {copy.text[-34:]!r}"
            yield f"copy {node}{left}: {len(copy.text):,} characters, digest {copy.digest}: {text}"
    yield ""


def _line(told: Told | None) -> str:
    match told:
        case Completed(edits):
            return f"has every keystroke, {edits:,} of its own"
        case Joined():
            return "joined"
        case Left():
            return "left"
        case Welcomed(delivered):
            return f"took over the state after {', '.join(f'{member}:{count}' for member, count in delivered)}"
        case Dropped(member, count, dropped):
            return f"gave up {member}:{count}, and {dropped} messages that need it"
        case Suspected(member):
            return f"has not heard member {member} for too long"
    return ""


def plot(result: RunResult, axes: Axes) -> None:
    """How long messages were held at those who only read, as a distribution."""
    for node, copy in sorted(result.final.items()):
        if copy is None or not copy.reads_along or not copy.deliveries:
            continue
        zeros = copy.deliveries - len(copy.delays_ns)
        delays = [0.0] * zeros + sorted(delay / ms(1) for delay in copy.delays_ns)
        marks = [number * (len(delays) - 1) // 400 for number in range(401)]
        axes.plot([delays[mark] for mark in marks], [mark / len(delays) for mark in marks], label=f"copy {node}")
    axes.set_xlabel("delay added by causal order [ms]")
    axes.set_ylabel("share of deliveries")
    axes.set_ylim(0, 1)
    axes.legend(loc="lower right")
