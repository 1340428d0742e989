"""Events to operations and back: each return with the invoke of its process, or the history is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import lt
from typing import NamedTuple

from simclock.experiments.checkers.histories.operation import (
    OUTCOME_OF,
    TYPE_OF,
    Event,
    HistoryError,
    Operation,
    OrderBy,
)


class _Invoked(NamedTuple):
    """What a process has open while events are paired."""

    place: int  # of the operation in the result
    event: Event
    name: str


def operations_of(events: Iterable[Event], order_by: OrderBy = "position") -> tuple[Operation, ...]:
    """Pair the events of a history into operations, in the order of their invokes.

    `order_by` says what call and finish are: the event's number, or its place in the sequence where the numbers do not
    all ascend (right where one observer logged everything, as in Jepsen), or its time (right where simultaneous events
    stand in an arbitrary order, as in a trace of simclock).

    An operation whose events name no process is of a client of its own, below 0: its return is the one of its
    function, and of its value where several are open. An `info` without a process that returns nothing is of no client.
    """
    if order_by not in ("position", "time"):
        raise HistoryError(f"order_by {order_by!r} is neither 'position' nor 'time'")
    given = list(events)
    operations: list[Operation] = []
    running: dict[int, _Invoked] = {}
    lowest = min((each.process for each in given if each.process is not None), default=0)
    nameless = min(lowest, 0)  # of the clients without a name
    for place, event in zip(_places(given), given, strict=True):
        name = f"event {place if event.index is None else event.index}"
        when = place if order_by == "position" else event.time
        process = event.process
        if process is None and event.type == "invoke":
            nameless -= 1
            process = nameless
        elif process is None:
            process = _nameless_open(event, name, running)
            if process is None:
                continue
        if when is None:
            raise HistoryError(f"{name}: no time; give every event one, or order by position")
        if event.type == "invoke":
            _refuse_second_invoke(event, name, running)
            running[process] = _Invoked(len(operations), event, name)
            operations.append(_called(event, process, when, name))
        elif event.type in OUTCOME_OF:
            operation = _matching_invoke(event, process, name, running)
            operations[operation] = _finished(operations[operation], event, when, name)
        else:
            raise HistoryError(f"{name}: type {event.type!r} is none of invoke, ok, fail, info")
    return tuple(operations)


def _places(events: Sequence[Event]) -> Sequence[int]:
    numbers = [event.index for event in events if event.index is not None]
    ascend = len(numbers) == len(events) and all(map(lt, numbers, numbers[1:]))
    return numbers if ascend else range(len(events))


def _called(event: Event, process: int, when: int, name: str) -> Operation:
    if event.function is None:
        raise HistoryError(f"{name}: invokes no function; say which")
    return Operation(
        process=process,
        function=event.function,
        key=event.key,
        argument=event.value,
        call=when,
        outcome="unknown",
    )


def _finished(operation: Operation, event: Event, when: int, name: str) -> Operation:
    if when < operation.call:
        raise HistoryError(f"{name}: time {when} is before its invoke at {operation.call}; order by position")
    return replace(operation, result=event.value, finish=when, outcome=OUTCOME_OF[event.type])


def _refuse_second_invoke(event: Event, name: str, running: dict[int, _Invoked]) -> None:
    if event.process in running:
        invoked = running[event.process]
        raise HistoryError(
            f"{name}: process {event.process} invokes {event.function} while its {invoked.event.function} of "
            f"{invoked.name} is open; end that one with ok, fail or info first, or use another process"
        )


def _nameless_open(event: Event, name: str, running: Mapping[int, _Invoked]) -> int | None:
    """The client without a name whose operation a return without a process ends; None if there needs be none."""
    alike = [
        process
        for process, invoked in running.items()
        if invoked.event.process is None and event.function in (None, invoked.event.function)
    ]
    if len(alike) > 1:
        alike = [process for process in alike if running[process].event.value == event.value]
    if len(alike) == 1:
        return alike[0]
    if event.type == "info" and not alike:
        return None
    several = "several such are" if alike else "nothing such is"
    raise HistoryError(
        f"{name}: returns {event.type}{_of(event)} of no process, but {several} open; give invoke and return a process"
    )


def _matching_invoke(event: Event, process: int, name: str, running: dict[int, _Invoked]) -> int:
    """The place of the operation that `event` ends; it runs no longer."""
    says = f"process {process} returns {event.type}{_of(event)}"
    if process not in running:
        raise HistoryError(f"{name}: {says} but has nothing open; put its invoke before it, or remove it")
    place, invoke, invoke_name = running.pop(process)
    if event.function is not None and event.function != invoke.function:
        raise HistoryError(f"{name}: {says} but {invoke_name} invoked {invoke.function}; use one name")
    if event.key is not None and event.key != invoke.key:
        raise HistoryError(f"{name}: {says} on key {event.key!r} but {invoke_name} has key {invoke.key!r}; use one key")
    return place


def _of(event: Event) -> str:
    return "" if event.function is None else f" of {event.function}"


class _Stamp(NamedTuple):
    """Where an event goes among all: what is simultaneous is invoked first, each process's own order kept."""

    time: int
    wave: int
    process: int


def events_of(operations: Iterable[Operation]) -> tuple[Event, ...]:
    """The events of a history, ordered by time and numbered; `operations_of(events, "time")` undoes it."""
    stamped: list[tuple[_Stamp, Event]] = []
    latest: dict[int, tuple[_Stamp, Operation]] = {}  # per process
    for operation in sorted(operations, key=_by_process):
        _refuse_overlap(operation, latest)
        for time, event in _events_of_one(operation):
            before = latest.get(operation.process)
            wave = 0 if event.type == "invoke" else 1
            if before is not None and before[0].time == time:
                wave = before[0].wave + 1
            stamp = _Stamp(time, wave, operation.process)
            latest[operation.process] = stamp, operation
            stamped.append((stamp, event))
    stamped.sort(key=lambda entry: entry[0])
    return tuple(replace(event, index=index) for index, (_, event) in enumerate(stamped))


def _by_process(operation: Operation) -> tuple[int, int, float]:
    return operation.process, operation.call, math.inf if operation.finish is None else operation.finish


def _events_of_one(operation: Operation) -> Iterator[tuple[int, Event]]:
    invoke = Event(
        process=operation.process,
        type="invoke",
        function=operation.function,
        key=operation.key,
        value=operation.argument,
        time=operation.call,
    )
    yield operation.call, invoke
    if operation.finish is not None:
        kind, time = TYPE_OF[operation.outcome], operation.finish
        yield time, replace(invoke, type=kind, value=operation.result, time=time)


def _refuse_overlap(operation: Operation, latest: dict[int, tuple[_Stamp, Operation]]) -> None:
    if operation.process in latest:
        _, before = latest[operation.process]
        if before.finish is None or before.finish > operation.call:
            raise HistoryError(
                f"{operation}: called while the process has open: {before}; give that one a finish before "
                "(when the client gave up, if it is unknown), or use another process"
            )
