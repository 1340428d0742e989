"""A scenario's own parameters. What kind a parameter is says, in one place, all that is ever asked of it: its default,
how a value is read and checked, how it is written, its help, and how a shell completes it.

    PARAMETERS = Parameters(
        clients=Whole(3, least=1, help="Nodes that call."),
        fencing=Choice("on", ("on", "off")),
        pause_ns=ms(20),
    )

Read as a mapping it gives the defaults. A bare default stands for the kind of its type: a whole number, a number, true
or false, text, a list of such; None takes a whole number or text. A parameter whose name ends in `_ns` is a duration:
it is written with its unit, as `pause_ns = "5ms"`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from simclock.durations import format_duration, parse_drift
from simclock.errors import UsageError
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.spelling import is_64_bits, say, unknown

NUMBER_LIMIT = 1e300
"""A number is smaller than that, either way."""


@dataclass(frozen=True)
class Parameter(ABC):
    """One parameter, as a subclass per kind."""

    default: Any
    help: str = field(default="", kw_only=True)
    """What it does, one sentence."""

    @property
    @abstractmethod
    def metavar(self) -> str:
        """What stands for a value in a help text."""

    @property
    def completions(self) -> tuple[str, ...]:
        """What a shell offers; nothing where there is too much."""
        return ()

    @abstractmethod
    def check(self, value: Any, place: str) -> Any:
        """A value as TOML has it, checked. `place` names the key or flag in the UsageError that refuses it."""

    def plain(self, text: str) -> Any:
        """What TOML would have in place of that text, which is not checked."""
        return text

    def read(self, text: str, place: str) -> Any:
        """The value of `name=text`, checked."""
        return self.check(self.plain(text), place)

    def refusal(self, value: Any, wanted: str, place: str) -> UsageError:
        """That the value is of another kind."""
        example = "" if self.default is None else f", such as {say(self.default)}"
        return UsageError(f"{place}: {say(value)} is not {wanted}{example}")


@dataclass(frozen=True)
class Whole(Parameter):
    """A whole number of 64 bits."""

    least: int | None = None
    metavar = "N"

    def plain(self, text: str) -> Any:
        return _number(int, text)

    def check(self, value: Any, place: str) -> int:
        if type(value) is not int:
            raise self.refusal(value, "a whole number", place)
        if self.least is not None and value < self.least:
            raise UsageError(f"{place}: {say(value)} is too small: {self.least} or more")
        _check_64_bits(value, place)
        return value


@dataclass(frozen=True)
class Number(Parameter):
    """A number that may have a fraction; exact decimals are text."""

    metavar = "NUMBER"

    def plain(self, text: str) -> Any:
        return _number(float, text)

    def check(self, value: Any, place: str) -> float:
        if type(value) not in (int, float) or not abs(value) < NUMBER_LIMIT:  # nor NaN
            raise self.refusal(value, "a number", place)
        return float(value)


@dataclass(frozen=True)
class Flag(Parameter):
    """True or false."""

    metavar = "true|false"
    completions = ("true", "false")

    def plain(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text.lower(), text)

    def check(self, value: Any, place: str) -> bool:
        if type(value) is not bool:
            raise self.refusal(value, "true or false", place)
        return value


@dataclass(frozen=True)
class Text(Parameter):
    """Any text. A number is taken for its text: exact decimals are text, 0.99 means "0.99"."""

    metavar = "TEXT"

    def check(self, value: Any, place: str) -> str:
        if type(value) not in (int, float, str):
            raise self.refusal(value, "text", place)
        return str(value)


@dataclass(frozen=True)
class Choice(Text):
    """One of a few words, or the default."""

    choices: tuple[str, ...]
    noun: str = "choice"
    """What one is called where it is unknown."""

    @property
    def metavar(self) -> str:  # type: ignore[override] # of a class here, of each choice there
        return f"[{'|'.join(self.choices)}]"

    @property
    def completions(self) -> tuple[str, ...]:
        return self.choices

    def check(self, value: Any, place: str) -> str:
        word = super().check(value, place)
        if word not in self.choices and word != self.default:
            raise UsageError(f"{place}: {unknown(self.noun, word, self.choices)}")
        return word


@dataclass(frozen=True)
class Duration(Parameter):
    """A time with its unit. It is nanoseconds where the default is, and stays text where that is text."""

    metavar = "TIME"

    def check(self, value: Any, place: str) -> int | str:
        time_ns = duration_ns(value, place)
        return time_ns if isinstance(self.default, int) else str(value)


@dataclass(frozen=True)
class Drift(Text):
    """How fast or slow a clock is, with its unit; text."""

    metavar = "DRIFT"

    def check(self, value: Any, place: str) -> str:
        parse_drift(str(value), place)
        return str(value)


@dataclass(frozen=True)
class WholeOrText(Parameter):
    """What has no default: None until it is set."""

    metavar = "N|TEXT"

    def plain(self, text: str) -> Any:
        return _number(int, text)

    def check(self, value: Any, place: str) -> int | str:
        if type(value) not in (int, str):
            raise self.refusal(value, "a whole number or text", place)
        if isinstance(value, int):
            _check_64_bits(value, place)
        made: int | str = value
        return made


@dataclass(frozen=True)
class Several(Parameter):
    """A list of values of one kind, written `1,2,3`; a tuple once it is read."""

    of: Parameter

    @property
    def metavar(self) -> str:
        return f"{self.of.metavar},..."

    def plain(self, text: str) -> Any:
        return [self.of.plain(each.strip()) for each in text.split(",") if each.strip()]

    def check(self, value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise self.refusal(value, "a list", place)
        return tuple(self.of.check(each, f"{place}[{position}]") for position, each in enumerate(value))


def _number(kind: type, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text


def _check_64_bits(value: int, place: str) -> None:
    if not is_64_bits(value):
        raise UsageError(f"{place}: {say(value)} is out of range: whole numbers have 64 bits")


def parameter_of(name: str, default: Any) -> Parameter:
    """The parameter of that name, whose kind its default tells; a Parameter is taken as it is."""
    match default:
        case Parameter():
            return default
        case int() | str() if is_duration(name):
            return Duration(default)
        case None:
            return WholeOrText(default)
        case bool():
            return Flag(default)
        case int():
            return Whole(default)
        case float():
            return Number(default)
        case str():
            return Text(default)
        case tuple() | list():
            return Several(tuple(default), parameter_of("", default[0] if default else ""))
    raise UsageError(f"parameter {name}: {say(default)} cannot be a default: take a number, text, true or a list")


class Parameters(dict[str, Any]):
    """Parameter name -> default, for code that lays what a user asks for over it; `kinds` says all about each.

    Those of another `Parameters` keep their kinds.
    """

    def __init__(self, declared: Mapping[str, Any] | None = None, **more: Any) -> None:
        first = declared.kinds if isinstance(declared, Parameters) else declared
        named = {**(first or {}), **more}
        self.kinds: dict[str, Parameter] = {name: parameter_of(name, default) for name, default in named.items()}
        super().__init__({name: kind.default for name, kind in self.kinds.items()})


class Parametrized(Protocol):
    """What has parameters: a scenario of the catalog, a study."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...


def parameters_of(entry: Parametrized) -> Parameters:
    """The parameters of an entry, whichever way it declares them."""
    return entry.parameters if isinstance(entry.parameters, Parameters) else Parameters(entry.parameters)


def is_duration(name: str) -> bool:
    """Whether the parameter of that name is a duration in nanoseconds."""
    return name.endswith("_ns")


def parameter_from_toml(entry: Parametrized, name: str, value: Any, place: str) -> Any:
    """A value as TOML has it, checked."""
    return _named(entry, name, place).check(value, f"{place}.{name}")


def parameter_from_text(entry: Parametrized, setting: str, place: str) -> tuple[str, Any]:
    """Name and value of `name=value`."""
    name, equals, text = (part.strip() for part in setting.partition("="))
    if not equals or not name:
        raise UsageError(f"{place}: {say(setting)} is not a setting: write it as name=value")
    return name, _named(entry, name, place).read(text, f"{place} {name}")


def _named(entry: Parametrized, name: str, place: str) -> Parameter:
    kinds = parameters_of(entry).kinds
    if name not in kinds:
        raise UsageError(f"{place}: {unknown(f'parameter of {entry.name}', name, kinds)}")
    return kinds[name]


def parameter_to_toml(name: str, value: Any) -> Any:
    """The value as it is written in TOML."""
    return format_duration(value) if is_duration(name) and type(value) is int else value


def parameter_text(name: str, value: Any) -> str:
    """The value as it is written after `name=`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(parameter_to_toml(name, value))


def defaults_text(entry: Parametrized) -> str:
    """`name=default` of every parameter, for a table."""
    return " ".join(f"{name}={parameter_text(name, value)}" for name, value in parameters_of(entry).items())


def flag_of(parameter: str) -> str:
    """The flag that sets a scenario's parameter."""
    return f"--{parameter.removesuffix('_ns').replace('_', '-')}"
