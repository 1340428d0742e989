"""A server that hears nobody asks to lead again and again: the shorter its timeout, the higher its term.

One server is cut off for the whole run, the others have a leader. When it comes back, who numbers its attempts (Raft's
terms, Paxos's ballots) has to be caught up with, which costs the others their leader; pre-votes are for that
(Ongaro 2014, 9.6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from simclock import Heal, Partition, format_duration, ms, parse_duration, seconds
from simclock.actors import run
from simclock.experiments.catalog.key_value.scenario import KEY_VALUE
from simclock.experiments.consensus.engines import ENGINES
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Several
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.replication.observed import Candidacy, Leadership

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERVERS, CUT_OFF = 3, 2
ROWS = 4
HEARTBEAT_NS = ms(20)
BACK_NS = seconds(2)
"""The run goes on so long after the server has come back."""
HEADERS = ("engine", "timeout [ms]", "asked to lead", "number reached", "leaders elected on its return")

PARAMETERS = Parameters(
    engines=Several(ENGINES, Choice(ENGINES[0], ENGINES, noun="engine"), help="Which to compare."),
    timeout=Duration("400ms", help="The first least election timeout, of 160ms or more; each row halves it."),
    lasts=Duration("10s", help="How long the server is cut off."),
)


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every engine with a timeout and its halves."""
    asked: Mapping[str, Any] = settings.parameters
    timeout_ns, lasts_ns = parse_duration(asked["timeout"], "timeout"), parse_duration(asked["lasts"], "lasts")
    for engine in asked["engines"]:
        for halvings in range(ROWS):
            yield _row(engine, timeout_ns >> halvings, lasts_ns, settings.seed)


def _row(engine: str, timeout_ns: int, lasts_ns: int, seed: int) -> Row:
    others = tuple(node for node in range(SERVERS + 1) if node != CUT_OFF)
    asked = Settings(
        seed=seed,
        nodes=SERVERS,
        duration_ns=lasts_ns + BACK_NS,
        faults=(Partition(at_ns=0, groups=((CUT_OFF,), others)), Heal(at_ns=lasts_ns)),
        parameters={
            "engine": engine,
            "clients": 1,
            "election_timeout_ns": timeout_ns,
            "heartbeat_ns": HEARTBEAT_NS,
        },
    )
    scenario = make_scenario(KEY_VALUE, asked)
    told = recorded(run(replace(scenario, observers=(*scenario.observers, partial(Recorded, (Candidacy, Leadership))))))
    asks = [each for each in told if each.node == CUT_OFF and each.time_ns < lasts_ns]
    numbers = [each.term for each in map(Candidacy.read, asks) if each is not None]
    elected = sum(each.name == Leadership.observed_as and each.time_ns >= lasts_ns for each in told)
    return engine, timeout_ns / ms(1), len(numbers), max(numbers, default=0), elected


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """Whether numbers climb."""
    told = []
    for engine in dict.fromkeys(row[0] for row in measured):
        mine = [row for row in measured if row[0] == engine]
        first, last = mine[0], mine[-1]
        shorter = format_duration(round(last[1] * ms(1)))
        if last[2] > 2 * first[2]:
            times = f"{last[2] / first[2]:.2g} times as often with {shorter}"
            told.append(f"{engine}: who hears nobody asks again after each timeout, {times}")
        else:
            told.append(
                f"{engine}: who hears nobody gets no further, however short its timeout: answers have to come first"
            )
    return told


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """How often the server has asked, against its timeout."""
    for engine in dict.fromkeys(row[0] for row in measured):
        points = [row for row in measured if row[0] == engine]
        axes.plot([row[1] for row in points], [row[2] for row in points], marker="o", label=engine)
    axes.set_xlabel("least election timeout [ms]")
    axes.set_ylabel("asked to lead while cut off")
    axes.legend()


TIMEOUTS_STUDY = Study(
    name="election-timeout",
    summary="how high do terms climb at a server that is cut off, as its election timeout is halved?",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 9.6",
    headers=HEADERS,
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
