"""Events to operations and back: each return with the invoke of its process, or the history is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from experiments.histories.operation import OUTCOME_OF, TYPE_OF, Event, HistoryError, Operation, OrderBy


class _Invoked(NamedTuple):
    """What a process has open while events are paired."""

    place: int  # of the operation in the result
    event: Event
    name: str


def operations_of(events: Iterable[Event], order_by: OrderBy = "position") -> tuple[Operation, ...]:
    """Pair the events of a history into operations, in the order of their invokes.

    `order_by` says what call and finish are: the event's place in the sequence (right where one observer
    logged everything, as in Jepsen), or its time (right where simultaneous events stand in an arbitrary
    order, as in a trace of simclock).
    """
    if order_by not in ("position", "time"):
        raise HistoryError(f"order_by {order_by!r} is neither 'position' nor 'time'")
    operations: list[Operation] = []
    running: dict[int, _Invoked] = {}
    for position, event in enumerate(events):
        name = f"event {position if event.index is None else event.index}"
        when = position if order_by == "position" else event.time
        if when is None:
            raise HistoryError(f"{name}: no time; give every event one, or order by position")
        if event.type == "invoke":
            _refuse_second_invoke(event, name, running)
            running[event.process] = _Invoked(len(operations), event, name)
            operations.append(_called(event, when))
        elif event.type in OUTCOME_OF:
            place = _matching_invoke(event, name, running)
            operations[place] = _finished(operations[place], event, when, name)
        else:
            raise HistoryError(f"{name}: type {event.type!r} is none of invoke, ok, fail, info")
    return tuple(operations)


def _called(event: Event, when: int) -> Operation:
    return Operation(
        process=event.process,
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


def _matching_invoke(event: Event, name: str, running: dict[int, _Invoked]) -> int:
    """The place of the operation that `event` ends; it runs no longer."""
    says = f"process {event.process} returns {event.type} of {event.function}"
    if event.process not in running:
        raise HistoryError(f"{name}: {says} but has nothing open; put its invoke before it, or remove it")
    place, invoke, invoke_name = running.pop(event.process)
    if event.function != invoke.function:
        raise HistoryError(f"{name}: {says} but {invoke_name} invoked {invoke.function}; use one name")
    if event.key is not None and event.key != invoke.key:
        raise HistoryError(f"{name}: {says} on key {event.key!r} but {invoke_name} has key {invoke.key!r}; use one key")
    return place


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
            before = latest.get(event.process)
            wave = 0 if event.type == "invoke" else 1
            if before is not None and before[0].time == time:
                wave = before[0].wave + 1
            stamp = _Stamp(time, wave, event.process)
            latest[event.process] = stamp, operation
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
