"""How large a lab's dump is against its rounds: of clocks every event is in it, of Raft what the logs hold.

In lab db-16 each node sends once a round, and the dump has every send and every receipt; in db-17 it has the servers'
logs, here with a proposal each hundred rounds. The first is a line, and the second nearly one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simclock.experiments.entries.parameters import Choice, Parameters, Several, Whole
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.experiments.labs.db16 import run_db16
from simclock.experiments.labs.db17 import run_db17

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABS: dict[str, Callable[[int, int, int], bytes]] = {
    "db-16": run_db16,
    "db-17": lambda seed, nodes, rounds: run_db17(seed, nodes, rounds, rounds // 100),
}

PARAMETERS = Parameters(
    labs=Several(tuple(LABS), Choice("db-16", tuple(LABS), noun="lab"), help="Which labs."),
    rounds=Several((1_000, 10_000, 100_000), Whole(1_000, least=1), help="How many rounds."),
    nodes=Whole(3, least=1, help="How many nodes."),
)


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every lab with every number of rounds."""
    asked: Mapping[str, Any] = settings.parameters
    for lab in asked["labs"]:
        for rounds in asked["rounds"]:
            octets = len(LABS[lab](settings.seed, asked["nodes"], rounds))
            yield lab, rounds, octets, round(octets / rounds, 4)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """How far it is from a line."""
    told = []
    for lab in dict.fromkeys(row[0] for row in measured):
        mine = [row for row in measured if row[0] == lab]
        if len(mine) > 2:
            (_, first, low, _), (_, last, high, _) = mine[0], mine[-1]
            slope = (high - low) / (last - first)
            apart = max(abs(row[2] - low - slope * (row[1] - first)) / row[2] for row in mine)
            told.append(f"{lab}: {slope:.4g} bytes a round, and no size is further than {apart:.2%} from that line")
    return told


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Bytes against rounds."""
    for lab in dict.fromkeys(row[0] for row in measured):
        points = [row for row in measured if row[0] == lab]
        axes.plot([row[1] for row in points], [row[2] for row in points], marker="o", label=lab)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rounds")
    axes.set_ylabel("dump [bytes]")
    axes.legend()


DUMPS_STUDY = Study(
    name="lab-dump-size",
    summary="how does the size of a lab's dump grow with its rounds?",
    headers=("lab", "rounds", "dump [bytes]", "bytes/round"),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
