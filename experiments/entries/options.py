"""The parameters of a scenario as options of click: for its help, for the shell's completion, and to read flags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import click
from click.shell_completion import CompletionItem

from simclock.errors import UsageError
from simclock.experiments.entries.parameters import Parameter, Parametrized, flag_of, parameter_text, parameters_of
from simclock.experiments.telling.spelling import say, unknown


class ParameterType(click.ParamType[Any]):
    """Leaves all to the parameter."""

    name = "parameter"

    def __init__(self, parameter: Parameter, flag: str) -> None:
        self.parameter, self.flag = parameter, flag

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.parameter.read(value.strip(), self.flag)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(word) for word in self.parameter.completions if word.startswith(incomplete)]


class ParameterOption(click.Option):
    """A parameter as a flag; a duration's goes without the unit in its name."""

    def __init__(self, name: str, parameter: Parameter) -> None:
        self.parameter_name = name
        self.default_text = parameter_text(name, parameter.default)
        flag = flag_of(name)
        shown = f"[default: {self.default_text}]" if self.default_text and parameter.default is not None else ""
        super().__init__(
            [flag],
            type=ParameterType(parameter, flag),
            metavar=parameter.metavar,
            help="  ".join(filter(None, (parameter.help, shown))),
        )


def options_of(entry: Parametrized) -> list[click.Parameter]:
    """An option for each of its parameters."""
    return [ParameterOption(name, parameter) for name, parameter in parameters_of(entry).kinds.items()]


def parameters_of_flags(entry: Parametrized, flags: Sequence[str], others: Iterable[str] = ()) -> dict[str, Any]:
    """What `--name value` and `--name=value` set; `others` are flags that may have been meant too."""
    options = options_of(entry)
    command = click.Command(entry.name, params=options, add_help_option=False)
    try:
        read = command.make_context(
            entry.name, list(flags), allow_extra_args=True, token_normalize_func=_as_a_flag_has_it
        )
    except click.NoSuchOption as error:
        known = [flag for option in options for flag in option.opts]
        also = list(others)
        if get_close_matches(error.option_name, also):
            known += also
        raise UsageError(unknown(f"option or parameter of {entry.name}", error.option_name, known)) from None
    except click.BadOptionUsage as error:
        flag = error.option_name
        example = next(option.default_text for option in options if flag in option.opts)  # type: ignore[attr-defined]
        raise UsageError(f"{flag}: it has no value, such as {flag} {example}") from None
    if read.args:
        raise UsageError(f"{say(read.args[0])} belongs to no option")
    given = {option: read.params[str(option.name)] for option in options if option.name in read.params}
    return {option.parameter_name: value for option, value in given.items() if value is not None}  # type: ignore[attr-defined]


def _as_a_flag_has_it(name: str) -> str:
    """`give_up_ns` is written `--give-up`, and may be written as it is."""
    return name.replace("_", "-").removesuffix("-ns")
