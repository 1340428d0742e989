"""Run a scenario on a placement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Protocol

from simclock.actors.message import payload_type_of
from simclock.actors.placements.inline import inline_run, looked_at, tapped
from simclock.actors.placements.packing import Look, Onlooker
from simclock.actors.placements.placement import PLACEMENTS, Placement
from simclock.errors import HandlerError
from simclock.kernel.scheduler import RunResult
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

__all__ = [
    "PLACEMENTS",
    "Look",
    "Onlooker",
    "Placement",
    "inline_run",
    "interposed",
    "looked_at",
    "payload_type_of",
    "run",
    "tapped",
]


def run(
    scenario: Scenario,
    placement: Placement | str = "inline",
    *,
    trace: Callable[[TraceRecord], None] | None = None,
    replay: str = "",
    guard: bool = True,
    onlooker: Onlooker = nullcontext,
) -> RunResult:
    """Run a scenario and give its result.

    `placement` is a Placement, or its text as on the command line: "inline", "ray", "ray:4", "ray:hosts=2", or "auto",
    which begins in this process and goes on where that is quickest; `chosen` of the result says why. `trace` is
    called with every trace record, in canonical order. `replay` is the command that runs the scenario again, for
    reports and errors. `guard` has a node's code that asks the real world (its clock, luck, threads, sockets) fail with
    a NondeterminismError; `simclock.guarding.guard` tells what it does not see. Raises HandlerError where a node's code
    fails, UsageError for a scenario that the placement cannot run, RunInterrupted on Ctrl-C. `onlooker` may look where
    the run stands, from a thread of its own.
    """
    if isinstance(placement, str):
        placement = Placement.parse(placement)
    replay = replay or f"simclock.actors.run(scenario) with {scenario}"
    chosen = placement

    def go(scenario: Scenario) -> RunResult:
        return chosen.run(scenario, trace=trace, replay=replay, guard=guard, onlooker=onlooker)

    for between in _between:
        go = partial(between, go=go)
    try:
        return go(scenario)
    except HandlerError as error:
        raise error.with_traceback(None) from error.__cause__  # frames of the kernel; the user's are its note


class Between(Protocol):
    """Given a scenario and what runs one: gives the result that who called `run` gets."""

    def __call__(self, scenario: Scenario, /, go: Callable[[Scenario], RunResult]) -> RunResult: ...


_between: list[Between] = []


@contextmanager
def interposed(between: Between) -> Iterator[None]:
    """While this is open, `run` leaves the scenario to `between`: for who cannot reach the code that calls it.

    What was opened last is asked first, and what it runs is what was opened before it.
    """
    _between.append(between)
    try:
        yield
    finally:
        _between.remove(between)
