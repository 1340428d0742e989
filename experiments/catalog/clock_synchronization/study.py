"""How well clocks are synchronized: algorithm by latency by asymmetry by interval, each against its bound.

The bound of the skew between two nodes is w + 2 * d * (T + 4 * D): D the longest round trip that the network allows, d
the drift, and T how old a reading may get until the next one is used: the interval, but for NTP eight of them, as its
filter may prefer an older sample. The journeys of a reading and of its correction take up to 4 * D (Gusella and Zatti
1989 find the accuracy linear in the drift and the interval, too). Berkeley's clocks are besides slewed at slightly
different times: the slew rate times 2 * D.

w is what two readings of one reference may differ by, or one of them from the truth. A reading is (up - down)/2 wrong.
One way takes L to 2L, the longer way L + A to 2(L + A), L being the latency and A the asymmetry, so the error lies
between (A - L)/2 and (L + 2A)/2. The longer way is the same one for all, so that two readings differ by no more than
L + A/2; the reference itself (the time server, which is not measured; the Berkeley leader, which is) is up to L/2 + A
away. What Cristian's client knows of its own reading, D/2 - min (1989), is that last figure at its worst or more.

A clock that is being slewed is between where it was and where it will be, and the slew is faster than any drift, so the
bound holds while it lasts. Clocks begin in agreement: what is measured is what a synchronization keeps up, not how long
it takes to get there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from statistics import median
from typing import TYPE_CHECKING

from simclock import UsageError, minutes, ms, seconds, us
from simclock.actors.run import run
from simclock.durations import MILLISECOND, SECOND, parse_drift
from simclock.environment.quartz import MILLION, PARTS, SLEW_RATE_PPM
from simclock.experiments.catalog.clock_synchronization.course import report_of_clocks, samples
from simclock.experiments.catalog.clock_synchronization.scenario import ENTRY
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.parameters import Drift, Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.clock_synchronization.ntp import STAGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADERS = (
    "algorithm",
    "latency [ms]",
    "asymmetry [ms]",
    "interval [s]",
    "skew median [us]",
    "skew max [us]",
    "bound [us]",
    "messages/min and node",
)
ALGORITHMS = ("none", "cristian", "berkeley", "ntp")
LATENCIES_NS = (ms(1), ms(5), ms(25))
INTERVALS_NS = (seconds(5), seconds(20), seconds(60))
ROUNDING_NS = us(1)
PARAMETERS = Parameters(
    nodes=Whole(4, help="Nodes beside the time server."),
    drift=Drift("50ppm", help="How fast or slow a clock may be."),
    duration_ns=Duration(minutes(20), help="How long each run is."),
    runs=Whole(3, help="Runs of each row."),
)
"""Jitter is as large as the latency: a message takes from once to twice as long."""
SAMPLES_PER_INTERVAL = 8


def bound_ns(sync: str, latency_ns: int, asymmetry_ns: int, interval_ns: int, drift_ppb: int) -> int | None:
    """What the skew of two nodes cannot exceed, as the module has it; None without a synchronization."""
    if sync == "none":
        return None
    longest_ns = 2 * latency_ns + 2 * (latency_ns + asymmetry_ns)
    readings_ns = max(latency_ns + -(-asymmetry_ns // 2), -(-latency_ns // 2) + asymmetry_ns)
    age_ns = interval_ns * (STAGES if sync == "ntp" else 1) + 4 * longest_ns
    slewed = {"berkeley": 2, "ntp": 1}  # Berkeley: both clocks in all of D; NTP: T1 to T4 of each, half of which counts
    apart_ns = slewed.get(sync, 0) * longest_ns * SLEW_RATE_PPM // MILLION
    return readings_ns + 2 * (age_ns * drift_ppb // PARTS) + apart_ns + ROUNDING_NS


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every combination."""
    parameters = settings.parameters
    drift_ppb = parse_drift(parameters["drift"], "drift")
    if 2 * drift_ppb * MILLION > SLEW_RATE_PPM * PARTS:
        least = f"clocks part by twice as much, and are slewed by {SLEW_RATE_PPM} ppm"
        raise UsageError(f"drift: {parameters['drift']} is more than the bound allows for: {least}")
    if parameters["runs"] < 1:
        raise UsageError(f"runs: {parameters['runs']} is not a number of runs: 1 or more")
    if parameters["nodes"] < 2:
        raise UsageError(f"nodes: {parameters['nodes']} have no skew between them: 2 or more")
    for sync, latency_ns, uneven, interval_ns in product(ALGORITHMS, LATENCIES_NS, (False, True), INTERVALS_NS):
        if sync == "none" and (latency_ns, uneven, interval_ns) != (LATENCIES_NS[0], False, INTERVALS_NS[0]):
            continue
        asymmetry_ns = latency_ns if uneven else 0
        skews, messages = _measured(settings, sync, latency_ns, asymmetry_ns, interval_ns)
        limit_ns = bound_ns(sync, latency_ns, asymmetry_ns, interval_ns, drift_ppb)
        varied = (latency_ns / MILLISECOND, asymmetry_ns / MILLISECOND, interval_ns / SECOND)
        yield (
            sync,
            *((None, None, None) if sync == "none" else varied),
            round(median(skews) / 1000, 1),
            round(max(skews) / 1000, 1),
            None if limit_ns is None else round(limit_ns / 1000, 1),
            round(messages * minutes(1) / (parameters["duration_ns"] * parameters["runs"] * parameters["nodes"]), 2),
        )


def _measured(
    settings: StudySettings, sync: str, latency_ns: int, asymmetry_ns: int, interval_ns: int
) -> tuple[list[int], int]:
    """Skews at every sampled instant of all runs, and how many messages were sent."""
    parameters = settings.parameters
    skews: list[int] = []
    messages = 0
    for number in range(parameters["runs"]):
        wanted = Settings(
            seed=settings.seed + number,
            nodes=parameters["nodes"],
            duration_ns=parameters["duration_ns"],
            parameters={
                "sync": sync,
                "drift": parameters["drift"],
                "offset_ns": 0,
                "interval_ns": interval_ns,
                "delay_ns": latency_ns,
                "jitter_percent": 100,
                "asymmetry_ns": asymmetry_ns,
            },
        )
        result = run(make_scenario(ENTRY, wanted))
        assert report_of_clocks(result).setup.sync == sync
        skews += [sample.skew_ns for sample in samples(result, interval_ns // SAMPLES_PER_INTERVAL)]
        messages += result.counters["sent"]
    return skews, messages


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """Whether the bounds held, and how near they came to being reached."""
    shares = [(row[5] / row[6], row[0]) for row in measured if row[6]]
    over = [row for row in measured if row[6] and row[5] > row[6]]
    nearest = max(shares, default=(0.0, ""))
    return (
        f"{len(shares) - len(over)} of {len(shares)} rows keep their bound; nearest {nearest[0]:.0%} ({nearest[1]})",
        "bound: w + 2 d (T + 4 D), w = max(L + A/2, L/2 + A) by latency L and asymmetry A; T = interval, for ntp 8",
    )


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Measured against bound, a point per row."""
    for sync, mark in zip(ALGORITHMS[1:], ("o", "s", "^"), strict=True):
        points = [(row[6], row[5]) for row in measured if row[0] == sync]
        axes.loglog([x for x, _ in points], [y for _, y in points], mark, markersize=4, label=sync)
    limits = [row[6] for row in measured if row[6]]
    axes.loglog([min(limits), max(limits)], [min(limits), max(limits)], color="0.5", linewidth=0.8, label="the bound")
    axes.set_xlabel("bound [us]")
    axes.set_ylabel("largest skew measured [us]")
    axes.legend()


CLOCK_SYNC_STUDY = Study(
    name="clock-sync",
    summary="how far apart are clocks kept, and how far could they get?",
    source="Cristian 1989; Gusella & Zatti 1989; RFC 5905",
    project=1,
    headers=HEADERS,
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
