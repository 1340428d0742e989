"""The ten-second pause on a five-second lease: why a lock needs a token that the resource checks.

Three lease servers, a store, and two clients that take the same lock in turns. Client A looks at its lease, finds it
good, prepares a write, and stands still (a garbage collection, a laptop's lid); its lease expires, B takes the lock and
writes; A wakes in the middle of what it was doing, and sends its write.

`--trouble stopped-clock` stops A's clock in place of A; `--fencing off` has the store take whatever comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from experiments.catalog import Entry, Settings, register
from experiments.lease_parts import builder, describe, judge, sometimes
from experiments.recorded import Recorded, recorded
from protocols.leases import HolderWork, LeaseProperties, LeaseSettings
from protocols.raft import RaftProperties, RaftSettings
from simclock import (
    Control,
    Network,
    Observation,
    Observer,
    Pause,
    Resume,
    RunResult,
    Scenario,
    StartClock,
    StopClock,
    Uniform,
    UsageError,
    ms,
    parse_duration,
    seconds,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARAMETERS = {"term": "5s", "trouble": "pause", "lasts": "10s", "fencing": "on", "bug": ""}
TROUBLES = ("pause", "stopped-clock", "none")
REPLICAS = 3
CLIENTS = "AB"
STRIKE_NS = seconds(2)
NAMES = ("leader", "lease", "held", "lost", "released", "stands", "writes", "accepted", "refused")


class StrikesWriter(Observer):
    """Strikes client A between its look at the lease and its write, once: what no look can help against."""

    def __init__(self, client: int, trouble: str, lasts_ns: int) -> None:
        self._client = client
        self._trouble = trouble
        self._lasts_ns = lasts_ns

    def on_observation(self, observation: Observation, control: Control) -> None:
        due = observation.name == "looks" and observation.node == self._client and control.now_ns >= STRIKE_NS
        if not due or self._trouble == "none":
            return
        stops = self._trouble == "stopped-clock"
        control.inject((StopClock if stops else Pause)(at_ns=0, node=self._client))
        control.inject((StartClock if stops else Resume)(at_ns=0, node=self._client), after_ns=self._lasts_ns)
        self._trouble = "none"


def leases(settings: Settings) -> Scenario:
    """Two clients, one lock, and trouble in the middle of A's second or third write."""
    # The zoo is about these scenarios, so it cannot be imported above.
    from experiments.zoo.leases import AcceptsAnyToken, parts_of

    asked = {**PARAMETERS, **settings.parameters}
    parts = parts_of(asked["bug"])
    if _one_of(asked, "fencing", ("on", "off")) == "off":
        parts = replace(parts, storage=AcceptsAnyToken)
    trouble = _one_of(asked, "trouble", TROUBLES)
    lasts_ns = parse_duration(asked["lasts"], "lasts")
    term_ns = parse_duration(asked["term"], "term")
    stops = trouble == "stopped-clock"
    lease = LeaseSettings(term_ns=term_ns, first_token=101)
    work = HolderWork(
        writes=400 if stops else 8,
        # A clock that stands runs out no timer: then what one answer brings is what the next write waits for.
        prepare_ns=0 if stops else ms(200),
        pause_ns=0 if stops else ms(300),
        rest_ns=seconds(2),
    )
    replicas = settings.nodes or REPLICAS
    raft = RaftSettings(servers=tuple(range(replicas)))
    observers: tuple[Any, ...] = (
        partial(RaftProperties, raft.servers),
        partial(LeaseProperties, raft.servers, term_ns),
        partial(Recorded, NAMES),
    )
    if settings.faults is None:
        observers += (partial(StrikesWriter, replicas + 1, trouble, lasts_ns),)
    return Scenario(
        name="leases",
        seed=settings.seed,
        nodes=replicas + 1 + len(CLIENTS),
        build=builder(parts, raft, lease, (replace(work, first_ns=ms(800)), replace(work, first_ns=ms(1800)))),
        duration_ns=settings.duration_ns or seconds(20),
        network=settings.network or Network(latency=Uniform(low_ns=ms(10), high_ns=ms(15))),
        observers=observers,
        parameters=settings.parameters,
    )


def _one_of(asked: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value: str = asked[name]
    if value not in allowed:
        raise UsageError(f"{name}: {value!r} is not known: use {' or '.join(allowed)}")
    return value


# The story.


class _Nodes:
    """Who is who: servers first, then the store, then the clients."""

    def __init__(self, result: RunResult) -> None:
        self.store = len(result.node_digests) - 1 - len(CLIENTS)

    def is_client(self, node: int) -> bool:
        return node > self.store

    def client(self, node: int) -> str:
        return f"Client {CLIENTS[node - self.store - 1]}"


def story(result: RunResult) -> Iterator[str]:
    """Who held what, line by line."""
    nodes = _Nodes(result)
    lines = [*_observed(result, nodes), *_written(result, nodes), *_struck(result, nodes)]
    for time_ns, who, text in sorted(lines, key=lambda line: line[0]):
        yield f"{_clock(time_ns)}  [{who}] {text}"


def _clock(time_ns: int) -> str:
    milliseconds = time_ns // ms(1)
    return f"{milliseconds // 1000:>3}.{milliseconds % 1000:03} s"


def _observed(result: RunResult, nodes: _Nodes) -> Iterator[tuple[int, str, str]]:
    told: set[tuple[str, int]] = set()
    for time_ns, node, _, name, value in recorded(result):
        match name, value:
            case "leader", _:
                yield time_ns, "Lease service", f"server {node} leads, term {value}"
            case "held", (_, token, _) if ("held", token) not in told:
                told.add(("held", token))
                yield time_ns, nodes.client(node), f"acquired the lock, token {token}"
            case "lease", (_, "expired", _, token, _) if ("expired", token) not in told:
                told.add(("expired", token))
                yield time_ns, "Lease service", f"lease of token {token} expired"
            case "lost", (_, token) if token:
                yield time_ns, nodes.client(node), f"lost its lease, token {token}"
            case "stands", _:
                yield time_ns, nodes.client(node), "its clock stands still: it counts on its lease no more"
            case "released", (_, token):
                yield time_ns, nodes.client(node), f"released the lock, token {token}"


def _written(result: RunResult, nodes: _Nodes) -> Iterator[tuple[int, str, str]]:
    """Writes, those of one token and one fate in one line."""
    first: dict[tuple[str, int, bool], tuple[int, int, int]] = {}
    times: dict[tuple[str, int, bool], list[int]] = {}
    greatest = 0
    for time_ns, _, _, name, value in recorded(result):
        if name in ("accepted", "refused"):
            token, client = value[1], value[3 if name == "accepted" else 2]
            late = token < greatest
            first.setdefault((name, token, late), (time_ns, client, greatest))
            times.setdefault((name, token, late), []).append(time_ns)
            greatest = max(token, greatest)
    for (name, token, late), (time_ns, client, seen) in first.items():
        at_ns = times[name, token, late]
        many = f", {len(at_ns)} of them until {_clock(at_ns[-1]).strip()}" if len(at_ns) > 1 else ""
        fate = name if name == "accepted" and not late else name.upper().replace("REFUSED", "REJECTED")
        why = f" < {seen}, which it has seen" if late else ""
        yield time_ns, "Storage", f"write of {nodes.client(client)} {fate}: token {token}{why}{many}"


_STRUCK = {
    "pause": "stands still, with a write prepared",
    "resume": "wakes up, and does what it was about to do",
    "stop-clock": "its clock stops",
    "start-clock": "its clock runs again",
}


def _struck(result: RunResult, nodes: _Nodes) -> Iterator[tuple[int, str, str]]:
    for fault in result.faults:
        node = getattr(fault, "node", None)
        if (
            fault.kind in _STRUCK
            and isinstance(node, int)
            and nodes.is_client(node)
            and fault.at_ns < result.virtual_ns
        ):
            yield fault.at_ns, nodes.client(node), _STRUCK[fault.kind]


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
        if each.name == "held":
            since.setdefault(each.value[1], (each.node, each.time_ns))
        elif each.name == "lease" and each.value[1] in ("expired", "released"):
            ends.setdefault(each.value[3], each.time_ns)
        elif each.name in marks:
            late = each.name == "accepted" and each.value[1] < greatest
            marks["accepted too late" if late else each.name].append(each.time_ns / second)
            greatest = max(greatest, each.value[1])
    for token, (client, begin_ns) in since.items():
        end_ns = ends.get(token, result.virtual_ns)
        axes.barh(rows[client], (end_ns - begin_ns) / second, left=begin_ns / second, height=0.5, color="#9ecae1")
        axes.text(begin_ns / second, rows[client] + 0.3, f"token {token}")
    faults = [(fault.kind, fault.at_ns) for fault in result.faults]
    for begin, end in (("pause", "resume"), ("stop-clock", "start-clock")):
        at_ns = [time_ns for kind, time_ns in faults if kind == begin]
        to_ns = [time_ns for kind, time_ns in faults if kind == end]
        for from_ns, until_ns in zip(at_ns, to_ns, strict=False):
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


register(
    Entry(
        name="leases",
        summary="a client pauses for ten seconds on a five-second lease; its late write is rejected by its token",
        source="Gray & Cheriton 1989; Burrows, Chubby, OSDI 2006; Kleppmann, How to do distributed locking, 2016",
        project=11,
        make=leases,
        judge=judge,
        describe=describe,
        parameters=PARAMETERS,
        story=story,
        plot=plot,
        sometimes=sometimes,
    )
)
