"""Scenario files: TOML in which every value of a scenario can be written.

    scenario = "raft-kv-wan"                # a name of the catalog, or path.py:name relative to this file
    seed = 7
    nodes = 5
    duration = "120s"
    adaptive = false                        # what observers would inject does not happen, the faults below are all
    fail_when_quiet = true                  # violated where no message and no timer is left
    nemesis = "swarm"                       # faults drawn from the seed, see simclock.experiments.nemesis.plan
    rhythm = "80ms"                         # around which its strikes are drawn; "80ms for 2s": and no longer than that
    liveness = "20s"                        # after the duration everything heals, and progress is due

    [parameters]                            # the scenario's own, see `simclock show`
    clients = 3

    [replace]                               # a class that derives from one which the scenario is made of, in its place
    LeaseServer = "mine.py:Hasty"

    [network]
    latency = { model = "uniform", low = "1ms", high = "5ms" }   # or "5ms"; see latency_forms
    loss = 0.01
    duplication = 0.001
    order = "fifo"
    bytes_per_s = 1_000_000                 # bandwidth of each link, 0 without limit
    corruption = 0.001                      # damaged and noticed: dropped
    undetected_corruption = 0.0001          # damaged and not noticed: another value arrives

    [clocks]
    offset = "20ms"
    drift = "50ppm"
    wander = "20ppm"                        # the drift changes by up to that, either way,
    wander_every = "10s"                    # this often

    [disk]
    sync = "1ms"

    [[faults]]
    kind = "partition"
    at = "30s"
    groups = [["leader"], [0, 1, 2, 3, 4]]

    [[faults]]
    kind = "swizzle-clog"                   # drawn from the seed: some are clogged one by one in the first half,
    at = "60s"                              # and released in another order in the second
    lasts = "10s"
    nodes = [0, 1, 2, 3, 4]                 # all where this is left out
    links = true                            # the links between them, in place of the nodes

    [[operations]]                          # what clients call, and nothing else, in place of what they would draw
    at = "120ms"                            # by the client's monotonic clock
    node = 5
    process = 5                             # one operation at a time; no other client has a process of that number
    function = "cas"
    key = "k0"
    expected = "a"
    value = "b"

The kinds of faults are `simclock.faults.WRITTEN`; a fault's keys are the fields of its class, times and drifts without
their unit (`at_ns` is `at = "30s"`, `drift_ppb` is `drift = "200ppm"`). Only `scenario` must be there; what is left
out is as the scenario has it, `faults = []` means none. Whatever is wrong is one UsageError of one line, with the
file, the key's path and the mend.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from simclock.environment.disk import DiskModel
from simclock.environment.network import ORDERS, PROBABILITIES, Network
from simclock.environment.quartz import Clocks
from simclock.errors import UsageError
from simclock.experiments.catalog import entries, entry_named
from simclock.experiments.entries.entry import Entry, made
from simclock.experiments.entries.parameters import parameter_from_toml
from simclock.experiments.entries.replacement import Replacement
from simclock.experiments.entries.settings import Settings
from simclock.experiments.scenario_files.latency_forms import latency_from_table, latency_from_text
from simclock.experiments.scenario_files.python_scenarios import python_class, python_entry
from simclock.experiments.scenario_files.text import fault_key
from simclock.experiments.scenario_files.toml_table import Table, check_numbers
from simclock.experiments.telling.spelling import reason, say, unknown
from simclock.faults import WRITTEN, Fault, NodeName
from simclock.protocols.key_value import PlannedOperation
from simclock.scenario import Scenario

KEYS = (
    "scenario",
    "seed",
    "nodes",
    "duration",
    "nemesis",
    "rhythm",
    "replace",
    "liveness",
    "parameters",
    "network",
    "clocks",
    "disk",
    "faults",
    "operations",
    "adaptive",
    "fail_when_quiet",
)
_OPERATION = '[[operations]] with at = "120ms", node = 5, process = 5, function = "get", key = "k0"'
_EXAMPLE = '[[faults]] with kind = "crash", at = "10s", node = 0'

SIGNED_TIMES = ("by_ns",)
"""Fields of faults that are times below zero, too."""

_NODE = int | Annotated[str, msgspec.Meta(pattern=r"\D")]
"""A node's number or name: "3" is neither."""
_PLAIN: dict[Any, tuple[Any, tuple[str, ...], str]] = {
    bool: (bool, ("true or false",), "false"),
    int: (int, ("a whole number",), "1_000_000"),
    float: (float, ("a number",), "0.01"),
    str: (str, ("text",), '"..."'),
    tuple[int, ...]: (tuple[int, ...], ("an array", "a node's number"), "[0, 1, 2]"),
    NodeName: (_NODE, ("a node",), '0 or "leader"'),
    NodeName | None: (_NODE, ("a node",), '0 or "leader"'),
    tuple[tuple[NodeName, ...], ...]: (
        tuple[tuple[_NODE, ...], ...],
        ("an array", "a group of nodes", "a node"),
        '[["leader"], [0, 1, 2]]',
    ),
}
"""Type of a fault's field that has no unit -> what a value is converted to, what it is called at each depth, an
example."""

Part = TypeVar("Part", Network, Clocks, DiskModel)


def read_scenario_file(path: Path) -> tuple[Entry, Settings]:
    """The catalog's entry and the settings that a file names."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None
    except ValueError as error:
        raise UsageError(f"{path}: not TOML: {reason(error)}") from None
    return settings_from_toml(document, str(path), path.parent)


def settings_from_toml(
    document: Mapping[str, Any], file: str, folder: Path, of: tuple[Entry, int] | None = None
) -> tuple[Entry, Settings]:
    """The same from a document that is already parsed; `file` names it in errors, paths in it begin at `folder`.

    `of` is the entry and its own seed, where it is not to be looked for by its name.
    """
    check_numbers(document, file)
    table = Table(document, file)
    table.only(KEYS)
    table.required("scenario", '"phold"')
    name = table.text("scenario", '"phold"')
    assert name is not None, "the scenario is there"
    try:
        entry, own_seed = of or named_entry(name, folder)
        seed = table.whole("seed", "7")
        settings = Settings(
            seed=own_seed if seed is None else seed,
            nodes=table.whole("nodes", "5"),
            duration_ns=table.duration_ns("duration"),
            adaptive=table.truth("adaptive"),
            fail_when_quiet=table.truth("fail_when_quiet"),
            nemesis=table.text("nemesis", '"swarm"'),
            replaced=_replaced(table, folder),
            rhythm=table.text("rhythm", '"80ms"'),
            liveness_ns=table.duration_ns("liveness"),
            parameters=_parameters(table, entry),
        )
        return entry, _with_environment(table, entry, settings, folder)
    except UsageError as error:
        if str(error).startswith(f"{file}:"):
            raise
        raise UsageError(f"{file}: {error}") from None


def named_entry(name: str, folder: Path) -> tuple[Entry, int]:
    """The entry of that name, and the seed it has of its own: of the catalog, or Python as `path.py:name`."""
    if is_python(name):
        return python_entry(name, folder)
    entry = entry_named(name)
    if entry is None:
        raise UsageError(unknown("scenario", name, entries(), "simclock list"))
    return entry, 0


def is_python(name: str) -> bool:
    """Whether it names Python code: a scenario then is a program, which whoever runs it has to trust."""
    return ":" in name or name.endswith(".py")


def scenario_as_is(entry: Entry, settings: Settings) -> Scenario:
    """The entry's scenario before its network, clocks, disk and faults are set, whose values are kept in part."""
    own = Settings(
        seed=settings.seed, nodes=settings.nodes, duration_ns=settings.duration_ns, parameters=settings.parameters
    )
    try:
        return made(entry, own)
    except UsageError:  # it may fit that many nodes only with the network that is still to be set
        return made(entry, replace(own, nodes=None))


def replacement(part: str, where: str, folder: Path, place: str) -> Replacement:
    """The class that `where` names, a path of which begins at `folder`, in the place of that part."""
    if ":" not in where:
        raise UsageError(f"{place}: {say(where)} names no class: write {part}=mine.py:Class")
    try:
        return Replacement(part, from_any_folder(where, folder), python_class(where, folder))
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error.__cause__


def from_any_folder(name: str, folder: Path) -> str:
    """The same name of Python code, or of the catalog, as it is understood everywhere."""
    module, colon, rest = name.rpartition(":")
    return f"{(folder / module).resolve()}{colon}{rest}" if module.endswith(".py") else name


def _replaced(table: Table, folder: Path) -> tuple[Replacement, ...]:
    given = table.table("replace")
    if given is None:
        return ()
    texts = {name: given.text(name, '"mine.py:Class"') for name in given.values}
    return tuple(replacement(name, text, folder, given.place(name)) for name, text in texts.items() if text is not None)


def _parameters(table: Table, entry: Entry) -> dict[str, Any]:
    given = table.table("parameters")
    if given is None:
        return {}
    return {name: parameter_from_toml(entry, name, value, given.place()) for name, value in given.values.items()}


def _with_environment(table: Table, entry: Entry, settings: Settings, folder: Path) -> Settings:
    parts = {"network": _network(table, folder), "clocks": _clocks(table), "disk": _disk(table)}
    if any(parts.values()):
        base = scenario_as_is(entry, settings)
        made = {name: replace(getattr(base, name), **values) for name, values in parts.items() if values}
        settings = replace(settings, **made)
    if "faults" in table.values:
        settings = replace(settings, faults=_faults(table))
    if "operations" in table.values:
        settings = replace(settings, operations=_operations(table))
    return settings


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _network(table: Table, folder: Path) -> dict[str, Any]:
    network = table.table("network")
    if network is None:
        return {}
    network.only(("latency", "order", "bytes_per_s", *PROBABILITIES))
    return _given(
        latency=_latency(network, folder),
        order=network.choice("order", ORDERS),
        bytes_per_s=network.whole("bytes_per_s", "1_000_000"),
        **{name: network.number(name) for name in PROBABILITIES},
    )


def _latency(network: Table, folder: Path) -> Any:
    value = network.values.get("latency")
    if isinstance(value, str):
        return latency_from_text(value, network.place("latency"))
    if value is not None and not isinstance(value, dict):
        raise UsageError(
            f'{network.place("latency")}: {say(value)} is not a latency: write "5ms" or '
            '{ model = "uniform", low = "1ms", high = "5ms" }'
        )
    model = network.table("latency")
    return None if model is None else latency_from_table(model, folder)


def _clocks(table: Table) -> dict[str, Any]:
    clocks = table.table("clocks")
    if clocks is None:
        return {}
    clocks.only(("offset", "drift", "wander", "wander_every"))
    return _given(
        offset_ns_max=clocks.duration_ns("offset"),
        drift_ppb_max=clocks.drift_ppb("drift"),
        wander_ppb_max=clocks.drift_ppb("wander"),
        wander_every_ns=clocks.duration_ns("wander_every"),
    )


def _disk(table: Table) -> dict[str, Any]:
    disk = table.table("disk")
    if disk is None:
        return {}
    disk.only(("sync",))
    return _given(sync_ns=disk.duration_ns("sync"))


def faults_from_toml(document: Mapping[str, Any], file: str) -> tuple[Fault, ...]:
    """The faults of a document that is already parsed; `file` names it in errors."""
    return _faults(Table(document, file))


def _faults(table: Table) -> tuple[Fault, ...]:
    values = table.array("faults", _EXAMPLE)
    assert values is not None, "the faults are there"
    faults = []
    for position, value in enumerate(values):
        path = f"faults[{position}]"
        if not isinstance(value, dict):
            raise UsageError(f"{table.place(path)}: {say(value)} is not a fault: write {_EXAMPLE}")
        faults.append(_fault(Table(value, table.file, path)))
    return tuple(faults)


def _operations(table: Table) -> tuple[PlannedOperation, ...]:
    values = table.array("operations", _OPERATION)
    assert values is not None, "the operations are there"
    operations = []
    for position, value in enumerate(values):
        path = f"operations[{position}]"
        if not isinstance(value, dict):
            raise UsageError(f"{table.place(path)}: {say(value)} is not an operation: write {_OPERATION}")
        operations.append(_operation(Table(value, table.file, path)))
    return tuple(operations)


def _operation(table: Table) -> PlannedOperation:
    """An operation's keys are the fields of its class; a value is text or a whole number."""
    table.only(("at", *(name for name in PlannedOperation.__struct_fields__ if name != "at_ns")))
    examples = {"at": '"120ms"', "node": "5", "process": "5", "function": '"get"'}
    for key, example in examples.items():
        table.required(key, example)
    return PlannedOperation(
        at_ns=table.duration_ns("at") or 0,
        node=table.whole("node") or 0,
        process=table.whole("process") or 0,
        function=table.text("function", '"get"') or "",
        key=table.text("key", '"k0"'),
        value=_called_with(table, "value"),
        expected=_called_with(table, "expected"),
    )


def _called_with(table: Table, key: str) -> str | int | None:
    return table.whole(key) if type(table.values.get(key)) is int else table.text(key, '"..."')


def _fault(table: Table) -> Fault:
    """A fault's keys are its class's fields, times and drifts without their unit."""
    table.required("kind", '"crash"')
    kind = table.choice("kind", WRITTEN)
    assert kind is not None, "the kind is there"
    fields = msgspec.structs.fields(WRITTEN[kind])
    table.only(("kind", *(fault_key(field.name) for field in fields)))
    given = [field for field in fields if field.required or fault_key(field.name) in table.values]
    return WRITTEN[kind](**{field.name: _fault_value(table, field) for field in given})


def _fault_value(table: Table, field: Any) -> Any:
    key = fault_key(field.name)
    if field.name in SIGNED_TIMES:
        table.required(key, '"10s" or "-10s"')
        return table.signed_duration_ns(key)
    if field.name.endswith("_ns"):
        table.required(key, '"10s"')
        return table.duration_ns(key)
    if field.name.endswith("_ppb"):
        table.required(key, '"50ppm"')
        return table.drift_ppb(key)
    return table.converted(key, *_PLAIN[field.type])
