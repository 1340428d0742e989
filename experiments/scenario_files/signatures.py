"""The parameters of a scenario function, read from its signature: what it may be asked for is what it takes.

    def tpc(seed: int, nodes: int = 4, transactions: int = 20, timeout: Duration = ms(80), reads: bool = False)

`seed` and `nodes` are those of every run; `settings`, or what is annotated as Settings, gets all that was set. A
parameter that is annotated as a class, `type[Node]`, or has one as its default, is a part that a bug or `--replace`
may replace. Every other one is a parameter: its annotation is its kind, its docstring's line `name: words` its help;
one without a default has to be given.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, make_dataclass
from dataclasses import replace as replaced
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from simclock.durations import TIME, format_duration, parse_duration
from simclock.errors import UsageError
from simclock.experiments.entries.parameters import (
    Choice,
    Duration,
    Flag,
    Number,
    Parameter,
    Parameters,
    Several,
    Text,
    Whole,
    flag_of,
    is_duration,
    parameter_of,
)
from simclock.experiments.entries.settings import Settings
from simclock.readable import say

SEED, NODES = "seed", "nodes"
KINDS = "int, float, bool, str, Literal[...], an Enum, simclock.Duration, or a tuple of one of these"
_PLAIN: dict[Any, Callable[..., Parameter]] = {int: Whole, float: Number, bool: Flag, str: Text}
_HELP = re.compile(r"^\s*(\w+)\s*(?:\([^)]*\))?:\s+(\S.*)$", re.MULTILINE)
_NOTHING = inspect.Parameter.empty

Convert = Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a scenario function takes."""

    text: str
    """What the user named, for errors."""
    function: Callable[..., Any]
    parameters: Parameters
    converts: Mapping[str, Convert]
    """Parameter -> what makes the function's argument of its value."""
    seed: str = ""
    """The argument that is the seed; empty: none."""
    settings: str = ""
    """The argument that is all that was set."""
    nodes: inspect.Parameter | None = None
    parts: Any = None
    """The classes that it takes, as a frozen dataclass; None: none."""
    required: frozenset[str] = frozenset()

    def call(self, settings: Settings, parts: Any = None) -> Any:
        """What the function makes of these settings; UsageError where one is missing."""
        given: dict[str, Any] = {}
        if self.seed:
            given[self.seed] = settings.seed
        if self.settings:
            given[self.settings] = settings
        if self.nodes is not None:
            given[NODES] = self._nodes(settings)
        for name, convert in self.converts.items():
            if name in self.required and name not in settings.parameters:
                raise UsageError(f"{self.text}: {name} has no default: give {flag_of(name)} {self._metavar(name)}")
            value = settings.parameters.get(name, self.parameters[name])
            given[name] = None if value is None else convert(value)
        given |= {} if parts is None else vars(parts)
        taken = inspect.signature(self.function).parameters
        first = [given.pop(name) for name, each in taken.items() if each.kind == each.POSITIONAL_ONLY and name in given]
        return self.function(*first, **given)

    def _nodes(self, settings: Settings) -> Any:
        assert self.nodes is not None, "the function takes nodes"
        if settings.nodes is None and self.nodes.default is _NOTHING:
            raise UsageError(f"{self.text}: nodes has no default: give --nodes N")
        return self.nodes.default if settings.nodes is None else settings.nodes

    def _metavar(self, name: str) -> str:
        return self.parameters.kinds[name].metavar


@dataclass
class _Read:
    """What was read so far."""

    kinds: dict[str, Parameter] = field(default_factory=dict)
    converts: dict[str, Convert] = field(default_factory=dict)
    parts: dict[str, type] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)


def signature_of(text: str, function: Callable[..., Any]) -> Signature:
    """What that function takes; UsageError for what no parameter can be."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = dict(getattr(function, "__annotations__", {}))
    taken = dict(inspect.signature(function).parameters)
    helps = dict(_HELP.findall(inspect.getdoc(function) or ""))
    seed, settings = _of_every_run(taken, hints)
    read = _Read()
    for name, each in taken.items():
        if name in (seed, settings, NODES) or each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        hint = hints.get(name, _NOTHING)
        is_a_class = hint is _NOTHING and isinstance(each.default, type) and each.default is not _NOTHING
        if get_origin(hint) is type or hint is type or is_a_class:
            if each.default is _NOTHING or not isinstance(each.default, type):
                raise UsageError(f"{text}: {name}: give the right class as its default, so that a bug may replace it")
            read.parts[name] = each.default
            continue
        try:
            kind, read.converts[name] = _kind(name, hint, each.default)
            read.kinds[name] = replaced(kind, help=kind.help or helps.get(name, ""))
        except UsageError as error:
            raise UsageError(f"{text}: {error}") from None
        if each.default is _NOTHING:
            read.required.add(name)
    return Signature(
        text=text,
        function=function,
        parameters=Parameters(read.kinds),
        converts=read.converts,
        seed=seed,
        settings=settings,
        nodes=taken.get(NODES) if NODES not in (seed, settings) else None,
        parts=_parts(read.parts),
        required=frozenset(read.required),
    )


def _of_every_run(taken: Mapping[str, inspect.Parameter], hints: Mapping[str, Any]) -> tuple[str, str]:
    """The arguments that are the seed, and the settings: a lone one that nothing is said of is the seed."""
    settings = next((name for name in taken if name == "settings" or hints.get(name) in (Settings, "Settings")), "")
    if SEED in taken:
        return SEED, settings
    needed = [name for name, each in taken.items() if each.default is _NOTHING and each.kind != each.VAR_KEYWORD]
    lone = len(needed) == 1 and needed[0] not in (settings, NODES) and needed[0] not in hints
    return (needed[0] if lone else ""), settings


def _parts(classes: Mapping[str, type]) -> Any:
    if not classes:
        return None
    return make_dataclass("Parts", [(name, type) for name in classes], frozen=True)(**classes)


def _kind(name: str, hint: Any, default: Any) -> tuple[Parameter, Convert]:
    """The parameter, and what makes the function's argument of its value."""
    value = None if default is _NOTHING else default
    if hint is _NOTHING:
        if default is _NOTHING:
            raise UsageError(f"{name}: say what it is: annotate it as {KINDS}")
        return _from_default(name, default)
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *extra = get_args(hint)
        marks = tuple(extra)
    declared = next((mark for mark in marks if isinstance(mark, Parameter)), None)
    kind, convert = (declared, _as_it_is) if declared is not None else _of_type(name, hint, value, TIME in marks)
    words = next((mark for mark in marks if isinstance(mark, str) and mark != TIME), "")
    kind = replaced(kind, help=kind.help or words)
    if kind.default is not None and not isinstance(kind, Several | Duration):
        kind.check(kind.default, f"the default of {name}")
    return kind, convert


def _from_default(name: str, default: Any) -> tuple[Parameter, Convert]:
    if isinstance(default, Enum):
        return _of_enum(name, type(default), default)
    return parameter_of(name, default), _as_it_is


def _of_type(name: str, hint: Any, value: Any, is_time: bool) -> tuple[Parameter, Convert]:
    if get_origin(hint) in (Union, UnionType):  # X | None
        inner = [each for each in get_args(hint) if each is not NoneType]
        if len(inner) == 1:
            return _kind(name, inner[0], value)
    elif is_time or (hint is int and is_duration(name)):
        return _of_time(name, value)
    elif hint in _PLAIN:
        return _PLAIN[hint](float(value) if hint is float and type(value) is int else value), _as_it_is
    elif get_origin(hint) is Literal:
        named = {str(each): each for each in get_args(hint)}
        if value is not None and value not in get_args(hint):
            raise UsageError(f"the default of {name}: {say(value)} is none of {', '.join(named)}")
        return Choice(None if value is None else str(value), tuple(named), noun=name), named.__getitem__
    elif isinstance(hint, type) and issubclass(hint, Enum):
        return _of_enum(name, hint, value)
    elif get_origin(hint) in (tuple, list) and get_args(hint):
        of, convert = _kind(name, get_args(hint)[0], _NOTHING if not value else value[0])
        made = get_origin(hint)
        return Several(None if value is None else tuple(value), of), lambda values: made(map(convert, values))
    raise UsageError(f"{name}: {inspect.formatannotation(hint)} is no kind of parameter: annotate it as {KINDS}")


def _of_time(name: str, value: Any) -> tuple[Parameter, Convert]:
    """Nanoseconds for the function; nanoseconds or text as the value, by the parameter's name."""
    place = f"the default of {name}"
    time_ns = parse_duration(value, place) if isinstance(value, str) else value
    if is_duration(name):
        return Duration(0 if time_ns is None else time_ns), _as_it_is
    default = value if isinstance(value, str) or value is None else format_duration(value)
    return Duration(default), lambda text: parse_duration(text, name)


def _of_enum(name: str, kind: type[Enum], value: Any) -> tuple[Parameter, Convert]:
    words = all(isinstance(each.value, str) for each in kind)
    named = {str(each.value if words else each.name): each for each in kind}
    default = next((word for word, each in named.items() if each is value), None)
    if value is not None and default is None:
        raise UsageError(f"the default of {name}: {say(value)} is none of {kind.__name__}")
    return Choice(default, tuple(named), noun=name), named.__getitem__
