"""How a latency model is written: as a TOML table, or as the short text of reports and `--latency`.

    "5ms"                                          constant
    "uniform 1ms..5ms"
    "normal 10ms +- 2ms, floor 1ms"
    "log-normal median 10ms, sigma 0.5, floor 1ms"
    { model = "uniform", low = "1ms", high = "5ms" }
    { model = "regions", file = "rtt.csv", placement = ["paris", "oslo"], jitter = 5, local = "500us" }

A text is what `str(model)` gives; regions have a table only. Their figures come from a CSV file of round-trip times
(see `simclock.read_round_trips`) or stand in the table as `one_way`, from region to region.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from simclock.durations import format_duration
from simclock.environment.latency import (
    Constant,
    Latency,
    LogNormal,
    Normal,
    Regions,
    Uniform,
    latency_text,
    read_round_trips,
)
from simclock.errors import UsageError
from simclock.experiments.scenario_files.toml_table import Table, duration_ns
from simclock.experiments.telling.spelling import say

_TIME = r"(-?[0-9][0-9a-zµ. ]*?)"
_TEXTS = (
    (Constant, re.compile(rf"(?:constant )?\s*{_TIME}"), ("delay_ns",)),
    (Uniform, re.compile(rf"uniform {_TIME}\s*\.\.\s*{_TIME}"), ("low_ns", "high_ns")),
    (Normal, re.compile(rf"normal {_TIME}\s*\+-\s*{_TIME},\s*floor {_TIME}"), ("mean_ns", "deviation_ns", "floor_ns")),
    (
        LogNormal,
        re.compile(rf"log-normal median {_TIME},\s*sigma ([0-9.]+),\s*floor {_TIME}"),
        ("median_ns", "sigma", "floor_ns"),
    ),
)
_KEYS: dict[str, tuple[type, tuple[str, ...]]] = {
    "constant": (Constant, ("delay",)),
    "uniform": (Uniform, ("low", "high")),
    "normal": (Normal, ("mean", "deviation", "floor")),
    "log-normal": (LogNormal, ("median", "sigma", "floor")),
}
_REGIONS = ("model", "placement", "file", "one_way", "jitter", "local", "source")
FORMS = '"5ms", "uniform 1ms..5ms", "normal 10ms +- 2ms, floor 1ms" or "log-normal median 10ms, sigma 0.5, floor 1ms"'


def latency_from_text(text: str, place: str) -> Latency:
    """Read the short text. `place` names the flag or key in errors."""
    words = " ".join(text.split())
    for model, pattern, fields in _TEXTS:
        found = pattern.fullmatch(words)
        if found:
            values = dict(zip(fields, found.groups(), strict=True))
            times = {name: _field(name, value, place) for name, value in values.items()}
            made: Latency = model(**times)  # type: ignore[arg-type]
            return made
    raise UsageError(f"{place}: cannot read {say(text)} as a latency: write it as {FORMS}")


def _field(name: str, text: str, place: str) -> int | str:
    return text if name == "sigma" else duration_ns(text, place)


def latency_from_table(table: Table, folder: Path) -> Latency:
    """Read the table; a file in it is relative to `folder`."""
    table.required("model", '"uniform"')
    model = table.choice("model", (*_KEYS, "regions"))
    assert model is not None, "the model is there"
    if model == "regions":
        return _regions_from_table(table, folder)
    kind, keys = _KEYS[model]
    table.only(("model", *keys))
    values: dict[str, Any] = {}
    for key in keys:
        value = table.required(key, "0.5" if key == "sigma" else '"5ms"')
        if key == "sigma":
            values["sigma"] = value if isinstance(value, str) else str(table.number("sigma"))
        else:
            values[f"{key}_ns"] = table.duration_ns(key)
    made: Latency = kind(**values)
    return made


def _regions_from_table(table: Table, folder: Path) -> Regions:
    table.only(_REGIONS)
    example = 'placement = ["paris", "oslo"]'
    table.required("placement", '["paris", "oslo"]')
    placement = table.texts("placement", example)
    assert placement is not None, "the placement is there"
    file, source = table.text("file"), table.text("source")
    if (file is None) == ("one_way" not in table.values):
        raise UsageError(f'{table.place()}: regions take their figures from file = "x.csv" or from one_way = {{...}}')
    one_way_ns = _one_way(table) if file is None else _round_trips(folder / file, table.place("file"))
    given: dict[str, Any] = {"jitter_percent": table.whole("jitter"), "local_ns": table.duration_ns("local")}
    given["source"] = source if source is not None else file
    given = {name: value for name, value in given.items() if value is not None}
    return Regions(one_way_ns=one_way_ns, placement=placement, **given)


def _round_trips(path: Path, place: str) -> dict[tuple[str, str], int]:
    try:
        return read_round_trips(path)
    except OSError as error:
        raise UsageError(f"{place}: cannot read {path}: {error.strerror}") from None
    except (ValueError, ArithmeticError, csv.Error) as error:
        raise UsageError(f"{place}: {path} is not a CSV file of from,to,milliseconds: {error}") from None


def _one_way(table: Table) -> dict[tuple[str, str], int]:
    rows = table.table("one_way")
    assert rows is not None, "one of file and one_way is there"
    one_way_ns: dict[tuple[str, str], int] = {}
    for source in rows.values:
        row = rows.table(source)
        assert row is not None, "a key that is there has a value"
        for target in row.values:
            one_way_ns[source, target] = duration_ns(row.values[target], row.place(target))
    return one_way_ns


def latency_to_table(latency: Any) -> dict[str, Any]:
    """The table, in the order it should be written."""
    if isinstance(latency, Regions):
        rows: dict[str, dict[str, str]] = {}
        for (source, target), delay_ns in latency.one_way_ns.items():
            rows.setdefault(source, {})[target] = format_duration(delay_ns)
        return {
            "model": "regions",
            "placement": list(latency.placement),
            "jitter": latency.jitter_percent,
            "local": format_duration(latency.local_ns),
            "source": latency.source,
            "one_way": rows,
        }
    for name, (kind, keys) in _KEYS.items():
        if type(latency) is kind:
            return {"model": name, **{key: _written(latency, key) for key in keys}}
    raise UsageError(f"network.latency: {latency_text(latency)} is a model of your own, which TOML cannot name")


def _written(latency: Any, key: str) -> str:
    return str(latency.sigma) if key == "sigma" else format_duration(getattr(latency, f"{key}_ns"))


def only_used_figures(latency: Any) -> Any:
    """The same model without the figures between regions where no node lives: it draws the same delays."""
    if not isinstance(latency, Regions):
        return latency
    used = set(latency.placement)
    kept = {pair: delay_ns for pair, delay_ns in latency.one_way_ns.items() if used.issuperset(pair)}
    return Regions(
        one_way_ns=kept,
        placement=latency.placement,
        jitter_percent=latency.jitter_percent,
        local_ns=latency.local_ns,
        source=latency.source,
    )
