"""Settings written as a scenario file: what `simclock.experiments.scenario_files.file` reads back is equal to what was
written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from simclock.durations import format_duration
from simclock.environment.network import PROBABILITIES, Network
from simclock.environment.quartz import Clocks
from simclock.errors import UsageError
from simclock.experiments.entries.parameters import parameter_to_toml
from simclock.experiments.entries.settings import Settings
from simclock.experiments.scenario_files.latency_forms import latency_to_table, only_used_figures
from simclock.faults import Fault
from simclock.scenario import Scenario

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def write_settings(name: str, settings: Settings, own: Network | None = None) -> str:
    """The TOML of these settings for the scenario of that name; what is None is left out.

    `own` is the network that the scenario has by itself: its latency need not be written again.
    """
    parts = [_lines(_top(name, settings))]
    if settings.parameters:
        values = {key: parameter_to_toml(key, value) for key, value in settings.parameters.items()}
        parts.append(_section("parameters", values))
    if settings.network is not None:
        parts += _network(settings.network, own)
    if settings.clocks is not None:
        parts.append(_section("clocks", _clocks(settings.clocks)))
    if settings.disk is not None:
        parts.append(_section("disk", {"sync": format_duration(settings.disk.sync_ns)}))
    for fault in settings.faults or ():
        parts.append("[[faults]]\n" + _lines(_fault(fault)))
    return "\n".join(parts)


def whole_settings(settings: Settings, scenario: Scenario) -> Settings:
    """The same settings with every value that the scenario ended up with, so that each can be edited.

    Where a nemesis draws the faults, they are left to it: its hunters are no list of faults.
    """
    nemesis = scenario.parameters.get("nemesis", settings.nemesis)
    drawn = nemesis is not None or settings.liveness_ns is not None
    latency = only_used_figures(scenario.network.latency)
    return replace(
        settings,
        seed=scenario.seed,
        nemesis=nemesis,
        duration_ns=_before_liveness(settings, scenario),
        network=replace(scenario.network, latency=latency),
        clocks=scenario.clocks,
        disk=scenario.disk,
        faults=settings.faults if drawn else scenario.faults,
    )


def _before_liveness(settings: Settings, scenario: Scenario) -> int | None:
    if scenario.duration_ns is None:
        return None
    return scenario.duration_ns - (settings.liveness_ns or 0)


def _top(name: str, settings: Settings) -> dict[str, Any]:
    values: dict[str, Any] = {"scenario": name, "seed": settings.seed}
    if settings.nodes is not None:
        values["nodes"] = settings.nodes
    if settings.duration_ns is not None:
        values["duration"] = format_duration(settings.duration_ns)
    if settings.adaptive is not None:
        values["adaptive"] = settings.adaptive
    if settings.fail_when_quiet is not None:
        values["fail_when_quiet"] = settings.fail_when_quiet
    if settings.nemesis is not None:
        values["nemesis"] = settings.nemesis
    if settings.liveness_ns is not None:
        values["liveness"] = format_duration(settings.liveness_ns)
    if settings.faults is not None and not settings.faults:
        values["faults"] = []
    return values


def _network(network: Network, own: Network | None) -> Iterator[str]:
    values = {name: getattr(network, name) for name in PROBABILITIES}
    yield _section("network", {**values, "order": network.order, "bytes_per_s": network.bytes_per_s})
    if own is not None and own.latency == network.latency:
        return
    latency = latency_to_table(network.latency)
    rows = latency.pop("one_way", None)
    yield _section("network.latency", latency)
    if rows is not None:
        yield _section("network.latency.one_way", rows)


def _clocks(clocks: Clocks) -> dict[str, Any]:
    return {
        "offset": format_duration(clocks.offset_ns_max),
        "drift": f"{clocks.drift_ppb_max}ppb",
        "wander": f"{clocks.wander_ppb_max}ppb",
        "wander_every": format_duration(clocks.wander_every_ns),
    }


def _fault(fault: Fault) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": fault.kind}
    for field in msgspec.structs.fields(fault):
        value = getattr(fault, field.name)
        if value is None:  # any node
            continue
        if field.name.endswith("_ns"):
            value = format_duration(value)
        elif field.name.endswith("_ppb"):
            value = f"{value}ppb"
        values[fault_key(field.name)] = value
    return values


def fault_key(field: str) -> str:
    """The key of a fault's field: a value that is written with its unit goes without it in the name."""
    return field.removesuffix("_ns").removesuffix("_ppb")


def _section(name: str, values: Mapping[str, Any]) -> str:
    return f"[{name}]\n{_lines(values)}"


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in values.items())


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple() | list():
            return f"[{', '.join(map(_value, value))}]"
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
        case _:
            raise UsageError(f"{value!r} cannot be written in TOML")
