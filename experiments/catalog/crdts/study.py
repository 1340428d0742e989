"""The study `crdt-bytes`: what whole states, deltas and operations cost to send, for the same users.

Each row is four runs, one for each mode; users ask the same of the same replicas at the same times. Everything that is
sent counts: states, intervals, operations with their vector clocks, acknowledgements and requests. In the first three
replicas gossip with one neighbour at a time, and what one has heard it hands on; in the multicast an operation goes to
everybody at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock import Heal, Partition, UsageError, ms, seconds
from simclock.actors.run import run
from simclock.experiments.catalog.crdts.scenario import EVERY_MODE, NETWORK, named_type, replicated
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.crdts import ReplicaSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARAMETERS = {
    "types": ("counter", "lww-register", "set", "map", "sequence"),
    "replicas": 5,
    "updates": (10, 40, 160),
    "names": 1000,
}
PAUSE_NS = ms(50)
REPLICAS_MAX = 64
REST_NS = seconds(12)
"""How long replicas have after the last update, at least: they are silent once all have all."""


class Sent(NamedTuple):
    """What a run sent."""

    bytes_sent: int
    state_bytes: int
    """Of the largest state at the end."""


def measure(kind: str, mode: str, *, seed: int, replicas: int, updates: int, names: int, offline: bool) -> Sent:
    """One run; UsageError where it did not come to rest."""
    does = ReplicaSettings(
        kind=kind,
        updates_max=updates,
        update_pause_ns=PAUSE_NS,
        gossip_ns=ms(50),
        names=names,
        deltas_max=10_000,
        tells_values=False,
    )
    asked_ns = updates * PAUSE_NS
    groups = tuple((node,) for node in range(replicas))
    faults = (Partition(at_ns=asked_ns // 3, groups=groups), Heal(at_ns=asked_ns * 2 // 3)) if offline else ()
    scenario = replicated(
        "crdt-bytes",
        replica=EVERY_MODE[mode],
        crdt=named_type(kind),
        does=does,
        replicas=replicas,
        duration_ns=3 * asked_ns + REST_NS,
        network=NETWORK,
        shown={},
    )
    ends: list[Any] = list(run(replace(scenario, seed=seed, faults=faults)).final.values())
    if len({end.state for end in ends}) != 1:
        raise UsageError(f"crdt-bytes: {kind} with {mode}, seed {seed}: the replicas are not equal at the end")
    return Sent(sum(end.bytes_sent for end in ends), max(end.state_bytes for end in ends))


def rows(settings: StudySettings) -> Iterator[Row]:
    """A row for each type, number of updates, and way of being connected."""
    asked = settings.parameters
    replicas = asked["replicas"]
    if not 2 <= replicas <= REPLICAS_MAX:
        raise UsageError(f"crdt-bytes: replicas: {replicas} is not a number of replicas that talk: 2 to {REPLICAS_MAX}")
    for name in ("types", "updates"):
        if not asked[name]:
            raise UsageError(f"crdt-bytes: {name}: there is nothing to measure: name one or more")
    for updates in map(int, asked["updates"]):
        if updates < 1:
            raise UsageError(f"crdt-bytes: updates: {updates} cost nothing to send: 1 or more")
    for kind in asked["types"]:
        named_type(kind)
    for kind in asked["types"]:
        for updates in map(int, asked["updates"]):
            for offline in (False, True):
                sent = {
                    mode: measure(
                        kind,
                        mode,
                        seed=settings.seed,
                        replicas=replicas,
                        updates=updates,
                        names=asked["names"],
                        offline=offline,
                    )
                    for mode in EVERY_MODE
                }
                total = updates * replicas
                each = [sent[mode].bytes_sent / total for mode in ("state", "delta", "operations", "multicast")]
                how = "alone for a third" if offline else "connected"
                yield kind, how, total, sent["state"].state_bytes, *each, each[0] / each[1], each[0] / each[2]


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """Where it pays most and least."""
    if not measured:
        return ()
    least, most = min(measured, key=lambda row: row[8]), max(measured, key=lambda row: row[8])
    return (
        f"whole states cost {most[8]:.1f} times what deltas cost for {most[0]} with {most[2]} updates, {most[1]}, "
        f"and {least[8]:.1f} times for {least[0]} with {least[2]} updates, {least[1]}",
    )


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Bytes per update over the number of updates, connected; a line for each type and mode."""
    styles = {"state": "-", "delta": "--", "operations": ":", "multicast": "-."}
    for number, kind in enumerate(dict.fromkeys(row[0] for row in measured)):
        mine = [row for row in measured if row[0] == kind and row[1] == "connected"]
        for column, (mode, style) in enumerate(styles.items(), 4):
            points = [row[column] for row in mine]
            axes.plot([row[2] for row in mine], points, style, marker=".", color=f"C{number}", label=f"{kind}, {mode}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("updates in all")
    axes.set_ylabel("bytes sent for each update")
    axes.legend(fontsize=7, ncols=2)


CRDT_BYTES_STUDY = Study(
    name="crdt-bytes",
    summary="what is sent by whole states, by deltas and by operations, for the same users",
    source="Almeida, Shoker & Baquero, Delta state replicated data types, 2018",
    project=9,
    headers=(
        "type",
        "replicas are",
        "updates",
        "state at the end [B]",
        "state [B/update]",
        "delta [B/update]",
        "operations [B/update]",
        "multicast [B/update]",
        "state / delta",
        "state / operations",
    ),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
