"""Synchronizations of clocks with one wrong line."""

from __future__ import annotations

from collections.abc import Mapping

from simclock.experiments.catalog.clock_synchronization.properties import AVERAGE, ERROR, FILTER, MARGIN, MONOTONE
from simclock.experiments.entries.bug import Bug
from simclock.protocols.clock_synchronization import BerkeleyNode, ClockFilter, CristianClient, FilterSample, NtpClient

SCENARIO = "clock-hunt"


class MarginWithoutCap(CristianClient):
    """SYNC-02: the margin grows with the round trip, and nobody says when it is too large."""

    def accepts(self, margin: int) -> bool:
        return True


class TrustsJumpsInExchange(NtpClient):
    """SYNC-08: a clock that was set between T1 and T4 is not noticed."""

    def refusal(self, four: tuple[int, int, int, int], passed_ns: int, margin: int) -> str:
        return "" if self.accepts(margin) else "too long on its way"


class MissesSmallJumps(NtpClient):
    """SYNC-08, the other form: only the signs of the delay and of T4 - T1 are looked at."""

    def was_set(self, wall_ns: int, monotonic_ns: int) -> bool:
        return False


class _WorstOfEight(ClockFilter):
    def best(self) -> FilterSample:
        return max(self.stages, key=lambda stage: (stage.delay_ns, stage.at_ns))


class KeepsTheWorst(NtpClient):
    """PAPER-RFC5905: of the latest eight samples the one with the greatest delay counts."""

    filter_class = _WorstOfEight


class _AnyOfEight(ClockFilter):
    def is_newer(self, sample: FilterSample) -> bool:
        return True


class UsesSamplesAgain(NtpClient):
    """PAPER-RFC5905b: the best of eight counts, also where it is older than the one used last."""

    filter_class = _AnyOfEight


class AverageIgnoresLatency(BerkeleyNode):
    """PAPER-GZ89: a reading counts as if its journey had taken no time."""

    def adjusted_ns(self, wall_ns: int, rtt_ns: int) -> int:
        return wall_ns


class AveragesOutliers(BerkeleyNode):
    """PAPER-GZ89b: every clock that was heard is averaged, however far it is from the others."""

    def included(self, differences: Mapping[int, int]) -> tuple[int, ...]:
        return tuple(sorted(differences))


class StepsBack(CristianClient):
    """PAPER-C89: every correction is a step, small ones back too."""

    def steps(self, by_ns: int) -> bool:
        return True


BUGS: tuple[Bug, ...] = (
    Bug(
        id="SYNC-02",
        name="rtt-widens-agreement",
        parts={"node": MarginWithoutCap},
        parameters={"sync": "cristian"},
        property=MARGIN,
        source="https://github.com/tigerbeetle/tigerbeetle/pull/2499",
        scenario=SCENARIO,
    ),
    Bug(
        id="SYNC-08",
        name="jump-during-exchange",
        parts={"node": TrustsJumpsInExchange},
        parameters={"sync": "ntp"},
        property=ERROR,
        source="https://github.com/open-edge-platform/scenescape/pull/1274",
        scenario=SCENARIO,
    ),
    Bug(
        id="SYNC-08b",
        name="small-jump-during-exchange",
        parts={"node": MissesSmallJumps},
        parameters={"sync": "ntp"},
        property=ERROR,
        source="https://github.com/open-edge-platform/scenescape/pull/1274",
        scenario=SCENARIO,
    ),
    Bug(
        id="PAPER-RFC5905",
        name="worst-of-eight",
        parts={"node": KeepsTheWorst},
        parameters={"sync": "ntp"},
        property=FILTER,
        source="RFC 5905, section 10",
        scenario=SCENARIO,
    ),
    Bug(
        id="PAPER-RFC5905b",
        name="older-than-the-last",
        parts={"node": UsesSamplesAgain},
        parameters={"sync": "ntp"},
        property=FILTER,
        source="RFC 5905, section 10",
        scenario=SCENARIO,
    ),
    Bug(
        id="PAPER-GZ89",
        name="average-ignores-latency",
        parts={"node": AverageIgnoresLatency},
        parameters={"sync": "berkeley"},
        property=ERROR,
        source="Gusella & Zatti 1989",
        scenario=SCENARIO,
    ),
    Bug(
        id="PAPER-GZ89b",
        name="outlier-averaged",
        parts={"node": AveragesOutliers},
        parameters={"sync": "berkeley"},
        property=AVERAGE,
        source="Gusella & Zatti 1989",
        scenario=SCENARIO,
    ),
    Bug(
        id="PAPER-C89",
        name="step-breaks-monotonicity",
        parts={"node": StepsBack},
        parameters={"sync": "cristian"},
        property=MONOTONE,
        source="Cristian 1989",
        scenario=SCENARIO,
    ),
)
