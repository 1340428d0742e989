"""The command line: `simclock run | sweep | replay | list | show | check | compare | ...`; COMMANDS names them all.

Laws: exit status 0 is valid, 1 violated (or the code of a node failed), 2 bad usage, 3 unknown, 130 interrupted. Bad
usage is one line on stderr, and never a traceback. What a command prints on stdout can be read by a program when
`--format` says so; progress goes to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from experiments.spelling import unknown
from experiments.start import this_is_the_command
from simclock.errors import HandlerError, PlacementError, RunInterrupted, SimclockError, UsageError

BAD_USAGE = 2
FAILED = 1
UNKNOWN = 3
INTERRUPTED = 130

COMMANDS = {
    "run": "experiments.commands.run:run",
    "sweep": "experiments.commands.sweep:sweep_seeds",
    "results": "experiments.commands.results:results",
    "replay": "experiments.commands.replay:replay",
    "shrink": "experiments.commands.shrink:shrink",
    "diff": "experiments.commands.diff:diff",
    "list": "experiments.commands.listing:list_scenarios",
    "show": "experiments.commands.listing:show",
    "check": "experiments.commands.check:check",
    "check-determinism": "experiments.commands.check_determinism:check_determinism",
    "compare": "experiments.commands.compare:compare_placements",
    "study": "experiments.commands.study:study",
    "zoo": "experiments.commands.zoo:zoo",
    "lab": "experiments.commands.lab:lab",
    "bench": "experiments.bench:bench",
    "demo": "experiments.commands.demo:demo",
}


class CommandLine(click.Group):
    """Imports a command when it is asked for, and tells every error in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(unknown("command", args[0], COMMANDS))
        return super().resolve_command(ctx, args)

    def __call__(self, *args: Any, **named: Any) -> Any:
        if not args and not named:
            this_is_the_command()
        return super().__call__(*args, **named)

    def main(  # type: ignore[override] # click's overloads tell standalone from embedded; this is always standalone
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **named: Any
    ) -> NoReturn:
        named["standalone_mode"] = False
        try:
            status = super().main(args=args, prog_name=prog_name or "simclock", **named)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            status = 0
        except click.Abort as error:
            cause = error.__cause__
            _say(str(cause) if isinstance(cause, RunInterrupted) else "interrupted")
            status = INTERRUPTED
        except click.ClickException as error:
            _say(error.format_message())
            status = BAD_USAGE
        except HandlerError as error:
            status = _handler_failed(error)
        except UsageError as error:
            _say(str(error))
            status = BAD_USAGE
        except (PlacementError, SimclockError) as error:
            _say(str(error))
            status = UNKNOWN
        sys.exit(status if isinstance(status, int) else 0)


def _say(text: str) -> None:
    click.echo(f"simclock: {' '.join(text.split())}", err=True)


def _handler_failed(error: HandlerError) -> int:
    """The code of a node or an observer raised. Where it used the kernel wrongly, that is bad usage, in one line."""
    if error.failure.usage:
        _say(str(error))
        return BAD_USAGE
    click.echo(f"simclock: {error}", err=True)
    click.echo(error.failure.trace.rstrip(), err=True)
    return FAILED


@click.command(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="simclock")
def main() -> None:
    """A laboratory for distributed protocols, in which one seed decides everything.

    \b
    Example: simclock run raft-kv-wan --seed 7
    """
