"""Events to operations and back: each return with the invoke of its process, or the history is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import lt
from typing import NamedTuple, cast

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
    number: int
    when: int


def operations_of(events: Iterable[Event], order_by: OrderBy = "position") -> tuple[Operation, ...]:
    """Pair the events of a history into operations, in the order of their invokes.

    `order_by` says what call and finish are: the event's number, or its place in the sequence where the numbers do not
    all ascend (right where one observer logged everything, as in Jepsen), or its time (right where simultaneous events
    stand in an arbitrary order, as in a trace of simclock).

    An operation whose events name no process is of a client of its own, below 0: its return is the one of its
    function, and of its value where several are open. An `info` without a process that returns nothing is of no client.
    """
    given = list(events)
    return paired(given, [event.index for event in given], order_by)


def paired(
    given: Sequence[Event], numbers: Sequence[int | None], order_by: OrderBy = "position"
) -> tuple[Operation, ...]:
    """The same of events that have these numbers, whatever their own."""
    if order_by not in ("position", "time"):
        raise HistoryError(f"order_by {order_by!r} is neither 'position' nor 'time'")
    operations: list[Operation | None] = []  # None while it runs
    running: dict[int, _Invoked] = {}
    lowest = min((each.process for each in given if each.process is not None), default=0)
    nameless = min(lowest, 0)  # of the clients without a name
    places = _places(numbers)
    for event, own_number, place in zip(given, numbers, places, strict=True):
        number = place if own_number is None else own_number
        when = place if order_by == "position" else event.time
        process, kind = event.process, event.type
        if process is None and kind == "invoke":
            nameless -= 1
            process = nameless
        elif process is None:
            process = _nameless_open(event, number, running)
            if process is None:
                continue
        if when is None:
            raise HistoryError(f"event {number}: no time; give every event one, or order by position")
        if kind == "invoke":
            if event.process in running:
                raise _second_invoke(event, number, running[event.process])
            _expect_callable(event, process, when, number)
            running[process] = _Invoked(len(operations), event, number, when)
            operations.append(None)
        elif kind in OUTCOME_OF:
            invoked = running.pop(process, None)
            if invoked is None or event.function != invoked.event.function or event.key != invoked.event.key:
                invoked = _expect_return_of(invoked, event, process, number)
            operations[invoked.place] = _finished(invoked, process, event, when, number)
        else:
            raise HistoryError(f"event {number}: type {event.type!r} is none of invoke, ok, fail, info")
    for process, invoked in running.items():
        operations[invoked.place] = _called(invoked.event, process, invoked.when)
    return tuple(cast(list[Operation], operations))


def _places(numbers: Sequence[int | None]) -> Sequence[int]:
    own = [number for number in numbers if number is not None]
    ascend = len(own) == len(numbers) and all(map(lt, own, own[1:]))
    return own if ascend else range(len(numbers))


def _expect_callable(event: Event, process: int, when: int, number: int) -> None:
    if event.function is None:
        raise HistoryError(f"event {number}: invokes no function; say which")
    try:
        hash((event.key, event.value))
    except TypeError:
        _called(event, process, when)  # says which of the two


def _called(event: Event, process: int, when: int) -> Operation:
    assert event.function is not None, "looked at when it was invoked"
    return Operation(
        process=process,
        function=event.function,
        key=event.key,
        argument=event.value,
        call=when,
        outcome="unknown",
    )


def _finished(invoked: _Invoked, process: int, event: Event, when: int, number: int) -> Operation:
    if when < invoked.when:
        raise HistoryError(f"event {number}: time {when} is before its invoke at {invoked.when}; order by position")
    invoke = invoked.event
    assert invoke.function is not None, "looked at when it was invoked"
    return Operation(
        process=process,
        function=invoke.function,
        key=invoke.key,
        argument=invoke.value,
        result=event.value,
        call=invoked.when,
        finish=when,
        outcome=OUTCOME_OF[event.type],
    )


def _second_invoke(event: Event, number: int, invoked: _Invoked) -> HistoryError:
    return HistoryError(
        f"event {number}: process {event.process} invokes {event.function} while its {invoked.event.function} of "
        f"event {invoked.number} is open; end that one with ok, fail or info first, or use another process"
    )


def _nameless_open(event: Event, number: int, running: Mapping[int, _Invoked]) -> int | None:
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
        f"event {number}: returns {event.type}{_of(event)} of no process, but {several} open; "
        "give invoke and return a process"
    )


def _expect_return_of(invoked: _Invoked | None, event: Event, process: int, number: int) -> _Invoked:
    """What was invoked, if the event may end it; what the event leaves out it need not repeat."""
    says = f"event {number}: process {process} returns {event.type}{_of(event)}"
    if invoked is None:
        raise HistoryError(f"{says} but has nothing open; put its invoke before it, or remove it")
    invoke = invoked.event
    if event.function is not None and event.function != invoke.function:
        raise HistoryError(f"{says} but event {invoked.number} invoked {invoke.function}; use one name")
    if event.key is not None and event.key != invoke.key:
        raise HistoryError(
            f"{says} on key {event.key!r} but event {invoked.number} has key {invoke.key!r}; use one key"
        )
    return invoked


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
