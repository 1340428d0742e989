"""Servers of Viewstamped Replication with one wrong line: from one view to the next, and after a crash."""

from __future__ import annotations

from itertools import takewhile

from msgspec.structs import replace

from simclock.environment.disk import Corrupt
from simclock.protocols.replication.places import Places
from simclock.protocols.viewstamped_replication import (
    DoViewChange,
    Group,
    Log,
    RecoveryResponse,
    Status,
    VsrServer,
)


class HandsOverAtOnce(VsrServer):
    """VRR 4.2, step 2 left out: who leaves a view brings its log into the next without waiting for f others."""

    def _needed_to_hand_over(self) -> int:
        return 1


class LacksOneLog(VsrServer):
    """VRR 4.2, step 3: a view begins with one DOVIEWCHANGE less than f + 1."""

    def _needed_to_begin(self) -> int:
        return max(1, self._majority() - 1)


class TakesLongestLog(VsrServer):
    """VRR 4.2, step 3, v' left out: the longest log is taken, of whichever view."""

    def _rank(self, message: DoViewChange) -> tuple[int, int]:
        return 0, message.log.op_number


class TakesAnyLogOfLatestView(VsrServer):
    """VRR 4.2, step 3, n left out: of several logs of the latest view any is taken."""

    def _rank(self, message: DoViewChange) -> tuple[int, int]:
        return message.last_normal_view, 0


class RanksByView(VsrServer):
    """VRR 4.2, v' taken for the view that is left, whether or not that had begun."""

    def _change_view(self, view: int) -> None:
        self.log.last_normal_view = self.log.view
        super()._change_view(view)


class GoesOnAfterCrash(VsrServer):
    """VRR 4.3 left out: a server that has crashed goes on at once, with nothing."""

    def _has_lost(self) -> bool:
        return False


class WaitsForNoPrimary(VsrServer):
    """VRR 4.3, step 3: who recovers goes on without the log of the primary, where that has not answered."""

    def _of_latest_primary(self, among: dict[int, RecoveryResponse], group: Group) -> RecoveryResponse | None:
        latest = max(among.values(), key=lambda response: response.view)
        return super()._of_latest_primary(among, group) or replace(latest, log=Log(1, ()))


class IgnoresNonce(VsrServer):
    """VRR 4.3, the nonce left out: an answer to an earlier life counts."""

    def _is_response_counted(self, source: int, message: RecoveryResponse) -> bool:
        return not self._is_stray(source, message.crash_vector)


class HasNoCrashVectors(VsrServer):
    """VSR-04, VRR 4.3 as it stands: what a server said before it crashed counts for who does not know that it did."""

    def _is_stray(self, source: int, crash_vector: tuple[int, ...]) -> bool:
        return False


class TakesCorruptForMissing(VsrServer):
    """VSR-05: what a journal has from a record on that cannot be read is taken for never received."""

    def _on_corrupt_log(self) -> None:
        places = Places(self.disk)
        if not isinstance(places.snapshot, Corrupt):
            whole = takewhile(lambda record: not isinstance(record, Corrupt), places.records)
            self.log.begin_with(places.snapshot, whole, 0)


class WaitsForOnePrimary(VsrServer):
    """VRR 4.2: a view that does not begin is waited for, and not given up for the next."""

    def _on_election_timeout(self) -> None:
        if self.status is Status.VIEW_CHANGE:
            self.leaving.clear()
        super()._on_election_timeout()
