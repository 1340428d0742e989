"""A scenario's own parameters: each has a name and a default, and takes values of the default's type.

A default of None takes a whole number or text. A parameter whose name ends in `_ns` is a duration: it is written with
its unit, as `think_ns = "5ms"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.spelling import is_64_bits, say, unknown

NUMBER_LIMIT = 1e300
"""A number is smaller than that, either way."""


class Parametrized(Protocol):
    """What has parameters: a scenario of the catalog, a study."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...


def is_duration(name: str) -> bool:
    """Whether the parameter of that name is a duration."""
    return name.endswith("_ns")


def parameter_from_toml(entry: Parametrized, name: str, value: Any, place: str) -> Any:
    """A value as TOML has it, checked against the parameter's default."""
    if name not in entry.parameters:
        raise UsageError(f"{place}: {unknown(f'parameter of {entry.name}', name, entry.parameters)}")
    return _like(entry.parameters[name], name, value, f"{place}.{name}")


def parameter_from_text(entry: Parametrized, setting: str, place: str) -> tuple[str, Any]:
    """Name and value of `name=value`."""
    name, equals, text = setting.partition("=")
    name, text = name.strip(), text.strip()
    if not equals or not name:
        raise UsageError(f"{place}: {say(setting)} is not a setting: write it as name=value")
    if name not in entry.parameters:
        raise UsageError(f"{place}: {unknown(f'parameter of {entry.name}', name, entry.parameters)}")
    default = entry.parameters[name]
    value: Any = text
    if isinstance(default, tuple | list):
        kind = default[0] if default else ""
        value = [_plain(kind, each.strip()) for each in text.split(",") if each.strip()]
    elif not is_duration(name):
        value = _plain(default, text)
    return name, _like(default, name, value, f"{place} {name}")


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


def defaults_text(parameters: Mapping[str, Any]) -> str:
    """`name=default` of every parameter, for a table."""
    return " ".join(f"{name}={parameter_text(name, value)}" for name, value in parameters.items())


def flag_of(parameter: str) -> str:
    """The flag that sets a scenario's parameter."""
    return f"--{parameter.removesuffix('_ns').replace('_', '-')}"


def _plain(default: Any, text: str) -> Any:
    """What TOML would make of the text, given the type it should have."""
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(default, str):
        return text
    for kind in (int, float) if isinstance(default, float) else (int,):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _like(default: Any, name: str, value: Any, place: str) -> Any:
    if is_duration(name):
        return duration_ns(value, place)
    if default is None:
        wanted, fits = "a whole number or text", type(value) in (int, str)
    elif isinstance(default, tuple | list):
        wanted, fits = "a list", isinstance(value, list)
        if fits and default:
            return tuple(_like(default[0], "", each, f"{place}[{i}]") for i, each in enumerate(value))
        value = tuple(value) if fits else value
    elif isinstance(default, float):
        wanted, fits = "a number", type(value) in (int, float) and abs(value) < NUMBER_LIMIT  # nor NaN
        value = float(value) if fits else value
    elif isinstance(default, str) and type(value) in (int, float):
        return str(value)  # exact decimals are text: 0.99 means "0.99"
    else:
        kind = {bool: "true or false", int: "a whole number", str: "text"}
        wanted, fits = kind.get(type(default), type(default).__name__), type(value) is type(default)
    if not fits:
        raise UsageError(f"{place}: {say(value)} is not {wanted}, such as {say(default)}")
    if type(value) is int and not is_64_bits(value):
        raise UsageError(f"{place}: {say(value)} is out of range: whole numbers have 64 bits")
    return value
