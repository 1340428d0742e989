"""The command line: `simclock run | sweep | replay | list | show | check | compare | ...`; COMMANDS names them all.

Laws: `simclock.experiments.telling.exit_status` has the table of exit statuses, which every command keeps. Bad usage is
one line on stderr, and never a traceback. What a command prints on stdout can be read by a program when `--format` says
so; progress goes to stderr. What nobody thought of is told in one line too, as a defect, and is never taken for a
verdict.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem, shell_complete

from simclock.errors import HandlerError, RunInterrupted, SimclockError, UsageError
from simclock.experiments.hash_seeded import this_is_the_command
from simclock.experiments.telling.exit_status import (
    BAD_USAGE,
    CLOSED_PIPE,
    CODE_FAILED,
    INTERRUPTED,
    UNKNOWN,
    VALID,
    meanings_text,
)
from simclock.experiments.telling.output import (
    OutputLost,
    careful_output,
    is_closed_pipe,
    is_of_the_device,
    lost_output,
)
from simclock.experiments.telling.spelling import one_line, unknown
from simclock.readable import TEXT_MAX, say

WORD_MAX = 400
"""Characters of a word in a message; a number of thousands of digits is not read by anybody."""

COMPLETION = "_SIMCLOCK_COMPLETE"
"""The variable by which a shell asks what may stand there, or for the script that asks."""

COMMANDS = {
    "run": ("simclock.experiments.commands.run:run", "Run a scenario and report."),
    "sweep": ("simclock.experiments.commands.sweep:sweep_seeds", "Run many seeds of a scenario, over all cores."),
    "results": ("simclock.experiments.commands.results:results", "List, query and compare what sweeps have found."),
    "script": ("simclock.experiments.commands.script:script", "Play a schedule written by hand; tell what it changed."),
    "replay": ("simclock.experiments.commands.replay:replay", "Run a recorded result again, and look into it."),
    "shrink": (
        "simclock.experiments.commands.shrink:shrink",
        "Make a failing run smaller, and write it as a scenario.",
    ),
    "trace": ("simclock.experiments.commands.trace:trace", "Write a run as a picture, or for another tool."),
    "causal": ("simclock.experiments.commands.causal:causal", "Rebuild what happened before what, from any logs."),
    "why": ("simclock.experiments.commands.why:why", "Tell what set an event off, back to the root."),
    "diff": ("simclock.experiments.commands.diff:diff", "Show where two runs part."),
    "view": ("simclock.experiments.commands.view:view", "Write a page that shows a run, or two, or a log."),
    "gallery": ("simclock.experiments.commands.gallery:gallery", "Draw a picture of every topic of the catalog."),
    "step": ("simclock.experiments.commands.step:step", "Decide by hand what happens next, and go back."),
    "list": (
        "simclock.experiments.commands.listing:list_scenarios",
        "List the scenarios that have a name; tell all about one.",
    ),
    "show": ("simclock.experiments.commands.listing:show", "Print a scenario as a file that can be edited and run."),
    "check": ("simclock.experiments.commands.check:check", "Judge a history in a file by a consistency model."),
    "check-determinism": (
        "simclock.experiments.commands.check_determinism:check_determinism",
        "Run in fresh processes; name the line where they part.",
    ),
    "compare": (
        "simclock.experiments.commands.compare:compare_placements",
        "Scenarios x node counts x placements, in one table.",
    ),
    "study": ("simclock.experiments.commands.study:study", "Tables that compare many runs; without a name, list them."),
    "hunt": ("simclock.experiments.commands.hunt:hunt", "Hunt a class of yours in the place of a scenario's."),
    "explore": (
        "simclock.experiments.commands.explore:explore",
        "Search systematically what can happen, within bounds.",
    ),
    "zoo": ("simclock.experiments.commands.zoo:zoo", "Hunt documented bugs, put back into the right protocol."),
    "mutate": (
        "simclock.experiments.commands.mutate:mutate",
        "Change a protocol one token at a time; see what its hunt notices.",
    ),
    "lab": ("simclock.experiments.commands.lab:lab", "Labs whose output has a published SHA-256."),
    "bench": ("simclock.experiments.bench:bench", "Measure the kernel beside a bare loop, SimPy and bare Ray."),
    "demo": ("simclock.experiments.commands.demo:demo", "The main job in process, then with Ray actors."),
}
"""Name -> where it is, and what it does: to list them, and to complete them, imports none."""


class CommandLine(click.Group):
    """Imports a command when it is asked for, and tells every error in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        named = [(name, summary) for name, (_, summary) in COMMANDS.items() if name.startswith(incomplete)]
        own = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=summary) for name, summary in named), *own]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise click.UsageError(_unknown_command(args[0]))
        return super().resolve_command(ctx, args)

    def __call__(self, *args: Any, **named: Any) -> Any:
        if not args and not named:
            this_is_the_command()
        return super().__call__(*args, **named)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # of a file; standard output takes it quietly
            raise OutputLost from error

    def main(  # type: ignore[override] # click's overloads tell standalone from embedded; this is always standalone
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **named: Any
    ) -> NoReturn:
        named["standalone_mode"] = False
        with careful_output():
            status = self._status(args, prog_name or "simclock", named)
            problem = lost_output()
            if problem is not None:
                closed = is_closed_pipe(problem)
                if not closed:
                    _say(f"standard output cannot be written: {problem.strerror}")
                status = status or (CLOSED_PIPE if closed else UNKNOWN)
        sys.exit(status)

    def _status(self, args: Sequence[str] | None, prog_name: str, named: dict[str, Any]) -> int:
        """Run the command; what it raises is told here."""
        try:
            instruction = os.environ.get(COMPLETION)
            if instruction:  # the shell asks; what it asks about is not run
                if shell_complete(self, {}, prog_name, COMPLETION, instruction) == 0:
                    return VALID
                raise UsageError(f"{COMPLETION}: {say(instruction)} is nothing to ask: set it to bash_source")
            for word in args or ():
                _check_text(word)
            status = super().main(args=args, prog_name=prog_name, **named)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            return VALID
        except click.Abort as error:
            cause = error.__cause__
            if isinstance(cause, EOFError):  # click takes it for the end of what a user types
                return _defect(cause)
            _say(str(cause) if isinstance(cause, RunInterrupted) else "interrupted")
            return INTERRUPTED
        except click.ClickException as error:
            _say(error.format_message())
            return BAD_USAGE
        except HandlerError as error:
            return _handler_failed(error)
        except UsageError as error:
            _say(str(error))
            return BAD_USAGE
        except OutputLost as error:
            return CLOSED_PIPE if isinstance(error.__cause__, BrokenPipeError) else UNKNOWN
        except SimclockError as error:
            _say(str(error))
            return UNKNOWN
        except (SystemExit, GeneratorExit) as error:  # ours returns its status
            return _ended_the_process(error)
        except MemoryError:
            _say("there is not enough memory for this: take fewer nodes, or smaller numbers")
            return UNKNOWN
        except OSError as error:
            if not is_of_the_device(error):
                return _defect(error)
            _say(f"{error.filename or 'a file'} cannot be written: {error.strerror}")
            return UNKNOWN
        except Exception as error:
            return _defect(error)
        return status if isinstance(status, int) else VALID


class _VersionText(str):
    """What `--version` prints; which kernel there is, is looked up when it is asked for."""

    def __mod__(self, names: Any) -> str:
        from simclock.kernel.core import KERNEL

        return f"{names['prog']}, version {names['version']}, {KERNEL} kernel"


def _unknown_command(word: str) -> str:
    """That there is no such command; what another command takes may be meant for that one."""
    from simclock.experiments.commands.completion import command_for

    command = command_for(word, COMMANDS)
    if command is None:
        return unknown("command", word, COMMANDS)
    return f"unknown command {say(word)}: did you mean `{shlex.join(['simclock', *command])}`?"


def _check_text(word: str) -> None:
    """Half a character, which only a program can pass on, is no name of a file or of anything."""
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        raise UsageError(f"{say(word)} is not text: it holds half a character") from None


def _say(text: str) -> None:
    words = (word if len(word) <= WORD_MAX else f"{word[:TEXT_MAX]}..." for word in text.split())
    click.echo(f"simclock: {' '.join(words)}", err=True)


def _handler_failed(error: HandlerError) -> int:
    """The code of a node or an observer raised. Where it used the kernel wrongly, that is bad usage, in one line."""
    if error.failure.usage:
        _say(str(error))
        return BAD_USAGE
    click.echo("\n".join((f"simclock: {error}", *getattr(error, "__notes__", ()))), err=True)
    return CODE_FAILED


def _ended_the_process(error: BaseException) -> int:
    """Code under test called sys.exit, or closed the generator it ran in, where no handler was at work."""
    _say(f"the code under test ended the process: {one_line(error)}")
    return CODE_FAILED


def _defect(error: Exception) -> int:
    """What nobody thought of. Python's development mode shows all of it."""
    if sys.flags.dev_mode:
        raise error
    _say(f"a defect of simclock, please report it: {one_line(error)} (PYTHONDEVMODE=1 shows the traceback)")
    return UNKNOWN


@click.command(
    cls=CommandLine,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "color": True,  # nothing is coloured here: what looks like it is shown, see simclock.experiments.telling.output
    },
    epilog=f"\b\nExit status, of every command:\n{meanings_text()}",
)
@click.version_option(package_name="simclock", message=_VersionText())
def main() -> None:
    """A laboratory for distributed protocols, in which one seed decides everything.

    \b
    Example: simclock run raft-kv-wan --seed 7
    """
