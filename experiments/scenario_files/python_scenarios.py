"""Scenarios that a user wrote in Python: `path.py:name` or `module:name`.

The name is a Scenario, an Entry of the catalog, or a function that makes a Scenario from nothing, from a seed, or from
Settings (a parameter called `settings` or annotated so).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from simclock.errors import SimclockError, UsageError
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.telling.spelling import is_file, one_line, unknown
from simclock.kernel.failures import is_interrupt
from simclock.readable import in_one_line
from simclock.scenario import Scenario


def python_entry(text: str, folder: Path) -> tuple[Entry, int]:
    """The entry that `path.py:name` or `module:name` names, and its own seed; a path is relative to `folder`."""
    module_text, _, name = text.rpartition(":")
    if not module_text or not name:
        file = text.strip(":")
        raise UsageError(f"{file}: name the scenario too, as in {file}:scenario")
    if module_text.endswith(".py"):
        module = _module_at(folder / module_text, module_text)
    else:
        module = _module_called(module_text)
    if not hasattr(module, name):
        public = [each for each in vars(module) if not each.startswith("_")]
        raise UsageError(f"{module_text}: {unknown('name', name, public)}")
    return _entry(text, getattr(module, name))


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
    if not name.isidentifier() or name in sys.modules or importlib.util.find_spec(name) is not None:
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


def _entry(text: str, value: Any) -> tuple[Entry, int]:
    if isinstance(value, Entry):
        return value, 0
    if isinstance(value, Scenario):
        return _made_by(text, "a scenario of your own", lambda settings: value), value.seed
    if isinstance(value, type) or not callable(value):
        raise UsageError(f"{text}: it is {type(value).__name__}, not a Scenario or a function that makes one")
    summary = (inspect.getdoc(value) or "a scenario of your own").splitlines()[0]
    return _made_by(text, summary, _maker(text, value)), 0


def _maker(text: str, function: Callable[..., Any]) -> Callable[[Settings], Scenario]:
    wanted = list(inspect.signature(function).parameters.values())
    wanted = [each for each in wanted if each.default is each.empty and each.kind != each.VAR_KEYWORD]
    if len(wanted) > 1:
        raise UsageError(f"{text}: the function takes {len(wanted)} arguments; it may take a seed, or Settings")
    of_settings = wanted and (wanted[0].name == "settings" or wanted[0].annotation in (Settings, "Settings"))

    def make(settings: Settings) -> Scenario:
        arguments = [settings if of_settings else settings.seed] if wanted else []
        try:
            scenario = function(*arguments)
        except BaseException as error:
            _refuse(text, error)
        if not isinstance(scenario, Scenario):
            raise UsageError(f"{text}: the function made {type(scenario).__name__}, not a Scenario")
        return scenario

    return make


def _made_by(text: str, summary: str, make: Callable[[Settings], Scenario]) -> Entry:
    def with_nodes(settings: Settings) -> Scenario:
        scenario = make(settings)
        return scenario if settings.nodes is None else replace(scenario, nodes=settings.nodes)

    return Entry(name=text, summary=summary, make=with_nodes, judge=judge_invariants)
