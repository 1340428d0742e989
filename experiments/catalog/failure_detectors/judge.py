"""What failure detectors said, held against what really happened: mistakes, detection times, completeness.

A suspicion of a node that is up is a mistake. Of a node that stays down the suspicion that lasts is its detection.
Completeness is due where the monitor had its chance: it and the node were up together before the crash, for some
heartbeats where the run had only begun, for a while where anything had befallen one of them or the network; and for a
while after the crash nothing befell the monitor, nor did a late word of the node arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simclock import AddDelay, Crash, Observer, Restart, RunResult, format_duration
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict
from simclock.experiments.telling.recorded import recorded
from simclock.faults import NodeFault
from simclock.protocols.failure_detectors.observed import Suspects, Trusts, read

COMPLETENESS = "Strong Completeness"
"""Every process that crashes is eventually suspected for good (Chandra and Toueg 1996)."""
MONITOR = 0
WARM = 5
"""Part of the time to settle that a monitor needs to know a node from the start of a run: six heartbeats."""
THRESHOLDS = (1, 3, 5, 8, 12)
TIMEOUTS = (12, 15, 20, 30, 50)
"""Fixed timeouts, in tenths of the heartbeat's interval."""
NAMES = (*(f"fixed {tenths / 10:g} beats" for tenths in TIMEOUTS), *(f"phi {each}" for each in THRESHOLDS))
BLINDS = {"crash": "restart", "torn-crash": "restart", "pause": "resume", "stop-clock": "start-clock"}
"""What keeps a monitor from noticing anything -> what ends that."""


class SettledAfter(Observer):
    """Keeps for the judge how long after a crash, or after the last word of a node, completeness is due."""

    def __init__(self, settled_ns: int) -> None:
        self._settled_ns = settled_ns

    def report(self) -> int:
        return self._settled_ns


class Downtime(NamedTuple):
    """From a crash to the restart."""

    from_ns: int
    until_ns: int | None
    """None: it stays down."""


class Measured(NamedTuple):
    """One detector in one run."""

    mistakes: int
    """Suspicions of nodes that were up."""
    alive_ns: int
    """Time that all watched nodes were up, added."""
    detection_ns: tuple[int, ...]
    """From each crash for good to the suspicion that lasts, in order of size; one from before the crash counts as 0."""
    missed: tuple[int, ...]
    """Nodes that are down and that nobody suspected in the end."""


def downtimes_of(result: RunResult) -> dict[int, list[Downtime]]:
    """Of every node that crashed, in order."""
    found: dict[int, list[Downtime]] = {}
    for fault in result.faults:
        if isinstance(fault, Crash | Restart) and isinstance(fault.node, int):
            downtimes = found.setdefault(fault.node, [])
            down = bool(downtimes) and downtimes[-1].until_ns is None
            if isinstance(fault, Crash) and not down:
                downtimes.append(Downtime(fault.at_ns, None))
            elif isinstance(fault, Restart) and down:
                downtimes[-1] = downtimes[-1]._replace(until_ns=fault.at_ns)
    return found


def downtime_at(downtimes: Sequence[Downtime], time_ns: int) -> Downtime | None:
    """The one in which an instant lies; None where the node is up."""
    inside = (each for each in downtimes if each.from_ns <= time_ns and (each.until_ns or time_ns + 1) > time_ns)
    return next(inside, None)


def down_for_good(downtimes: dict[int, list[Downtime]]) -> dict[int, int]:
    """Watched node -> since when it is down, of those that do not come back."""
    last = {node: each[-1] for node, each in sorted(downtimes.items()) if each and node != MONITOR}
    return {node: down.from_ns for node, down in last.items() if down.until_ns is None}


def measured(result: RunResult) -> list[Measured]:
    """Every detector's mistakes and detection times."""
    downtimes = downtimes_of(result)
    crashed_ns = down_for_good(downtimes)
    forgets_ns = [down.from_ns for down in downtimes.get(MONITOR, ())]
    mistakes = [0] * len(NAMES)
    since_ns: dict[tuple[int, int], int] = {}
    for each in recorded(result):
        while forgets_ns and forgets_ns[0] <= each.time_ns:
            del forgets_ns[0]
            since_ns.clear()
        match read(each):
            case Trusts(node, number):
                since_ns.pop((node, number), None)
            case Suspects(node, number):
                since_ns[node, number] = each.time_ns
                mistakes[number] += downtime_at(downtimes.get(node, ()), each.time_ns) is None
    if forgets_ns:
        since_ns.clear()
    alive_ns = sum(_up_ns(result, downtimes.get(node, ())) for node in range(1, len(result.node_digests)))
    found = []
    for number in range(len(NAMES)):
        caught = [node for node in crashed_ns if (node, number) in since_ns]
        times = sorted(max(0, since_ns[node, number] - crashed_ns[node]) for node in caught)
        missed = tuple(node for node in crashed_ns if node not in caught)
        found.append(Measured(mistakes[number], alive_ns, tuple(times), missed))
    return found


def _up_ns(result: RunResult, downtimes: Sequence[Downtime]) -> int:
    end_ns = result.virtual_ns
    return end_ns - sum(
        min(end_ns, end_ns if each.until_ns is None else each.until_ns) - min(end_ns, each.from_ns)
        for each in downtimes
    )


class Chances(NamedTuple):
    """The nodes that are down for good, by what may be asked of the monitor."""

    due: tuple[int, ...]
    """It had its chance: they must be suspected."""
    recent: tuple[int, ...]
    """Their crash, or their last word, is not old enough at the end."""
    none: tuple[int, ...]
    """It hardly knew them when they crashed, or something befell it since."""


def chances(result: RunResult) -> Chances:
    """Of which nodes completeness is due.

    Whoever is suspected by everybody needs no more time after a beat that was on its way.
    """
    downtimes = downtimes_of(result)
    settled_ns: int = result.reports["SettledAfter"]
    watching_ns = _watching_since_ns(result)
    missed = {node for each in measured(result) for node in each.missed}
    trusts = ((each.time_ns, Trusts.read(each)) for each in recorded(result))
    trusted_ns = [(time_ns, told.node) for time_ns, told in trusts if told is not None]
    due: list[int] = []
    recent: list[int] = []
    none: list[int] = []
    for node, at_ns in down_for_good(downtimes).items():
        words = (time_ns for time_ns, trusted in trusted_ns if trusted == node)
        heard_ns = max(at_ns, *words, 0) if node in missed else at_ns
        latest_ns = result.virtual_ns - settled_ns
        if heard_ns > latest_ns:
            recent.append(node)
        elif watching_ns is None or (node in missed and watching_ns > latest_ns):
            none.append(node)
        else:
            (due if _known(result, downtimes, node, at_ns) else none).append(node)
    return Chances(tuple(due), tuple(recent), tuple(none))


def _known(result: RunResult, downtimes: dict[int, list[Downtime]], node: int, at_ns: int) -> bool:
    """Whether the monitor and a node were up together for long enough before it crashed.

    From the start of an untroubled run some heartbeats are enough: a delay, or another node's crash, keeps none away.
    """
    settled_ns: int = result.reports["SettledAfter"]
    started = [down.until_ns for each in (node, MONITOR) for down in downtimes.get(each, ()) if down.until_ns]
    before = (fault for fault in result.faults if fault.at_ns <= at_ns)
    troubled = any(
        not isinstance(fault, AddDelay | Crash | Restart) or getattr(fault, "node", node) == MONITOR for fault in before
    )
    return at_ns - max(started, default=0) >= (settled_ns if started or troubled else settled_ns // WARM)


def _watching_since_ns(result: RunResult) -> int | None:
    """When the monitor met with a fault last; None where it still cannot notice anything."""
    since_ns, blind = 0, set()
    for fault in result.faults:
        if isinstance(fault, NodeFault) and fault.node == MONITOR and fault.at_ns <= result.virtual_ns:
            since_ns = fault.at_ns
            blind.discard(fault.kind)
            if fault.kind in BLINDS:
                blind.add(BLINDS[fault.kind])
    return None if blind else since_ns


def judge(result: RunResult) -> Verdict:
    """Completeness: whoever crashed long enough ago is suspected at the end, by every detector."""
    found = measured(result)
    due, recent, none = chances(result)
    lines = [
        f"{COMPLETENESS}: {NAMES[number]} does not suspect node {node}, which has crashed"
        for number, each in enumerate(found)
        for node in each.missed
        if node in due
    ]
    if lines:
        return Verdict(status=VIOLATED, lines=tuple(lines), properties=(COMPLETENESS,))
    if due:
        held = [f"each of {len(due)} crashes is suspected by all {len(found)} detectors"]
        late = [f"{len(recent)} crashes are too recent to be judged"] if recent else []
        return Verdict(status=VALID, lines=(*held, *late, *_no_chance(none)))
    if not recent and not none:
        return Verdict(status=UNKNOWN, lines=("nobody stays down, so nobody has to be suspected in the end",))
    young = []
    if recent:
        old, least = (format_duration(times * result.reports["SettledAfter"]) for times in (1, 2))
        which = "no other crash" if none else "no crash"
        young = [f"{which} is {old} old at the end, so none has to be suspected yet: run for {least} or more"]
    return Verdict(status=UNKNOWN, lines=(*young, *_no_chance(none)))


def _no_chance(nodes: Sequence[int]) -> tuple[str, ...]:
    """Why some crashes are not judged, however long the run."""
    if not nodes:
        return ()
    why = "it hardly knew the node yet, or something befell it since"
    return (f"{len(nodes)} crashes are not judged, as the monitor had no chance: {why}",)
