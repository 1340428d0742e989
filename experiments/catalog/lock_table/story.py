"""What transactions did, in words and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simclock import Observation, seconds, us
from simclock.protocols.lock_table.observed import (
    Aborted,
    Attempted,
    Begun,
    Claimed,
    Committed,
    LockChanged,
    Locked,
    read,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES_MAX = 40
PICTURE_NS = seconds(1)
"""How much of a run is drawn."""
COLOURS = {"commit": "tab:green", "abort": "tab:red", "open": "tab:gray"}


def key_name(key: int) -> str:
    """A key as a reader likes it."""
    return chr(ord("a") + key) if key < 26 else f"k{key}"


class Teller:
    """Makes a line of each observation that a reader wants to know of."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        """Client -> the number of its present transaction."""
        self.tries: dict[int, int] = {}
        self._waiting: dict[int, frozenset[int]] = {}
        """Key -> the clients in its queue."""

    def name(self, client: int) -> str:
        """Of a client's present transaction."""
        return f"T{client}.{self.numbers.get(client, 0)}"

    def lines(self, told: Observation) -> Iterator[str]:
        """What happened, without the time."""
        node = told.node
        match read(told):
            case Begun(number, _, locks):
                self.numbers[node], self.tries[node] = number, 0
                steps = ", ".join(f"{key_name(key)} {mode}" for key, mode in locks)
                yield f"{self.name(node)} begins: {steps}"
            case Attempted(timestamp=(at_ns, _)):
                self.tries[node] += 1
                if self.tries[node] > 1:
                    stamp = f"{at_ns / 1e6:.1f} ms"
                    yield f"{self.name(node)} tries again (try {self.tries[node]}), with the timestamp {stamp}"
            case Locked(key=key, mode=mode):
                yield f"{self.name(node)} has {key_name(key)} {mode}"
            case Aborted(reason=reason, key=key, other=other):
                yield self._abort(node, reason, key, other)
            case Committed(tries=tries):
                yield f"{self.name(node)} commits at try {tries}, and gives back what it holds"
            case LockChanged() as lock:
                yield from self._queue(lock.key, *lock.claims())

    def _abort(self, node: int, reason: str, key: int, other: int) -> str:
        if reason == "crashed":
            return f"{self.name(node)} has crashed"
        if reason == "died":
            why = f"dies: {self.name(other)}, which is older, is before it at {key_name(key)}"
        else:
            why = f"is wounded: {self.name(other)}, which is older, asks for {key_name(key)}"
        return f"{self.name(node)} {why}"

    def _queue(self, key: int, holders: Sequence[Claimed], queue: Sequence[Claimed]) -> Iterator[str]:
        before = self._waiting.get(key, frozenset())
        for waiting in queue:
            if waiting.client not in before:
                held = " and ".join(self.name(each.client) for each in holders if each.client != waiting.client)
                yield f"{self.name(waiting.client)} waits for {key_name(key)} {waiting.mode}, held by {held}"
        self._waiting[key] = frozenset(each.client for each in queue)


def story(kept: Iterable[Observation], deadlock: Mapping[str, Any]) -> Iterator[str]:
    """The first lines of a run: up to a deadlock, or until enough has been told."""
    teller = Teller()
    count = 0
    for told in kept:
        for line in teller.lines(told):
            count += 1
            if count <= LINES_MAX:
                yield f"[{told.time_ns / 1e6:8.1f} ms] {line}"
    if count > LINES_MAX:
        yield f"... and {count - LINES_MAX} lines more"
    circle = deadlock.get("circle", ())
    for place, (client, key) in enumerate(circle):
        after = circle[(place + 1) % len(circle)][0]
        since = f"[{deadlock['since_ns'] / 1e6:8.1f} ms] DEADLOCK:" if place == 0 else " " * 23
        yield f"{since} {teller.name(client)} waits for {teller.name(after)} at {key_name(key)}"
    yield ""


def draw(kept: Sequence[Observation], axes: Axes) -> None:
    """The attempts of every client in the first second: how long each took, and how it ended."""
    begun: dict[int, int] = {}
    bars: list[tuple[int, int, int, str]] = []
    for told in kept:
        if told.time_ns > PICTURE_NS:
            break
        match read(told):
            case Attempted():
                begun[told.node] = told.time_ns
            case Committed() | Aborted() as end if told.node in begun:
                bars.append((told.node, begun.pop(told.node), told.time_ns, end.observed_as))
    bars += [(node, since_ns, PICTURE_NS, "open") for node, since_ns in begun.items()]
    for how, colour in COLOURS.items():
        chosen = [bar for bar in bars if bar[3] == how]
        axes.barh(
            [node for node, _, _, _ in chosen],
            [(until_ns - since_ns) // us(1) / 1000 for _, since_ns, until_ns, _ in chosen],
            left=[since_ns // us(1) / 1000 for _, since_ns, _, _ in chosen],
            height=0.6,
            color=colour,
            edgecolor="white",
            linewidth=0.3,
            label={"commit": "committed", "abort": "aborted", "open": "still open"}[how],
        )
    axes.set_xlabel("virtual time [ms]")
    axes.set_ylabel("client")
    axes.set_xlim(0, PICTURE_NS // 1_000_000)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, fontsize=7)
