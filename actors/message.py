"""What nodes send each other: immutable values with typed fields.

Law: messages are deeply immutable, so nodes share nothing even when they live in one process. A field whose type could
change under the receiver's feet (list, dict, set, bytearray, a mutable class) is refused when the class is defined. A
field whose value would look different after a journey over the wire (a list where a tuple is declared, an int where a
float is) is refused when the message is made.
"""

from __future__ import annotations

import enum
import sys
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from simclock.errors import MessageTypeError, UsageError
from simclock.kernel.encoding import SETTLED, SORTED, UNSORTED
from simclock.kernel.events import Event
from simclock.kernel.failures import is_interrupt
from simclock.kernel.host import built_twice
from simclock.kernel.process import Process
from simclock.readable import say
from simclock.scenario import Scenario

_PLAIN = (int, str, bytes, bool, float, type(None))
_INSTEAD: dict[Any, str] = {
    list: "tuple[T, ...]",
    dict: "tuple[tuple[K, V], ...]",
    set: "frozenset[T], or a sorted tuple[T, ...]",
    bytearray: "bytes",
    memoryview: "bytes",
}
_UNCLEAR = {Any: "any value", object: "any value", tuple: "a bare tuple", frozenset: "a bare frozenset"}

REGISTRY: dict[tuple[str, str], type[Any]] = {}
"""(module, qualified name) -> message class. A class defined again, as in a notebook, replaces the earlier one."""


@typing.dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class _MessageMeta(msgspec.StructMeta):
    """Checks a message class when it is defined, and gives it a check of its values where one is needed."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        if name == "Message" and bases == (msgspec.Struct,):
            return super().__new__(mcs, name, bases, namespace, **options)
        if options.get("frozen") is False:
            raise MessageTypeError(f"{name}: a message is frozen: make a new one with msgspec.structs.replace")
        tag = namespace.get("__qualname__", name).replace("<locals>.", "")
        options = {"frozen": True, "array_like": True, "gc": False, "tag": tag, **options}
        made = super().__new__(mcs, name, bases, dict(namespace), **options)
        conditions = []
        for field, declared in fields_of(made).items():
            check_type(f"{made.__qualname__}.{field}", declared)
            condition = _condition(declared, f"self.{field}")
            if condition:
                conditions.append((field, declared, condition))
        if conditions and "__post_init__" not in namespace:
            made = super().__new__(mcs, name, bases, {**namespace, "__post_init__": _checker(conditions)}, **options)
        (UNSORTED if any(map(has_unsorted_sets, fields_of(made).values())) else SETTLED).add(made)
        REGISTRY[made.__module__, made.__qualname__] = made
        return made


class Message(msgspec.Struct, frozen=True, metaclass=_MessageMeta):
    """What is sent: derive a class and declare typed fields.

        class AppendEntries(Message):
            term: int
            entries: tuple[Entry, ...]

    Fields may be int (64 bit), str, bytes, bool, float, None, an Enum, a Literal, another Message, a clock,
    `tuple[...]` and `frozenset[...]` of these, and unions of these. Anything mutable is refused with the field's name
    and what to use instead. The class's qualified name is its tag on the wire and in the digest.
    """


def fields_of(cls: type[Any]) -> dict[str, Any]:
    """Field name -> type, with names resolved."""
    try:
        hints = typing.get_type_hints(cls)
    except NameError as error:
        raise MessageTypeError(
            f"{cls.__qualname__}: {error}: a message's types must be defined before it, at the top of a module"
        ) from None
    return {name: hints[name] for name in cls.__struct_fields__}


def check_type(place: str, declared: Any) -> None:
    """Raise MessageTypeError unless values of the declared type are immutable and travel unchanged."""
    origin = get_origin(declared)
    kind = origin if origin in _INSTEAD else declared
    if _in(kind, _INSTEAD):
        raise MessageTypeError(f"{place}: {kind.__name__} is mutable and would be shared: use {_INSTEAD[kind]}")
    if _in(declared, _UNCLEAR):
        raise MessageTypeError(
            f"{place}: {_UNCLEAR[declared]} cannot be checked: declare what it holds, such as tuple[int, ...]"
        )
    if declared in _PLAIN or origin is Literal:
        return
    if origin in (Union, types.UnionType, tuple, frozenset):
        for part in get_args(declared):
            if part is not Ellipsis:
                check_type(place, part)
        return
    if isinstance(declared, type) and issubclass(declared, enum.Enum | Message):
        return
    if isinstance(declared, type) and issubclass(declared, msgspec.Struct) and declared.__struct_config__.frozen:
        for field, inner in fields_of(declared).items():
            check_type(f"{place}.{field}", inner)
        return
    name = getattr(declared, "__name__", str(declared))
    raise MessageTypeError(
        f"{place}: {name} is not known to be immutable: use int, str, bytes, bool, float, an Enum, a Message, or "
        "tuple[...] of these"
    )


def has_unsorted_sets(declared: Any, inside: bool = False) -> bool:
    """Whether a value of the declared type may hold a set whose members are not all in order by `<`."""
    origin = get_origin(declared)
    if origin is frozenset:
        return inside or any(has_unsorted_sets(part, True) for part in get_args(declared))
    if origin in (Union, types.UnionType, Literal):
        kinds = {type(part) if origin is Literal else part for part in get_args(declared)}
        mixed = inside and not any(kinds <= kind for kind in SORTED)
        return mixed or (origin is not Literal and any(has_unsorted_sets(part, inside) for part in get_args(declared)))
    if origin is tuple:
        return any(has_unsorted_sets(part, inside) for part in get_args(declared) if part is not Ellipsis)
    if isinstance(declared, type) and issubclass(declared, msgspec.Struct):
        return inside or any(has_unsorted_sets(part) for part in fields_of(declared).values())
    return inside and not any({declared} <= kind for kind in SORTED)


def _in(kind: Any, table: dict[Any, str]) -> bool:
    try:
        return kind in table
    except TypeError:
        return False


# Values. Only what the wire would change silently is checked: a list for a tuple, an int for a float, a bytearray for
# bytes, a plain value for an Enum, a tuple for a Message. Anything else wrong fails loudly when it is decoded.


def _condition(declared: Any, value: str, depth: int = 0) -> str:
    """Python source that is true for a value which travels unchanged; empty where nothing needs a look."""
    origin = get_origin(declared)
    if declared in (float, bytes):
        return f"type({value}) is {declared.__name__}"
    if origin is tuple:
        parts = get_args(declared)
        if len(parts) == 2 and parts[1] is Ellipsis:
            inner = _condition(parts[0], f"v{depth}", depth + 1)
            every = f" and all([{inner} for v{depth} in {value}])" if inner else ""
            return f"type({value}) is tuple{every}"
        inner = "".join(f" and {c}" for i, part in enumerate(parts) if (c := _condition(part, f"{value}[{i}]", depth)))
        return f"(type({value}) is tuple and len({value}) == {len(parts)}{inner})"
    if origin is frozenset:
        inner = _condition(get_args(declared)[0], f"v{depth}", depth + 1)
        every = f" and all([{inner} for v{depth} in {value}])" if inner else ""
        return f"(type({value}) is frozenset{every})"
    if origin in (Union, types.UnionType):
        options = get_args(declared)
        allowed = " or ".join(_condition(option, value, depth) or _loose(option, value) for option in options)
        return f"({allowed})" if any(_condition(option, value, depth) for option in options) else ""
    if isinstance(declared, type) and issubclass(declared, enum.Enum | msgspec.Struct):
        return f"type({value}).__name__ == {declared.__name__!r}"
    return ""


def _loose(option: Any, value: str) -> str:
    if option is type(None):
        return f"{value} is None"
    if get_origin(option) is Literal:
        return f"{value} in {get_args(option)!r}"
    return f"isinstance({value}, {option.__name__})"


def _checker(conditions: list[tuple[str, Any, str]]) -> Callable[[Any], None]:
    whole = " and ".join(f"({condition})" for _, _, condition in conditions)
    namespace: dict[str, Any] = {"_refuse": _refuse, "_conditions": conditions}
    exec(f"def __post_init__(self):\n    if not ({whole}): _refuse(self, _conditions)", namespace)
    made: Callable[[Any], None] = namespace["__post_init__"]
    return made


def _refuse(message: Any, conditions: list[tuple[str, Any, str]]) -> None:
    for field, declared, condition in conditions:
        if not eval(condition, {"self": message}):
            value = getattr(message, field)
            kind = type(message).__qualname__
            wanted = str(declared).removeprefix("<class '").removesuffix("'>")
            raise MessageTypeError(
                f"{kind}.{field}: {value!r} is {type(value).__name__}, declared {wanted}: it would change on the way"
            )


# The message classes of a run.


def message_classes(node_classes: Iterable[type]) -> tuple[type[Message], ...]:
    """Every message class that nodes of these classes can receive, in order of name.

    A class says so in `messages`. Of one that does not, every message class counts that its module defines or imports.
    """
    bases = {base for cls in node_classes for base in cls.__mro__ if base is not object}
    found = {message for base in bases for message in declared_messages(base) or ()}
    modules = {base.__module__ for base in bases if declared_messages(base) is None}
    found.update(cls for (module, _), cls in REGISTRY.items() if module in modules)
    for name in modules:
        for value in list(vars(sys.modules.get(name, object())).values() if name in sys.modules else ()):
            inside = vars(value).values() if isinstance(value, types.ModuleType) else (value,)
            found.update(thing for thing in list(inside) if isinstance(thing, type) and issubclass(thing, Message))
    found.discard(Message)
    return tuple(sorted(found, key=lambda cls: (cls.__struct_config__.tag, cls.__module__)))


def declared_messages(cls: type) -> tuple[type[Message], ...] | None:
    """What a class of nodes says itself that it can receive; None where it does not. Raises MessageTypeError."""
    declared = vars(cls).get("messages")
    if declared is None:
        return None
    if type(declared) is not tuple or not all(
        isinstance(each, type) and issubclass(each, Message) for each in declared
    ):
        raise MessageTypeError(
            f"{cls.__qualname__}.messages: {say(declared)} does not say what the node can receive: write a tuple of "
            "Message classes, such as (Ping, Pong), or choose another name"
        )
    return tuple(declared)


def unknown_messages(sent: Iterable[type], node_classes: Iterable[type]) -> tuple[str, ...]:
    """A line for each class of messages that was sent, and that no node is known to be able to receive."""
    known = set(message_classes(node_classes))
    return tuple(
        f"{cls.__qualname__} was sent, and no node is known to receive it, so only one host can carry it: name it in "
        "`messages` of the class of nodes that does"
        for cls in sorted(set(sent) - known, key=lambda cls: cls.__qualname__)
    )


def payload_union(classes: Iterable[type[Message]]) -> Any:
    """The type that decodes any of these classes; refuses two of one name."""
    by_tag: dict[Any, type[Message]] = {}
    for cls in classes:
        other = by_tag.setdefault(cls.__struct_config__.tag, cls)
        if other is not cls:
            raise MessageTypeError(
                f"two message classes are called {cls.__qualname__}, in {other.__module__} and {cls.__module__}: "
                'rename one, or give it a name on the wire: class X(Message, tag="...")'
            )
    if not by_tag:
        return None.__class__
    return Union[tuple(by_tag.values())]  # noqa: UP007 - made at run time


def payload_type_of(scenario: Scenario) -> Any:
    """The type of every message that nodes of a scenario may send each other."""
    built = [_built(scenario, node) for node in range(scenario.nodes)]
    nodes = [node for node in built if isinstance(node, Process)]
    if len({id(node) for node in nodes}) < len(nodes):
        raise UsageError(built_twice(nodes[0]))
    return payload_union(message_classes({type(node) for node in built}))


def _built(scenario: Scenario, node: int) -> Any:
    """The node, or None where its code fails: the run itself fails there, and tells of it."""
    try:
        return scenario.build_node(node)
    except BaseException as error:
        if is_interrupt(error):
            raise
        return None


def check_message(event: Event) -> None:
    """Raise MessageTypeError where what a node sent is not a Message."""
    payload = event[5]
    if not isinstance(payload, Message):
        raise MessageTypeError(
            f"node {event[1]} sent {payload!r} to node {event[3]}, which is no Message: declare a class that derives "
            "from simclock.Message"
        )
