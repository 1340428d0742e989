"""Events and their total order; `_kernel` has the queue that keeps it.

An event is a plain tuple, because nothing is cheaper to make and to order:

    (time_ns, source, count, target, kind, payload)

Law: `(time_ns, source, count)` is unique and orders all events of a run. `source` is the node that caused the event
(ENVIRONMENT is -1) and `count` that node's own running number, so the key can be computed where the event is caused
and does not depend on where nodes live. The comparison of two tuples never reaches `target`.
"""

from __future__ import annotations

from typing import Any

ENVIRONMENT = -1

MESSAGE = 0
"""payload: the message."""
TIMER = 1
"""payload: the timer's name. source and target are the node itself."""
START = 2
"""payload: None. The node comes into being."""
FAULT = 3
"""payload: the Fault, with node ids only. target is the node it strikes, or ENVIRONMENT for the links."""
OBSERVATION = 4
"""payload: (name, value). Never queued: it stands in records only."""

WAKE = 5
"""payload: None. The node takes what waits at its gate; queued, but never recorded."""

KINDS = ("message", "timer", "start", "fault", "observation")

Event = tuple[int, int, int, int, int, Any]

PARKED_NS = 0
"""The time of a timer that is not queued: when it runs out is not known, or not yet."""
DIGEST_BYTES = 16
"""Of the hash over what a node handled, and of a run's digest."""


def event_text(source: int, kind: int, payload: Any) -> str:
    """What a node was handling, readable."""
    if kind == MESSAGE:
        return f"message {payload} from node {source}"
    if kind == TIMER:
        return f"timer {payload!r}"
    return "start" if kind == START else str(payload)
