"""Options that several commands share: which scenario with which settings, and where it runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from simclock.actors import Placement
from simclock.environment.network import ORDERS, Network
from simclock.errors import PlacementError, UsageError
from simclock.experiments.commands.completion import complete_placement
from simclock.experiments.entries.options import parameters_of_flags
from simclock.experiments.entries.parameters import parameter_from_text
from simclock.experiments.entries.replacement import Replacement
from simclock.experiments.entries.settings import Settings
from simclock.experiments.hash_seeded import under_hash_seed
from simclock.experiments.nemesis import parse_rhythm
from simclock.experiments.runs.code_version import code_version
from simclock.experiments.runs.database import DEFAULT_DATABASE
from simclock.experiments.runs.replay_code import shown
from simclock.experiments.runs.seeds import SEED_MAX
from simclock.experiments.runs.source import Source, find_source
from simclock.experiments.scenario_files.file import replacement, scenario_as_is
from simclock.experiments.scenario_files.latency_forms import latency_from_text
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.spelling import say
from simclock.hash_seed import hash_seed, on_command_line

Command = Callable[..., Any]


class _Whole(click.types.IntParamType):
    """A whole number of 64 bits; whoever takes it says what of these it can be, so help shows no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not -(1 << 63) <= number < 1 << 63:
            self.fail(f"{number} is far too large", param, ctx)
        return number


class _Address(click.types.StringParamType):
    """A Ray; an empty text, as of a variable that is not set, would be taken for none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail("an empty text names no Ray: leave the flag out, or write local", param, ctx)
        return super().convert(value, param, ctx)


WHOLE = _Whole()
SEED = click.IntRange(0, SEED_MAX)


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What the command line sets over the scenario's own values, as it was written."""

    seed: int | None = None
    nodes: int | None = None
    duration: str | None = None
    settings: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """What no command has as an option: the scenario's own parameters, as `--sync`, `berkeley`."""
    latency: str | None = None
    loss: str | None = None
    duplication: str | None = None
    order: str | None = None
    replaced: tuple[str, ...] = ()
    nemesis: str | None = None
    rhythm: str | None = None
    liveness: str | None = None
    fail_when_quiet: bool = False

    def source(self, text: str) -> Source:
        """The scenario of that name with these settings."""
        found = find_source(text)
        if found.code is not None:
            under_hash_seed(found.code.hash_seed, hash_seed(), f"{shown(text)}: it")
            if changed := found.code.changed(code_version(found.name, *found.settings.replaced_by)):
                click.echo(f"simclock: {shown(text)}: {changed}", err=True)
        settings = found.settings
        given: dict[str, Any] = {"seed": self.seed, "nodes": self.nodes}
        if self.duration is not None:
            given["duration_ns"] = duration_ns(self.duration, "--duration")
        if self.liveness is not None:
            given["liveness_ns"] = duration_ns(self.liveness, "--liveness")
        if self.rhythm is not None:
            given["rhythm"] = str(parse_rhythm(self.rhythm, "--rhythm"))
        if self.replaced:
            given["replaced"] = tuple(_replacement(text) for text in self.replaced)
        given["nemesis"] = self.nemesis
        given["fail_when_quiet"] = self.fail_when_quiet or None
        settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
        named = dict(parameter_from_text(found.entry, setting, "--set") for setting in self.settings)
        named |= parameters_of_flags(found.entry, self.flags, _own_flags())
        settings = replace(settings, parameters={**settings.parameters, **named})
        network = self._network()
        if network:
            base = settings.network or scenario_as_is(found.entry, settings).network
            settings = replace(settings, network=replace(base, **network))
        return replace(found, settings=settings)

    def _network(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if self.latency is not None:
            values["latency"] = latency_from_text(self.latency, "--latency")
        for name, text in (("loss", self.loss), ("duplication", self.duplication)):
            if text is not None:
                values[name] = _probability(text, f"--{name}")
        if self.order is not None:
            values["order"] = self.order
        return values

    def replay(self, source: Source, settings: Settings) -> str:
        """The command that runs the same again, on any placement; a rhythm that was measured is among the settings."""
        words = ["simclock", "run", source.text, "--seed", str(settings.seed)]
        if self.nodes is not None:
            words += ["--nodes", str(self.nodes)]
        for flag in ("duration", "latency", "loss", "duplication", "order", "nemesis", "liveness"):
            value = getattr(self, flag)
            if value is not None:
                words += [f"--{flag}", value]
        for text in self.replaced:
            words += ["--replace", text]
        if settings.rhythm is not None and (self.rhythm is not None or settings.rhythm != source.settings.rhythm):
            words += ["--rhythm", settings.rhythm]
        if self.fail_when_quiet:
            words.append("--fail-when-quiet")
        for setting in self.settings:
            words += ["--set", setting]
        words += self.flags
        return on_command_line() + shlex.join(words)


def _replacement(text: str) -> Replacement:
    part, equals, where = text.partition("=")
    if not equals or not part.strip():
        raise UsageError(f"--replace: {say(text)} is no replacement: write LeaseServer=mine.py:Class")
    return replacement(part.strip(), where.strip(), Path(), "--replace")


def _own_flags() -> list[str]:
    """The options of the command that is running."""
    context = click.get_current_context(silent=True)
    return [] if context is None else [flag for option in context.command.params for flag in option.opts]


def _probability(text: str, flag: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{flag}: {say(text)} is not a probability: write a number from 0 to 1, as 0.01") from None
    if not 0 <= value <= 1:
        raise UsageError(f"{flag}: {say(text)[1:-1]} is not a probability: it must be from 0 to 1")
    Network(loss=value)
    return value


def override_options(command: Command) -> Command:
    """The options that make Overrides; the command takes them as `overrides`."""
    return _with_overrides(command, {})


def seedless_override_options(command: Command) -> Command:
    """The same without --seed, for a command that has --seeds."""
    return _with_overrides(command, {"seed": None})


def _with_overrides(command: Command, fixed: dict[str, Any]) -> Command:
    def with_overrides(**named: Any) -> Any:
        fixed_here = {**fixed, "flags": tuple(click.get_current_context().args)}
        names = Overrides.__dataclass_fields__
        fields = {name: fixed_here[name] if name in fixed_here else named.pop(name) for name in names}
        return command(overrides=Overrides(**fields), **named)

    with_overrides.__doc__ = command.__doc__
    with_overrides.__name__ = command.__name__
    with_overrides.__dict__.update(command.__dict__)
    seed = click.option("--seed", type=SEED, help="The seed that decides everything.  [default: the scenario's, or 0]")
    for option in reversed((*(() if "seed" in fixed else (seed,)), *_SEEDLESS)):
        option(with_overrides)
    return with_overrides


_SEEDLESS = (
    click.option("--nodes", type=WHOLE, help="How many nodes; replicas, where there are clients beside them."),
    click.option("--duration", metavar="TIME", help="Virtual time, such as 120s."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter of the scenario; `simclock list` names them.",
    ),
    click.option("--latency", metavar="MODEL", help='Such as 5ms or "uniform 1ms..5ms".'),
    click.option("--loss", metavar="PROBABILITY", help="Of each message, 0 to 1."),
    click.option("--duplication", metavar="PROBABILITY", help="Of each message, 0 to 1."),
    click.option("--order", type=click.Choice(ORDERS), help="Whether messages of one link may overtake."),
    click.option("--nemesis", metavar="KINDS", help="Faults drawn from the seed: swarm, mix, crash+partition."),
    click.option(
        "--replace",
        "replaced",
        multiple=True,
        metavar="PART=FILE.py:CLASS",
        help="Have a class of yours in the place of one of the scenario's.",
    ),
    click.option("--rhythm", metavar="TIME", help="Of the nemesis: 80ms, or 80ms for 2s.  [default: measured]"),
    click.option("--liveness", metavar="TIME", help="Then heal everything, go on so long, demand progress."),
    click.option("--fail-when-quiet", is_flag=True, help="A run with no message and no timer left is violated."),
)


def progress_option(command: Command) -> Command:
    """The option of who shows how far a run is; the command takes it as `progress`, None where nothing was said."""
    return click.option(
        "--progress/--no-progress",
        default=None,
        help="Show on stderr how far a run is that lasts.  [default: where stderr is a terminal]",
    )(command)


def database_option(command: Command) -> Command:
    """The option that names the results database; the command takes it as `database`, a path."""
    return click.option(
        "--database",
        default=DEFAULT_DATABASE,
        show_default=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="The file of results.",
    )(command)


def placement_options(command: Command) -> Command:
    """The options that make a Placement; the command takes it as `placement`."""

    def with_placement(
        placement: str, nodes_per_actor: int | None, hosts: int | None, address: str | None, verbose: bool, **named: Any
    ) -> Any:
        with telling_details(verbose):
            return command(placement=_placement(placement, nodes_per_actor, hosts, address), **named)

    with_placement.__doc__ = command.__doc__
    with_placement.__name__ = command.__name__
    with_placement.__dict__.update(command.__dict__)
    for option in reversed(
        (
            click.option(
                "--placement",
                default="inline",
                show_default=True,
                shell_complete=complete_placement,
                help="Where nodes live: inline, ray (one actor per node), ray:4 (four to an actor), ray:hosts=2; "
                "auto begins inline, and goes where it is quickest.",
            ),
            click.option("--nodes-per-actor", type=WHOLE, help="On Ray: how many nodes share an actor."),
            click.option("--hosts", type=WHOLE, help="On Ray: how many actors share all nodes."),
            address_option("The Ray to join.  [default: RAY_ADDRESS, or a local one is started]"),
            verbose_option,
        )
    ):
        option(with_placement)
    return with_placement


verbose_option = click.option("--verbose", is_flag=True, help="Where Ray fails: also all that Ray itself says of it.")


def address_option(help: str) -> Callable[[Command], Command]:
    """The option that names a Ray; `help` says what it does, and what happens without it."""
    return click.option("--address", type=_Address(), metavar="TEXT", help=help)


@contextmanager
def telling_details(verbose: bool) -> Iterator[None]:
    """Where the machinery under a run fails: print what it says itself, or say how that is seen."""
    try:
        yield
    except PlacementError as error:
        if verbose and error.details:
            click.echo(error.details.rstrip(), err=True)
        elif error.details:
            raise PlacementError(f"{error} (--verbose shows what Ray says)", error.details) from None
        raise


def _placement(text: str, nodes_per_actor: int | None, hosts: int | None, address: str | None) -> Placement:
    placement = Placement.parse(text, address)
    given = {"nodes-per-actor": nodes_per_actor, "hosts": hosts, "address": address}
    for flag, value in given.items():
        if value is not None and placement.kind == "inline":
            raise UsageError(f"--{flag}: inline has one host in this process: add --placement ray")
        if value is not None and placement.kind == "auto" and flag != "address":
            raise UsageError(f"--{flag}: auto decides that itself: use --placement ray, or leave it out")
    if nodes_per_actor is not None and hosts is not None:
        raise UsageError("--hosts: give --nodes-per-actor or --hosts, not both")
    if nodes_per_actor is not None:
        return replace(placement, nodes_per_actor=nodes_per_actor)
    return placement if hosts is None else replace(placement, hosts=hosts)
