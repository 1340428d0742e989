"""How near to the proved bound liars bring correct clocks, by algorithm, size and kind of liar; and one too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from simclock.actors.run import run
from simclock.errors import UsageError
from simclock.experiments.catalog.byzantine_clocks.scenario import BYZANTINE_CLOCKS
from simclock.experiments.catalog.byzantine_clocks.story import agreement_of
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.parameters import Drift, Duration, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.byzantine_clocks import ALGORITHMS, LIARS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARAMETERS = Parameters(
    sizes=(4, 9, 15, 31),
    seeds=Whole(3, help="Runs of each row."),
    interval=Duration("20s", help="Between two rounds."),
    drift=Drift("50ppm", help="How fast or slow a clock may be."),
)
TWO_FACED = "two-faced"


class Measured(NamedTuple):
    """A row."""

    algorithm: str
    nodes: int
    built_for: int
    liars: int
    kind: str
    median_ms: float
    greatest_ms: float
    bound_ms: float
    percent: float
    within: bool


def rows(settings: StudySettings) -> Iterator[Row]:
    """With as many liars as the system is built for, n > 3f; then one node fewer with the same liars, n = 3f."""
    sizes = settings.parameters["sizes"]
    if not sizes or min(sizes) < 4 or settings.parameters["seeds"] < 1:
        raise UsageError("sizes: at least one, each of 4 nodes or more, and seeds: 1 or more")
    for algorithm in ALGORITHMS:
        for nodes in sizes:
            faults = (nodes - 1) // 3
            for kind in LIARS:
                yield _measured(settings, algorithm, nodes, faults, kind)
            yield _measured(settings, algorithm, 3 * faults, faults, TWO_FACED)


def _measured(settings: StudySettings, algorithm: str, nodes: int, liars: int, kind: str) -> Measured:
    """The second half of some runs: skew whenever a clock was corrected."""
    skews_ns: list[int] = []
    bound_ns, built_for = 0, 0
    given = {name: settings.parameters[name] for name in ("interval", "drift")}
    for number in range(settings.parameters["seeds"]):
        parameters = {**given, "algorithm": algorithm, "liar": kind, "liars": liars}
        asked = Settings(seed=settings.seed + number, nodes=nodes, parameters=parameters)
        agreement = agreement_of(run(make_scenario(BYZANTINE_CLOCKS, asked)))
        late = [moment for moment in agreement.moments if 2 * moment.round >= agreement.rounds]
        skews_ns += [moment.skew_ns for moment in late]
        bound_ns = max(bound_ns, *(agreement.bound.skew_ns(moment.round) for moment in late))
        built_for = agreement.bound.faults
    greatest_ns = max(skews_ns)
    return Measured(
        algorithm,
        nodes,
        built_for,
        liars,
        kind,
        round(median(skews_ns) / 1e6, 3),
        round(greatest_ns / 1e6, 3),
        round(bound_ns / 1e6, 3),
        round(100 * greatest_ns / bound_ns, 1),
        greatest_ns <= bound_ns,
    )


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What the table says in words."""
    built = [row for row in map(Measured._make, measured) if row.liars <= row.built_for]
    beyond = [row for row in map(Measured._make, measured) if row.liars > row.built_for]
    nearest = max(built, key=lambda row: row.percent)
    return (
        f"n > 3f: {sum(row.within for row in built)} of {len(built)} rows within the bound, the nearest at "
        f"{nearest.percent:g}% of it ({nearest.algorithm}, n = {nearest.nodes}, {nearest.kind})",
        f"n = 3f: {sum(not row.within for row in beyond)} of {len(beyond)} rows beyond the bound of the f - 1 liars "
        "that so few nodes can be built for",
    )


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Two-faced liars: the greatest skew over the bound, by number of nodes."""
    table = [row for row in map(Measured._make, measured) if row.kind == TWO_FACED]
    for algorithm in ALGORITHMS:
        mine = [row for row in table if row.algorithm == algorithm]
        built = [row for row in mine if row.liars <= row.built_for]
        beyond = [row for row in mine if row.liars > row.built_for]
        line = axes.plot([row.nodes for row in built], [row.percent / 100 for row in built], "o-", label=algorithm)
        color = line[0].get_color()
        axes.plot([row.nodes for row in beyond], [row.percent / 100 for row in beyond], "x:", color=color)
    axes.set_ylim(top=4 * max(row.percent for row in table) / 100)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(xlabel="nodes", ylabel="greatest skew / proved bound", yscale="log")
    axes.set_title("two-faced liars: n > 3f (dots) stays below 1, n = 3f (crosses) does not")
    axes.legend(loc="upper center", ncols=len(ALGORITHMS))


BYZANTINE_CLOCKS_STUDY = Study(
    name="byzantine-clocks",
    summary="how far apart can liars bring correct clocks, and how near is that to the proved bound?",
    source="Lamport & Melliar-Smith 1985; Lundelius & Lynch 1988; Kopetz & Ochsenreiter 1987",
    project=12,
    headers=(
        "algorithm",
        "n",
        "built for f",
        "liars",
        "kind of liar",
        "skew median [ms]",
        "skew max [ms]",
        "bound [ms]",
        "max of bound [%]",
        "within",
    ),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
