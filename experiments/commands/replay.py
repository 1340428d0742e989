"""`simclock replay`: a recorded run again, whole or up to a point, to be looked into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from simclock.actors.run import run
from simclock.durations import format_duration
from simclock.errors import HandlerError, UsageError
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import WHOLE, Overrides, database_option, override_options
from simclock.experiments.commands.played import play_quietly, records_of
from simclock.experiments.commands.run import trace_to
from simclock.experiments.commands.script_named import is_for_scripts
from simclock.experiments.entries.verdict import EXIT_STATUS
from simclock.experiments.runs.code_version import code_version
from simclock.experiments.runs.outcome import FAILED, failure_text
from simclock.experiments.runs.reasons import reasons
from simclock.experiments.runs.reference import (
    Recorded,
    Reference,
    code_of,
    find_run,
    is_result_id,
    name_and_seed,
    run_of_source,
)
from simclock.experiments.runs.report import report_of, report_text
from simclock.experiments.telling.exit_status import DIFFERENT
from simclock.experiments.traces.changes import parse_watched, watch_values
from simclock.experiments.traces.inspection import node_text
from simclock.experiments.traces.stopping import StopAt, Stopped, check_node, check_nodes, parse_stop, run_until
from simclock.experiments.watching.progress import watcher
from simclock.kernel.mail import NEVER_NS
from simclock.readable import in_one_line
from simclock.scenario import Scenario


@click.command(cls=ScenarioCommand)
@click.argument("result", metavar="RESULT|SCENARIO", shell_complete=complete_scenario)
@override_options
@click.option("--until", metavar="TIME|EVENT", help="Stop at a time, as 30s, or at a node's trace record, as 3#17.")
@click.option(
    "--inspect", type=WHOLE, multiple=True, metavar="NODE", help="Print the node's state where the run stops."
)
@click.option(
    "--pdb", "debug", type=WHOLE, metavar="NODE", help="Open the debugger on its next message or timer there."
)
@click.option(
    "--watch-value",
    "watch_texts",
    multiple=True,
    metavar="NODE.ATTRIBUTE",
    help="Print every change of it with time, event and line, such as 0.holder.",
)
@click.option("--trace", "trace_file", metavar="FILE", help="Write the trace, as `simclock run` does; - prints it.")
@database_option
def replay(
    *,
    result: str,
    overrides: Overrides,
    until: str | None,
    inspect: tuple[int, ...],
    debug: int | None,
    watch_texts: tuple[str, ...],
    trace_file: str | None,
    database: Path,
) -> int:
    """Run a recorded result again in this process, and check that its digest is the recorded one.

    A result is named by sweep and seed, as 3:17; a SCENARIO with --seed, or as SCENARIO@SEED, is compared with what is
    recorded of it last. What a database or a TOML file says may be Python code, which is named before it runs.
    A run up to a point has no digest to check. A script, in place of RESULT, is played twice, and its digests compared.
    Exit status 1 where the digest differs, else as for `simclock run`.

    \b
    Examples:
      simclock replay 3:17
      simclock replay 3:17 --until 30s --inspect 0 --inspect 2
      simclock replay raft-kv --seed 7 --watch-value 0.role --watch-value 1.role
      simclock replay raft-kv --seed 17 --until 2s --pdb 1
    """
    others = {
        "--until": until,
        "--inspect": inspect,
        "--pdb": debug is not None,
        "--watch-value": watch_texts,
        "settings": overrides != Overrides(),
    }
    if is_for_scripts(result, others):
        return _replay_script(Path(result), trace_file)
    reference = named_run(result, overrides, database)
    scenario = reference.scenario()
    stop = None if until is None else parse_stop(until)
    check_nodes(inspect, scenario, "--inspect")
    check_node(debug, scenario, "--pdb")
    check_node(stop.node if stop is not None and stop.time_ns is None else None, scenario, "--until")
    if debug is not None and stop is None:
        raise UsageError("--pdb: say from where on, such as --until 30s")
    if watch_texts:
        if stop is not None or inspect or trace_file is not None:
            raise UsageError("--watch-value: it is of the whole run, and prints alone: leave the others out")
        watched = [parse_watched(text) for text in watch_texts]
        check_nodes([each.node for each in watched], scenario, "--watch-value")
        watch_values(scenario, watched, click.echo, reference.replay)
        return 0
    if stop is None and not inspect:
        return _replay_whole(reference, scenario, trace_file)
    with trace_to(trace_file) as trace:
        point = stop or StopAt(time_ns=NEVER_NS - 1)
        stopped = run_until(scenario, point, trace=trace, replay=reference.replay, debug_node=debug)
    for line in _where(stopped, stop, debug):
        click.echo(line)
    for node in inspect:
        click.echo(node_text(stopped.host, node))
    if stopped.error is not None:
        raise stopped.error
    return 0


def _replay_script(path: Path, trace_file: str | None) -> int:
    """Play a script twice, and compare."""
    first, again = play_quietly(path), play_quietly(path)
    with trace_to(trace_file) as trace:
        if trace is not None:
            for record in records_of(path):
                trace(record)
    same = first.digests == again.digests
    for line in first.report():
        click.echo(line)
    if same:
        click.echo("  replayed      the same to the last bit")
    else:
        click.echo(f"  replayed      DIFFERS: {' '.join(again.digests)}: the script does not determine its run")
    return first.status if same else DIFFERENT


def named_run(result: str, overrides: Overrides, database: Path) -> Reference:
    """A recorded result, as 3:17, or a scenario, as raft-kv or raft-kv@17, with what the command line sets."""
    name_code(result, database)
    if is_result_id(result):
        if overrides != Overrides():
            raise UsageError(f"{result}: a recorded result has its own settings: leave the others out")
        return find_run(result, database)
    named = name_and_seed(result)
    if named is not None:
        result, seed = named
        if overrides.seed not in (None, seed):
            raise UsageError(f"--seed: {result}@{seed} names its seed already: leave one of them out")
        overrides = replace(overrides, seed=seed)
    source = overrides.source(result)
    return run_of_source(source, result, partial(overrides.replay, source), database)


def name_code(text: str, database: Path) -> None:
    """Say which Python code will run, before it does, where a database or a file names it."""
    code = code_of(text, database)
    if code is not None:
        click.echo(f"{in_one_line(text)} runs Python code: {code}")


def _where(stopped: Stopped, stop: StopAt | None, debug: int | None) -> Iterator[str]:
    if stopped.error is not None and not stopped.reached:
        yield f"a node failed, at {format_duration(stopped.error.failure.time_ns)}"
    elif stop is None:
        yield f"the run has ended, at {format_duration(stopped.host.now_ns)}"
    elif stopped.reached and debug is not None:
        ended = "the run was left there" if stopped.result is None else "the run went on to its end"
        yield f"the debugger was opened on node {debug}, from {stop} on; {ended}"
    elif stopped.reached:
        yield f"stopped: at {stop}"
    elif debug is not None:
        yield f"node {debug} handled no message or timer from {stop} on"
    else:
        yield f"the run ended at {format_duration(stopped.host.now_ns)}, before {stop}"
    if stopped.result is not None and stopped.result.violations:
        first = stopped.result.violations[0]
        yield f"violated by then: {first.property} at {format_duration(first.time_ns)}: {first.detail}"


def _replay_whole(reference: Reference, scenario: Scenario, trace_file: str | None) -> int:
    recorded = reference.recorded
    try:
        with trace_to(trace_file) as trace:
            onlooker = watcher(None, stdout_is_busy=trace_file == "-")
            result = run(scenario, trace=trace, replay=reference.replay, onlooker=onlooker)
    except HandlerError as error:
        if recorded is not None:
            same = recorded.outcome.verdict == FAILED and recorded.outcome.detail == failure_text(error)
            click.echo(_compared(reference, recorded, same, f"it failed: {failure_text(error)}"), err=True)
        raise
    report = report_of(reference.entry, result, scenario)
    same = recorded is None or recorded.outcome.digest == result.digest
    if recorded is None:
        found = "nothing: no sweep has run this scenario with these settings and this seed"
    else:
        found = _compared(reference, recorded, same, f"the digest is {result.digest}")
    report = replace(report, because=reasons(scenario, result))
    click.echo(report_text(report, [("recorded", found)]))
    return EXIT_STATUS[report.status] if same else DIFFERENT


def _compared(reference: Reference, recorded: Recorded, same: bool, now: str) -> str:
    """Whether it is the recorded run again, and if not, whether the code can be why."""
    changed = code_version(reference.name, *reference.settings.replaced_by).hash != recorded.sweep.code.hash
    since = f"the code has changed since ({recorded.sweep.code.text})"
    if same:
        return f"{recorded.id}, the same to the last bit" + (f"; {since}" if changed else "")
    was = recorded.outcome.digest or f"a failure: {recorded.outcome.detail}"
    why = since if changed else "and the code has not changed: the scenario is not determined by its seed"
    return f"{recorded.id} DIFFERS: recorded was {was}, now {now}; {why}"
