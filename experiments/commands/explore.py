"""`simclock explore`: what can happen in a scenario is searched systematically, within bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from simclock.actors.steering import MODELS
from simclock.errors import UsageError
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import SEED, WHOLE, Overrides, address_option
from simclock.experiments.entries.entry import NO_NEMESIS, Entry
from simclock.experiments.exploring.executions.stateless import estimated
from simclock.experiments.exploring.limits import Limits
from simclock.experiments.exploring.search import ANY, Asked, Bounds, Findings
from simclock.experiments.exploring.strategies import STRATEGIES, strategy_named
from simclock.experiments.exploring.telling import as_data, script_text, status_of, told
from simclock.experiments.exploring.watching import NO_ERROR, Watching
from simclock.experiments.runs.source import Source
from simclock.readable import say
from simclock.scenario import Scenario

STATES_MAX = 5_000_000
MEBIBYTES_MAX = 2048
MORE_OF = ("crashes", "torn", "drops", "duplicates", "commands")


@click.command("explore", cls=ScenarioCommand)
@click.argument("scenario", shell_complete=complete_scenario)
@click.option(
    "--strategy", default="bfs", show_default=True, metavar="NAME[:N]", help=f"One of {', '.join(STRATEGIES)}, ..."
)
@click.option(
    "--model", type=click.Choice(MODELS), help="Which message may come next.  [default: the scenario's, or bag]"
)
@click.option("--steps", "--depth", "steps", metavar="N", help="Steps of a run.  [default: any]")
@click.option(
    "--timers", multiple=True, metavar="N|NAME=N", help="Timers that run out, or those of a name; repeatable."
)
@click.option("--crashes", metavar="N", help="Crashes of a run, each with a restart or none.  [default: 0]")
@click.option("--torn", metavar="N", help="Of these, how many may leave a part of what was not synced.  [default: 0]")
@click.option("--drops", metavar="N", help="Messages that get lost in a run.  [default: 0]")
@click.option("--duplicates", metavar="N", help="Messages that come twice in a run.  [default: 0]")
@click.option("--commands", metavar="N", help="What clients ask in a run.  [default: the scenario's, or 0]")
@click.option("--symmetric/--no-symmetric", default=False, show_default=True, help="Merge nodes that do the same.")
@click.option("--alike", multiple=True, metavar="NODES", help="Nodes that do the same, as 0-2 or 0,1,2: merge them.")
@click.option("--all", "all_violations", is_flag=True, help="Go on after the first violation: one of each property.")
@click.option("--states", "states_max", type=click.IntRange(1), default=STATES_MAX, show_default=True, help="Limit.")
@click.option("--memory", "mebibytes", type=click.IntRange(1), default=MEBIBYTES_MAX, show_default=True, help="MiB.")
@click.option("--executions", type=click.IntRange(1), default=10_000, show_default=True, help="Where runs are drawn.")
@click.option(
    "--estimate",
    "probes",
    is_flag=False,
    flag_value=200,
    type=click.IntRange(0, 1_000_000),
    default=0,
    metavar="PROBES",
    help="Estimate first how many executions there are, from so many random ones.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes that search.  [default: 1, or the CPUs of --address]"
)
@address_option("The Ray that searches; local starts one.  [default: no Ray]")
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep a bfs that ends before it has seen everything there, and go on from it if it exists.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the shortest script found there.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--seed", type=SEED, help="Of strategies that draw, and of nodes' luck.  [default: the scenario's, or 0]")
@click.option("--nodes", type=WHOLE, help="How many nodes; replicas, where there are clients beside them.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the scenario.")
@click.option(
    "--replace", "replaced", multiple=True, metavar="PART=FILE.py:CLASS", help="Put in a class of yours, as in run."
)
@click.option("--guard/--no-guard", default=True, show_default=True, help="As in `simclock run`.")
def explore(
    *,
    scenario: str,
    strategy: str,
    states_max: int,
    mebibytes: int,
    probes: int,
    resume: Path | None,
    out: Path | None,
    form: str,
    **given: Any,
) -> int:
    """Search what can happen in SCENARIO: every order of messages and timers, and every fault, within the bounds.

    Time stands still: a timer that is set may run out at any moment, as in an asynchronous system. Every property of
    the scenario is judged in every state, what is owed in the end where nothing more can happen. A violation is told as
    the steps that lead to it, with `bfs` the fewest; --out writes them as a script for `simclock script`.

    The exit status is 0 where everything within the bounds was looked at and nothing is wrong, 1 where a property is
    violated, 3 where a limit ended the search or something is never reached, 4 where a node's code fails.

    \b
    Examples:
      simclock explore two-phase-commit --managers 5
      simclock explore two-phase-commit --managers 5 --symmetric
      simclock explore mine.py:election --timers election=2 --crashes 1
    """
    search, argument = strategy_named(strategy)
    if resume is not None and strategy != "bfs":
        raise UsageError(f"--resume: {strategy} cannot be resumed: bfs can")
    source = _source(scenario, given)
    asked = _asked(source, {**given, "argument": argument, "resume": resume})
    made = asked.scenario
    limits = Limits(states_max, mebibytes << 20)
    with limits.heeding_interrupts():
        guess = estimated(asked, probes) if probes else None
        findings = search(asked, limits)
    if (asked.workers != 1 or asked.address is not None) and (asked.symmetric or strategy == "dfs"):
        findings.heed = (*findings.heed, "one process searched: dfs, and symmetric nodes, are not for several")
    if guess is not None:
        findings.estimate = guess.executions
        findings.more = (*findings.more, ("estimated", str(guess)))
    unreached = (
        [name for name in Watching(made).sometimes() if name not in findings.reached] if findings.complete else []
    )
    if form == "json":
        click.echo(json.dumps(as_data(asked, strategy, findings, unreached), indent=1, sort_keys=True, default=str))
    else:
        click.echo("\n".join(told(asked, strategy, findings, unreached)))
    if out is not None and findings.found:
        _write(out, source, asked, findings)
    if resume is not None and not findings.complete and not findings.found:
        click.echo(f"the search is kept in {resume}: the same command goes on from it", err=True)
    return status_of(findings, unreached)


def _source(scenario: str, given: Mapping[str, Any]) -> Source:
    """The scenario, without faults of its own."""
    names = ("seed", "nodes", "settings", "replaced")
    flags = tuple(click.get_current_context().args)
    overrides = Overrides(flags=flags, nemesis=NO_NEMESIS, **{name: given[name] for name in names})
    source = overrides.source(scenario)
    return replace(source, settings=replace(source.settings, faults=()))


def _asked(source: Source, given: Mapping[str, Any]) -> Asked:
    """The search."""
    made, entry = source.scenario(), source.entry
    groups = _symmetric(entry, made) if given["symmetric"] else ()
    names = ("argument", "executions", "all_violations", "guard", "address", "resume")
    workers: int | None = given["workers"]
    if workers is None:
        workers = 1 if given["address"] is None else 0
    return Asked(
        scenario=made,
        model=given["model"] or entry.exploration.model,
        bounds=_bounds(entry, given),
        symmetric=(*groups, *(_group(text, made) for text in given["alike"])),
        instant=entry.exploration.instant(made),
        asks=entry.exploration.asks,
        seed=made.seed,
        workers=workers,
        **{name: given[name] for name in names},
    )


def _bounds(entry: Entry, given: Mapping[str, Any]) -> Bounds:
    """The entry's own bounds, and over them what the command line says."""
    steps: str | None = given["steps"]
    bounds = dict(entry.exploration.bounds)
    if steps is not None:
        bounds["steps"] = _count(steps, "--steps")
    for text in given["timers"]:
        name, equals, count = text.rpartition("=")
        if equals:
            bounds["named_timers"] = {**bounds.get("named_timers", {}), name: _whole(count, f"--timers {name}")}
        else:
            bounds["timers"] = _count(text, "--timers")
    for name in MORE_OF:
        bound: str | None = given[name]
        if bound is not None:
            bounds[name] = _count(bound, f"--{name}")
    if bounds.get("torn", 0) != 0 and bounds.get("crashes", 0) == 0:
        raise UsageError("--torn: a torn crash is one of the crashes: give --crashes too")
    return Bounds(**bounds)


def _count(text: str, place: str) -> int | None:
    return ANY if text == "any" else _whole(text, place)


def _whole(text: str, place: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise UsageError(f"{place}: {say(text)} is not a bound: write a whole number, such as 2, or any")
    return int(text)


def _symmetric(entry: Entry, scenario: Scenario) -> tuple[tuple[int, ...], ...]:
    groups = entry.exploration.symmetric(scenario)
    if not groups:
        raise UsageError(f"--symmetric: {entry.name} does not say which nodes do the same: say it by --alike")
    return groups


def _group(text: str, scenario: Scenario) -> tuple[int, ...]:
    """`0-2` or `0,1,2`."""
    first, dash, last = text.partition("-")
    words = [first, last] if dash else text.split(",")
    known = {str(node): node for node in range(scenario.nodes)}
    numbers = [known.get(word.strip(), scenario.nodes) for word in words]
    group = tuple(range(numbers[0], numbers[1] + 1)) if dash else tuple(numbers)
    if len(set(group)) < max(2, len(group)) or max(group) >= scenario.nodes:
        raise UsageError(f"--alike: {say(text)}: name two or more of the nodes 0 to {scenario.nodes - 1}, none twice")
    return group


def _write(out: Path, source: Source, asked: Asked, findings: Findings) -> None:
    shortest = min(findings.found, key=lambda each: len(each.steps))
    given = {name: str(value) for name, value in source.settings.parameters.items()}
    if source.settings.nodes is not None:
        given["nodes"] = str(source.settings.nodes)
    if asked.seed:
        given["seed"] = str(asked.seed)
    if asked.model != source.entry.exploration.model:
        given["model"] = asked.model
    setup = [f"replace {each.part}={each.where}" for each in source.settings.replaced]
    violation = shortest.violation
    remark = f"{violation.property} violated at node {violation.node}: {violation.detail}"
    breaks = "" if violation.property == NO_ERROR else violation.property
    text = script_text(source.name, given, shortest.steps, remarks=[remark], breaks=breaks, setup=setup)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out: {out}: {error.strerror}") from None
    click.echo(f"script written to {out}", err=True)
