"""Exploration against a bare breadth-first search of the same transition system: tuples, a set, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median

from simclock.experiments.bench.measure import Row, Target, alternate, ratios
from simclock.experiments.catalog.specifications.two_phase_commit import TWO_PHASE_COMMIT
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.exploring.search import Asked, Findings
from simclock.experiments.exploring.states.bfs import bfs

State = tuple[tuple[int, ...], int, tuple[bool, ...], tuple[bool, ...], bool, bool]
"""Managers, coordinator, who is known to be prepared, and the messages: prepared of each, commit, abort."""
WORKING, PREPARED, COMMITTED, ABORTED = range(4)
BARE_TARGET = Target(limit=0.3)
WORKERS_TARGET = Target(limit=1.6)


def successors(state: State) -> Iterator[State]:
    """TwoPhase.tla, action by action."""
    managers, decided, known, prepared, commit, abort = state
    if decided == WORKING:
        if all(known):
            yield managers, COMMITTED, known, prepared, True, abort
        yield managers, ABORTED, known, prepared, commit, True
    for each, manager in enumerate(managers):
        before, after = managers[:each], managers[each + 1 :]
        if decided == WORKING and prepared[each]:
            yield managers, decided, (*known[:each], True, *known[each + 1 :]), prepared, commit, abort
        if manager == WORKING:
            said = (*prepared[:each], True, *prepared[each + 1 :])
            yield (*before, PREPARED, *after), decided, known, said, commit, abort
            yield (*before, ABORTED, *after), decided, known, prepared, commit, abort
        if commit:
            yield (*before, COMMITTED, *after), decided, known, prepared, commit, abort
        if abort:
            yield (*before, ABORTED, *after), decided, known, prepared, commit, abort


def bare_search(managers: int) -> int:
    """How many states there are."""
    none = (False,) * managers
    first: State = ((WORKING,) * managers, WORKING, none, none, False, False)
    seen, level = {first}, [first]
    while level:
        following = []
        for state in level:
            for successor in successors(state):
                if successor not in seen:
                    seen.add(successor)
                    following.append(successor)
        level = following
    return len(seen)


def explored(managers: int, workers: int = 1) -> int:
    """The same by `simclock explore`."""
    scenario = make_scenario(TWO_PHASE_COMMIT, Settings(parameters={"managers": managers}))

    def unlimited(findings: Findings) -> None:
        pass

    return bfs(Asked(scenario=scenario, model="set", workers=workers), unlimited).states


def measure_exploring(managers: Sequence[int], repeats: int, *, judged: bool) -> Iterator[Row]:
    """States a second: against the bare search, and of two workers against one, both by wall time."""
    for count in managers:
        sides: dict[str, Callable[[], float]] = {
            "bfs": partial(_rate, partial(explored, count)),
            "bare": partial(_rate, partial(bare_search, count)),
        }
        rates = alternate(sides, repeats)
        yield _row(
            f"{count} managers, bfs", "bare search", (rates["bfs"], rates["bare"]), BARE_TARGET if judged else None
        )
    count = managers[-1]
    rates = alternate(
        {
            "two": partial(_rate, partial(explored, count, 2)),
            "one": partial(_rate, partial(explored, count)),
        },
        repeats,
    )
    target = WORKERS_TARGET if judged else None
    yield _row(f"{count} managers, two workers", "one process", (rates["two"], rates["one"]), target)


def _rate(search: Callable[[], int]) -> float:
    started = time.perf_counter()
    return search() / (time.perf_counter() - started)


def _row(what: str, against: str, rates: tuple[list[float], list[float]], target: Target | None) -> Row:
    ours, other = rates
    return Row(
        part="explore",
        load=f"two-phase-commit, {what}",
        nodes=int(what.split(maxsplit=1)[0]) + 1,
        against=against,
        unit="states/s",
        ours=median(ours),
        other=median(other),
        ratio=ratios(ours, other),
        target=target,
    )
