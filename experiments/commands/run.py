"""`simclock run`: one scenario, one seed, one report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import click

from simclock.actors.run import Placement
from simclock.actors.run import run as run_scenario
from simclock.durations import format_duration
from simclock.errors import HandlerError, RunInterrupted, UsageError
from simclock.experiments.causality.excerpt import Excerpt, Wanted
from simclock.experiments.causality.of_traces import TracedExecution
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import Overrides, override_options, placement_options, progress_option
from simclock.experiments.commands.script_named import is_for_scripts
from simclock.experiments.entries.entry import as_drawn
from simclock.experiments.entries.keys import keys_text
from simclock.experiments.entries.verdict import EXIT_STATUS
from simclock.experiments.exports.space_time import space_time
from simclock.experiments.exports.svg import svg
from simclock.experiments.runs.outcome import violated_properties
from simclock.experiments.runs.reasons import reasons
from simclock.experiments.runs.replay_code import read_replay_code
from simclock.experiments.runs.report import Report, asked, report_json, report_of, report_text
from simclock.experiments.runs.source import Source
from simclock.experiments.telling.chronicle import Chronicle
from simclock.experiments.telling.output import OutputLost, cannot_write, lost_output, write_lines
from simclock.experiments.telling.pictures import check_name, try_picture
from simclock.experiments.traces.plain_values import trace_line
from simclock.experiments.viewing.logical import at_lamport_clocks
from simclock.experiments.watching.progress import watcher
from simclock.experiments.watching.watch import QUIT, parse_speed, terminal, watch
from simclock.kernel.standing import Standing
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

TRACE_BEGINS = (b'{"version":', b'{"time_ns":')
"""How the first line of a trace begins, of this version or an earlier one."""


@click.command(cls=ScenarioCommand)
@click.argument("scenario", required=False, shell_complete=complete_scenario)
@click.option("--replay", "code", metavar="CODE", help="In place of SCENARIO: what a failure gave to paste, sc1-...")
@override_options
@placement_options
@click.option(
    "--trace",
    "trace_file",
    metavar="FILE",
    help="Write every send, delivery, drop, timer, fault and observation, a line of JSON each; - prints them readable.",
)
@click.option(
    "--guard/--no-guard",
    default=True,
    show_default=True,
    help="Refuse a node's code the real clock, unseeded luck, threads and sockets.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the run, as FILE.svg: the topic's picture, or its space-time diagram.",
)
@progress_option
@click.option("--story/--no-story", default=True, show_default=True, help="Tell what happened, line by line.")
@click.option("--watch", "watched", is_flag=True, help="Pace the run to the wall clock in the terminal, and take keys.")
@click.option("--speed", metavar="FACTOR", help="With --watch: virtual seconds per second.  [default: 1]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def run(
    *,
    scenario: str | None,
    code: str | None,
    overrides: Overrides,
    placement: Placement,
    trace_file: str | None,
    guard: bool,
    plot: Path | None,
    progress: bool | None,
    story: bool,
    watched: bool,
    speed: str | None,
    form: str,
) -> int:
    """Run SCENARIO and report: a name of the catalog, a TOML file, path.py:name, module:name, script, or replay code.

    A parameter of the scenario may be written as a flag: `--clients 4` is `--set clients=4`. `simclock run SCENARIO
    --help` shows those that it has.

    \b
    Examples:
      simclock run raft-kv-wan --seed 7
      simclock run phold --nodes 100 --placement ray:hosts=2
      simclock run scenario.toml --loss 0.01 --trace trace.jsonl
      simclock run clock-drift --watch --speed 5
    """
    _check(trace_file, form, watched, speed)
    others = {"--watch": watched, "--speed": speed, "--format": form != "text", "settings": overrides != Overrides()}
    if is_for_scripts(scenario, others):
        return _run_script(Path(str(scenario)), placement, trace_file, plot)
    scenario = _named(scenario, code)
    source = overrides.source(scenario)
    guard = guard and (source.code is None or source.code.guard)
    if watched:
        overrides = watched_overrides(overrides, source, placement, speed or "1", guard)
        source, story = overrides.source(scenario), False  # the same run again: its story has been told
    made = _kept_for(source.entry.story if story and form == "text" else None, source.scenario())
    draw = source.entry.plot
    gathered = _gathered(plot, draw is None, made)
    drawn = replace(source, settings=as_drawn(source.settings, made))
    replay = overrides.replay(source, drawn.settings) + ("" if guard else " --no-guard")
    onlooker = watcher(progress, stdout_is_busy=trace_file == "-")
    try:
        with trace_to(trace_file) as trace:
            seen = _both(trace, gathered)
            result = run_scenario(made, placement, trace=seen, replay=replay, guard=guard, onlooker=onlooker)
        try:
            report = report_of(source.entry, result, made)
        except KeyboardInterrupt as interrupt:
            judged = Standing(result.virtual_ns, None, result.events, "the run had ended, and was being judged")
            raise RunInterrupted(judged, result.seed) from interrupt
    except HandlerError as error:
        error.add_note(f"  or paste: {pasted(drawn, guard, broken=error.failure.label)}")
        raise
    problem = _try_space_time(plot, gathered) or try_picture(plot, draw and partial(draw, result))
    if story and form == "text":
        for line in asked(result, "telling", lambda result: tuple(source.entry.story(result))):
            click.echo(line)
    if form == "json":
        click.echo(report_json(report))
    else:
        report = replace(report, because=reasons(made, result) if guard else ())
        click.echo(report_text(report, _code_rows(drawn, report, guard, overrides)))
    if problem is not None:
        raise problem
    return EXIT_STATUS[report.status]


def _kept_for(story: Any, scenario: Scenario) -> Scenario:
    """The scenario whose observations are kept for its story, if it is told from them."""
    return story.kept_of(scenario) if isinstance(story, Chronicle) else scenario


def _check(trace_file: str | None, form: str, watched: bool, speed: str | None) -> None:
    """Raise UsageError for what does not go together."""
    if trace_file == "-" and form == "json":
        raise UsageError("--trace: - prints readable lines, which are not JSON: name a file, or use --format text")
    if speed is not None and not watched:
        raise UsageError("--speed: it paces a run that is watched: add --watch")
    if watched and form == "json":
        raise UsageError("--watch: a story is not JSON: leave --format out")


def _run_script(path: Path, placement: Placement, trace_file: str | None, plot: Path | None) -> int:
    """Play a script, and report. Its picture has the events at their Lamport clocks, since deliveries take no time."""
    from simclock.experiments.commands.played import play_quietly

    if plot is not None:
        check_name(plot)
    quiet = play_quietly(path, placement)
    if (trace_file is not None or plot is not None) and len(quiet.outcomes) > 1:
        raise UsageError(f"{path}: it has {len(quiet.outcomes)} scenarios, and a trace or a picture is of one")
    with trace_to(trace_file) as trace:
        for record in quiet.records if trace is not None else ():
            trace(record)  # type: ignore[misc] # asked for above
    for line in quiet.report():
        click.echo(line)
    gathered = None if plot is None else TracedExecution(path.name)
    for record in at_lamport_clocks(quiet.records) if gathered is not None else ():
        gathered.add(record)  # type: ignore[union-attr] # asked for above
    problem = _try_space_time(plot, gathered)
    if problem is not None:
        raise problem
    return quiet.status


def _gathered(plot: Path | None, has_none: bool, made: Scenario) -> TracedExecution | None:
    """What takes the trace for the picture of a scenario that has none of its own."""
    if plot is None or not has_none:
        return None
    check_name(plot)
    return TracedExecution(str(made))


def _both(
    trace: Callable[[TraceRecord], Any] | None, gathered: TracedExecution | None
) -> Callable[[TraceRecord], Any] | None:
    """What takes every record, for a file and for a picture."""
    if gathered is None or trace is None:
        return trace if gathered is None else gathered.add

    def both(record: TraceRecord) -> None:
        trace(record)
        gathered.add(record)

    return both


def _try_space_time(plot: Path | None, gathered: TracedExecution | None) -> UsageError | None:
    """The picture of a scenario that draws none of its own; what is wrong with it is given back, as of any."""
    if plot is None or gathered is None:
        return None
    execution = gathered.build()
    try:
        write_lines(plot, "--plot", svg(space_time(Excerpt(execution, Wanted().of(execution)))))
    except UsageError as problem:
        return problem
    return None


def _named(scenario: str | None, code: str | None) -> str:
    """What is to be run: one of the two."""
    if scenario is not None and code is not None:
        raise UsageError("--replay: a code names its scenario: leave SCENARIO out")
    if code is not None:
        read_replay_code(code)  # a scenario of another kind is none
        return code
    if scenario is None:
        raise UsageError("Missing argument 'SCENARIO'.")
    return scenario


def pasted(source: Source, guard: bool, *, broken: str, digest: str = "") -> str:
    """The command that runs the same from its code, wherever the code of the protocol is."""
    return f"simclock run --replay {source.codes(guard=guard).code(source.settings, broken, digest)}"


def _code_rows(source: Source, report: Report, guard: bool, overrides: Overrides) -> Iterator[tuple[str, str]]:
    """Of a failure its code; of a code that was pasted whether it is the same run."""
    result = report.result
    if source.code is None:
        broken = violated_properties(report)
        if broken:
            yield "or paste", pasted(source, guard, broken=broken[0], digest=result.digest)
    elif overrides == Overrides():
        then = source.code.digest.hex()
        if then == result.digest:
            yield "pasted", "the same run to the last bit"
        else:
            yield "pasted", f"ANOTHER RUN: then {source.code.broken or 'nothing'} broke{then and f', digest {then}'}"


def watched_overrides(overrides: Overrides, source: Source, placement: Placement, speed: str, guard: bool) -> Overrides:
    """Have the user watch the run; gives what the run that was seen is made from."""
    entry, factor = source.entry, parse_speed(speed)
    if placement.kind != "inline":
        raise UsageError(f"--watch: {placement} cannot be looked on at: leave --placement out")
    if entry.narrator is None:
        raise UsageError(f"--watch: {entry.name} has no story to tell while it runs: leave --watch out")
    with terminal() as keyboard:
        keys = [f"{key} {each.label}" for key, each in entry.keys.items()]
        click.echo(f"keys: {', '.join([*keys, f'{QUIT} quit'])}")
        seen = watch(entry, source.settings, keyboard=keyboard, speed=factor, say=click.echo, guard=guard)
    if seen.presses:
        click.echo(f"keys pressed: {keys_text(seen.presses)}")
    return replace(
        overrides,
        flags=flags_with_keys(overrides.flags, keys_text(seen.presses)),
        duration=overrides.duration if seen.quit_ns is None else format_duration(seen.quit_ns),
    )


def flags_with_keys(flags: tuple[str, ...], keys: str) -> tuple[str, ...]:
    """The same flags with these keys in place of those that were given."""
    words, kept = list(flags), []
    while words:
        word = words.pop(0)
        if word == "--keys":
            words = words[1:]
        elif not word.startswith("--keys="):
            kept.append(word)
    return (*kept, "--keys", keys) if keys else tuple(kept)


@contextmanager
def trace_to(file: str | None) -> Iterator[Callable[[TraceRecord], Any] | None]:
    """What to call with each record of a run; None where no trace is wanted."""
    if file is None:
        yield None
    elif file == "-":
        yield _print
    else:
        stream = _opened(file)
        try:
            yield lambda record: _write(stream, file, trace_line(record) + "\n")
            _write(stream, file, "")
        finally:
            with suppress(OSError):  # it has been told, or something graver is on its way
                stream.close()


def _print(record: TraceRecord) -> None:
    """A run of which nothing more can be seen need not go on: it may have no end."""
    click.echo(record)
    problem = lost_output()
    if problem is not None:
        raise OutputLost from problem


def _write(stream: TextIO, file: str, text: str) -> None:
    """Without any text, what is still held back."""
    try:
        stream.write(text) if text else stream.flush()
    except BrokenPipeError as error:
        raise OutputLost from error
    except OSError as error:
        raise cannot_write(f"--trace: cannot write {file}", error) from None


def _opened(file: str) -> TextIO:
    try:
        if not _may_be_replaced(Path(file)):
            raise UsageError(f"--trace: {file} is there and is no trace, so it is not overwritten: name another file")
        return open(file, "w", encoding="utf-8", errors="backslashreplace", newline="\n")
    except (OSError, ValueError) as error:
        raise cannot_write(f"--trace: cannot write {file}", error) from None


def _may_be_replaced(file: Path) -> bool:
    """Whether nothing is lost but an older trace."""
    if not file.is_file() or not file.stat().st_size:
        return True
    with file.open("rb") as stream:
        return stream.read(max(map(len, TRACE_BEGINS))).startswith(TRACE_BEGINS)
