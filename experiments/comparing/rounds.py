"""Measuring: every row once a round, round after round.

Laws: rounds are interleaved, so that what a machine does meanwhile falls on all rows alike; a measurement is given as
it is made. A row that fails, or would take longer than the limit, is given as a word in its place, is not tried again
in later rounds, and ends nothing. The limit is for a row's first run: who was measured once is measured to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from simclock.actors.placements.model import Load
from simclock.actors.run import Look, Onlooker, Placement, run
from simclock.errors import HandlerError, PlacementError, SimclockError, UsageError
from simclock.experiments.comparing.comparison import Case, Measurement, Spot
from simclock.experiments.comparing.limit import GONE, Limit
from simclock.experiments.comparing.numbers import numbers_of
from simclock.experiments.comparing.prediction import load_of, predicted_s
from simclock.experiments.telling.exit_status import BAD_USAGE, CODE_FAILED, UNKNOWN
from simclock.experiments.telling.spelling import one_line
from simclock.kernel.scheduler import RunResult

LIMIT_NS = 60_000_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be measured."""

    cases: Sequence[Case]
    placements: Sequence[tuple[str, Placement]]
    """As it was written, and what that means."""
    repeats: int
    limit_ns: int | None = LIMIT_NS
    """How long a run may take by the wall clock; None: as long as it takes."""

    @property
    def spots(self) -> list[Spot]:
        """Every row, in order."""
        return [Spot(case.name, case.nodes, label) for case in self.cases for label, _ in self.placements]


Begins = Callable[[Spot, int], Onlooker]
"""Told that a row is measured in a round, from 1 on; gives what looks on."""
Ready = Callable[[Placement], Callable[[], bool]]
"""Called before a run on that placement; gives what tells whether that has died since. What it raises is the run's."""
Fails = Callable[[Spot, Exception], Any]
"""Told of what a run has raised, of which a row has only a word."""


def always_ready(placement: Placement) -> Callable[[], bool]:
    """Of a placement that dies with this process."""
    return lambda: False


@contextmanager
def _nobody(look: Look) -> Iterator[None]:
    yield


def measure(
    plan: Plan,
    *,
    done: Sequence[Measurement] = (),
    ready: Ready = always_ready,
    begins: Begins = lambda spot, number: _nobody,
    fails: Fails = lambda spot, error: None,
) -> Iterator[Measurement]:
    """Run what is not done yet, round by round."""
    measured = {(each.spot, each.round) for each in done if not each.word}
    known = {spot for spot, _ in measured}
    gone = {each.spot for each in done if each.word and each.lasting}
    placements = [placement for _, placement in plan.placements]
    loads: dict[tuple[str, int], Load | None] = {}
    for number in range(1, plan.repeats + 1):
        for case in plan.cases:
            for label, placement in plan.placements:
                spot = Spot(case.name, case.nodes, label)
                if spot in gone or (spot, number) in measured:
                    continue
                if spot[:2] not in loads:
                    loads[spot[:2]] = load_of(case.scenario, placements)
                limit = Limit(None if spot in known else plan.limit_ns)
                onlooker = _both(begins(spot, number), limit)
                found = _measured(partial(_run, ready, case, placement, onlooker, limit), spot, number, limit, fails)
                if not found.word:
                    found = msgspec.structs.replace(found, predicted_s=predicted_s(loads[spot[:2]], placement))
                (gone if found.word else known).add(spot)
                yield found


def _run(ready: Ready, case: Case, placement: Placement, onlooker: Onlooker, limit: Limit) -> RunResult:
    limit.gone = ready(placement)
    return run(case.scenario, placement, replay=case.replay, onlooker=onlooker)


def _both(one: Onlooker, other: Onlooker) -> Onlooker:
    @contextmanager
    def both(look: Look) -> Iterator[None]:
        with one(look), other(look):
            yield

    return both


def _measured(one: Callable[[], RunResult], spot: Spot, number: int, limit: Limit, fails: Fails) -> Measurement:
    word, status, lasting = "", 0, False
    try:
        result = one()
    except KeyboardInterrupt:
        if not limit.word:
            raise
        word, status, lasting = limit.word, UNKNOWN, limit.word != GONE
    except Exception as error:
        word, status = _word(error)
        lasting = status != UNKNOWN  # the same code, seed and placement fail in the same way every time
        fails(spot, error)
    if word:
        return Measurement(**spot._asdict(), round=number, word=word, status=status, lasting=lasting)
    return Measurement(
        **spot._asdict(),
        round=number,
        events=result.events,
        messages=result.counters.get("messages", 0),
        virtual_ns=result.virtual_ns,
        wall_s=result.wall_s,
        started_s=result.started_s,
        chosen=result.chosen,
        digest=result.digest,
        numbers=numbers_of(result),
    )


def _word(error: Exception) -> tuple[str, int]:
    """What a row says of an error, and the exit status that it stands for."""
    match error:
        case HandlerError() if error.failure.usage:
            return f"refused: {error.failure.error}", BAD_USAGE
        case HandlerError():
            return f"failed: {error.failure.label}", CODE_FAILED
        case UsageError():
            return f"refused: {error}", BAD_USAGE
        case PlacementError():
            return f"failed: {error}".partition("; replay: ")[0], UNKNOWN
        case SimclockError():
            return f"failed: {error}", UNKNOWN
        case _:
            return f"failed: {one_line(error)}", UNKNOWN
