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

Command = Callable[..., Any]
Option = Callable[[Command], Command]


@click.group()
def lab() -> None:
    """Run a lab on this kernel and print the SHA-256 of its dump, which others have published.

    \b
    Examples:
      simclock lab db-16 --seed 42 --nodes 3 --rounds 20
      simclock lab db-17 --seed 42 --nodes 3 --rounds 1000 --proposals 5 --partition 0,1,0,2
      simclock lab db-18 --seed 42 --nodes 3 --rounds 1000 --proposals 5
      simclock lab db-19 --seed 42 --nodes 3 --rounds 1000 --proposals 5
      simclock lab db-20 --seed 42 --ops 500 --keys 32
      simclock lab db-23 --seed 42 --ops 200 --keys 16
    """


def lab_options(command: Command) -> Command:
    """What every lab takes."""
    options: tuple[Option, ...] = (
        click.option("--raw", is_flag=True, help="Write the dump itself to stdout, not its SHA-256."),
        click.option("--seed", type=SEED, required=True),
    )
    return placement_options(_with(options, command))


def tick_options(command: Command) -> Command:
    """What a lab takes that goes by ticks."""
    options: tuple[Option, ...] = (
        click.option("--rounds", type=WHOLE, required=True, help="Ticks of the lab."),
        click.option("--nodes", type=WHOLE, required=True),
    )
    return lab_options(_with(options, command))


def _with(options: tuple[Option, ...], command: Command) -> Command:
    for option in options:
        command = option(command)
    return command


def _print(dump: bytes, raw: bool) -> None:
    if raw:
        sys.stdout.buffer.write(dump)
    else:
        click.echo(hashlib.sha256(dump).hexdigest())


@lab.command("db-16")
@tick_options
def db16(seed: int, nodes: int, rounds: int, raw: bool, placement: Placement) -> None:
    """Lamport and vector clocks in a deterministic simulator.

    \b
    Example: simclock lab db-16 --seed 42 --nodes 3 --rounds 20
    """
    from simclock.experiments.labs.db16 import run_db16

    _print(run_db16(seed, nodes, rounds, placement), raw)


def consensus_options(command: Command) -> Command:
    """What every lab takes in which servers agree on proposals."""
    options: tuple[Option, ...] = (
        click.option("--partition", metavar="S,D,S,D,...", help="Links cut for the whole run: from, to, from, to, ..."),
        click.option("--proposals", type=WHOLE, default=0, show_default=True, help="Commands proposed during the run."),
    )
    return _with(options, tick_options(command))


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


def store_options(command: Command) -> Command:
    """What every lab takes in which operations are called on a store."""
    options: tuple[Option, ...] = (
        click.option("--keys", type=WHOLE, required=True, help="How many keys there are to draw from."),
        click.option("--ops", "operations", type=WHOLE, required=True, help="How many operations are called."),
    )
    return lab_options(_with(options, command))


@lab.command("db-20")
@click.option(
    "--scenario",
    "trouble",
    metavar="default|partition",
    default="default",
    show_default=True,
    help="Whether two of the five replicas are cut off from a quarter of the operations to three quarters.",
)
@store_options
def db20(*, seed: int, operations: int, keys: int, trouble: str, raw: bool, placement: Placement) -> None:
    """A key-value store on five replicas.

    \b
    Example: simclock lab db-20 --seed 42 --ops 500 --keys 32 --scenario default
    """
    from simclock.experiments.labs.db20 import run_db20

    _print(run_db20(seed, operations, keys, trouble, placement), raw)


@lab.command("db-23")
@click.option("--fault", is_flag=True, help="A follower is down from half of the operations to three quarters.")
@store_options
def db23(*, seed: int, operations: int, keys: int, fault: bool, raw: bool, placement: Placement) -> None:
    """The capstone: logs and stores of three nodes.

    \b
    Example: simclock lab db-23 --seed 42 --ops 200 --keys 16
    """
    from simclock.experiments.labs.db23 import run_db23

    _print(run_db23(seed, operations, keys, fault, placement), raw)


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
