"""What a client is given where a key has siblings (DeCandia et al. 2007, 4.4 and 6.1).

    siblings    all of them, with status CONFLICT: the client merges them and writes the result back
    union       JSON lists: every element of any sibling, in order ("business logic specific", the shopping cart)
    sum         JSON numbers: their sum
    last        the one written last by the servers' wall clocks ("timestamp based")
    callback    whatever a function of the application makes of them

A tombstone among the siblings counts as a sibling: a put and a delete that did not know of each other both stay, as in
Riak (https://docs.riak.com/riak/kv/2.2.1/using/reference/object-deletion/). `siblings` shows both; `union`, `sum` and
`callback` look at what was put alone, so the put survives; with `last` the later one wins. Where there are tombstones
alone, the status is NOT_FOUND; so it is where nobody has written, and then the context is empty.

The context always covers all siblings, so the next write of that client replaces them all. With `union` that is what
it should: the value holds what each of them held. With `last` the others are lost though their clients were told that
they were stored: that is what last-writer-wins means. A `sum` counts twice what siblings have in common.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from simclock import UsageError
from simclock.clocks import VectorClock
from simclock.protocols.dynamo.versioning import Version

OK = "OK"
CONFLICT = "CONFLICT"
NOT_FOUND = "NOT_FOUND"
UNAVAILABLE = "UNAVAILABLE"


class Deleted:
    """What a resolver gives where the delete wins."""


DELETED = Deleted()
Resolver = Callable[[Sequence[Version]], str | Deleted | None]
"""Of siblings, two or more, tombstones among them, one value or DELETED; None where they are left to the client."""


def leave_siblings(versions: Sequence[Version]) -> str | None:
    """The client is to decide."""
    return None


def union(versions: Sequence[Version]) -> str | None:
    """Every element that any sibling has, each once, in order; None where a sibling is no list."""
    lists = [_parsed(version.value) for version in versions if not version.deleted]
    if not all(isinstance(each, list) for each in lists):
        return None
    elements = {json.dumps(element, sort_keys=True): element for each in lists for element in each}
    return json.dumps([elements[text] for text in sorted(elements)])


def total(versions: Sequence[Version]) -> str | None:
    """The sum of the siblings; None where one is no number."""
    numbers = [_parsed(version.value) for version in versions if not version.deleted]
    if not all(type(number) in (int, float) for number in numbers):
        return None
    return json.dumps(sum(numbers))


def last_writer(versions: Sequence[Version]) -> str | Deleted | None:
    """The sibling with the latest time; of two at the same instant the greater value."""
    last = max(versions, key=lambda version: (version.written_ns, version.value))
    return DELETED if last.deleted else last.value


RESOLUTIONS: dict[str, Resolver] = {"siblings": leave_siblings, "union": union, "sum": total, "last": last_writer}
"""By name; "callback" is a function of the application's own."""


def resolver_of(name: str, callback: Resolver | None = None) -> Resolver:
    """The resolver of that name."""
    if name == "callback" and callback is not None:
        return lambda versions: callback([version for version in versions if not version.deleted])
    if name not in RESOLUTIONS:
        known = ", ".join((*RESOLUTIONS, *(("callback",) if callback is not None else ())))
        raise UsageError(f"resolution: {name!r} is no way to resolve siblings: use {known}")
    return RESOLUTIONS[name]


def resolved(versions: Sequence[Version], resolver: Resolver) -> tuple[str, tuple[str, ...]]:
    """(status, values) as a client is given them; equal siblings are shown once."""
    put = [version for version in versions if not version.deleted]
    values = tuple(sorted({version.value for version in put}))
    if not values:
        return NOT_FOUND, ()
    if len(values) == 1 and len(put) == len(versions):
        return OK, values
    value = resolver(versions)
    if value is None:
        return CONFLICT, values
    return (NOT_FOUND, ()) if isinstance(value, Deleted) else (OK, (value,))


def answer_json(status: str, values: Sequence[str], context: VectorClock, tombstones: Sequence[str] = ()) -> str:
    """An answer as one line of JSON: `value` (a list of siblings where there are several), `vector_clock`, `status`.

    A delete that stands beside what was put is null in the list.
    """
    shown: Any = [_parsed(value) for value in values] + [None] * bool(tombstones)
    if status != CONFLICT:
        shown = shown[0] if shown else None
    return json.dumps({"value": shown, "vector_clock": dict(context.entries), "status": status})


def _parsed(text: str) -> Any:
    """The value of JSON text; other text stands for itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
