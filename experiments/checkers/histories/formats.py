"""Histories that others recorded: Jepsen's etcd logs, key-value logs, porcupine's small ones, knossos.

Each loader says what its format means in the terms of `simclock.experiments.checkers.histories`, quirks included:

* Jepsen's etcd log (published by ahorn/linearizability-checker, porcupine's test data): whatever timed out is
  unknown. A `:fail` of cas is an answer, "found something else", and constrains as porcupine has it: an
  operation that completed with result False, not one that is dropped.
* porcupine's key-value logs: an EDN map a line.
* knossos: EDN maps. A read that returned nil says nothing about the value ("don't know", knossos.model), so
  it is unknown. Events of the nemesis are not of a client.
* porcupine's small histories: a get or read with result null is unknown; times are abstract, and an operation
  may begin and end at one of them.

Log order is time order in all but the last: call and finish are the numbers of events in the file. These are the lines
of a Jepsen log, and elsewhere their `:index`, or their places where some have none, with those of the nemesis counted.

With `independent` values are pairs [key, value], as of jepsen.independent, and quirks are of what is in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from simclock.experiments.checkers.histories import Event, HistoryError, Operation, keys_from_values
from simclock.experiments.checkers.histories.collector import collector_paused
from simclock.experiments.checkers.histories.edn import DIGITS_MAX, StrangeError, frozen, read_edn
from simclock.experiments.checkers.histories.fields import event_of_fields, numbers_of
from simclock.experiments.checkers.histories.pairing import paired

_JEPSEN_LINE = re.compile(r"INFO\s+jepsen\.util\s+-\s+(\d{1,18})\s+:(\S+)\s+:(\S+)\s+(.+)", re.ASCII)
_OTHER_LINE = re.compile(r"\s*|INFO\s+jepsen\.(?!util\s+-\s+\d).*", re.ASCII)  # empty, or not of a client
_READS = frozenset({"read", "get", "get-any", "get-all"})


@collector_paused()
def load_jepsen_log(path: Path | str, independent: bool = False) -> tuple[Operation, ...]:
    """Operations (read, write, cas) of a Jepsen etcd log; for `cas_register()`, initially None."""
    events: list[tuple[int, Event]] = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if _OTHER_LINE.fullmatch(line):
            continue
        source = f"{path}:{number}"
        match = _JEPSEN_LINE.fullmatch(line)
        if match is None:
            raise HistoryError(f"{source}: not 'INFO  jepsen.util - process :type :f value', between tabs or spaces")
        process, kind, function, value = match.groups()
        forms = read_edn(value, str(path), number)
        if len(forms) != 1:
            raise HistoryError(f"{source}: {len(forms)} values; write one")
        fields = {"process": _number(process, source), "type": kind, "f": function, "value": forms[0], "index": number}
        events += [(number, event) for event in _events(fields, source)]
    return tuple(map(_of_jepsen_log, _paired(events, path, independent)))


def _number(digits: str, source: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise HistoryError(f"{source}: a process of {len(digits)} digits; write {DIGITS_MAX} at most")
    return int(digits)


def _of_jepsen_log(operation: Operation) -> Operation:
    if operation.result == "timed-out":
        return replace(operation, outcome="unknown", result=None)
    if operation.outcome == "fail" and operation.function == "cas":
        return replace(operation, outcome="ok", result=False)
    return operation


@collector_paused()
def load_key_value_log(path: Path | str, independent: bool = False) -> tuple[Operation, ...]:
    """Operations (get, put, append, each on a key) of a porcupine log; for `key_value(initial="")`."""
    return _paired(_edn_events(path), path, independent)


@collector_paused()
def load_knossos(path: Path | str, independent: bool = False) -> tuple[Operation, ...]:
    """Operations of a knossos history; for `cas_register(initial=0)`, or what its functions call for."""
    return tuple(map(_nil_is_unknown, _paired(_edn_events(path), path, independent)))


def _nil_is_unknown(operation: Operation) -> Operation:
    if operation.outcome == "ok" and operation.function in _READS and operation.result is None:
        return replace(operation, outcome="unknown")
    return operation


class SmallHistory(NamedTuple):
    """One of porcupine's small histories, with its verdict."""

    object: str
    """What was asked: "register", "set", "nondeterministic_register"."""
    name: str
    operations: tuple[Operation, ...]
    linearizable: bool


def load_small_histories(path: Path | str) -> tuple[SmallHistory, ...]:
    """The histories of porcupine's unit tests, re-typed as JSON; a register is initially 0, a set empty."""
    try:
        groups = json.loads(_text(path))
    except ValueError as error:
        raise HistoryError(f"{path}: not JSON ({error})") from None
    histories = []
    for group, cases in groups.items():
        if isinstance(cases, list):  # the others are remarks
            for case in cases:
                operations = tuple(_nil_is_unknown(_small_operation(fields)) for fields in case["ops"])
                histories.append(SmallHistory(group, case["name"], operations, case["linearizable"]))
    return tuple(histories)


def _small_operation(fields: dict[str, Any]) -> Operation:
    return Operation(
        process=fields["client"],
        function=fields["op"],
        argument=_tuples(fields["arg"]),
        result=_tuples(fields["result"]),
        call=fields["call"],
        finish=fields["ret"],
    )


def _tuples(value: Any) -> Hashable:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def _edn_events(path: Path | str) -> list[tuple[int, Event]]:
    """The client's events of an EDN file, with their places: maps one after another, or one collection of them."""
    forms = read_edn(_text(path), str(path))
    if len(forms) == 1 and isinstance(forms[0], tuple):
        (forms,) = forms
    events = []
    for place, form in enumerate(forms):
        source = f"{path}: event {place}"
        if not isinstance(form, dict):
            raise HistoryError(f"{source}: {frozen(form)!r} is not a map; a history is a collection of maps")
        events += [(place, event) for event in _events(form, source)]
    return events


def _events(fields: dict[Any, Any], source: str) -> list[Event]:
    """The event, if it is of a client."""
    try:
        event = event_of_fields(fields, frozen)
    except StrangeError:
        raise
    except HistoryError as error:
        raise HistoryError(f"{source}: {error}") from None
    return [] if event is None else [event]


def _paired(events: list[tuple[int, Event]], path: Path | str, independent: bool) -> tuple[Operation, ...]:
    """Keys are taken from values before anything is made of what these say."""
    try:
        operations = paired([event for _, event in events], numbers_of(events))
        return keys_from_values(operations) if independent else operations
    except HistoryError as error:
        raise HistoryError(f"{path}: {error}") from None


def _text(path: Path | str) -> str:
    return Path(path).read_text(encoding="utf-8")
