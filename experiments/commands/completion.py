"""What the shell completes, and a scenario's parameters in the help of a command that takes them as flags.

Law: what is completed is looked up and never run: of a user's Python no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from simclock.errors import UsageError
from simclock.experiments.catalog import entries, studies
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.options import options_of
from simclock.experiments.entries.studies import Study
from simclock.experiments.runs.reference import code_of, is_result_id, name_and_seed
from simclock.experiments.runs.source import find_source
from simclock.experiments.scenario_files.file import is_python
from simclock.experiments.telling.spelling import nearest

PLACEMENTS = ("inline", "windows", "windows:hosts=2", "ray", "ray:4", "ray:hosts=2", "auto")
"""What is offered where a placement is asked for."""

_WORDS = "simclock.words"
_PARAMETERS = "simclock.parameters"


class ScenarioCommand(click.Command):
    """A command that takes the parameters of its scenario as flags too: `--sync berkeley` is `--set sync=berkeley`.

    They are no options of the command itself, which keeps them as they were written: only a scenario that has been
    found says what they mean. Its help shows them, and the shell completes them.
    """

    ignore_unknown_options = True
    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        if ctx.resilient_parsing:  # the shell asks what there is
            with suppress(UsageError):
                ctx.meta[_PARAMETERS] = self._parameters(ctx)
        rest = super().parse_args(ctx, args)
        scenario = ctx.params.get("scenario", ctx.params.get("result"))
        if isinstance(scenario, str) and scenario.startswith("-") and not ctx.resilient_parsing:
            raise UsageError(f"{scenario}: name the scenario first, then its parameters")
        return rest

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        taken = {flag for option in own for flag in option.opts}
        return own + [option for option in ctx.meta.get(_PARAMETERS, ()) if taken.isdisjoint(option.opts)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        taken = {flag for option in self.params for flag in option.opts}
        rows = []
        for option in self._parameters(ctx):
            row = option.get_help_record(ctx)
            if row is not None:
                flag, words = row
                rows.append((flag if taken.isdisjoint(option.opts) else _by_set(option), words))
        if rows:
            with formatter.section("Parameters of the scenario"):
                formatter.write_dl(rows)

    def _parameters(self, ctx: click.Context) -> list[click.Parameter]:
        """Those of the scenario that is named among the words, none where none is."""
        named = self.make_parser(ctx).parse_args(list(ctx.meta[_WORDS]))[0]
        text = named.get("scenario", named.get("result"))
        if not isinstance(text, str) or text.startswith("-") or text.isdecimal() or is_result_id(text):
            return []
        at_seed = name_and_seed(text)
        text = at_seed[0] if at_seed else text
        if code_of(text) is not None or (is_python(text) and ctx.resilient_parsing):
            return []
        return options_of(find_source(text).entry)


def _by_set(option: click.Parameter) -> str:
    """How a parameter is set whose flag is the command's own."""
    return f"--set {option.opts[0].removeprefix('--').replace('-', '_')}={option.metavar}"


def _offered(words: Iterable[str], incomplete: str, before: str = "") -> list[CompletionItem]:
    return [CompletionItem(before + word) for word in words if word.startswith(incomplete)]


def _named(things: Mapping[str, Entry | Study], incomplete: str) -> list[CompletionItem]:
    found = things.values()
    return [CompletionItem(each.name, help=each.summary) for each in found if each.name.startswith(incomplete)]


def complete_scenario(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Scenarios of the catalog, else files."""
    return _named(entries(), incomplete) or [CompletionItem(incomplete, type="file")]


def complete_study(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Studies by name."""
    return _named(studies(), incomplete)


def complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Scenarios and studies, all that has a name."""
    return _named({**studies(), **entries()}, incomplete)


def complete_placement(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Placements."""
    return _offered(PLACEMENTS, incomplete)


def complete_placements(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Placements behind those that stand there already, with commas between."""
    before, comma, last = incomplete.rpartition(",")
    return _offered(PLACEMENTS, last, before + comma)


def command_for(word: str, commands: Iterable[str]) -> list[str] | None:
    """The command that takes that word first, and the word as it should be spelled, as `run raft-kv`.

    None where the word names nothing, nor nearly so, or where it is nearly one of the commands.
    """
    if is_result_id(word) or name_and_seed(word) is not None:
        return ["replay", word]
    if is_python(word) or word.endswith(".toml") or word in entries():
        return ["run", word]
    if word in studies():
        return ["study", word]
    near = None if nearest(word, commands) else nearest(word, entries())
    return None if near is None else ["run", near]
