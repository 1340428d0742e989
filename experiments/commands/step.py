"""`simclock step`: decide by hand what happens next: in a page on the loopback, or in the terminal."""

from __future__ import annotations

import shlex
import sys
import webbrowser
from pathlib import Path

import click

from simclock.actors.steering.nodes import LocalNodes
from simclock.actors.steering.world import World
from simclock.errors import UsageError
from simclock.experiments.commands.completion import ScenarioCommand, complete_scenario
from simclock.experiments.commands.options import Overrides, override_options
from simclock.experiments.commands.played import played
from simclock.experiments.commands.script_named import is_script
from simclock.experiments.runs.source import Source
from simclock.experiments.scripts.setting import NODES_MAX
from simclock.experiments.scripts.telling import own_state
from simclock.experiments.stepping.branches import Branches
from simclock.experiments.stepping.server import StepServer
from simclock.experiments.stepping.terminal import Terminal
from simclock.experiments.viewing.logical import at_lamport_clocks
from simclock.experiments.viewing.seen import Collector, Seen
from simclock.guarding.guard import guarding

PROMPT = "> "


@click.command(cls=ScenarioCommand)
@click.argument("scenario", shell_complete=complete_scenario)
@override_options
@click.option("--act", type=click.IntRange(min=1), metavar="N", help="Of a script, the N-th `scenario`.  [default: 1]")
@click.option("--text", "in_terminal", is_flag=True, help="In the terminal: read lines, and answer them.")
@click.option("--open/--no-open", "opened", default=True, show_default=True, help="Open the page in the browser.")
def step(*, scenario: str, overrides: Overrides, act: int | None, in_terminal: bool, opened: bool) -> int:
    """Step through SCENARIO by hand: deliver, drop or double messages, fire timers, crash, restart, cut and mend.

    The page is served on 127.0.0.1 alone, on a free port, to who has the token in its address; Ctrl-C ends it. It shows
    the states of all nodes and every branch that was tried: go back, jump, let the seed go on, save a script that
    `simclock script` plays. A script in place of SCENARIO is played first: one goes on from its end, or goes into it.
    Planned faults, losses and nemeses of the scenario do not happen: steps are all there is.

    \b
    Examples:
      simclock step raft-script
      simclock step raft-kv --text
      simclock step counterexample.txt
      simclock step mine.py:scenario
    """
    if is_script(scenario):
        if overrides != Overrides():
            raise UsageError(f"{scenario}: a script has its own settings: leave the others out")
        done = played(Path(scenario), act)
        source, label, put_in = done.source, done.label, done.put_in
        steps = list(done.act.stage.world.taken)
    elif act is not None:
        raise UsageError(f"--act: {scenario} is no script: leave it out")
    else:
        source = overrides.source(scenario)
        label, put_in, steps = _label(source, overrides), (), []
    made = source.scenario()
    if made.nodes > NODES_MAX:
        raise UsageError(f"{scenario}: {made.nodes} nodes are too many to step through: {NODES_MAX} at most")
    guards = guarding(made.build, True)
    with guards.run:
        world = World(made, nodes=LocalNodes(made, around=guards.advance), record=True)
        branches = Branches(world, source.entry.shown or own_state, source.entry.judge, label, put_in)
        for each in steps:
            branches.take(each)
        if in_terminal:
            _in_terminal(branches)
        else:
            _serve(branches, source, opened)
    return 0


def _label(source: Source, overrides: Overrides) -> str:
    """The scenario and its settings, as a script says them."""
    words = [source.text]
    if source.settings.seed:
        words.append(f"seed={source.settings.seed}")
    if overrides.nodes is not None:
        words.append(f"nodes={overrides.nodes}")
    words += [f"{name}={value}" for name, value in source.settings.parameters.items()]
    return shlex.join(words)


def _in_terminal(branches: Branches) -> None:
    terminal = Terminal(branches, click.echo)
    terminal.begin()
    interactive = sys.stdin.isatty()
    while True:
        if interactive:
            click.echo(PROMPT, nl=False)
        line = sys.stdin.readline()
        if not line or not terminal.answer(line.strip()):
            return


def _serve(branches: Branches, source: Source, opened: bool) -> None:
    def picture(world: World) -> Seen:
        assert world.recorder is not None, "it was made with record=True"
        collector = Collector(lanes=source.entry.lanes)
        for record in at_lamport_clocks(world.recorder.trace()):
            collector.take(record)
        return collector.seen(branches.label, None, ticks=True)

    with StepServer(branches, picture) as server:
        click.echo(f"{server.url}  (Ctrl-C ends it)")
        if opened:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("ended")
