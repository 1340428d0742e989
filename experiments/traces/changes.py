"""Every change of a node's attribute in a run: when, by which event, by which line of its code.

A watched node's handlers are traced line by line (`sys.settrace`): after each line the value is looked at, so the line
is that which changed it, in the protocol's own code. A value is its content: a set that gains a member has changed. All
other nodes run as ever, and the run is the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import Any

import simclock
from simclock.actors.run import inline_run
from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.runs.seeds import bounded
from simclock.experiments.telling.spelling import say, unknown
from simclock.experiments.traces.inspection import fields_of, readable
from simclock.experiments.traces.plain_values import plain
from simclock.guarding.guard import guarding
from simclock.kernel.events import Event
from simclock.kernel.host import Host
from simclock.machinery import is_library_file, is_machinery
from simclock.scenario import Scenario
from simclock.trace import Trace

_ABSENT = object()
_PACKAGE = os.path.dirname(simclock.__file__)


@dataclass(frozen=True)
class Watched:
    """`0.holder`, or deeper: `0.log.last_index`, `1.peers.2`."""

    node: int
    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join((str(self.node), *self.path))


def parse_watched(text: str, place: str = "--watch-value") -> Watched:
    """Read `NODE.ATTRIBUTE`. Raises UsageError."""
    node, *path = text.strip().split(".")
    if not (node.isascii() and node.isdecimal()) or not path or not all(path):
        raise UsageError(f"{place}: {say(text)} names no value: write NODE.ATTRIBUTE, such as 0.holder")
    return Watched(bounded(node), tuple(path))


def watch_values(scenario: Scenario, watched: Sequence[Watched], tell: Callable[[str], Any], replay: str = "") -> None:
    """Run it in this process, and tell each change in a line. Raises UsageError for an attribute that never is."""
    guards = guarding(scenario.build, True)
    with guards.run:
        scheduler, host = inline_run(scenario, trace=_forget, replay=replay, guards=guards)
        watch = _ValueWatch(host, watched, tell)
        host.trace = watch
        before = sys.gettrace()
        try:
            while scheduler.step():
                pass
        finally:
            sys.settrace(before)
    watch.finish()


def _forget(record: Any) -> None:
    pass


class _ValueWatch(Trace):
    """A trace that looks at values when a watched node has handled something, and line by line while it does."""

    def __init__(self, host: Host, watched: Sequence[Watched], tell: Callable[[str], Any]) -> None:
        super().__init__()
        self._host = host
        self._tell = tell
        self._values: dict[Watched, Any] = dict.fromkeys(watched, _ABSENT)
        self._nodes = {each.node for each in watched}
        self._event = ""
        self._node = -1
        self._line = ""
        self._before = sys.gettrace()

    def handled(self, node: int, event: Event) -> None:
        """The node's handler begins when this returns; that of the node before has ended."""
        self._look()
        super().handled(node, event)
        record = self._records[-1]
        if record.what == "observe":
            return
        self._node, self._line = record.node, ""
        if record.node not in self._nodes:
            sys.settrace(self._before)
            return
        told = "" if record.detail is None else f" {readable(record.detail)}"
        self._event = f"{format_duration(record.time_ns)}  {record.node}#{record.number} {record.what}{told}"
        sys.settrace(self._called)

    def finish(self) -> None:
        """The run has ended: what was never there is named."""
        self._look()
        for watched, value in self._values.items():
            if value is _ABSENT:
                node = self._host.processes[watched.node]
                names = [name for name, _ in fields_of(node)]
                raise UsageError(f"--watch-value: {unknown('attribute', watched.path[0], names)} ({watched})")

    def _called(self, frame: FrameType, what: str, argument: Any) -> Callable[..., Any] | None:
        if is_machinery(str(frame.f_globals.get("__name__", ""))) or is_library_file(frame.f_code.co_filename):
            return None
        return self._stepped

    def _stepped(self, frame: FrameType, what: str, argument: Any) -> Callable[..., Any] | None:
        """Before a line, or at the end of a function: what is new is of the line before."""
        self._look()
        self._line = f"{_near(frame.f_code.co_filename)}:{frame.f_lineno}"
        return self._stepped

    def _look(self) -> None:
        if self._node not in self._nodes:
            return
        for watched, before in self._values.items():
            if watched.node != self._node:
                continue
            value = _value(self._host.processes[watched.node], watched.path)
            now = value if value is _ABSENT else plain(value, readable)
            if now is before or (now is not _ABSENT and before is not _ABSENT and _same(now, before)):
                continue
            self._values[watched] = now
            was = "nothing" if before is _ABSENT else readable(before)
            became = "nothing" if now is _ABSENT else readable(now)
            where = f"  ({self._line})" if self._line else ""
            self._tell(f"{watched} = {became}, was {was}  at {self._event}{where}")


@lru_cache
def _near(file: str) -> str:
    """A file's path from this folder on, if it lies below; of simclock's own, from the package on."""
    if file.startswith(_PACKAGE):
        return os.path.join(os.path.basename(_PACKAGE), os.path.relpath(file, _PACKAGE))
    near = os.path.relpath(file)
    return file if near.startswith("..") else near


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one sort: 1 is not True."""
    return bool(one == other) and repr(one) == repr(other)


def _value(process: Any, path: Sequence[str]) -> Any:
    value = process
    for name in path:
        if isinstance(value, dict):
            value = next((each for key, each in value.items() if str(key) == name), _ABSENT)
        elif isinstance(value, list | tuple) and name.isdecimal():
            value = value[int(name)] if int(name) < len(value) else _ABSENT
        else:
            value = getattr(value, name, _ABSENT)
        if value is _ABSENT:
            return _ABSENT
    return value
