"""A class put in the place of one that a scenario is made of: how a wrong line is hunted in any scenario.

Law: only the named class is replaced, by one that derives from it, so that what differs is what it overrides.

An entry with `parts` is made of the class in place of its part. Of any other scenario nodes of exactly the named class
become nodes of the other, after they were made: it has no `__init__` of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple

from simclock.errors import UsageError
from simclock.experiments.telling.spelling import unknown
from simclock.kernel.process import Process
from simclock.scenario import Scenario

NODES_ASKED_MAX = 1000
"""Of more nodes the first are asked for their class."""


class Replacement(NamedTuple):
    """One class in the place of another."""

    part: str
    """The name of the class that is replaced, or of the entry's part."""
    where: str
    """What names the other one from any folder: /path.py:Class or module:Class."""
    cls: type

    def __str__(self) -> str:
        """As in an error: the part, and what is put in without its folder."""
        return f"replace {self.part}={self.short}"

    @property
    def short(self) -> str:
        """What is put in, without its folder."""
        return self.where.rpartition("/")[2]

    def check(self, right: type | None) -> None:
        """Refuse a class that does not derive from the one it replaces; a part that is empty takes any class."""
        if right is None:
            return
        if self.cls is right or not issubclass(self.cls, right):
            name = self.cls.__name__
            raise UsageError(f"{self}: {name} is no subclass of {right.__name__}: write class {name}({right.__name__})")


def replaced_parts(parts: Any, replacements: tuple[Replacement, ...]) -> tuple[Any, tuple[Replacement, ...]]:
    """An entry's parts with those replaced that are named, and the replacements that are left."""
    if not is_dataclass(parts) or isinstance(parts, type):
        return parts, replacements
    left, given = [], {}
    for each in replacements:
        field = _part_named(parts, each.part)
        if field is None:
            left.append(each)
            continue
        each.check(getattr(parts, field))
        given[field] = each.cls
    return replace(parts, **given), tuple(left)


def replaced_nodes(scenario: Scenario, parts: Any, replacements: tuple[Replacement, ...]) -> Scenario:
    """The scenario whose nodes of the named classes are of the others; `parts` are those that could be named too."""
    if not replacements:
        return scenario
    classes: dict[str, type] = {}
    for node in range(min(scenario.nodes, NODES_ASKED_MAX)):
        cls = type(scenario.build_node(node))
        classes.setdefault(cls.__name__, cls)
    others: dict[type, type] = {}
    for each in replacements:
        if each.part not in classes:
            known = [*_part_names(parts), *(name for name in classes if name not in _part_names(parts))]
            problem = unknown(f"part of {scenario.name}", each.part, known)
            parts_text = f"; its parts are {', '.join(known)}" if "did you mean" in problem else ""
            raise UsageError(f"{each}: {problem}{parts_text}")
        right = classes[each.part]
        each.check(right)
        if each.cls.__init__ is not right.__init__:  # type: ignore[misc] # compared, not called
            raise UsageError(f"{each}: it has an __init__ of its own, and is put in later: use on_start")
        others[right] = each.cls
    return replace(
        scenario,
        build=_Replacing(scenario.build, others),
        byzantine={node: _Replacing(build, others) for node, build in scenario.byzantine.items()},
    )


def _part_named(parts: Any, name: str) -> str | None:
    """The field of that name, or whose class has that name."""
    for field in fields(parts):
        value = getattr(parts, field.name)
        if name == field.name or (isinstance(value, type) and value.__name__ == name):
            return field.name
    return None


def _part_names(parts: Any) -> list[str]:
    if not is_dataclass(parts) or isinstance(parts, type):
        return []
    values = {field.name: getattr(parts, field.name) for field in fields(parts)}
    return [value.__name__ if isinstance(value, type) else name for name, value in values.items()]


@dataclass(frozen=True)
class _Replacing:
    """Builds nodes of the other classes."""

    build: Callable[[int], Process]
    others: Mapping[type, type]

    def __call__(self, node: int) -> Process:
        made = self.build(node)
        other = self.others.get(type(made))
        if other is not None:
            made.__class__ = other
        return made
