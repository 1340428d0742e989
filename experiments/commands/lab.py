"""`simclock lab`: labs of a public curriculum, whose output has a known SHA-256."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from typing import Any

import click

from simclock.actors.run import Placement
from simclock.errors import UsageError
from simclock.experiments.commands.options import SEED, WHOLE, placement_options
from simclock.experiments.runs.seeds import bounded
from simclock.experiments.telling.spelling import say


@click.group()
def lab() -> None:
    """Run a lab on this kernel and print the SHA-256 of its dump, which others have published.

    \b
    Examples:
      simclock lab db-16 --seed 42 --nodes 3 --rounds 20
      simclock lab db-17 --seed 42 --nodes 3 --rounds 1000 --proposals 5 --partition 0,1,0,2
      simclock lab db-18 --seed 42 --nodes 3 --rounds 1000 --proposals 5
      simclock lab db-19 --seed 42 --nodes 3 --rounds 1000 --proposals 5
    """


def lab_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every lab takes."""
    options: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
        click.option("--raw", is_flag=True, help="Write the dump itself to stdout, not its SHA-256."),
        click.option("--rounds", type=WHOLE, required=True, help="Ticks of the lab."),
        click.option("--nodes", type=WHOLE, required=True),
        click.option("--seed", type=SEED, required=True),
    )
    for option in options:
        command = option(command)
    return placement_options(command)


def _print(dump: bytes, raw: bool) -> None:
    if raw:
        sys.stdout.buffer.write(dump)
    else:
        click.echo(hashlib.sha256(dump).hexdigest())


@lab.command("db-16")
@lab_options
def db16(seed: int, nodes: int, rounds: int, raw: bool, placement: Placement) -> None:
    """Lamport and vector clocks in a deterministic simulator.

    \b
    Example: simclock lab db-16 --seed 42 --nodes 3 --rounds 20
    """
    from simclock.experiments.labs.db16 import run_db16

    _print(run_db16(seed, nodes, rounds, placement), raw)


def consensus_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every lab takes in which servers agree on proposals."""
    options: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
        click.option("--partition", metavar="S,D,S,D,...", help="Links cut for the whole run: from, to, from, to, ..."),
        click.option("--proposals", type=WHOLE, default=0, show_default=True, help="Commands proposed during the run."),
    )
    command = lab_options(command)
    for option in options:
        command = option(command)
    return command


@lab.command("db-17")
@consensus_options
def db17(
    *, seed: int, nodes: int, rounds: int, proposals: int, partition: str | None, raw: bool, placement: Placement
) -> None:
    """Raft: elections, replication and cut links.

    \b
    Example: simclock lab db-17 --seed 42 --nodes 3 --rounds 1000 --proposals 5
    """
    from simclock.experiments.labs.db17 import run_db17

    _print(run_db17(seed, nodes, rounds, proposals, _links(partition, nodes), placement), raw)


@lab.command("db-18")
@consensus_options
def db18(
    *, seed: int, nodes: int, rounds: int, proposals: int, partition: str | None, raw: bool, placement: Placement
) -> None:
    """Paxos for a log of slots: elections, proposals and cut links.

    \b
    Example: simclock lab db-18 --seed 42 --nodes 3 --rounds 1000 --proposals 5
    """
    from simclock.experiments.labs.db18 import run_db18

    _print(run_db18(seed, nodes, rounds, proposals, _links(partition, nodes), placement), raw)


@lab.command("db-19")
@consensus_options
def db19(
    *, seed: int, nodes: int, rounds: int, proposals: int, partition: str | None, raw: bool, placement: Placement
) -> None:
    """ZAB: elections, broadcast and cut links.

    \b
    Example: simclock lab db-19 --seed 42 --nodes 3 --rounds 1000 --proposals 5
    """
    from simclock.experiments.labs.db19 import run_db19

    _print(run_db19(seed, nodes, rounds, proposals, _links(partition, nodes), placement), raw)


def _links(text: str | None, nodes: int) -> tuple[tuple[int, int], ...]:
    """Pairs of source and target."""
    if not text:
        return ()
    parts = [part.strip() for part in text.split(",")]
    if len(parts) % 2 or not all(part.isdecimal() for part in parts):
        raise UsageError(f"--partition: {say(text)} is not a list of links: write from,to,from,to as 0,1,0,2")
    ends = [bounded(part) for part in parts]
    if max(ends) >= nodes:
        raise UsageError(f"--partition: node {max(ends)} is out of range: nodes are 0 to {nodes - 1}")
    return tuple(zip(ends[::2], ends[1::2], strict=True))
