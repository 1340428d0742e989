"""What a path reaches: attributes, keys and positions, from what is shown of a node or from the node itself.

term   match[1]   log[0]   disk.vote   session.open
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from simclock.experiments.scripts.values import number_of, read_value, value_text
from simclock.experiments.telling.spelling import unknown
from simclock.experiments.traces.inspection import fields_of

DISK = "disk"
"""Of every node: what is durable, by name."""
_STEP = re.compile(r"\.?(\w+)|\[([^\]]+)\]")


class Seen(NamedTuple):
    """A value in words: what crosses from wherever the node is."""

    text: str
    number: float | int | None
    """What it is in an order."""
    elements: tuple[str, ...]
    """Of a collection; the words of a text."""


def steps_of(path: str) -> tuple[str, ...]:
    """The parts of a path."""
    return tuple(name or key for name, key in _STEP.findall(path))


def seen(value: Any) -> Seen:
    """A value in words."""
    match value:
        case str():
            elements: tuple[Any, ...] = tuple(value.split())
        case Mapping() | Set() | tuple() | list():
            elements = tuple(value)
        case _:
            elements = ()
    return Seen(value_text(value), number_of(value), tuple(map(value_text, elements)))


def reached(value: Any, steps: Sequence[str]) -> Seen | str:
    """What the steps lead to; a text, which says what there is, where they lead nowhere."""
    way = ""
    for step in steps:
        key = read_value(step)
        if isinstance(value, Mapping):
            named = {value_text(each): each for each in value}
            if step not in named:
                return f"{way}{unknown('name', step, named)}"
            value = value[named[step]]
        elif isinstance(value, Sequence) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        elif hasattr(value, step) and not step.startswith(("_", "sim_")):
            value = getattr(value, step)
        else:
            return f"{way}{unknown('name', step, [name for name, _ in fields_of(value) if name[0] != '_'])}"
        way = f"{way.removesuffix(': ')}{'.' if way else ''}{step}: "
    return seen(value)
