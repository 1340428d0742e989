"""The world that a script's set-up asks for: a scenario that has a name, with what is put in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from simclock.actors.placements.steered import NodesOf
from simclock.actors.steering.nodes import LocalNodes
from simclock.actors.steering.world import World
from simclock.errors import UsageError
from simclock.experiments.entries.bug import BUG
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import parameter_from_text
from simclock.experiments.runs.source import Source, find_source
from simclock.experiments.scenario_files.file import replacement
from simclock.experiments.scripts.commands import Begin, PutIn, Replace
from simclock.experiments.scripts.play import Setting
from simclock.experiments.scripts.telling import own_state
from simclock.experiments.telling.spelling import unknown
from simclock.guarding.guard import guarding
from simclock.readable import say

NODES_MAX = 100
"""Of more, nobody reads what each one does."""
OF_ANY = ("seed", "nodes", "model")
"""What may be set of any scenario, beside its own parameters."""


def setting_of(
    begin: Begin, put_in: Sequence[PutIn | Replace], folder: Path = Path(), nodes_of: NodesOf = LocalNodes
) -> Setting:
    """The world. Files are named from that folder, the script's own; `nodes_of` says where its nodes are."""
    source = source_of(begin, put_in, folder)
    scenario = source.scenario()
    if scenario.nodes > NODES_MAX:
        raise UsageError(f"{begin.scenario}: {scenario.nodes} nodes are too many for a script: {NODES_MAX} at most")
    entry = source.entry
    guards = guarding(scenario.build, True)
    with guards.run, guards.advance():
        world = World(
            scenario,
            model=_model_of(begin, entry),
            nodes=nodes_of(scenario),
            record=True,
            instant=entry.exploration.instant(scenario),
        )
    words = [*begin.settings, *(f"bug={each.bug}" if isinstance(each, PutIn) else each.replacement for each in put_in)]
    count = f"{scenario.nodes} node{'' if scenario.nodes == 1 else 's'}"
    label = f"{begin.scenario}: {', '.join([count, *words])}"
    return Setting(world, entry.shown or own_state, label, entry.judge)


def source_of(begin: Begin, put_in: Sequence[PutIn | Replace], folder: Path) -> Source:
    """The scenario with its settings."""
    source = find_source(_from(begin.scenario, folder))
    settings, entry = source.settings, source.entry
    parameters = dict(settings.parameters)
    for text in begin.settings:
        name, _, value = text.partition("=")
        if name in OF_ANY and name not in entry.parameters:
            if name == "model":
                continue
            if not value.isdecimal() or len(value) > 18:
                raise UsageError(f"{name}: {say(value)} is not a whole number")
            settings = replace(settings, seed=int(value)) if name == "seed" else replace(settings, nodes=int(value))
        else:
            parameters.update([parameter_from_text(entry, text, entry.name)])
    for each in put_in:
        if isinstance(each, PutIn):
            if BUG not in entry.parameters or not entry.bugs:
                raise UsageError(f"bug: {entry.name} takes no row of the zoo")
            parameters[BUG] = _row(each.bug, entry.bugs)
        else:
            part, _, where = each.replacement.partition("=")
            made = replacement(part.strip(), where.strip(), folder, "replace")
            settings = replace(settings, replaced=(*settings.replaced, made))
    return replace(
        source, settings=replace(settings, parameters=parameters, faults=settings.faults or (), nemesis=None)
    )


def _model_of(begin: Begin, entry: Entry) -> str:
    """Which message may arrive next: as the script says, or as the scenario is explored."""
    if "model" not in entry.parameters:
        for text in begin.settings:
            name, _, value = text.partition("=")
            if name == "model":
                return value
    return entry.exploration.model


def _row(asked: str, rows: Iterable[str]) -> str:
    """The row of that id; RAFT-5 is RAFT-05, too."""
    padded = re.sub(r"-(\d)(?!\d)", r"-0\1", asked)
    found = next((row for row in (asked, padded) if row in rows), None)
    if found is None:
        raise UsageError(unknown("bug", asked, rows))
    return found


def _from(name: str, folder: Path) -> str:
    """A file's scenario is named from the folder of the script."""
    file, colon, rest = name.partition(":")
    if file.endswith((".py", ".toml")) and not Path(file).is_absolute():
        return f"{folder / file}{colon}{rest}"
    return name
