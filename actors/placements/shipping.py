"""Pickling that carries a user's own classes to workers that do not have them.

Law: what lives in an installed package travels by reference; everything else (a script, a notebook, a test module, a
file next to the user) travels by value, so that it need not exist where the worker lives. Message classes have their
own way, because a C-level struct cannot be taken apart and put together again by attribute: they travel as their
definition, and arrive as the same class where it is already known.
"""

from __future__ import annotations

import io
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cloudpickle
import msgspec

from simclock.actors.message import REGISTRY, Message, fields_of
from simclock.actors.placements.installed import installed_folders, travels_by_value
from simclock.actors.placements.unpicklable import culprit
from simclock.errors import UsageError


def ship(value: Any) -> bytes:
    """Pickle a value with every user class it needs, for a worker that may know none of them.

    Raises UsageError, which names the variable, where something in it cannot be pickled.
    """
    with _user_modules_by_value():
        try:
            return dumps(value)
        except Exception as error:  # also what a user's own __reduce__ raises
            reason = " ".join(str(error).split()) or type(error).__name__
            named = culprit(value, dumps, travels_by_value)
            raise UsageError(
                f"it cannot travel to a worker: {f'{named} ({reason})' if named else reason}: make it where it is "
                "used, as in the node's on_start, or stay in this process (--placement inline, --jobs 1)"
            ) from None


def dumps(value: Any) -> bytes:
    """Pickle a value on a worker, or for one that has already been shipped the classes."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return buffer.getvalue()


def loads(data: bytes) -> Any:
    """Undo `ship` or `dumps`."""
    return cloudpickle.loads(data)


def import_folders() -> list[str]:
    """Where this process also looks for the modules of its user, beside what is installed."""
    folders = map(os.path.abspath, sys.path)  # "" is the folder we are in; an editable install adds names of no folder
    return [folder for folder in folders if os.path.exists(folder) and not folder.startswith(installed_folders())]


def import_also_from(folders: list[str]) -> None:
    """Look there too, after all else: a user's queue.py is not the queue that Python's own modules mean."""
    sys.path.extend(folder for folder in folders if folder not in sys.path)


@contextmanager
def _user_modules_by_value() -> Iterator[None]:
    registered = {}
    for name, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType) and name != "__main__" and travels_by_value(name):
            try:
                cloudpickle.register_pickle_by_value(module)
            except ValueError:
                continue
            # By its own name: a module may stand in `sys.modules` under two (pyexpat.model, xml.parsers.expat.model).
            registered[module.__name__] = module
    try:
        yield
    finally:
        for module in registered.values():
            cloudpickle.unregister_pickle_by_value(module)


class _Pickler(cloudpickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        is_message_class = isinstance(obj, type) and issubclass(obj, Message) and obj is not Message
        if is_message_class and travels_by_value(obj.__module__):
            return _message_class_reduced(obj)
        reduced = super().reducer_override(obj)
        if isinstance(obj, type) and "__msgspec_cache__" in vars(obj) and isinstance(reduced, tuple):
            # msgspec keeps a look-up in an Enum that a message has used; it is made again where it is needed.
            reduced[2][0].pop("__msgspec_cache__", None)
        return reduced


_MADE_BY_STRUCT = frozenset(
    (
        "__module__",
        "__qualname__",
        "__annotations__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__slots__",
        "__post_init__",
    )
)


def _message_class_reduced(cls: type[Any]) -> Any:
    fields = fields_of(cls)
    defaults = {}
    for field in msgspec.structs.fields(cls):
        if field.default is not msgspec.NODEFAULT:
            defaults[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = msgspec.field(default_factory=field.default_factory)
    config = cls.__struct_config__
    options = {name: getattr(config, name) for name in ("array_like", "tag", "order", "eq", "gc")}
    attributes = {
        name: value
        for name, value in vars(cls).items()
        if name not in fields
        and name not in _MADE_BY_STRUCT
        and not name.startswith("__struct_")
        and name != "__match_args__"
    }
    names = (cls.__name__, cls.__module__, cls.__qualname__)
    return (
        _define_message_class,
        (names, cls.__bases__, fields, defaults, options),
        attributes,
        None,
        None,
        _set_attributes,
    )


def _define_message_class(
    names: tuple[str, str, str],
    bases: tuple[Any, ...],
    fields: dict[str, Any],
    defaults: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    name, module, qualname = names
    known = REGISTRY.get((module, qualname))
    if known is not None and fields_of(known) == fields:
        return known
    own = {field: kind for field, kind in fields.items() if not any(field in base.__struct_fields__ for base in bases)}
    namespace = {"__module__": module, "__qualname__": qualname, "__annotations__": own, **defaults}
    return type(bases[0])(name, bases, namespace, **options)


def _set_attributes(cls: type[Any], attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        if name not in vars(cls):
            setattr(cls, name, value)
