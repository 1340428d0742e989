"""Settings written as a scenario file: what `simclock.experiments.scenario_files.file` reads back is equal to what was
written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from simclock.durations import format_duration
from simclock.environment.network import PROBABILITIES, Network
from simclock.environment.quartz import Clocks
from simclock.errors import UsageError
from simclock.experiments.entries.entry import as_drawn
from simclock.experiments.entries.parameters import parameter_to_toml
from simclock.experiments.entries.settings import Settings
from simclock.experiments.scenario_files.latency_forms import latency_to_table, only_used_figures
from simclock.experiments.telling.spelling import say
from simclock.faults import Fault
from simclock.protocols.key_value import PlannedOperation
from simclock.scenario import Scenario


def write_settings(name: str, settings: Settings, own: Network | None = None) -> str:
    """The TOML of these settings for the scenario of that name; what is None is left out.

    `own` is the network that the scenario has by itself: its latency need not be written again.
    """
    document = _top(name, settings)
    if settings.replaced:
        document["replace"] = {each.part: each.where for each in settings.replaced}
    if settings.parameters:
        document["parameters"] = {key: parameter_to_toml(key, value) for key, value in settings.parameters.items()}
    if settings.network is not None:
        document["network"] = _network(settings.network, own)
    if settings.clocks is not None:
        document["clocks"] = _clocks(settings.clocks)
    if settings.disk is not None:
        document["disk"] = {"sync": format_duration(settings.disk.sync_ns)}
    faults = ("[[faults]]\n" + _toml(_fault(fault)) for fault in settings.faults or ())  # a paragraph each, also short
    operations = ("[[operations]]\n" + _toml(_operation(operation)) for operation in settings.operations or ())
    return "\n".join((_toml(document), *faults, *operations))


def whole_settings(settings: Settings, scenario: Scenario) -> Settings:
    """The same settings with every value that the scenario ended up with, so that each can be edited.

    Where a nemesis draws the faults, they are left to it: its hunters are no list of faults.
    """
    nemesis = scenario.parameters.get("nemesis", settings.nemesis)
    drawn = nemesis is not None or settings.liveness_ns is not None
    latency = only_used_figures(scenario.network.latency)
    return replace(
        as_drawn(settings, scenario),
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
    if settings.rhythm is not None:
        values["rhythm"] = settings.rhythm
    if settings.liveness_ns is not None:
        values["liveness"] = format_duration(settings.liveness_ns)
    values |= {key: [] for key in ("faults", "operations") if getattr(settings, key) == ()}
    return values


def _network(network: Network, own: Network | None) -> dict[str, Any]:
    values = {name: getattr(network, name) for name in (*PROBABILITIES, "order", "bytes_per_s")}
    if own is None or own.latency != network.latency:
        values["latency"] = latency_to_table(network.latency)
    return values


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


def _operation(operation: PlannedOperation) -> dict[str, Any]:
    values = {"at": format_duration(operation.at_ns), **msgspec.structs.asdict(operation)}
    return {key: value for key, value in values.items() if key != "at_ns" and value is not None}


def fault_key(field: str) -> str:
    """The key of a fault's field: a value that is written with its unit goes without it in the name."""
    return field.removesuffix("_ns").removesuffix("_ppb")


def _toml(values: Mapping[str, Any]) -> str:
    import tomli_w

    try:
        text = tomli_w.dumps(values, indent=0)
    except TypeError:
        raise UsageError(f"{say(values)} cannot be written in TOML") from None
    # An array in one line. In a string no newline stands as it is, so these are of arrays alone.
    return text.replace("[\n", "[").replace(",\n]", "]").replace(",\n", ", ")
