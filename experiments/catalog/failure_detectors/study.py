"""How many live nodes a failure detector suspects, and how soon it notices a dead one: networks by detectors.

The measures are those of Chen, Toueg and Aguilera (2002): the rate of mistakes and the detection time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from simclock import UsageError, minutes, ms, parse_duration
from simclock.actors.run import run
from simclock.experiments.catalog.failure_detectors.judge import NAMES, Measured, measured
from simclock.experiments.catalog.failure_detectors.scenario import FAILURE_DETECTORS, NETWORKS
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.parameters import Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, Study, StudySettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOUR_NS = minutes(60)
HEADERS = (
    "network",
    "detector",
    "false positives [1/h]",
    "detection median [ms]",
    "detection max [ms]",
    "crashes",
    "node hours",
)
STUDY_PARAMETERS = Parameters(
    heartbeat=Duration("1s", help="Between two heartbeats of a node."),
    watched=Whole(16, help="Nodes that are watched."),
    lasts=Duration("30m", help="How long each run is."),
)


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every network by every detector."""
    asked: Mapping[str, Any] = settings.parameters
    if asked["watched"] < 1:
        raise UsageError(f"watched: {asked['watched']} is not a number of nodes: 1 or more")
    for model in NETWORKS:
        scenario = make_scenario(
            FAILURE_DETECTORS,
            Settings(
                seed=settings.seed,
                nodes=asked["watched"] + 1,
                duration_ns=parse_duration(asked["lasts"], "lasts"),
                parameters={"model": model, "heartbeat": asked["heartbeat"]},
            ),
        )
        result = run(scenario)
        for name, each in zip(NAMES, measured(result), strict=True):
            yield _row(model, name, each)


def _row(model: str, detector: str, each: Measured) -> Row:
    times = [time_ns / ms(1) for time_ns in each.detection_ns]
    hours = each.alive_ns / HOUR_NS
    middle, longest = (round(median(times), 1), round(times[-1], 1)) if times else (None, None)
    return model, detector, round(each.mistakes / hours, 2), middle, longest, len(times), round(hours, 2)


def notes(rows: Sequence[Row]) -> Sequence[str]:
    """What to compare."""
    found = []
    for model in dict.fromkeys(row[0] for row in rows):
        quiet = [row for row in rows if row[0] == model and row[2] <= 1 and row[3] is not None]
        if quiet:
            best = min(quiet, key=lambda row: (row[3], row[1]))
            found.append(f"{model}: the fastest with at most one mistake an hour is {best[1]}, {best[3]:,.0f} ms")
        else:
            found.append(f"{model}: none makes at most one mistake an hour")
    return found


def plot(rows: Sequence[Row], axes: Axes) -> None:
    """Mistakes against detection time: one line for each network and kind of detector."""
    colours = dict(zip(NETWORKS, ("#1b9e77", "#66a61e", "#d95f02", "#7570b3", "#e7298a", "#666666"), strict=True))
    for model, colour in colours.items():
        for kind, style, marker in (("phi", "-", "o"), ("fixed", ":", "s")):
            points = [(row[3], row[2]) for row in rows if row[0] == model and row[1].startswith(kind) and row[3]]
            times, mistakes = [time for time, _ in points], [count for _, count in points]
            axes.plot(times, mistakes, style, marker=marker, color=colour, markersize=4, label=f"{model}, {kind}")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xlabel("detection time, median [ms]")
    axes.set_ylabel("false positives per hour and node")
    axes.legend(fontsize=6)


FAILURE_DETECTORS_STUDY = Study(
    name="failure-detectors",
    summary="how many live nodes does a failure detector suspect, and how soon does it notice a dead one?",
    source="Hayashibara et al. 2004; Chen, Toueg & Aguilera 2002 for the measures",
    project=11,
    headers=HEADERS,
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=STUDY_PARAMETERS,
)
