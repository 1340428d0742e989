"""Which variable keeps a value from being pickled: pickle names the type alone, and the user looks for a name."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

DEPTH_MAX = 50


def culprit(value: Any, pickled: Callable[[Any], object], own: Callable[[str], bool]) -> str:
    """The innermost named part of `value` that `pickled` fails on, such as `variable 'lock' of make (my.py:3)`.

    `own` says of a module's name whether its functions and classes are pickled part by part. Empty where it is no named
    part.
    """
    name, seen = "", {id(value)}
    for _ in range(DEPTH_MAX):
        for part_name, part in _parts(value, own):
            if id(part) not in seen and not _succeeds(pickled, part):
                seen.add(id(part))
                name, value = part_name or name, part
                break
        else:
            break
    kind = type(value)
    return name and f"{name} is a {kind.__qualname__ if kind.__module__ == 'builtins' else _full_name(kind)}"


def _full_name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _succeeds(pickled: Callable[[Any], object], value: Any) -> bool:
    try:
        pickled(value)
    except Exception:
        return False
    return True


def _parts(value: Any, own: Callable[[str], bool]) -> Iterator[tuple[str, Any]]:
    """What a pickle of this value is made of, each with its name; the name is empty where there is none."""
    match value:
        case types.FunctionType():
            if own(value.__module__):
                yield from _function_parts(value)
        case types.MethodType():
            yield "", value.__self__
            yield "", value.__func__
        case functools.partial():
            yield "", value.func
            yield from (("", each) for each in value.args)
            yield from ((f"argument {name!r} of a partial", each) for name, each in value.keywords.items())
        case staticmethod() | classmethod():
            yield "", value.__func__
        case property():
            yield from (("", each) for each in (value.fget, value.fset, value.fdel))
        case type():
            if own(value.__module__):
                yield from ((f"{name!r} of class {value.__qualname__}", each) for name, each in vars(value).items())
                yield from (("", base) for base in value.__bases__)
        case Mapping():
            yield from (("", key) for key in value)
            yield from ((f"{name!r} of a dict" if isinstance(name, str) else "", each) for name, each in value.items())
        case list() | tuple() | set() | frozenset():
            yield from (("", each) for each in value)
        case _:
            owner = type(value).__qualname__
            yield from ((f"{name!r} of a {owner}", each) for name, each in _attributes(value))
            yield "", type(value)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield name, getattr(value, name)


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    where = f"{function.__qualname__} ({Path(code.co_filename).name}:{code.co_firstlineno})"
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"variable {name!r} of {where}", cell.cell_contents
        except ValueError:  # not yet given a value
            continue
    for name in _global_names(code):
        if name in function.__globals__:
            yield f"global variable {name!r}, used in {where},", function.__globals__[name]
    for each in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield f"a default argument of {where}", each
    yield from ((f"{name!r} of {where}", each) for name, each in vars(function).items())


def _global_names(code: types.CodeType) -> Iterator[str]:
    """Of a function and of those within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)
