"""Options of the commands that look into an execution: which run, and what of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from simclock.errors import UsageError
from simclock.experiments.causality.excerpt import Wanted
from simclock.experiments.causality.execution import KINDS, Execution
from simclock.experiments.causality.foreign.logs import is_trace
from simclock.experiments.causality.of_runs import Seen, see
from simclock.experiments.causality.of_traces import execution_of, read_execution
from simclock.experiments.commands.options import Overrides
from simclock.experiments.commands.played import records_of
from simclock.experiments.commands.replay import named_run
from simclock.experiments.commands.script_named import is_for_scripts
from simclock.experiments.runs.reference import Reference
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.spelling import is_file
from simclock.experiments.viewing.logical import at_lamport_clocks

Command = Callable[..., Any]
SCENARIO_SUFFIXES = (".toml", ".py")


def wanted_options(command: Command) -> Command:
    """The options that make a Wanted; the command takes it as `wanted`."""

    def with_wanted(
        of_nodes: tuple[str, ...],
        from_text: str | None,
        to_text: str | None,
        types: tuple[str, ...],
        kinds: tuple[str, ...],
        **named: Any,
    ) -> Any:
        wanted = Wanted(
            nodes=_words(of_nodes),
            from_ns=None if from_text is None else duration_ns(from_text, "--from"),
            to_ns=None if to_text is None else duration_ns(to_text, "--to"),
            types=_words(types),
            kinds=_words(kinds),
        )
        return command(wanted=wanted, **named)

    with_wanted.__doc__ = command.__doc__
    with_wanted.__name__ = command.__name__
    with_wanted.__dict__.update(command.__dict__)
    for option in reversed(_WANTED):
        option(with_wanted)
    return with_wanted


_WANTED = (
    click.option("--node", "of_nodes", multiple=True, metavar="NAMES", help="Of these nodes alone, such as 1,2."),
    click.option("--from", "from_text", metavar="TIME", help="From then on, such as 2s."),
    click.option("--to", "to_text", metavar="TIME", help="Up to then, such as 3s."),
    click.option(
        "--type", "types", multiple=True, metavar="NAMES", help="Messages, observations, timers or faults of that name."
    ),
    click.option("--kind", "kinds", multiple=True, metavar="KINDS", help=f"Some of {', '.join(KINDS)}."),
)


def _words(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip() for text in texts for word in text.split(",") if word.strip())


def execution_named(text: str, overrides: Overrides, database: Path) -> Execution:
    """The execution of a trace file, of a recorded result or of a scenario's run; of a script, whose deliveries take no
    time, with its events at their Lamport clocks. Raises UsageError."""
    path = Path(text)
    if is_for_scripts(text, {"settings": overrides != Overrides()}):
        return execution_of(at_lamport_clocks(records_of(path)), path.name)
    if is_file(path) and path.suffix not in SCENARIO_SUFFIXES:
        if not is_trace(path):
            raise UsageError(f"{text}: it is no trace of simclock: `simclock causal {text}` reads other logs")
        if overrides != Overrides():
            raise UsageError(f"{text}: a trace is of a run that has been: leave settings out")
        return read_execution(path)
    return execution_of_run(named_run(text, overrides, database))


def execution_of_run(reference: Reference) -> Execution:
    """Run it in this process; up to where it failed, if it does."""
    return seen_run(reference).execution


def seen_run(reference: Reference) -> Seen:
    """The same with what observers found; why it failed is told."""
    scenario = reference.scenario()
    seen = see(scenario, f"{reference.text}, seed {scenario.seed}", replay=reference.replay)
    if seen.error is not None:
        click.echo(f"simclock: {seen.error}", err=True)
    return seen
