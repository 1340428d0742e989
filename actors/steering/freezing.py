"""What a node or an observer holds, copied and written down canonically.

    copied(value, made)        a copy that shares what cannot change; what was shared inside stays shared
    written(value, names)      nested tuples of atoms, equal exactly where nothing in the values tells them apart

Laws: a copy is written as what it was copied from. Dicts are written in their order, which code can see; sets by their
members, in order of what is written of them, since their order is no part of a run. Two names for one list and two
equal lists are written differently, as a change through one name tells them apart. What has no such copy (open files,
threads, generators, lambdas) is refused, with the way to it. A class may name attributes that make no difference to
what its object does later, such as counters, in `sim_aside`: they are copied, and not written; and dicts whose order
makes none in `sim_orderless`. One whose objects never change says `sim_constant = True`.
"""

from __future__ import annotations

import collections
import enum
import random
from collections.abc import Mapping
from copy import copy
from dataclasses import is_dataclass
from functools import partial
from hashlib import blake2b
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

import msgspec

from simclock.errors import UsageError
from simclock.immutable import VALUES_OF_PYTHON
from simclock.kernel.encoding import SETTLED, UNSORTED
from simclock.streams import Stream

LuckT = TypeVar("LuckT", Stream, random.Random)

DIGEST_BYTES = 16
ATOMS: frozenset[type] = frozenset((int, str, bytes, bool, float, type(None), complex, range, type(Ellipsis)))
_HEAP_TYPE = 1 << 9
"""The flag of classes that are written in Python."""
TOLD = "simclock.told"
WAY_MAX = 12
"""How deep the way to what cannot be copied is looked for."""


class Unfreezable(Exception):
    """What was met that cannot be copied or written down."""

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value


def digest_of(text: object) -> bytes:
    """16 bytes over what was written; the same in every process."""
    return blake2b(repr(text).encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


# Copies.


def copied(value: Any, made: dict[int, Any]) -> Any:
    """A copy; `made` says what stands in for which object, by its id, and learns what else was copied."""
    cls = value.__class__
    if cls in ATOMS or cls in SETTLED:
        return value
    if cls is tuple:
        return _copied_tuple(value, made)
    known = made.get(id(value))
    if known is not None:
        return known
    if cls is list:
        made[id(value)] = twin = []
        twin.extend([copied(each, made) for each in value])
        return twin
    if cls is dict:
        made[id(value)] = twins = {}
        for key, each in value.items():
            twins[copied(key, made)] = copied(each, made)
        return twins
    if cls is set:
        made[id(value)] = members = {copied(each, made) for each in value}
        return members
    return _copied_object(value, cls, made)


def _copied_tuple(value: Any, made: dict[int, Any]) -> Any:
    twins = [copied(each, made) for each in value]
    if all(twin is each for twin, each in zip(twins, value, strict=True)):
        return value
    return tuple.__new__(value.__class__, twins)


def _copied_object(value: Any, cls: Any, made: dict[int, Any]) -> Any:
    if _is_value(value, cls) or getattr(cls, "sim_constant", False):
        return value
    if isinstance(value, type | ModuleType | BuiltinFunctionType):
        return value
    if isinstance(value, tuple):
        return _copied_tuple(value, made)
    if isinstance(value, frozenset):
        twins = [copied(each, made) for each in value]
        same = all(twin is each for twin, each in zip(twins, value, strict=True))
        return value if same else cls(twins)
    if isinstance(value, FunctionType):
        return _plain_function(value)
    if isinstance(value, MethodType):
        return MethodType(value.__func__, copied(value.__self__, made))
    if isinstance(value, partial):
        parts = [copied(each, made) for each in (value.func, value.args, value.keywords)]
        return partial(parts[0], *parts[1], **parts[2])
    if isinstance(value, Stream):
        return made.setdefault(id(value), copied_luck(value))
    if isinstance(value, random.Random):
        return made.setdefault(id(value), copied_luck(value))
    if isinstance(value, msgspec.Struct) and value.__struct_config__.frozen:
        fields = {name: copied(each, made) for name, each in fields_of(value).items()}
        same = all(getattr(value, name) is each for name, each in fields.items())
        return value if same else msgspec.structs.replace(value, **fields)
    twin = made[id(value)] = _empty(value, cls)
    if isinstance(value, list | collections.deque):
        twin.extend([copied(each, made) for each in value])
    elif isinstance(value, dict):
        put = collections.OrderedDict.__setitem__ if isinstance(value, collections.OrderedDict) else dict.__setitem__
        for key, each in value.items():
            put(twin, copied(key, made), copied(each, made))
    elif isinstance(value, set):
        twin.update([copied(each, made) for each in value])
    elif isinstance(value, bytearray):
        twin.extend(value)
    for name, each in fields_of(value).items():
        put_field(twin, name, copied(each, made))
    return twin


def _empty(value: Any, cls: Any) -> Any:
    """An object of that class with nothing in it. Raises Unfreezable for classes written in C that are not known."""
    if isinstance(value, msgspec.Struct):
        return copy(value)
    if isinstance(value, collections.deque):
        twin = cls.__new__(cls)
        collections.deque.__init__(twin, (), value.maxlen)
        return twin
    if isinstance(value, collections.defaultdict):
        twin = cls.__new__(cls)
        collections.defaultdict.__init__(twin, value.default_factory)
        return twin
    if isinstance(value, bytearray):
        return cls.__new__(cls)
    if not cls.__flags__ & _HEAP_TYPE or _made_in_c(cls):
        raise Unfreezable(value)
    return cls.__new__(cls)


_KNOWN_BASES = (object, list, dict, set, frozenset, tuple, collections.deque, collections.defaultdict, bytearray)


def _made_in_c(cls: type) -> bool:
    """Whether a class written in C, and not known here, lies below it: what that keeps nobody can read."""
    for base in cls.__mro__:
        if base in _KNOWN_BASES or base in (collections.OrderedDict, msgspec.Struct):
            continue
        if not base.__flags__ & _HEAP_TYPE:
            return True
        if base.__module__ in _C_MODULES:
            return True
    return False


_C_MODULES = frozenset(("_io", "_thread", "_socket", "select", "_queue", "_asyncio", "mmap", "_ssl", "re", "_hashlib"))


def fields_of(value: Any) -> dict[str, Any]:
    """The attributes that an object holds itself, in its `__dict__` or in slots."""
    fields = dict(getattr(value, "__dict__", None) or {})
    if isinstance(value, msgspec.Struct):
        fields |= {name: getattr(value, name) for name in value.__struct_fields__ if hasattr(value, name)}
        return fields
    for cls in value.__class__.__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in ("__dict__", "__weakref__"):
                continue
            name = f"_{cls.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            if hasattr(value, name):
                fields[name] = getattr(value, name)
    return fields


def put_field(twin: Any, name: str, value: Any) -> None:
    """Set an attribute, also of what is frozen."""
    if isinstance(twin, msgspec.Struct):
        msgspec.structs.force_setattr(twin, name, value)
    else:
        object.__setattr__(twin, name, value)


def _is_value(value: Any, cls: type) -> bool:
    return isinstance(value, (enum.Enum, *VALUES_OF_PYTHON)) or cls in UNSORTED


def _plain_function(value: FunctionType) -> FunctionType:
    """A function that a module defines, which holds nothing of its own; a `reader` of what nodes tell holds classes."""
    if value.__module__ == TOLD:
        return value
    if "<" in value.__qualname__ or value.__closure__:
        raise Unfreezable(value)
    return value


# What is written.


class Writer:
    """Writes one thing down; `names` are what stands for objects that are not looked into, by their ids."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._met: dict[int, int] = {}
        self._alive: list[Any] = []
        """What was met, so that no other object gets its id meanwhile."""

    def write(self, value: Any) -> Any:
        """Nested tuples of atoms."""
        cls = value.__class__
        if cls in ATOMS:
            return value
        if cls is tuple:
            return ("t", *[self.write(each) for each in value])
        name = self._names.get(id(value))
        if name is not None:
            return ("own", name)
        if cls in SETTLED or cls in UNSORTED:
            return (cls.__qualname__, *[self.write(getattr(value, field)) for field in cls.__struct_fields__])
        if cls is frozenset:
            return ("fs", *_sorted(self.write(each) for each in value))
        met = self._met.get(id(value))
        if met is not None:
            return ("again", met)
        if cls is list:
            self._meet(value)
            return ("l", *[self.write(each) for each in value])
        if cls is dict:
            self._meet(value)
            return ("d", *[(self.write(key), self.write(each)) for key, each in value.items()])
        if cls is set:
            self._meet(value)
            return ("s", *_sorted(self.write(each) for each in value))
        return self._write_object(value, cls)

    def _meet(self, value: Any) -> None:
        self._met[id(value)] = len(self._met)
        self._alive.append(value)

    def _write_object(self, value: Any, cls: type) -> Any:
        kind = f"{cls.__module__}.{cls.__qualname__}"
        if getattr(cls, "sim_constant", False):
            return (kind,)
        if isinstance(value, enum.Enum):
            return (kind, value.name)
        if isinstance(value, VALUES_OF_PYTHON):
            return (kind, repr(value))
        if isinstance(value, type | BuiltinFunctionType):
            return ("is", value.__module__ or "", value.__qualname__)
        if isinstance(value, ModuleType):
            return ("is", value.__name__)
        if isinstance(value, FunctionType):
            return ("is", _plain_function(value).__module__, value.__qualname__)
        if isinstance(value, MethodType):
            return ("method", value.__func__.__qualname__, self.write(value.__self__))
        if isinstance(value, partial):
            return ("partial", self.write(value.func), self.write(value.args), self.write(value.keywords))
        if isinstance(value, tuple):
            return (kind, *[self.write(each) for each in value])
        if isinstance(value, frozenset):
            return (kind, *_sorted(self.write(each) for each in value))
        self._meet(value)
        if isinstance(value, Stream | random.Random):
            return (kind, hash_of_luck(value))
        parts: list[Any] = [kind]
        if isinstance(value, list | collections.deque):
            parts += [self.write(each) for each in value]
        elif isinstance(value, dict):
            parts += [(self.write(key), self.write(each)) for key, each in value.items()]
        elif isinstance(value, set):
            parts += _sorted(self.write(each) for each in value)
        elif isinstance(value, bytearray):
            parts.append(bytes(value))
        elif not isinstance(value, msgspec.Struct) and not is_dataclass(value):
            _empty_class(value, cls)
        aside, orderless = getattr(cls, "sim_aside", ()), getattr(cls, "sim_orderless", ())
        for name, each in sorted(fields_of(value).items()):
            if name in orderless:
                parts.append((name, self.write(_in_order(each))))
            elif name not in aside:
                parts.append((name, self.write(each)))
        return tuple(parts)


def _empty_class(value: Any, cls: type) -> None:
    if not cls.__flags__ & _HEAP_TYPE or _made_in_c(cls):
        raise Unfreezable(value)


def hash_of_luck(luck: Stream | random.Random) -> str:
    """Where a stream stands."""
    return digest_of(luck.getstate()).hex()


def copied_luck(luck: LuckT) -> LuckT:
    """A stream that stands where that one does."""
    twin: Any = Stream(0) if isinstance(luck, Stream) else type(luck).__new__(type(luck))
    twin.setstate(luck.getstate())
    made: LuckT = twin
    return made


def _in_order(value: Any) -> Any:
    """A dict by its keys, and dicts in it likewise."""
    if not isinstance(value, dict):
        return value
    return {key: _in_order(each) for key, each in sorted(value.items(), key=lambda item: repr(item[0]))}


def _sorted(written: Any) -> list[Any]:
    return sorted(written, key=repr)


# Refusals.


def refusal(owner: str, fields: Mapping[str, Any], unfreezable: Unfreezable) -> UsageError:
    """Why something cannot be explored, with the way to what is in the way: `node 1: log.file holds ...`."""
    found = _way(fields, unfreezable.value)
    kind = type(unfreezable.value)
    what = f"a {kind.__qualname__}"
    if isinstance(unfreezable.value, FunctionType):
        what = "a lambda" if unfreezable.value.__name__ == "<lambda>" else "a function made in a function"
        instead = "name a method or a function of a module"
    else:
        instead = "keep plain values there (numbers, text, tuples, lists, dicts, sets, objects of these)"
    return UsageError(
        f"{owner}: attribute {found or '(somewhere)'} holds {what}, which cannot be copied and compared, as steering "
        f"needs it: {instead}"
    )


def _way(fields: Mapping[str, Any], wanted: object) -> str:
    seen: set[int] = set()
    queue: list[tuple[str, Any, int]] = [(name, value, 0) for name, value in fields.items()]
    for way, value, depth in queue:
        if value is wanted:
            return way
        if id(value) in seen or depth > WAY_MAX or value.__class__ in ATOMS:
            continue
        seen.add(id(value))
        inside: list[tuple[str, Any]] = []
        if isinstance(value, dict):
            inside = [(f"{way}[{key!r}]", each) for key, each in value.items()]
        elif isinstance(value, list | tuple | set | frozenset | collections.deque):
            inside = [(f"{way}[{number}]", each) for number, each in enumerate(value)]
        elif isinstance(value, MethodType):
            inside = [(f"{way}.__self__", value.__self__)]
        elif isinstance(value, partial):
            inside = [(f"{way}.func", value.func), (f"{way}.args", value.args), (f"{way}.keywords", value.keywords)]
        if not isinstance(value, type | ModuleType | FunctionType):
            inside += [(f"{way}.{name}", each) for name, each in fields_of(value).items()]
        queue += [(name, each, depth + 1) for name, each in inside]
    return ""
