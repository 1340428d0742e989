"""What a method of a node is called with, where a script names it and gives values as words."""

from __future__ import annotations

from inspect import Signature, signature
from typing import Any

from simclock.actors import Node
from simclock.experiments.telling.spelling import unknown


def bound(method: str, values: tuple[Any, ...], named: tuple[tuple[str, Any], ...], node: Any) -> tuple[Any, ...] | str:
    """The arguments by place, or in a line why the method cannot be called so.

    Words become bytes where the method is annotated with bytes, and numbers become text where it is with text. A node
    may refuse values: its `_refuses(method, values)` says why, in a line, or nothing.
    """
    if method not in methods_of(node):
        return unknown("method", method, methods_of(node))
    takes = signature(getattr(node, method))
    kinds = {name: str(each.annotation) for name, each in takes.parameters.items()}
    try:
        given = takes.bind(*values, **dict(named))
    except TypeError as error:
        return f"{method}{_form(takes)}: {error}"
    given.apply_defaults()
    if given.kwargs:
        return f"{method}: {', '.join(given.kwargs)} can only be given by name, which a step cannot"
    arguments = tuple(_as(kinds[name], value) for name, value in given.arguments.items())
    refused = node._refuses(method, arguments) if hasattr(node, "_refuses") else ""
    return f"{method}: {refused}" if refused else arguments


def methods_of(node: Any) -> list[str]:
    """What its own classes define beside what every node has."""
    own = [cls for cls in type(node).__mro__ if cls not in Node.__mro__]
    names = {
        name for cls in own for name, value in vars(cls).items() if callable(value) and not isinstance(value, type)
    }
    return sorted(name for name in names if not name.startswith(("_", "on_")) and not hasattr(Node, name))


def _form(takes: Signature) -> str:
    return f"({', '.join(takes.parameters)})"


def _as(kind: str, value: Any) -> Any:
    if kind == "bytes" and not isinstance(value, bytes):
        return str(value).encode()
    if kind == "str" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value
