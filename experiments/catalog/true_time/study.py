"""What uncertainty costs: commit latency and throughput against epsilon, and what a commit costs without the wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simclock import RunResult, UsageError, format_duration, ms, seconds
from simclock.actors import run
from simclock.experiments.catalog.true_time.judge import (
    epsilons_ns,
    history_of,
    judgement_of,
    latencies_ns,
    quantile_ns,
    waits_ns,
)
from simclock.experiments.catalog.true_time.scenario import TRUETIME
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.parameters import Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, Study, StudySettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADERS = (
    "commit wait",
    "sync [s]",
    "drift [ppm]",
    "epsilon median [ms]",
    "epsilon max [ms]",
    "wait median [ms]",
    "commit median [ms]",
    "commit p99 [ms]",
    "read median [ms]",
    "commits per s",
    "aborted [%]",
    "violations",
)
WITHOUT_WAIT = ((3, 2000),)
WITH_WAIT = ((1, 200), (3, 200), (3, 1000), (3, 2000), (3, 5000), (3, 10_000), (3, 20_000), (3, 50_000), (3, 100_000))
"""(seconds between synchronizations, assumed drift in ppm). Spanner's teeth are 30 s * 200 ppm = 6 ms; here the same
6 ms are 3 s * 2000 ppm, so that six seconds show two of them."""
PARAMETERS = Parameters(
    duration_ns=Duration(seconds(6), help="How long each run is."),
    regions=Whole(3, help="Regions, each with a leader."),
)


def rows(settings: StudySettings) -> Iterator[Row]:
    """One run of each; clocks drift as fast as is assumed, and nothing else goes wrong."""
    duration_ns = settings.parameters["duration_ns"]
    if duration_ns < seconds(1):
        raise UsageError(f"duration: {format_duration(duration_ns)} is too short to measure: 1s or more")
    for wait, cases in ((False, WITHOUT_WAIT), (True, WITH_WAIT)):
        for sync_s, drift_ppm in cases:
            parameters = {
                "commit_wait": wait,
                "sync_ns": seconds(sync_s),
                "drift": f"{drift_ppm}ppm",
                "jump_ns": 0,
                "trouble": False,
                "pause_ns": ms(20),
                "near_percent": 80,
            }
            scenario = make_scenario(
                TRUETIME,
                Settings(
                    seed=settings.seed,
                    nodes=settings.parameters["regions"],
                    duration_ns=duration_ns,
                    parameters=parameters,
                ),
            )
            yield wait, sync_s, drift_ppm, *_measured(run(scenario))


def _measured(result: RunResult) -> Iterator[Any]:
    commits, reads = latencies_ns(result, "write"), latencies_ns(result, "read")
    epsilons, waits = epsilons_ns(result), waits_ns(result)
    transactions, *_ = history_of(result)
    writes = [each for each in transactions if each.kind == "write" and each.ended_ns is not None]
    aborted = sum(each.outcome == "aborted" for each in writes)
    for value_ns in (
        quantile_ns(epsilons, 500),
        quantile_ns(epsilons, 1000),
        quantile_ns(waits, 500),
        quantile_ns(commits, 500),
        quantile_ns(commits, 990),
        quantile_ns(reads, 500),
    ):
        yield None if value_ns is None else value_ns / ms(1)
    yield len(commits) / (result.virtual_ns / seconds(1))
    yield 100 * aborted / max(1, len(writes))
    yield len(result.violations) + len(judgement_of(result).findings)


def notes(measured: Sequence[Row]) -> list[str]:
    """The paper's estimate beside what was measured."""
    ratios = [row[5] / row[3] for row in measured if row[0] and row[3] and row[5] is not None]
    return [
        "Spanner 4.2.1: the expected wait is at least twice the mean epsilon. "
        f"Here it is {min(ratios):.2f} to {max(ratios):.2f} times the median."
        if ratios
        else "No commit was waited out.",
        "violations: how many of the named properties were broken; the first row has no commit wait.",
    ]


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Latency on the left axis, throughput on the right, against epsilon."""
    waited = [row for row in measured if row[0]]
    epsilon = [row[3] for row in waited]
    axes.plot(epsilon, [row[6] for row in waited], "o-", label="commit latency, median")
    axes.plot(epsilon, [row[5] for row in waited], "s--", label="commit wait, median")
    axes.plot(epsilon, [row[8] for row in waited], "^:", label="read latency, median")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("epsilon, median [ms]")
    axes.set_ylabel("[ms]")
    right = axes.twinx()
    right.plot(epsilon, [row[9] for row in waited], "x-", color="grey", label="commits per second")
    right.set_ylabel("commits per second")
    right.set_ylim(bottom=0)
    lines = [*axes.get_lines(), *right.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], loc="upper center", fontsize=7)


TRUETIME_STUDY = Study(
    name="truetime",
    summary="commit latency and throughput against the uncertainty of clocks",
    source='Corbett et al., "Spanner: Google\'s Globally-Distributed Database", OSDI 2012, 4.2.1 and 5',
    project=7,
    headers=HEADERS,
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
