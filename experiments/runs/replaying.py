"""A run again from its replay code, in Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from warnings import warn

from simclock.actors.run import Placement, run
from simclock.experiments.runs.code_version import code_version
from simclock.experiments.runs.replay_code import UNFILED, read_replay_code, shown
from simclock.experiments.runs.source import Source, find_source
from simclock.experiments.scenario_files.file import settings_from_toml
from simclock.experiments.scenario_files.python_scenarios import entry_of
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario


def replay(
    code: str, scenario: Scenario | Callable[..., Scenario] | None = None, *, placement: Placement | str = "inline"
) -> RunResult:
    """Run what a code is of, `sc1-...`, as a failure gave it to paste; warns where the code has changed since.

    `scenario` is what a notebook has defined, where the code says that its scenario lives in one. Raises UsageError
    where the code does not fit, HandlerError where the run fails as it did.
    """
    source = _given(code, scenario) if scenario is not None else find_source(code)
    assert source.code is not None, "it was read from a code"
    changed = source.code.changed(code_version(source.name, *source.settings.replaced_by))
    if changed and not source.code.scenario.startswith(UNFILED):
        warn(f"{shown(code)}: {changed}", stacklevel=2)
    return run(source.scenario(), placement, replay=f"simclock.replay({code!r})", guard=source.code.guard)


def _given(text: str, scenario: Scenario | Callable[..., Scenario]) -> Source:
    code = read_replay_code(text)
    name = code.scenario
    entry, settings = settings_from_toml(code.document, shown(text), Path(), entry_of(name, scenario))
    return Source(text=text, entry=entry, settings=settings, name=name, code=code)
