"""Which line of a node's code did what: a scenario that tells where it stands before each send, timer, observation.

It is told as an observation called LINE, so it travels from every placement as the trace does; observers do not hear
it. Nothing else changes but running numbers, and with them the digest: such runs compare with each other alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from simclock.durations import format_duration
from simclock.kernel.process import Process
from simclock.machinery import is_machinery_file
from simclock.observers import Control, Observation, Observer
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

LINE = "simclock.line"


class Located(NamedTuple):
    """A trace record, and the line that caused it."""

    record: TraceRecord
    place: str
    """`file:line in function`; empty where no node's code did."""


def located(scenario: Scenario) -> Scenario:
    """The same scenario, telling the lines; traced, `located_records` puts them together."""
    return replace(
        scenario,
        build=_Telling(scenario.build),
        byzantine={node: _Telling(build) for node, build in scenario.byzantine.items()},
        observers=tuple(_Deaf(make) for make in scenario.observers),
    )


def located_records(records: Iterable[TraceRecord]) -> Iterator[Located]:
    """Each record with its line; a timer that was set is a record of its own, called `set`."""
    told: dict[int, str] = {}
    caused: dict[tuple[int, int], str] = {}
    for record in records:
        key = record.source, record.sequence
        if record.what == "observe" and record.detail[0] == LINE:
            what, place, *timer = record.detail[1]
            told[record.node] = place
            if what == "set_timer":
                name, duration_ns = timer
                caused[record.node, record.sequence + 1] = place
                text = f"for {format_duration(duration_ns)}"
                yield Located(record._replace(what="set", detail=(name, duration_ns), reason=text), place)
        elif record.what in ("send", "observe"):
            place = caused[key] = told.get(record.node, "")
            yield Located(record, place)
        else:
            yield Located(record, caused.get(key, ""))


class _Telling:
    """Builds nodes that tell."""

    def __init__(self, build: Callable[[int], Process]) -> None:
        self.build = build

    def __call__(self, node: int) -> Process:
        made = self.build(node)
        if isinstance(made, Process):
            for name in ("send", "set_timer", "observe"):
                made.__dict__[name] = partial(_tell_and_do, made, name)
        return made


def _tell_and_do(node: Process, name: str, *arguments: Any, **named: Any) -> None:
    cls: Any = type(node)
    timer = arguments if name == "set_timer" and len(arguments) == 2 else ()
    cls.observe(node, LINE, (name, _place(), *timer))
    getattr(cls, name)(node, *arguments, **named)


def _is_not_the_node(filename: str) -> bool:
    return filename == __file__ or is_machinery_file(filename)


def _place() -> str:
    frame = sys._getframe(2)
    while frame.f_back is not None and _is_not_the_node(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


class _Deaf:
    """Makes an observer that does not hear the lines."""

    def __init__(self, make: Callable[[], Observer]) -> None:
        self.make = make

    def __call__(self) -> Observer:
        observer = self.make()
        hear = observer.on_observation

        def on_observation(observation: Observation, control: Control) -> None:
            if observation.name != LINE:
                hear(observation, control)

        observer.on_observation = on_observation  # type: ignore[method-assign]
        return observer
