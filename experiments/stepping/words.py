"""What a reader may say while stepping: a step as a script writes it, or a word about the branches.

    deliver #3   drop #3   duplicate #3   fire 0 election   crash 1   restart 1   cut 0 | 1 2   mend   pass 10ms
    back   jump 4   go 20

Law: a step's own text, which is shown, is what may be said for it.
"""

from __future__ import annotations

import re

from simclock.errors import UsageError
from simclock.experiments.runs.seeds import bounded
from simclock.experiments.scripts.steps import parse_steps
from simclock.experiments.stepping.branches import Branch, Branches
from simclock.experiments.stepping.luck import ByTime
from simclock.experiments.telling.spelling import say

GO_MAX = 1_000
"""Steps of the seed at once."""
GO_USUAL = 20
PLACE = "step"
_IN_A_SCRIPT = re.compile(rf"^{PLACE}:\d+: ")
"""How a script's error names its line."""


def obey(branches: Branches, line: str) -> list[Branch]:
    """Do what the line says; gives the branches that were gone through. Raises UsageError, or HandlerError."""
    words = line.split()
    match words:
        case []:
            raise UsageError("say a step, such as deliver #0, or back")
        case ["back"]:
            return [branches.back()]
        case ["jump", number]:
            return [branches.jump(_number("jump", number))]
        case ["go"]:
            return _go(branches, GO_USUAL)
        case ["go", number]:
            return _go(branches, _number("go", number))
        case _:
            try:
                steps = parse_steps(line, PLACE)
            except UsageError as error:
                raise UsageError(_IN_A_SCRIPT.sub("", str(error))) from None
            if not steps:
                raise UsageError(f"{say(line)} is no step: say deliver #0, fire 0 NAME, crash 0, back, ...")
            return [branches.take(step) for step in steps]


def _go(branches: Branches, steps: int) -> list[Branch]:
    if steps > GO_MAX:
        raise UsageError(f"go: {GO_MAX} steps at once at most")
    return branches.go_on(ByTime(branches.here.world.scenario.seed), steps)


def _number(verb: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise UsageError(f"{verb}: {say(text)} is not a whole number")
    return bounded(text)
