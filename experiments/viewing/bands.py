"""What lasts in a run: nodes that are down, paused or slow, and links that are cut or clogged, from fault to remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from simclock.told import Halted
from simclock.trace import TraceRecord

BANDS_MAX = 50_000


class Band(NamedTuple):
    """Something that lasts."""

    kind: str
    """down, paused, slow, partition, silence, cut or clogged."""
    from_ns: int
    to_ns: int | None
    """None: to the end."""
    nodes: tuple[int, ...]
    """Who is struck; of a link its source and target; of a partition nobody."""
    groups: tuple[tuple[int, ...], ...]
    """Of a partition."""


_Key = tuple[str, tuple[int, ...]]
_NETWORK = ("partition", "cut", "clogged")
_BEGINS = {"crash": "down", "torn-crash": "down", "pause": "paused", "clog-node": "clogged"}
_ENDS = {"restart": "down", "resume": "paused", "unclog-node": "clogged"}
_LINKS = {"cut": "cut", "clog": "clogged"}
_MENDED = {"mend": "cut", "unclog": "clogged"}


class Bands:
    """Those of a trace, read record by record."""

    def __init__(self) -> None:
        self._open: dict[_Key, Band] = {}
        self._ended: list[Band] = []

    def add(self, record: TraceRecord, detail: Any) -> None:
        """Take the next record, with its detail as plain data."""
        if record.what == "observe" and detail[0] == Halted.observed_as:
            self._begin(record.time_ns, "down", (record.node,))
        elif record.what == "start":
            self._end(record.time_ns, "down", (record.node,))
        elif record.what == "fault" and isinstance(detail, dict):
            self._fault(record.time_ns, detail)
        elif record.what == "fault" and isinstance(detail, str):
            self._step(record.time_ns, detail)

    def _step(self, now_ns: int, text: str) -> None:
        """A step that somebody decided, which a trace has as its text: `cut 0 | 1 2`, `cut 0->1`, `mend`."""
        verb, _, rest = text.partition(" ")
        numbers = [[int(word) for word in re.findall("[0-9]+", group)] for group in rest.split("|")]
        if verb == "cut" and "->" in rest:
            self._begin(now_ns, "cut", tuple(numbers[0]))
        elif verb == "cut":
            self._begin(now_ns, "partition", (), tuple(map(tuple, numbers)))
        elif verb == "mend" and not rest:
            self._fault(now_ns, {"type": "heal"})

    def _fault(self, now_ns: int, fault: dict[str, Any]) -> None:
        kind, node = fault.get("type", ""), fault.get("node")
        link = (fault.get("source"), fault.get("target"))
        if kind in ("partition", "silence"):
            self._end(now_ns, "partition", ())
            groups = tuple(tuple(each for each in group if isinstance(each, int)) for group in fault.get("groups", ()))
            if groups:
                self._begin(now_ns, kind, (), groups)
        elif kind == "heal":
            for key in [key for key in self._open if key[0] in _NETWORK]:
                self._end(now_ns, *key)
        elif isinstance(node, int):
            if kind in _BEGINS:
                if kind.endswith("crash"):
                    self._end(now_ns, "paused", (node,))
                self._begin(now_ns, _BEGINS[kind], (node,))
            elif kind in _ENDS:
                self._end(now_ns, _ENDS[kind], (node,))
            elif kind == "slow-node":
                self._end(now_ns, "slow", (node,))
                if fault.get("busy_ns"):
                    self._begin(now_ns, "slow", (node,))
        elif kind in _LINKS and all(isinstance(end, int) for end in link):
            self._begin(now_ns, _LINKS[kind], (int(fault["source"]), int(fault["target"])))
        elif kind in _MENDED and all(isinstance(end, int) for end in link):
            self._end(now_ns, _MENDED[kind], (int(fault["source"]), int(fault["target"])))

    def _begin(self, now_ns: int, kind: str, nodes: tuple[int, ...], groups: tuple[tuple[int, ...], ...] = ()) -> None:
        key = ("partition" if kind == "silence" else kind, nodes)
        if key not in self._open and len(self._open) + len(self._ended) < BANDS_MAX:
            self._open[key] = Band(kind, now_ns, None, nodes, groups)

    def _end(self, now_ns: int, kind: str, nodes: tuple[int, ...]) -> None:
        begun = self._open.pop((kind, nodes), None)
        if begun is not None:
            self._ended.append(begun._replace(to_ns=now_ns))

    def __iter__(self) -> Iterator[Band]:
        """In the order in which they began."""
        return iter(
            sorted([*self._ended, *self._open.values()], key=lambda band: (band.from_ns, band.kind, band.nodes))
        )
