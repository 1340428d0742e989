"""A nemesis's rhythm: around which times its strikes are drawn, and for how long it strikes.

It is written `80ms`; `11ms+80ms` where each kind of trouble draws one of several; `80ms for 2s` where trouble ends
before the run does. A scenario that states none has it measured (`pilot.py`); what was measured is written so too, and
whoever writes it again has the same plan drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simclock import UsageError, format_duration
from simclock.durations import TIME_NS_MAX, parse_duration
from simclock.readable import say

PARAMETER = "rhythm"
"""The parameter under which a scenario says in which rhythm it is struck, where it was set or measured."""
COUNTED = "nemesis_rhythm_ns"
COUNTED_FOR = "nemesis_for_ns"
"""How the counters of a run begin that keep the two."""
RHYTHMS_MAX = 8


class Rhythm(NamedTuple):
    """When a nemesis strikes."""

    rhythms_ns: tuple[int, ...]
    """As `rhythm_ns` of `Prey`; of several each kind of trouble draws one. In ascending order."""
    for_ns: int | None = None
    """Nothing is struck after that, and everything heals then; None: there is trouble to the end."""

    def __str__(self) -> str:
        lasts = "" if self.for_ns is None else f" for {format_duration(self.for_ns)}"
        return f"{'+'.join(map(format_duration, self.rhythms_ns))}{lasts}"

    def counters(self) -> dict[str, int]:
        """As counters of a run, which are numbers."""
        kept = {f"{COUNTED}_{position}": time_ns for position, time_ns in enumerate(self.rhythms_ns)}
        return kept | ({} if self.for_ns is None else {COUNTED_FOR: self.for_ns})


def counted_rhythm(counters: Mapping[str, int | float]) -> Rhythm | None:
    """The rhythm among a run's counters; None where it was as the scenario states it."""
    kept = [counters.get(f"{COUNTED}_{position}") for position in range(RHYTHMS_MAX)]
    rhythms_ns = tuple(int(time_ns) for time_ns in kept if time_ns is not None)
    lasts = counters.get(COUNTED_FOR)
    return Rhythm(rhythms_ns, None if lasts is None else int(lasts)) if rhythms_ns else None


def parse_rhythm(text: str, place: str = PARAMETER) -> Rhythm:
    """Read `80ms`, `11ms+80ms` or `80ms for 2s`."""
    if not isinstance(text, str):
        raise UsageError(f'{place}: {say(text)} is no rhythm: write it as "80ms" or "80ms for 2s"')
    rhythms, has_end, lasts = text.partition(" for ")
    rhythms_ns = sorted({_duration_ns(each.strip(), place) for each in rhythms.split("+")})
    if len(rhythms_ns) > RHYTHMS_MAX:
        raise UsageError(f"{place}: {len(rhythms_ns)} rhythms are too many: {RHYTHMS_MAX} at most")
    return Rhythm(tuple(rhythms_ns), _duration_ns(lasts.strip(), place) if has_end else None)


def _duration_ns(text: str, place: str) -> int:
    time_ns = parse_duration(text, place)
    if not 0 < time_ns <= TIME_NS_MAX:
        raise UsageError(f'{place}: {say(text)} is no rhythm: more than zero, such as "80ms" or "80ms for 2s"')
    return time_ns
