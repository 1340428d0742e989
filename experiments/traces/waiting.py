"""Who waits for whom in a run that has gone quiet: asked of its trace, which a second run of it gives.

Law: nothing is measured in the first run, so a run that does not go quiet pays nothing. A message counts as answered
when its sender has received something that its target sent after having received it; an answer itself wants none. What
shows are circles, and chains that end at a message which was lost or found its node down. A message that wants no
answer (gossip, say) looks like one that has none, so it is told as "has no answer", and not as a deadlock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from simclock.actors.run import run
from simclock.durations import format_duration
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

EVENTS_MAX = 100_000
"""A longer run is not run once more for this: that takes about a second."""
CHAINS_MAX = 3

Link = tuple[int, int]


class _Ask(NamedTuple):
    """A message that has no answer."""

    time_ns: int
    message: str
    state: str
    """"under way", "arrived", or why it was dropped."""

    def __str__(self) -> str:
        dropped = "" if self.state in ("under way", "arrived") else f", {self.state}"
        return f"{self.message} at {format_duration(self.time_ns)}{dropped}"


class Waits:
    """Reads a trace: the messages that have no answer."""

    def __init__(self) -> None:
        self.open: dict[Link, _Ask] = {}
        """(who asked, whom) -> the last message there that has no answer."""
        self._keys: dict[tuple[int, int], Link] = {}
        """(source, sequence) of an ask under way -> its link."""
        self._answers: set[tuple[int, int]] = set()
        """(source, sequence) of answers under way."""

    def __call__(self, record: TraceRecord) -> None:
        key = record.source, record.sequence
        match record.what:
            case "send" if record.node != record.target:
                asked = self.open.get((record.target, record.node))
                if asked is not None and asked.state == "arrived":
                    self._answers.add(key)
                else:
                    link = record.node, record.target
                    self.open[link] = _Ask(record.time_ns, type(record.detail).__name__, "under way")
                    self._keys[key] = link
            case "deliver" | "drop":
                link = self._keys.pop(key, (-1, -1))
                if link in self.open:
                    state = "arrived" if record.what == "deliver" else record.reason
                    self.open[link] = self.open[link]._replace(state=state)
                if key in self._answers:
                    self._answers.discard(key)
                    if record.what == "deliver":
                        self.open.pop((record.node, record.source), None)
            case "start":
                for link in [link for link in self.open if link[0] == record.node]:
                    del self.open[link]

    def lines(self) -> Iterator[str]:
        """The first circle, and chains that end at a lost message."""
        circle = _circle(self.open)
        if circle:
            pairs = list(zip(circle, [*circle[1:], circle[0]], strict=True))
            yield f"a circle: {', '.join(self._told(pair) for pair in pairs)}"
        lost = sorted(link for link, ask in self.open.items() if ask.state not in ("under way", "arrived"))
        waiting = {target: source for source, target in sorted(self.open, reverse=True)}
        for link in lost[:CHAINS_MAX]:
            chain, seen = [link], {link[1]}
            while chain[0][0] in waiting and chain[0][0] not in seen:
                seen.add(chain[0][0])
                chain.insert(0, (waiting[chain[0][0]], chain[0][0]))
            if set(chain[0]) - set(circle):
                yield ", ".join(self._told(pair) for pair in chain)

    def _told(self, link: Link) -> str:
        return f"{link[0]} has no answer from {link[1]} ({self.open[link]})"


def _circle(links: Mapping[Link, _Ask]) -> list[int]:
    """Nodes of which each waits for the next, and the last for the first; the lowest first. Empty if there is none."""
    after: dict[int, list[int]] = {}
    for source, target in sorted(links):
        if (target, source) in links:
            return [source, target]
        after.setdefault(source, []).append(target)
    done: set[int] = set()
    for start, targets in after.items():
        path, on_path, choices = [start], {start}, [iter(targets)]
        while path and path[0] not in done:
            target = next(choices[-1], -1)
            if target < 0:
                done.add(path[-1])
                on_path.discard(path.pop())
                choices.pop()
            elif target in on_path:
                circle = path[path.index(target) :]
                lowest = circle.index(min(circle))
                return circle[lowest:] + circle[:lowest]
            elif target in after and target not in done:
                path.append(target)
                on_path.add(target)
                choices.append(iter(after[target]))
    return []


def who_waits(scenario: Scenario, result: RunResult) -> tuple[str, ...]:
    """Lines about a run that has gone quiet; none where nothing shows, or where it would take long to find out."""
    if result.quiet is None or result.events > EVENTS_MAX:
        return ()
    waits = Waits()
    try:
        again = run(scenario, trace=waits, guard=False)
    except Exception:  # it went well the first time: what a second run does otherwise is not to be told here
        return ()
    return tuple(waits.lines()) if again.digest == result.digest else ()
