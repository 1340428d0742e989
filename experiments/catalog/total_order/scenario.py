"""A totally ordered chat: every screen shows the same messages in the same order, whoever is slow, gone or back.

A script among friends, one of whom is two seconds away; another crashes and comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock import (
    Crash,
    Fault,
    Network,
    Regions,
    Restart,
    RunResult,
    Scenario,
    Told,
    UsageError,
    format_duration,
    minutes,
    ms,
    seconds,
    us,
)
from simclock.actors import Node
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Duration, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.nemesis import DOWN, calm_of
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.total_order import TotalOrderProperties, TotalOrderSettings
from simclock.protocols.total_order.observed import Blank, Displayed, LeftOut, Pending, Viewed, read
from simclock.protocols.total_order.people import Person, Script
from simclock.protocols.total_order.properties import Screens

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HELD = "Nothing Held For Ever"
NAMES = ("Alice", "Bob", "Carol", "Dave")
FAR = 2
"""Carol is the one who is far away."""
TOLD = (Pending, Displayed, Blank, Viewed, LeftOut)

LINES: Mapping[str, Script] = {
    "Alice": Script(
        lines=((ms(500), "Shall we meet at noon?"), (seconds(24), "Dave?"), (seconds(60), "Welcome back, Dave.")),
        answers=(("Where?", "At the station."),),
    ),
    "Bob": Script(lines=((ms(520), "Good morning."),), answers=(("Shall we meet at noon?", "Noon is fine."),)),
    "Carol": Script(lines=((ms(530), "Hello from far away."),), answers=(("Noon is fine.", "Where?"),)),
    "Dave": Script(lines=((ms(520), "Morning!"), (seconds(19), "One moment ...")), answers=()),
}
NOBODY = Script()


class AtTheEnd(NamedTuple):
    """What is kept of a participant that is up at the end, or crashes."""

    is_in: bool
    view: int
    held: int
    resent: int
    settle_ns: int


def at_the_end(node: Any) -> AtTheEnd:
    """What is kept of a node."""
    membership = node.membership
    return AtTheEnd(
        is_in=membership.is_in,
        view=membership.view.number,
        held=len(node.queue.held),
        resent=node.links.resent,
        settle_ns=settle_ns(node.settings),
    )


def name_of(node: int) -> str:
    """Who sits at that node."""
    return NAMES[node] if node < len(NAMES) else f"Guest {node}"


def settle_ns(settings: TotalOrderSettings) -> int:
    """Within what time after the last trouble everything said is displayed and everyone is back.

    Two changes of views (out, and in again), each after `suspect_ns` without an answer, and retransmissions at their
    slowest.
    """
    return 4 * settings.suspect_ns + 8 * settings.retry_ns


CHAT_PARAMETERS = Parameters(
    delay_ns=Duration(seconds(2), help="To and from the one who is far away."),
    suspect_ns=Duration(seconds(6), help="Without a word so long, one is taken for crashed."),
)


def chat(settings: Settings) -> Scenario:
    """Four friends; the third is far away, the fourth crashes and comes back."""
    parameters = {**CHAT_PARAMETERS, **settings.parameters}
    nodes = 4 if settings.nodes is None else settings.nodes
    delay_ns, suspect_ns = parameters["delay_ns"], parameters["suspect_ns"]
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not a chat: 2 participants or more")
    if suspect_ns <= delay_ns:
        raise UsageError(
            f"suspect_ns: {format_duration(suspect_ns)} is not more than delay_ns, {format_duration(delay_ns)}: who is "
            "far away would be taken for crashed"
        )
    order = TotalOrderSettings(heartbeat_ns=suspect_ns // 12, suspect_ns=suspect_ns, retry_ns=2 * delay_ns + ms(200))
    latency = Regions(
        one_way_ns={("here", "far"): delay_ns, ("far", "here"): delay_ns},
        placement=["far" if node == FAR else "here" for node in range(nodes)],
        local_ns=ms(20),
        source="one participant far away",
    )
    crash = (Crash(at_ns=seconds(20), node=3), Restart(at_ns=seconds(45), node=3)) if nodes > 3 else ()
    return chat_scenario(
        "chat",
        nodes=nodes,
        order=order,
        scripts=tuple([_script(node, nodes) for node in range(nodes)]),
        person=Person,
        duration_ns=minutes(2),
        network=Network(latency=latency, loss=0.02, duplication=0.02),
        faults=crash,
        parameters=parameters,
    )


def _script(node: int, nodes: int) -> Script:
    """What a participant says: nothing to somebody who is not there."""
    script = LINES.get(name_of(node), NOBODY)
    absent = NAMES[nodes:]
    return replace(script, lines=tuple([line for line in script.lines if not any(name in line[1] for name in absent)]))


def chat_scenario(
    name: str,
    *,
    nodes: int,
    order: TotalOrderSettings,
    scripts: Sequence[Script],
    person: type[Person],
    duration_ns: int,
    network: Network,
    faults: tuple[Fault, ...],
    parameters: Mapping[str, Any] | None = None,
) -> Scenario:
    def build(node: int) -> Node:
        return person(order, scripts[node])

    return Scenario(
        name=name,
        nodes=nodes,
        build=build,
        duration_ns=duration_ns,
        network=network,
        faults=faults,
        observers=(partial(TotalOrderProperties, nodes), partial(Recorded, TOLD if name == "chat" else ())),
        final=at_the_end,
        fallen=at_the_end,
        parameters=parameters or {},
    )


# Judging.


def judge(result: RunResult) -> Verdict:
    """The properties of the order; and that nothing is held for ever, where the run was calm for long enough."""
    screens: Screens = result.reports["TotalOrderProperties"]
    safe = judge_invariants(result)
    held = held_for_ever(result)
    counts = screens.counts
    agreed = f"all screens agree on {len(screens.order)} messages: {counts['replies']} answers, {counts['ties']} ties"
    if safe.status != VIOLATED and counts["displayed"]:
        safe = Verdict(status=VALID, lines=(agreed,))
    elif safe.status != VIOLATED:
        safe = Verdict(status=UNKNOWN, lines=("no screen has shown anything: let it run longer",))
    return together(safe, held)


def held_for_ever(result: RunResult) -> Verdict:
    """Whether everything is displayed that has to be, and everyone is back who is up."""
    screens: Screens = result.reports["TotalOrderProperties"]
    ends: dict[int, AtTheEnd] = {node: end for node, end in result.final.items() if end is not None}
    settle = max([end.settle_ns for end in ends.values()], default=0)
    calm = calm_of(result.happened, bears=(DOWN,))
    lacking = calm.lacking(result.virtual_ns, settle)
    if lacking:
        status = UNKNOWN if calm.standing else VALID
        return Verdict(status=status, lines=(f"{lacking}: {HELD} is not judged",))
    number, members = screens.latest
    left = [node for node in members if node in ends and ends[node].is_in and ends[node].view == number]
    if 2 * len(left) < len(members) or (2 * len(left) == len(members) and members[0] not in left):
        line = f"not judged: of view {number}, {len(members)} members, {len(left)} are left: no quorum can go on"
        return Verdict(status=UNKNOWN, lines=(f"{HELD}: {line}",))
    wrong = list(_not_settled(result, screens, ends, result.virtual_ns - settle))
    if wrong:
        return Verdict(status=VIOLATED, lines=tuple([f"{HELD} violated: {line}" for line in wrong]), properties=(HELD,))
    lost = f", {len(screens.lost)} given up by who was left out" if screens.lost else ""
    return Verdict(status=VALID, lines=(f"{HELD}: every screen that is up shows all of them{lost}",))


def _not_settled(result: RunResult, screens: Screens, ends: Mapping[int, AtTheEnd], said_by_ns: int) -> Iterator[str]:
    order = set(screens.order)
    for node, end in sorted(ends.items()):
        if not end.is_in or end.view != screens.latest[0]:
            yield f"node {node} is up, and takes no part in the last view, {screens.latest[0]}"
            continue
        since_ns = screens.views[node][1]
        for time_ns, name in screens.said:
            if name[1] == node and since_ns <= time_ns <= said_by_ns and name not in order:
                yield f"{name} was said at {format_duration(time_ns)}, and no screen shows it"
                break
        shown = sum(time_ns <= said_by_ns and name in order for time_ns, name in screens.said)
        if screens.shown[node] < shown:
            yield f"node {node} holds {end.held} messages; it shows {screens.shown[node]} of {len(screens.order)}"


def sometimes(result: RunResult) -> Mapping[str, int]:
    """What a run should reach."""
    screens: Screens = result.reports["TotalOrderProperties"]
    return dict(screens.counts)


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Messages, views, and how long a message was held."""
    screens: Screens = result.reports["TotalOrderProperties"]
    counts = screens.counts
    resent = sum(end.resent for end in result.lives)
    return (
        ("messages", f"{counts['said']} said, {len(screens.order)} in the total order, {counts['replies']} answers"),
        ("screens", f"{counts['displayed']} displays, {counts['held']} of messages held at first; {resent} resent"),
        (
            "views",
            f"{counts['views'] + 1}; {counts['left out']} times left out, {counts['joined']} times joined, "
            f"{counts['missed and shown']} missed messages shown",
        ),
    )


# Telling.


def story(result: RunResult) -> Iterator[str]:
    """Each screen by itself: what it held, what it displayed, who took part."""
    screens: dict[int, list[str]] = {}
    for observation in recorded(result):
        line = _line(read(observation))
        if line:
            at = format_duration(observation.time_ns // us(1000) * us(1000))
            screens.setdefault(observation.node, []).append(f"  {at:>9}  {line}")
    for node, lines in sorted(screens.items()):
        yield f"{name_of(node)}'s screen"
        yield from lines
        yield ""


def _line(told: Told | None) -> str:
    match told:
        case Pending(count, node, text, missing):
            waits = f"   waits for {', '.join(map(name_of, missing))}" if missing else ""
            return f'[PENDING] ({count}, {name_of(node)}) "{text}"{waits}'
        case Displayed(position, count, node, text):
            return f'[DISPLAY] {position + 1}. ({count}, {name_of(node)}) "{text}"'
        case Viewed(number, members, position, joins):
            joined = f", joins: its screen goes on from {position + 1}" if joins else ""
            return f"[VIEW {number}]  {', '.join(map(name_of, members))}{joined}"
        case Blank():
            return "[BACK]    the screen is empty"
        case LeftOut(number, lost):
            return f"[OUT]     left out of view {number}, {len(lost)} messages not shown"
    return ""


def plot(result: RunResult, axes: Axes) -> None:
    """When each screen held and showed each message."""
    shown: dict[int, list[tuple[float, int]]] = {}
    held: dict[tuple[int, tuple[int, int]], float] = {}
    for each in recorded(result):
        node, at = each.node, each.time_ns / seconds(1)
        match read(each):
            case Pending(count, author):
                held[node, (count, author)] = at
            case Displayed(position, count, author):
                shown.setdefault(node, []).append((at, position + 1))
                begins = held.get((node, (count, author)))
                if begins is not None:
                    height = position + 1 + 0.12 * (node - 1.5)
                    axes.plot([begins, at], [height, height], color=f"C{node}", linewidth=1)
    for node, points in sorted(shown.items()):
        heights = [position + 0.12 * (node - 1.5) for _, position in points]
        axes.plot([at for at, _ in points], heights, "o", color=f"C{node}", markersize=4, label=name_of(node))
    positions = sorted({position for _, position in chain.from_iterable(shown.values())})
    axes.set_yticks(positions)
    axes.set_xlabel("virtual time [s]; a line: held, a dot: displayed")
    axes.set_ylabel("position in the total order")
    axes.legend(loc="lower right")


CHAT = Entry(
    name="chat",
    summary="a totally ordered chat: one participant two seconds away, one that crashes and comes back",
    source="Lamport, Time, Clocks, and the Ordering of Events in a Distributed System, 1978",
    project=2,
    make=chat,
    judge=judge,
    describe=describe,
    parameters=CHAT_PARAMETERS,
    story=story,
    plot=plot,
    sometimes=sometimes,
)
