"""Is a scenario deterministic? The same run in fresh processes: other PYTHONHASHSEEDs, placements, kernel, one digest.

Law: every run is a process of its own, so that nothing is shared but the scenario; the first is run a second time in
its process, as the runs of a sweep are, and one runs on the other kernel, the plain or the compiled one. Digests are
compared first; only where two differ are these two run again, traced, with the line of code of every record, to name
the first that differs. Where they are one, so must be what is no part of them: what nodes leave at the end, what
observers and judges found.
A hash seed of "random" is drawn here and shown, so that what is reported can be run again.

    python -m simclock.experiments.runs.determinism REQUEST.json ANSWER.json     is what each process runs
"""

from __future__ import annotations

import json
import linecache
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from secrets import randbelow
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from simclock.actors.run import Placement, run
from simclock.errors import PlacementError, SimclockError, UsageError
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.runs.code_lines import located, located_records
from simclock.experiments.runs.report import report_of, violation_text
from simclock.experiments.runs.seeds import bounded
from simclock.experiments.scenario_files.file import settings_from_toml
from simclock.experiments.telling.spelling import one_line, say
from simclock.experiments.traces.plain_values import plain
from simclock.kernel.core import KERNEL, VARIABLE, other_kernel
from simclock.kernel.scheduler import RunResult
from simclock.machinery import IMPORTED_FROM
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

CONTEXT_RECORDS = 5
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to run."""

    placement: str
    hash_seed: str
    kernel: str = KERNEL
    again: bool = False
    """Whether it comes after another run of the same scenario in its process, as the runs of a sweep do."""

    def __str__(self) -> str:
        kernel = f", {self.kernel} kernel" if self.kernel != KERNEL else ""
        return f"{self.placement}{' again' if self.again else ''}, PYTHONHASHSEED {self.hash_seed}{kernel}"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is run, the same in every variant."""

    scenario: str
    """What the user named, for errors."""
    settings: str
    """The scenario file with all that is set, its name for any folder."""
    replay: str
    """The command that runs it again."""
    address: str | None = None
    guard: bool = True


class Answer(msgspec.Struct, frozen=True):
    """What a process found."""

    digest: str = ""
    events: int = 0
    error: str = ""
    usage: bool = False
    """The error is bad usage."""
    besides: dict[str, str] = {}
    """What no digest covers: name -> value as text."""
    again: Answer | None = None
    """What came of a second run in the same process, where one was asked for."""

    @property
    def outcome(self) -> str:
        return self.digest or self.error

    def differs_in(self, other: Answer) -> str:
        """What two answers do not have in common: "digest", or the name of something besides; empty if nothing."""
        if self.outcome != other.outcome:
            return "digest"
        return next((name for name, value in self.besides.items() if other.besides.get(name) != value), "")


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A record in the file of a traced process."""

    time_ns: int
    node: int
    same: str
    """What must be the same."""
    text: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where two runs part."""

    node: int
    time_ns: int
    place: str
    """The line of code that did the first differing thing: `file:line in function`; empty if it is not known."""
    text: str
    """A readable account."""


def variants(placements: Sequence[str], hash_seeds: Sequence[str]) -> list[Variant]:
    """Every hash seed on the first placement, then the other placements, each with a hash seed of its own.

    One of them, the last on the first placement, runs on the other kernel, where there are two.
    """
    first, *others = placements
    of_first = [Variant(placement=first, hash_seed=_hash_seed(text)) for text in hash_seeds]
    chosen = of_first + [Variant(placement=placement, hash_seed=_hash_seed("random")) for placement in others]
    if len(chosen) > 1 and other_kernel():
        last = max(1, len(of_first) - 1)
        chosen[last] = replace(chosen[last], kernel=other_kernel())
    return chosen


def _hash_seed(text: str) -> str:
    if text == "random":
        return str(randbelow((1 << 32) - 2) + 2)
    if not text.isdecimal() or bounded(text) >= 1 << 32:
        raise UsageError(f"--hash-seeds: {say(text)} is no PYTHONHASHSEED: use 0 to 4294967295, or random")
    return text


def answer(question: Question, variant: Variant, trace: Path | None = None, *, twice: bool = False) -> Answer:
    """Run in a process of its own; `twice` runs once more in that process."""
    with TemporaryDirectory(prefix="simclock-") as folder:
        asked, answered = Path(folder, "request.json"), Path(folder, "answer.json")
        request = {**asdict(question), **asdict(variant), "trace": trace and str(trace), "twice": twice}
        asked.write_text(json.dumps(request), encoding="utf-8")
        command = [sys.executable, "-m", __name__, str(asked), str(answered)]
        path = os.pathsep.join((str(IMPORTED_FROM), os.environ.get("PYTHONPATH", ""))).rstrip(os.pathsep)
        environment = {**os.environ, "PYTHONHASHSEED": variant.hash_seed, VARIABLE: variant.kernel, "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not answered.exists():
            said = " ".join(done.stderr.split())[-500:]
            raise PlacementError(f"the process of {variant} ended with status {done.returncode}: {said}")
        return msgspec.json.decode(answered.read_bytes(), type=Answer)


def first_difference(question: Question, one: Variant, other: Variant) -> Difference | None:
    """Run both again and name the first record that differs; None if they agree this time."""
    with TemporaryDirectory(prefix="simclock-") as folder:
        files = [Path(folder, name) for name in ("one.jsonl", "other.jsonl")]
        for variant, file in zip((one, other), files, strict=True):
            file.touch()
            answer(question, variant, file)
        context: list[Line] = []
        for mine, theirs in zip_longest(*map(_lines, files)):
            if mine is not None and theirs is not None and mine.same == theirs.same:
                context.append(mine)
                del context[:-CONTEXT_RECORDS]
            else:
                return _difference(context, {str(one): mine, str(other): theirs})
    return None


def _lines(file: Path) -> Iterator[Line]:
    decode = msgspec.json.Decoder(Line).decode
    with file.open("rb") as stream:
        for line in stream:
            yield decode(line)


def _difference(context: Sequence[Line], parted: dict[str, Line | None]) -> Difference:
    first = min((line for line in parted.values() if line is not None), key=lambda line: (line.time_ns, line.node))
    rows = [f"    {'both':<{max(map(len, parted))}}  {line.text}" for line in context]
    for name, line in parted.items():
        if line is None:
            rows.append(f"  > {name:<{max(map(len, parted))}}  (the trace ends here)")
        else:
            rows.append(f"  > {name:<{max(map(len, parted))}}  {line.text}")
            rows += [f"      {text}" for text in _quoted(line.place)]
    return Difference(node=first.node, time_ns=first.time_ns, place=first.place, text="\n".join(rows))


def _quoted(place: str) -> Iterator[str]:
    """The place, and the line that stands there."""
    if place:
        yield f"at {place}"
        file, _, rest = place.rpartition(":")
        source = linecache.getline(file, int(rest.split()[0])).strip()
        if source:
            yield f"   {source}"


# The process.


def main(asked: Path, answered: Path) -> None:
    """Run what is asked for; whatever comes of it is an answer."""
    request: dict[str, Any] = json.loads(asked.read_bytes())
    try:
        entry, settings = settings_from_toml(tomllib.loads(request["settings"]), request["scenario"], Path())
        scenario = make_scenario(entry, settings)
    except SimclockError as error:
        found = _failed(error)
    else:
        if request["again"]:
            _answered(entry, scenario, {**request, "trace": None})
        found = _answered(entry, scenario, request)
        if request["twice"]:
            found = msgspec.structs.replace(found, again=_answered(entry, scenario, request))
    answered.write_bytes(msgspec.json.encode(found))


def _failed(error: SimclockError) -> Answer:
    return Answer(error=str(error), usage=isinstance(error, UsageError))


def _answered(entry: Entry, scenario: Scenario, request: dict[str, Any]) -> Answer:
    try:
        return _run(entry, scenario, request)
    except SimclockError as error:
        return _failed(error)


def _run(entry: Entry, scenario: Scenario, request: dict[str, Any]) -> Answer:
    placement, replay = Placement.parse(request["placement"], request["address"]), request["replay"]
    if request["trace"] is None:
        result = run(scenario, placement, replay=replay, guard=request["guard"])
        return Answer(digest=result.digest, events=result.events, besides=_besides(entry, result))
    records: list[TraceRecord] = []
    try:
        result = run(located(scenario), placement, trace=records.append, replay=replay, guard=request["guard"])
    finally:
        _write(records, Path(request["trace"]))
    return Answer(digest=result.digest, events=result.events)


def _besides(entry: Entry, result: RunResult) -> dict[str, str]:
    """Of objects that `plain` does not know the class alone counts: their text may tell where they lie in memory, or
    walk through a set."""
    try:
        verdict = report_of(entry, result).status
    except Exception as error:  # a judge that fails does so everywhere, or differs
        verdict = one_line(error)
    values = {
        "verdict": verdict,
        "violations": [violation_text(violation) for violation in result.violations],
        "final": result.final,
        "fallen": result.fallen,
        "counters": result.counters,
    }
    return {name: _comparable(value) for name, value in values.items()}


def _comparable(value: Any) -> str:
    try:
        return _ADDRESS.sub("", json.dumps(plain(value, lambda other: type(other).__qualname__), sort_keys=True))
    except RecursionError:  # it holds itself
        return ""


def _write(records: Sequence[TraceRecord], file: Path) -> None:
    encode = msgspec.json.Encoder().encode
    with file.open("wb") as stream:
        for record, place in located_records(records):
            same = json.dumps((plain(record._replace(number=0)), place))
            text = str(
                record._replace(detail=f"{record.detail[0]} {record.reason}") if record.what == "set" else record
            )
            stream.write(encode(Line(record.time_ns, record.node, same, text, place)) + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
