"""What happened in a run of `leases`, for a reader: who held the lock, what the lease service decided, what the store
took and refused; and the same as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from simclock import (
    Clog,
    Crash,
    Cut,
    Fault,
    Heal,
    JumpClock,
    Mend,
    Partition,
    Restart,
    RunResult,
    SetDrift,
    Silence,
    Told,
    Unclog,
    format_duration,
    ms,
    reader,
    seconds,
)
from simclock.experiments.telling.recorded import recorded
from simclock.protocols.leases.observed import (
    Accepted,
    Held,
    Looks,
    Lost,
    Refused,
    Released,
    Stands,
    TableChanged,
    Writes,
)
from simclock.protocols.replication.observed import Following, Leadership, Looking, Starts
from simclock.told import Halted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLIENTS = "AB"
KEPT: tuple[type[Told], ...] = (
    *(Starts, Leadership, Following, Looking, Halted, TableChanged),
    *(Held, Lost, Released, Stands, Looks, Writes, Accepted, Refused),
)
read = reader(*KEPT)


class _Nodes:
    """Who is who: servers first, then the store, then the clients."""

    def __init__(self, result: RunResult) -> None:
        self.store = len(result.node_digests) - 1 - len(CLIENTS)

    def client(self, node: int) -> str:
        return f"Client {CLIENTS[node - self.store - 1]}"

    def name(self, node: int) -> str:
        if node < self.store:
            return f"server {node}"
        return "the store" if node == self.store else self.client(node)

    def all(self, nodes: Sequence[int | str]) -> str:
        """Several of them; all servers are the lease service."""
        found = [int(node) for node in nodes]
        whole = set(range(self.store)) <= set(found)
        names = [self.name(node) for node in found if not (whole and node < self.store)]
        names = ["the lease service", *names] if whole else names
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def story(result: RunResult) -> Iterator[str]:
    """Who held what, line by line."""
    nodes = _Nodes(result)
    lines = [*_struck(result, nodes), *_served(result, nodes), *_held(result, nodes), *_sent(result, nodes)]
    lines += _written(result, nodes)
    for time_ns, who, text in sorted(lines, key=lambda line: line[0]):
        yield f"{_clock(time_ns)}  [{who}] {text}"


def _clock(time_ns: int) -> str:
    milliseconds = time_ns // ms(1)
    return f"{milliseconds // 1000:>3}.{milliseconds % 1000:03} s"


Line = tuple[int, str, str]
"""When, who, and what."""


def _served(result: RunResult, nodes: _Nodes) -> Iterator[Line]:
    """The lease service: who leads, and which claims it ends."""
    leading: set[int] = set()
    expired: set[int] = set()
    terms = 0
    for each in recorded(result):
        time_ns, node = each.time_ns, each.node
        match read(each):
            case Starts():  # whoever led before its crash
                leading.discard(node)
            case Leadership(term):
                leading.add(node)
                terms += 1
                anew = ", and counts every lease anew" if terms > 1 else ""
                yield time_ns, "Lease service", f"server {node} leads, term {term}{anew}"
            case Following(term) | Looking(term) if node in leading:
                leading.discard(node)
                yield time_ns, "Lease service", f"server {node} leads no more: there is term {term}"
            case Halted(reason):
                leading.discard(node)
                who = ("Storage", "") if node == nodes.store else ("Lease service", f"server {node} ")
                yield time_ns, who[0], f"{who[1]}halts: {reason}"
            case TableChanged(kind="expired", token=token) if token not in expired:
                expired.add(token)
                yield time_ns, "Lease service", f"lease of token {token} expired"


def _held(result: RunResult, nodes: _Nodes) -> Iterator[Line]:
    """The clients, and the tokens that they know of."""
    told: set[tuple[int, int]] = set()
    for each in recorded(result):
        time_ns, node = each.time_ns, each.node
        match read(each):
            case Held(token=token) if (node, token) not in told:
                told.add((node, token))
                yield time_ns, nodes.client(node), f"acquired the lock, token {token}"
            case Lost(token=token) if token:
                yield time_ns, nodes.client(node), f"lost its lease, token {token}"
            case Stands():
                yield time_ns, nodes.client(node), "its clock stands still: it counts on its lease no more"
            case Released(token=token):
                yield time_ns, nodes.client(node), f"released the lock, token {token}"


def _sent(result: RunResult, nodes: _Nodes) -> Iterator[Line]:
    """Writes that were sent more than once."""
    sent: dict[tuple[int, int, int], list[int]] = {}
    for each in recorded(result):
        write = Writes.read(each)
        if write is not None:
            sent.setdefault((each.node, write.token, write.number), []).append(each.time_ns)
    for (node, token, number), at_ns in sent.items():
        if len(at_ns) > 1:
            text = f"sends write {number} of token {token} {len(at_ns)} times until {_clock(at_ns[-1]).strip()}"
            yield at_ns[0], nodes.client(node), text


def _written(result: RunResult, nodes: _Nodes) -> Iterator[Line]:
    """Writes, those of one token and one fate in one line."""
    first: dict[tuple[str, int, bool], tuple[int, int, int]] = {}
    times: dict[tuple[str, int, bool], list[int]] = {}
    greatest = 0
    for each in recorded(result):
        told = read(each)
        if isinstance(told, Accepted | Refused):
            late = told.token < greatest
            fated = (told.observed_as, told.token, late)
            first.setdefault(fated, (each.time_ns, told.client, greatest))
            times.setdefault(fated, []).append(each.time_ns)
            greatest = max(told.token, greatest)
    for (name, token, late), (time_ns, client, seen) in first.items():
        at_ns = times[name, token, late]
        many = f", {len(at_ns)} of them until {_clock(at_ns[-1]).strip()}" if len(at_ns) > 1 else ""
        fate = name if name == Accepted.observed_as and not late else name.upper().replace("REFUSED", "REJECTED")
        why = f" < {seen}, which it has seen" if late else ""
        yield time_ns, "Storage", f"write of {nodes.client(client)} {fate}: token {token}{why}{many}"


_STRUCK = {
    "pause": "stands still",
    "resume": "wakes up, and does what it was about to do",
    "stop-clock": "its clock stops",
    "start-clock": "its clock runs again",
    "crash": "crashes",
    "torn-crash": "crashes in the middle of writing",
    "restart": "comes back",
    "clog-node": "sends and hears nothing: its messages are held",
    "unclog-node": "sends and hears again: its messages arrive now",
}
_LINKS = {"cut": "is lost", "mend": "arrives again", "clog": "is held", "unclog": "arrives now"}


def _effective(result: RunResult) -> Iterator[Fault]:
    """What the environment did before the end, without crashes of who is down and restarts of who is up."""
    halts = [(time_ns, 1, Crash(at_ns=time_ns, node=node)) for time_ns, node in result.halts]
    done = [(fault.at_ns, 0, fault) for fault in result.faults if fault.at_ns < result.virtual_ns]
    down: set[int | str] = set()
    for _, halted, fault in sorted([*done, *halts], key=lambda each: each[:2]):
        if isinstance(fault, Crash | Restart):
            crashes = isinstance(fault, Crash)
            if crashes == (fault.node in down):
                continue
            (down.add if crashes else down.discard)(fault.node)
        if not halted:
            yield fault


def _struck(result: RunResult, nodes: _Nodes) -> Iterator[Line]:
    """What the environment did; what it did to several at once in one line."""
    links: dict[tuple[int, str], dict[int, list[int]]] = {}
    clocks: dict[tuple[int, str], list[int]] = {}
    for fault in _effective(result):
        at_ns, kind = fault.at_ns, fault.kind
        node = getattr(fault, "node", None)
        match fault:
            case Cut() | Mend() | Clog() | Unclog():
                links.setdefault((at_ns, kind), {}).setdefault(int(fault.source), []).append(int(fault.target))
            case Partition(groups=()):
                yield at_ns, "Network", "the partition is over"
            case Heal():
                yield at_ns, "Network", "heals: nothing is cut or held any more"
            case Silence():
                text = "nobody hears the groups after its own, which hear it"
                yield at_ns, "Network", f"{' | '.join(map(nodes.all, fault.groups))}: {text}"
            case Partition():
                yield at_ns, "Network", f"{' | '.join(map(nodes.all, fault.groups))}: no side hears the other"
            case SetDrift():
                way = "slow" if fault.drift_ppb < 0 else "fast"
                clocks.setdefault((at_ns, f"{way} by {abs(fault.drift_ppb) / 10**7:g} %"), []).append(int(fault.node))
            case JumpClock():
                way = "back" if fault.by_ns < 0 else "forward"
                text = f"its wall clock is set {way} by {format_duration(abs(fault.by_ns))}"
                yield at_ns, nodes.name(int(fault.node)), text
            case _ if kind in _STRUCK and isinstance(node, int):
                who = ("Lease service", f"server {node} ") if node < nodes.store else (nodes.name(node), "")
                write = ", with a write prepared" if kind == "pause" and _has_looked(result, node, at_ns) else ""
                yield at_ns, who[0], who[1] + _STRUCK[kind] + write
            case _:
                yield at_ns, "Environment", fault.describe()
    for (at_ns, kind), targets in links.items():
        for target in dict.fromkeys(map(tuple, targets.values())):
            sources = [source for source, found in targets.items() if tuple(found) == target]
            yield at_ns, "Network", f"what {nodes.all(sources)} sends to {nodes.all(target)} {_LINKS[kind]}"
    for (at_ns, text), found in clocks.items():
        yield at_ns, "Clocks", f"of {nodes.all(found)}: {text}"


def _has_looked(result: RunResult, node: int, at_ns: int) -> bool:
    """Whether a client was between its look at the lease and its write."""
    done = [read(each) for each in recorded(result) if each.node == node and each.time_ns < at_ns]
    return isinstance(next((told for told in reversed(done) if isinstance(told, Looks | Writes)), None), Looks)


# The picture.


def plot(result: RunResult, axes: Axes) -> None:
    """Who holds by the lease service's table, who stands still, and which writes the store takes."""
    second = seconds(1)
    store = _Nodes(result).store
    rows = {store + 1: 2, store + 2: 1, store: 0}
    since: dict[int, tuple[int, int]] = {}
    ends: dict[int, int] = {}
    marks: dict[str, list[float]] = {"accepted": [], "refused": [], "accepted too late": []}
    greatest = 0
    for each in recorded(result):
        match read(each):
            case Held(token=token):
                since.setdefault(token, (each.node, each.time_ns))
            case TableChanged(kind="expired" | "released", token=token):
                ends.setdefault(token, each.time_ns)
            case Accepted(token=token) | Refused(token=token) as told:
                late = isinstance(told, Accepted) and token < greatest
                marks["accepted too late" if late else told.observed_as].append(each.time_ns / second)
                greatest = max(greatest, token)
    for token, (client, begin_ns) in since.items():
        end_ns = ends.get(token, result.virtual_ns)
        axes.barh(rows[client], (end_ns - begin_ns) / second, left=begin_ns / second, height=0.5, color="#9ecae1")
        axes.text(begin_ns / second, rows[client] + 0.3, f"token {token}")
    for begin, from_ns, until_ns in _spells(result.faults, store + 1):
        width = (until_ns - from_ns) / second
        axes.barh(rows[store + 1], width, left=from_ns / second, height=0.2, color="#969696", label=begin)
    styles = {"accepted": ("#31a354", "|"), "refused": ("#de2d26", "x"), "accepted too late": ("#de2d26", "v")}
    for name, (colour, marker) in styles.items():
        if marks[name]:
            level = [rows[store]] * len(marks[name])
            axes.scatter(marks[name], level, color=colour, marker=marker, label=f"write {name}")
    axes.set_yticks(list(rows.values()), ["Client A holds", "Client B holds", "Storage"])
    axes.set_xlim(0, result.virtual_ns / second)
    axes.set_ylim(-0.6, 2.9)
    axes.set_xlabel("time [s]")
    axes.set_title("Who holds the lock by the lease service's table, and what the store takes")
    axes.legend(loc="lower left", ncols=3)


_SPELLS = {"pause": "resume", "stop-clock": "start-clock", "clog": "unclog", "cut": "mend"}


def _spells(faults: Iterable[Fault], client: int) -> Iterator[tuple[str, int, int]]:
    """When a client was struck, and when that was over."""
    struck: dict[str, list[int]] = {}
    for fault in faults:
        if client in (getattr(fault, "node", None), getattr(fault, "source", None)):
            moments = struck.setdefault(fault.kind, [])
            if fault.at_ns not in moments:
                moments.append(fault.at_ns)
    for begin, end in _SPELLS.items():
        for from_ns, until_ns in zip(struck.get(begin, ()), struck.get(end, ()), strict=False):
            yield begin, from_ns, until_ns
