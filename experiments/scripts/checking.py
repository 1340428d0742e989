"""What a script expects, and whether it is so."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.scripts.commands import (
    ALL,
    ANY,
    Expectation,
    ExpectHolds,
    ExpectMessage,
    ExpectState,
    ExpectTimer,
    ExpectTold,
    ExpectUp,
    ExpectViolation,
)
from simclock.experiments.scripts.naming import fits
from simclock.experiments.scripts.reaching import DISK, Seen, steps_of
from simclock.experiments.scripts.stage import Broken, Stage
from simclock.experiments.scripts.telling import timer_text
from simclock.experiments.scripts.values import number_of, read_value, same, same_text, value_text
from simclock.experiments.telling.spelling import listed

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def failing(expected: Expectation, stage: Stage, *, at_end: bool = False) -> str | None:
    """Why it is not as expected, None if it is. Raises UsageError where nothing can be said, as of a name unknown.

    `at_end`: nothing follows in this world, so that what is judged at the end of a run is judged.
    """
    match expected:
        case ExpectHolds():
            broken = stage.broken(at_end=at_end)
            return f"violated: {_listed(broken)}" if broken else None
        case ExpectViolation(name):
            broken = stage.broken(at_end=at_end)
            if any(each.property == name for each in broken):
                return None
            return f"violated: {_listed(broken)}" if broken else "no property is violated"
        case ExpectMessage(there, messages):
            found = [each for each in stage.pending() if fits(each, messages)]
            if there:
                return None if found else f"pending: {'; '.join(map(str, stage.pending())) or 'none'}"
            return f"pending: {'; '.join(map(str, found))}" if found else None
    who = expected.who
    if isinstance(who, int):
        stage.check(who)
    nodes = range(stage.nodes) if isinstance(who, str) else (who,)
    problems = [_of_node(expected, node, stage) for node in nodes]
    wrong = [problem for problem in problems if problem is not None]
    if who == ANY:
        return None if len(wrong) < len(problems) else "; ".join(wrong)
    if who == "none":
        right = [str(node) for node, problem in zip(nodes, problems, strict=True) if problem is None]
        return f"so it is at {listed(right)}" if right else None
    assert who == ALL or len(problems) == 1
    return "; ".join(wrong) or None


def _listed(broken: Sequence[Broken]) -> str:
    return "; ".join(f"{each.property} ({each.detail})" for each in broken)


def _of_node(expected: ExpectState | ExpectTold | ExpectUp | ExpectTimer, node: int, stage: Stage) -> str | None:
    match expected:
        case ExpectUp(_, up):
            return None if stage.is_up(node) is up else f"{node} is {'down' if up else 'up'}"
        case ExpectTimer(_, is_set, timer):
            names = [timer_text(name) for name in stage.timers(node)]
            there = any(same(name, timer) for name in stage.timers(node))
            return None if there is is_set else f"{node} has the timers {' '.join(names) or 'none'}"
        case ExpectTold(_, told, name, written):
            values = [value for each, value in stage.told(node) if each == name]
            found = [value for value in values if written is None or same(value, written)]
            if bool(found) is told:
                return None
            known = values if values else [each for each, _ in stage.told(node)]
            return f"{node} has told {_told(name, values) if values else _told('', known)}"
        case ExpectState(_, path, sign, written):
            if not stage.is_up(node) and path.partition(".")[0] != DISK:
                return f"{node} is down"
            seen = stage.seen_at(node, steps_of(path))
            return None if _compare(seen, sign, written) else f"{node} has {path} {seen.text}"


def _told(name: str, values: Sequence[Any]) -> str:
    if not name:
        return ", ".join(dict.fromkeys(values)) or "nothing"
    return f"{name} {', '.join(map(value_text, values))}"


def _compare(seen: Seen, sign: str, written: str) -> bool:
    if sign in ("==", "!="):
        return same_text(seen.text, written) is (sign == "==")
    if sign == "has":
        return any(same_text(each, written) for each in seen.elements)
    number = number_of(read_value(written))
    if seen.number is None or number is None:
        raise UsageError(f"{seen.text} {sign} {written}: only numbers have an order")
    return _ORDERS[sign](seen.number, number)
