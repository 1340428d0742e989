"""`simclock why`: the chain of an event back to its root."""

from __future__ import annotations

from pathlib import Path

import click

from simclock.errors import UsageError
from simclock.experiments.causality.execution import NONE, Execution
from simclock.experiments.causality.foreign.logs import is_trace, read_logs
from simclock.experiments.causality.of_traces import execution_of
from simclock.experiments.causality.why import STEPS_SHOWN, chain_text, event_of
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.executions import SCENARIO_SUFFIXES, execution_named, seen_run
from simclock.experiments.commands.options import Overrides, database_option, override_options
from simclock.experiments.commands.played import play_quietly, records_of
from simclock.experiments.commands.replay import named_run
from simclock.experiments.commands.script_named import is_for_scripts, is_script
from simclock.experiments.telling.spelling import is_file
from simclock.experiments.viewing.logical import at_lamport_clocks


@click.command(cls=ScenarioCommand)
@click.argument("named", metavar="RUN", shell_complete=complete_scenario)
@click.argument("event", metavar="EVENT", required=False)
@click.option(
    "--steps",
    type=click.IntRange(min=0),
    default=STEPS_SHOWN,
    show_default=True,
    help="Links of the chain that are shown, from both its ends; 0: all.",
)
@override_options
@database_option
def why(*, named: str, event: str | None, steps: int, overrides: Overrides, database: Path) -> None:
    """Tell what set EVENT off, what set that off, and so on to the root.

    RUN is a SCENARIO with --seed, a result as 3:17, a script, a trace file or another system's log; EVENT is
    NODE#NUMBER, as `simclock trace` names events. Without EVENT it is the run's first violation.

    \b
    Examples:
      simclock why raft-kv --seed 7 0#1588
      simclock why raft-hunt --set bug=RAFT-19 --seed 6 --nemesis swarm
      simclock why trace.jsonl 4#112 --steps 0
    """
    if event is None:
        execution, asked = _violated(named, overrides, database)
    else:
        execution = _execution(named, overrides, database)
        asked = execution.find(event, "why")
    for line in chain_text(execution, asked, steps):
        click.echo(line)


def _execution(named: str, overrides: Overrides, database: Path) -> Execution:
    path = Path(named)
    if is_file(path) and path.suffix not in SCENARIO_SUFFIXES and not is_trace(path) and not is_script(named):
        found = read_logs([path])[0]
        if found.problems:
            raise UsageError(f"{found.problems[0]}: `simclock causal {named}` names all that is impossible")
        return found.execution
    return execution_named(named, overrides, database)


def _violated(named: str, overrides: Overrides, database: Path) -> tuple[Execution, int]:
    if is_for_scripts(named, {"settings": overrides != Overrides()}):
        return _violated_in_script(Path(named))
    if is_file(Path(named)) and not named.endswith(SCENARIO_SUFFIXES):
        raise UsageError(f"{named}: a file tells no violations: name an EVENT, such as 4#112")
    seen = seen_run(named_run(named, overrides, database))
    for violation in seen.violations:
        found = event_of(seen.execution, violation)
        if found != NONE:
            click.echo(str(violation))
            return seen.execution, found
    raise UsageError(f"{named}: no observer saw a property violated there: name an EVENT, such as 4#112")


def _violated_in_script(path: Path) -> tuple[Execution, int]:
    """The last that the node told of which the first violation is; the script of an explorer ends there."""
    records = records_of(path)
    execution = execution_of(at_lamport_clocks(records), path.name)
    for outcome in play_quietly(path).outcomes:
        for violation in outcome.result.violations:
            at_once = event_of(execution_of(records, path.name), violation)
            if at_once != NONE:
                click.echo(str(violation))
                noticed = records[at_once]
                return execution, execution.find(f"{noticed.node}#{noticed.number}", "why")
    raise UsageError(f"{path}: no observer saw a property violated there: name an EVENT, such as 0#3")
