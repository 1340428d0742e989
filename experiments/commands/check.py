"""`simclock check`: judge a history that is in a file, ours or of another project."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import click

from simclock.durations import parse_duration, seconds
from simclock.errors import UsageError
from simclock.experiments.checkers.histories import HistoryError, Operation, exact, keys_from_values, read_history
from simclock.experiments.checkers.histories.formats import load_jepsen_log, load_key_value_log, load_knossos
from simclock.experiments.checkers.linearizability import (
    Model,
    Verdict,
    cas_register,
    check_linearizability,
    counter,
    fifo_queue,
    key_value,
    mutex,
    register,
    set_of_values,
)
from simclock.experiments.checkers.sequential import check_sequential_consistency
from simclock.experiments.checkers.sessions import GUARANTEES, check_session_guarantees
from simclock.experiments.telling.exit_status import UNKNOWN, VALID, VIOLATED
from simclock.experiments.telling.spelling import say


def _listed(initial: Any) -> tuple[Hashable, ...]:
    """What a queue or a set holds at first."""
    if not isinstance(initial, tuple | None):
        raise UsageError(f"--initial: a queue or a set begins with a list, such as [1, 2], not {initial!r}")
    return initial or ()


EXIT_STATUS = {Verdict.OK: VALID, Verdict.ILLEGAL: VIOLATED, Verdict.UNKNOWN: UNKNOWN}
MODELS: dict[str, Callable[[Any], Model]] = {
    "register": register,
    "cas-register": cas_register,
    "key-value": key_value,
    "counter": lambda initial: counter(0 if initial is None else initial),
    "queue": lambda initial: fifo_queue(_listed(initial)),
    "set": lambda initial: set_of_values(frozenset(_listed(initial))),
    "mutex": lambda initial: mutex(),
}
OF_SESSIONS = ("register", "key-value")
LOADERS: dict[str, Callable[[Path, bool], Sequence[Operation]]] = {
    "jepsen-log": load_jepsen_log,
    "key-value-log": load_key_value_log,
    "knossos": load_knossos,
}


@click.command()
@click.argument("history", metavar="HISTORY")
@click.option("--model", type=click.Choice(list(MODELS)), required=True, help="What object the history is of.")
@click.option("--initial", metavar="JSON", help="Its value at first.  [default: null, 0, or empty]")
@click.option(
    "--consistency",
    type=click.Choice(["linearizable", "sequential", "session"]),
    default="linearizable",
    show_default=True,
    help="session: of reads and writes of values that are written once.",
)
@click.option(
    "--guarantee", "guarantees", type=click.Choice(GUARANTEES), multiple=True, help="Of sessions.  [default: all four]"
)
@click.option(
    "--history-format",
    type=click.Choice(["lines", *LOADERS]),
    default="lines",
    show_default=True,
    help="lines: JSON with Jepsen's keys, an event a line or one array; jepsen-log: Jepsen's etcd log; "
    "key-value-log: porcupine's; knossos: EDN.",
)
@click.option(
    "--order-by",
    type=click.Choice(["time", "position"]),
    default="time",
    show_default=True,
    help="Of lines: what orders events, their time or their place in the file.",
)
@click.option("--independent", is_flag=True, help="Every value is a pair [key, value], as of jepsen.independent.")
@click.option(
    "--step-limit", type=click.IntRange(min=1), metavar="N", help="Of all that is tried; then the verdict is UNKNOWN."
)
@click.option("--time-limit", metavar="TIME", help="The same by the clock, such as 60s.")
def check(
    *,
    history: str,
    model: str,
    initial: str | None,
    consistency: str,
    guarantees: tuple[str, ...],
    history_format: str,
    order_by: str,
    independent: bool,
    step_limit: int | None,
    time_limit: str | None,
) -> int:
    """Judge HISTORY: exit status 0 is OK, 1 ILLEGAL, 3 UNKNOWN (a limit was hit), 2 bad usage.

    true, 1 and 1.0 are three values. Numbers of events are the file's, with those of the nemesis counted. Of events
    that name no process each operation is of a client of its own. Sequential consistency is quick for registers to
    which no value is written twice; for all else it is a search without a bound but the limits, so give one.

    \b
    Examples:
      simclock check history.jsonl --model key-value
      simclock check history.jsonl --model register --consistency sequential --step-limit 1000000
      simclock check etcd_002.log --model cas-register --history-format jepsen-log
    """
    value = _initial(initial)
    limit_s = None if time_limit is None else parse_duration(time_limit, "--time-limit") / seconds(1)
    if consistency == "session" and model not in OF_SESSIONS:
        raise UsageError(f"--consistency: sessions are judged of {' and '.join(OF_SESSIONS)} alone, not {model}")
    if consistency != "session" and guarantees:
        raise UsageError("--guarantee: is of sessions: add --consistency session")
    operations = _read(history, history_format, order_by, independent)
    if not operations:
        raise UsageError(f"{history}: holds no operation of a client, so there is nothing to judge")
    if consistency != "linearizable" and any(each.process < 0 for each in operations):
        raise UsageError(
            f"{history}: events without a process: --consistency {consistency} is of what each process did"
        )
    if consistency == "session":
        sessions = check_session_guarantees(operations, guarantees or GUARANTEES, value, limit_s, step_limit)
        click.echo(sessions.explain())
        return EXIT_STATUS[sessions.verdict]
    judge = check_linearizability if consistency == "linearizable" else check_sequential_consistency
    judged = judge(operations, MODELS[model](value), time_limit_s=limit_s, step_limit=step_limit)
    click.echo(judged.explain())
    return EXIT_STATUS[judged.verdict]


def _read(file: str, form: str, order_by: Any, independent: bool) -> Sequence[Operation]:
    try:
        if form != "lines":
            return LOADERS[form](Path(file), independent)
        operations = read_history(file, order_by)
        return keys_from_values(operations) if independent else operations
    except RecursionError:
        raise UsageError(f"{file}: a value in it is nested too deeply") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: is not text in UTF-8") from None


def _initial(text: str | None) -> Hashable:
    try:
        return None if text is None else _frozen(json.loads(text))
    except (ValueError, RecursionError):
        raise UsageError(f'--initial: {say(text)} is not JSON: write null, 0, "text" or [1, 2]') from None


def _frozen(value: Any) -> Hashable:
    if isinstance(value, dict):
        raise HistoryError("--initial: an object is no value here: write null, a number, text or a list")
    return tuple(map(_frozen, value)) if isinstance(value, list) else exact(value)
