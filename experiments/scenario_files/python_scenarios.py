"""Scenarios that a user wrote in Python: `path.py:name` or `module:name`.

The name is a Scenario, an Entry, or a function that makes a Scenario from what it takes (`signatures.py`); where a file
has one scenario, the file alone names it. What its observers report is told of every run; its bugs are rows of a zoo.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NoReturn

from simclock.errors import SimclockError, UsageError
from simclock.experiments.checkers.linearizability.intervals import contradiction_text
from simclock.experiments.checkers.linearizable import Judged
from simclock.experiments.entries.bug import BUG, PUT_IN, Bug
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, Verdict, judge_invariants, together
from simclock.experiments.nemesis.hunters import Hunter
from simclock.experiments.scenario_files.signatures import Signature, signature_of
from simclock.experiments.telling.measures import measures_of
from simclock.experiments.telling.spelling import is_file, one_line, unknown
from simclock.experiments.traces.plain_values import plain
from simclock.kernel.failures import is_interrupt
from simclock.kernel.scheduler import RunResult
from simclock.readable import in_one_line
from simclock.scenario import Scenario

LINES_MAX, TEXT_MAX = 12, 160
"""Of what an observer reported: what the text shows."""
NO_BUGS: Mapping[str, Bug] = MappingProxyType({})


def python_entry(text: str, folder: Path) -> tuple[Entry, int]:
    """The entry that `path.py:name` or `module:name` names, and its own seed; a path is relative to `folder`."""
    module, name = _named(text, folder, "scenario")
    return entry_of(text, getattr(module, name), _bugs_of(module, name))


def python_class(text: str, folder: Path) -> type:
    """The class that `path.py:Class` or `module:Class` names; a path is relative to `folder`."""
    module, name = _named(text, folder, "Class")
    value = getattr(module, name)
    if not isinstance(value, type):
        raise UsageError(f"{text}: it is {type(value).__name__}, not a class")
    return value


def _named(text: str, folder: Path, wanted: str) -> tuple[ModuleType, str]:
    """A module and the name of what is in it; `wanted` says in errors what might be called so. A file of one scenario
    need not name it."""
    module_text, _, name = text.rpartition(":")
    if not module_text and name.endswith(".py"):
        module_text, name = name, ""
    if not module_text or (not name and text.endswith(":")):
        file = text.strip(":")
        raise UsageError(f"{file}: name the {wanted.lower()} too, as in {file}:{wanted}")
    if module_text.endswith(".py"):
        module = _module_at(folder / module_text, module_text)
    else:
        module = _module_called(module_text)
    name = name or _only_scenario(module_text, module)
    if not hasattr(module, name):
        public = [each for each in vars(module) if not each.startswith("_")]
        raise UsageError(f"{module_text}: {unknown('name', name, public)}")
    return module, name


def scenarios_in(file: str, folder: Path) -> list[str]:
    """The names of all scenarios in a file, each as `path.py:name`."""
    module = _module_at(folder / file, file)
    return [f"{file}:{name}" for name in _scenarios_of(module)]


def _scenarios_of(module: ModuleType) -> list[str]:
    """Those that it makes itself, else those that it imports."""
    found = {name: value for name, value in vars(module).items() if not name.startswith("_") and _is_scenario(value)}
    own = [name for name, value in found.items() if getattr(value, "__module__", "") == module.__name__]
    return own or list(found)


def _only_scenario(file: str, module: ModuleType) -> str:
    """The name of the one scenario that a file has."""
    names = _scenarios_of(module)
    if len(names) == 1:
        return names[0]
    if names:
        some = " or ".join(f"{file}:{name}" for name in names[:3])
        raise UsageError(f"{file}: it has {len(names)} scenarios: name one, as {some}")
    raise UsageError(
        f"{file}: name the scenario too, as in {file}:scenario; one that is a function says `-> Scenario` to be found"
    )


def _is_scenario(value: Any) -> bool:
    if inspect.isfunction(value):
        return value.__annotations__.get("return") in (Scenario, "Scenario", "simclock.Scenario")
    return isinstance(value, Scenario | Entry)


def _bugs_of(module: ModuleType, scenario: str) -> dict[str, Bug]:
    """The rows of the zoo that a file has for that scenario: a Bug by a name of its own, or several in a tuple."""
    found: dict[str, Bug] = {}
    for value in vars(module).values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if not isinstance(each, Bug):
                continue
            if not hasattr(module, each.scenario):
                names = _scenarios_of(module)
                raise UsageError(f"{module.__file__}: bug {each.id}: {unknown('scenario', each.scenario, names)}")
            if each.scenario == scenario:
                found[each.id] = each
    return found


def scenario_names(text: str) -> list[str]:
    """What in a Python file is a scenario for sure: a Scenario, an Entry, or its own function that returns one."""
    module = _module_at(Path(text), text)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and (isinstance(value, Scenario | Entry) or _makes_one(module, value))
    ]


def _makes_one(module: ModuleType, value: Any) -> bool:
    if not inspect.isfunction(value) or value.__module__ != module.__name__:
        return False
    return value.__annotations__.get("return") in (Scenario, "Scenario")


def _module_at(path: Path, text: str) -> ModuleType:
    if not is_file(path):
        raise UsageError(f"{in_one_line(text)}: there is no such file")
    path = path.resolve()
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(path) and module.__name__ != "__main__":
            return module
    name = path.stem
    if not name.isidentifier() or name in sys.modules or _is_another(name, path):
        name = f"scenarios_of_{name}"  # what another import means by that name is not shadowed
    sys.path.append(str(path.parent))  # what lies beside it can be imported, and shadows nothing that we or Ray import
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # message classes find their types there
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        sys.path.remove(str(path.parent))
        _refuse(text, error)
    return module


def _is_another(name: str, path: Path) -> bool:
    """Whether an import of that name means something, and not this file."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin != str(path)


def _module_called(name: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last, for the same reason
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(f"{name}: there is no such module; a file is named with its .py") from None
        _refuse(name, error)
    except BaseException as error:
        _refuse(name, error)


def _refuse(text: str, error: BaseException) -> NoReturn:
    """Bad input stays what it is; what else a user's module raises is told in one line."""
    if isinstance(error, SimclockError) or is_interrupt(error):
        raise error
    first = str(error.name).partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if first in ("actors", "protocols", "experiments"):
        raise UsageError(f"{text}: {first} is simclock.{first}: write `from simclock import Message, Node`")
    raise UsageError(f"{text}: {one_line(error)}") from error


def entry_of(text: str, value: Any, bugs: Mapping[str, Bug] = NO_BUGS) -> tuple[Entry, int]:
    """The entry that a Scenario, an Entry or a function is, by that name and with those bugs, and its own seed."""
    if isinstance(value, Entry):
        return replace(value, bugs={**value.bugs, **bugs}) if bugs else value, 0
    if isinstance(value, Scenario):
        return _own(text, "a scenario of your own", lambda settings: value), value.seed
    if isinstance(value, type) or not callable(value):
        raise UsageError(f"{text}: it is {type(value).__name__}, not a Scenario or a function that makes one")
    return _of_function(text, signature_of(text, value), bugs), 0


def _of_function(text: str, signature: Signature, bugs: Mapping[str, Bug]) -> Entry:
    summary = (inspect.getdoc(signature.function) or "a scenario of your own").splitlines()[0]

    def make(settings: Settings, parts: Any = None) -> Scenario:
        try:
            scenario = signature.call(settings, parts)
        except BaseException as error:
            _refuse(text, error)
        if not isinstance(scenario, Scenario):
            raise UsageError(f"{text}: the function made {type(scenario).__name__}, not a Scenario")
        return scenario

    declared: dict[str, Any] = dict(signature.parameters.kinds)
    for bug in bugs.values():
        if signature.parts is None or not set(bug.parts) <= set(vars(signature.parts)):
            name = next(iter(bug.parts))
            raise UsageError(f"{text}: bug {bug.id}: the function takes no class {name}: take {name}: type = ...")
    if bugs:
        declared.setdefault(BUG, Choice("", tuple(bugs), noun="bug", help=PUT_IN.help))
    entry = _own(text, summary, make, scales=signature.nodes is not None)
    return replace(entry, parts=signature.parts, bugs=bugs, parameters=Parameters(declared))


def _text(report: Any) -> str:
    return report if isinstance(report, str) else json.dumps(plain(report), ensure_ascii=False)


def _own(text: str, summary: str, make: Callable[..., Scenario], *, scales: bool = False) -> Entry:
    """An entry of what a user wrote; where its maker takes no notice of them, the nodes asked for are laid over."""

    def with_nodes(settings: Settings, *parts: Any) -> Scenario:
        scenario = make(settings, *parts)
        return scenario if scales or settings.nodes is None else replace(scenario, nodes=settings.nodes)

    return Entry(name=text, summary=summary, make=with_nodes, judge=_judged, describe=_reported, reports=_reports)


def _judged(result: RunResult) -> Verdict:
    """What its observers found; unknown where one of them could not decide. Contradictions of histories are drawn."""
    histories = [each for each in result.reports.values() if isinstance(each, Judged)]
    shown = tuple(partial(contradiction_text, each.found) for each in histories)
    return together(
        replace(judge_invariants(result), shown=shown),
        *(Verdict(status=UNKNOWN, lines=(each.explanation,)) for each in histories if each.undecided),
    )


def _reports(result: RunResult) -> dict[str, Any]:
    """What its own observers reported, and not those of a nemesis."""
    told = result.reports.items()
    return {name: report for name, report in told if report is not None and name != Hunter.__name__}


def _reported(result: RunResult) -> list[tuple[str, str]]:
    """The same in rows: texts, numbers by name, and of the rest the beginning."""
    rows = []
    for name, report in _reports(result).items():
        numbers = measures_of({name: report})
        rows += [(each, f"{number:,}") for each, number in numbers.items()]
        text = report.explanation if isinstance(report, Judged) else "" if numbers else _text(report)
        rows += [(name if each == 0 else "", line) for each, line in enumerate(text.splitlines()[:LINES_MAX])]
    return [(label, text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}...") for label, text in rows]
