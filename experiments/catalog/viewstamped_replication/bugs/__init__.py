"""The rows about Viewstamped Replication: documented bugs and rules of the paper left out, each a class with one wrong
line."""

from __future__ import annotations

from simclock import seconds
from simclock.experiments.catalog.viewstamped_replication.bugs import normal, views
from simclock.experiments.checkers.progress import PROGRESS
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.experiments.entries.replicated_store import LINEARIZABILITY
from simclock.protocols.viewstamped_replication.properties import AGREEMENT

SCENARIO = "vsr-hunt"
LIVENESS_NS = seconds(5)
COMMITTED_SURVIVES = "Committed Survives"
RECOVERY_COMPLETE = "Recovery Complete"

VRR = "Liskov & Cowling, Viewstamped Replication Revisited, 2012"
DURABLE = {"durable": "true"}
ASKS = {"durable": "false"}
"""Servers that keep nothing: they recover after every crash."""
DISC = "Michael et al., Recovering Shared Objects Without Stable Storage, DISC 2017"


def _bug(
    id: str, name: str, server: type, property: str, source: str, *, nemesis: str | None = None, **parameters: str
) -> Bug:
    return Bug(
        id=id,
        name=name,
        parts={"server": server},
        parameters=parameters,
        property=property,
        source=source,
        scenario=SCENARIO,
        judged=property == LINEARIZABILITY,  # all others are named by observers
        nemesis=nemesis,
    )


BUGS = (
    _bug(
        "VSR-03",
        "state-transfer-truncates",
        normal.TruncatesFirst,
        COMMITTED_SURVIVES,
        "https://github.com/Vanlightly/vsr-tlaplus",
    ),
    _bug(
        "VSR-04",
        "recovers-without-crash-vectors",
        views.HasNoCrashVectors,
        COMMITTED_SURVIVES,
        DISC,
        nemesis="none",
        strays="true",
        **ASKS,
    ),
    _bug(
        "VSR-05",
        "corrupt-taken-for-missing",
        views.TakesCorruptForMissing,
        COMMITTED_SURVIVES,
        "TigerBeetle, docs/internals/vsr.md; Alagappan et al., Protocol-Aware Recovery, FAST 2018",
        nemesis="rot+crash+leader-crash",
        **DURABLE,
    ),
    _bug("VRR-4.1a", "any-prepare-taken", normal.TakesAnyPrepare, "One Operation Per View", f"{VRR}, 4.1"),
    _bug("VRR-4.1b", "oks-counted-not-backups", normal.CountsMessages, "Applied Is Committed", f"{VRR}, 4.1"),
    _bug(
        "VRR-4.1c",
        "stale-oks-counted",
        normal.CountsStaleOks,
        "Applied Is Committed",
        f"{VRR}, 4.1",
        nemesis="none",
        oks="late",
    ),
    _bug("VRR-4.1d", "one-ok-missing", normal.LacksOneOk, "Applied Is Committed", f"{VRR}, 4.1"),
    _bug("VRR-4.1e", "old-primary-heard", normal.HearsOldPrimaries, "One Operation Per View", f"{VRR}, 4.1"),
    _bug("VRR-4.1f", "answers-who-waited", normal.AnswersWhoWaited, LINEARIZABILITY, f"{VRR}, 4.1"),
    _bug("VRR-4.2a", "hands-over-at-once", views.HandsOverAtOnce, "Left By Majority", f"{VRR}, 4.2"),
    _bug("VRR-4.2b", "one-log-missing", views.LacksOneLog, "Begun By Majority", f"{VRR}, 4.2"),
    _bug("VRR-4.2c", "longest-log-of-any-view", views.TakesLongestLog, COMMITTED_SURVIVES, f"{VRR}, 4.2"),
    _bug("VRR-4.2d", "any-log-of-latest-view", views.TakesAnyLogOfLatestView, COMMITTED_SURVIVES, f"{VRR}, 4.2"),
    _bug("VRR-4.2e", "ranked-by-view-left", views.RanksByView, COMMITTED_SURVIVES, f"{VRR}, 4.2"),
    _bug("VRR-4.3a", "goes-on-after-crash", views.GoesOnAfterCrash, COMMITTED_SURVIVES, f"{VRR}, 4.3", **ASKS),
    _bug("VRR-4.3b", "primary-not-waited-for", views.WaitsForNoPrimary, RECOVERY_COMPLETE, f"{VRR}, 4.3", **ASKS),
    _bug("VRR-4.3c", "nonce-ignored", views.IgnoresNonce, RECOVERY_COMPLETE, f"{VRR}, 4.3", **ASKS),
    _bug("VRR-6a", "reads-alone", normal.ReadsAlone, LINEARIZABILITY, f"{VRR}, 6.3"),
    _bug("VRR-6b", "reads-too-early", normal.ReadsTooEarly, LINEARIZABILITY, f"{VRR}, 6.3"),
    _bug("VRR-7a", "requests-after-the-last", normal.TakesMoreRequests, AGREEMENT, f"{VRR}, 7.1"),
    _bug("VRR-7b", "begins-without-state", normal.BeginsWithoutState, COMMITTED_SURVIVES, f"{VRR}, 7.1"),
    _bug("VSR-D1", "acknowledged-unsynced", normal.AnswersUnsynced, "Durable State", f"{VRR}, 4.3", **DURABLE),
    _bug(
        "DISK-03v",
        "append-error-ignored",
        normal.IgnoresFullDisk,
        "Durable State",
        "https://github.com/JDRaftKeeper/RaftKeeper/issues/287",
        **DURABLE,
    ),
    Bug(
        id="VRR-4.2L",
        name="waits-for-one-primary",
        parts={"server": views.WaitsForOnePrimary},
        property=PROGRESS,
        kind=LIVENESS,
        source=f"{VRR}, 4.2",
        scenario=SCENARIO,
        judged=False,
        liveness_ns=LIVENESS_NS,
    ),
)

NOT_APPLICABLE: dict[str, str] = {
    "VSR-07": "a journal that cannot be read is given up as a whole, and the server recovers from the others: there is "
    "no repair of single operations that could be refused",
    "VSR-08": "each server has checkpoints of its own: nobody counts who has one",
}
