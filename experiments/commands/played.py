"""A script that a command is given in place of a scenario: played, for its steps and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from simclock.actors import Placement
from simclock.actors.placements.steered import steered_nodes
from simclock.errors import UsageError
from simclock.experiments.runs.source import Source
from simclock.experiments.scripts.acting import Outcome, outcome_of
from simclock.experiments.scripts.commands import Begin, PutIn, Replace
from simclock.experiments.scripts.play import Act, Play
from simclock.experiments.scripts.setting import setting_of, source_of
from simclock.experiments.scripts.text import read_script, split_in_acts
from simclock.experiments.telling.exit_status import VALID, VIOLATED, gravest
from simclock.trace import TraceRecord


class Played(NamedTuple):
    """One act of a script, at its end."""

    act: Act
    source: Source
    """The scenario that it is of."""
    label: str
    """That scenario with its settings, as the script says them."""
    put_in: Sequence[str]
    """What is put in, a line each."""


class Quiet(NamedTuple):
    """A script that was played without telling what its commands changed."""

    outcomes: list[Outcome]
    failing: list[str]
    """The expectations that are not met, a line each."""
    records: list[TraceRecord]
    """Of its only act; none where it has several."""

    @property
    def status(self) -> int:
        """The exit status, as of `simclock script`."""
        statuses = [each.status for each in self.outcomes]
        return gravest([*statuses, VIOLATED if self.failing else VALID])

    @property
    def digests(self) -> list[str]:
        """Of each act."""
        return [each.result.digest for each in self.outcomes]

    def report(self) -> list[str]:
        """What came of it."""
        told = [line for number, each in enumerate(self.outcomes, start=1) for line in each.report(number)]
        return [*told, *self.failing]


def play_quietly(path: Path, placement: Placement | None = None) -> Quiet:
    """Play all of a script, with its nodes where the placement says. Raises UsageError."""
    script = read_script(path)
    with steered_nodes(placement or Placement.parse("inline")) as nodes_of:
        play = Play(script, partial(setting_of, folder=path.parent, nodes_of=nodes_of))
        for _ in play.blocks():
            pass
        records: list[TraceRecord] = []
        trace = records.append if len(play.acts) == 1 else None
        outcomes = [outcome_of(act, trace=trace) for act in play.acts]
    return Quiet(outcomes, [f"{path}:{each.line}: {each.text}: not so: {each.why}" for each in play.failing], records)


def records_of(path: Path) -> list[TraceRecord]:
    """The trace of a script with one act. Raises UsageError for one with several."""
    quiet = play_quietly(path)
    if len(quiet.outcomes) > 1:
        raise UsageError(
            f"{path}: it has {len(quiet.outcomes)} scenarios, and a trace is of one: `simclock script {path} --act 1 "
            "--trace FILE` writes that"
        )
    return quiet.records


def played(path: Path, act: int | None) -> Played:
    """Play that act of the script, the first unless said. Raises UsageError."""
    acts = split_in_acts(read_script(path))
    number = act or 1
    if number > len(acts):
        raise UsageError(f"--act: {path} has {len(acts)}: use 1 to {len(acts)}")
    play = Play(acts[number - 1], partial(setting_of, folder=path.parent))
    for _ in play.blocks():
        pass
    (only,) = play.acts
    commands = [said.command for said in only.setup]
    (begin,) = (command for command in commands if isinstance(command, Begin))
    put_in = [command for command in commands if isinstance(command, PutIn | Replace)]
    label = " ".join([begin.scenario, *begin.settings])
    lines = [said.text for said in only.setup if isinstance(said.command, PutIn | Replace)]
    return Played(only, source_of(begin, put_in, path.parent), label, lines)
