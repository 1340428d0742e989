"""What a run measured, as numbers with a name: what its observers reported, and what the kernel counted.

What the kernel counts is `counters.name`.
"""

from __future__ import annotations

from collections.abc import Iterable

from simclock.errors import UsageError
from simclock.experiments.telling.measures import Number, measures_of
from simclock.experiments.telling.spelling import nearest, say
from simclock.kernel.scheduler import RunResult

COUNTERS = "counters"


def numbers_of(result: RunResult) -> dict[str, Number]:
    """All numbers of a run by name, in the order of its reports."""
    return measures_of({**result.reports, COUNTERS: result.counters})


def column_named(word: str, names: Iterable[str]) -> str | None:
    """The measurement of that name, in letters of any case, with `-` or `_` for a space; None where there is none."""
    names = list(names)
    return word if word in names else {_plain(name): name for name in names}.get(_plain(word))


def _plain(name: str) -> str:
    return name.lower().replace("-", " ").replace("_", " ")


def check_observer(word: str, names: Iterable[str]) -> None:
    """Refuse a column whose observer no run has; what a report will hold, only the runs show."""
    names = list(names)
    observers = {_plain(name.partition(".")[0]) for name in names}
    if _plain(word.partition(".")[0]) not in observers:
        raise unknown_column(word, names)


def unknown_column(word: str, names: Iterable[str]) -> UsageError:
    """That nothing of that name is measured, and what is."""
    names = sorted(set(names))
    near = nearest(word, names)
    meant = f"did you mean {near!r}? there is" if near else "there is"
    return UsageError(f"--column: unknown measurement {say(word)}: {meant} {', '.join(names) or 'none'}")
