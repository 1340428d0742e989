"""Histories: what clients asked of an object, what they heard, and when.

A history has two forms. As *events*, one line each as Jepsen logs them: `invoke`, then `ok`, `fail` or
`info`. As *operations*, the pairs: one value per request, from call to return. Files hold events, checkers
read operations.

Law 1: an operation takes effect at one instant between its call and its finish, or not at all.
Law 2: `ok` happened; `fail` definitely did not; `unknown` (a time-out, a crash, no return) may have happened
       at any instant after the call, even long after the client gave up, or never. So a time-out is never
       a `fail`.
Law 3: one operation precedes another when it finished *before* the other was called; at one and the same
       time they are concurrent. A tie never orders anything.
Law 4: a process has at most one operation open. After an `info` it may go on, though by law 2 what it gave
       up on may still take effect.
Law 5: writing and reading back gives equal values. Values are None, bool, int, float, str, bytes, and
       tuples and frozensets of these. `true`, 1 and 1.0 are three values, as in JSON and EDN (`values.py`).
       A JSON list is read as a tuple; what JSON lacks is written `{"set": [...]}` and `{"bytes": "00ff"}`.

The events are Jepsen's (https://github.com/jepsen-io/jepsen); definite and indefinite errors as in maelstrom.
"""

from simclock.experiments.checkers.histories.independent import keys_from_values, keys_into_values
from simclock.experiments.checkers.histories.lines import events_of_lines, lines_of, read_history, write_history
from simclock.experiments.checkers.histories.operation import (
    Event,
    EventType,
    HistoryError,
    Operation,
    OrderBy,
    Outcome,
)
from simclock.experiments.checkers.histories.pairing import events_of, operations_of
from simclock.experiments.checkers.histories.values import FALSE, TRUE, Real, Truth, exact

__all__ = [
    "FALSE",
    "TRUE",
    "Event",
    "EventType",
    "HistoryError",
    "Operation",
    "OrderBy",
    "Outcome",
    "Real",
    "Truth",
    "events_of",
    "events_of_lines",
    "exact",
    "keys_from_values",
    "keys_into_values",
    "lines_of",
    "operations_of",
    "read_history",
    "write_history",
]
