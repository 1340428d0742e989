"""The rows about ZAB: documented bugs and steps of the paper left out, each a class with one wrong line."""

from __future__ import annotations

from simclock import seconds
from simclock.experiments.catalog.zab.bugs import followers, leaders
from simclock.experiments.checkers.progress import PROGRESS
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.experiments.entries.replicated_store import LINEARIZABILITY

SCENARIO = "zab-hunt"
LIVENESS_NS = seconds(5)

DSN = "Junqueira, Reed & Serafini, Zab, DSN 2011"
MEDEIROS = "Medeiros, ZooKeeper's atomic broadcast protocol, 2012"
HUNT = "Hunt, Konar, Junqueira & Reed, ZooKeeper: Wait-free coordination for Internet-scale systems, 2010"
JIRA = "https://issues.apache.org/jira/browse/ZOOKEEPER"


def _bug(id: str, name: str, server: type, property: str, source: str) -> Bug:
    judged = property == LINEARIZABILITY  # all others are named by observers
    parts = {"server": server}
    return Bug(id=id, name=name, parts=parts, property=property, source=source, scenario=SCENARIO, judged=judged)


def _stuck(id: str, name: str, server: type, source: str) -> Bug:
    return Bug(
        id=id,
        name=name,
        parts={"server": server},
        property=PROGRESS,
        kind=LIVENESS,
        source=source,
        scenario=SCENARIO,
        judged=False,
        liveness_ns=LIVENESS_NS,
    )


BUGS = (
    _bug("ZAB-01", "retained-database", followers.RetainsDatabase, "Committed By Quorum", f"{JIRA}-2845"),
    _bug("ZAB-02", "epoch-snapshot-order", followers.EntersEpochLater, "Can Restart", f"{JIRA}-1653"),
    _bug("ZAB-04", "epoch-before-history", followers.EntersEpochFirst, "Initial History", f"{JIRA}-4643"),
    _bug(
        "ZAB-04b",
        "ack-before-history",
        followers.AcknowledgesLeaderBeforeHistory,
        "Committed By Quorum",
        f"{JIRA}-4646",
    ),
    _bug("ZAB-04c", "ack-before-sync", followers.AcknowledgesLeaderBeforeSync, "Established By Quorum", f"{JIRA}-3911"),
    _bug("ZAB-05", "snap-only-in-memory", followers.SnapshotsInMemory, "Durable State", f"{JIRA}-3642"),
    _bug("ZAB-07", "mistaken-trunc", followers.TellsAnotherCounter, "Committed Is Kept", f"{JIRA}-3526"),
    _bug("ZAB-08", "counter-rollover", leaders.CounterRollsOver, "Primary Alone", f"{JIRA}-1277"),
    _bug("ZAB-10", "commit-ld-zxid", leaders.CommitsAcknowledged, "Committed By Quorum", f"{DSN}, step l.3.4"),
    _bug("ZAB-11", "vote-order-not-total", leaders.VotesInACircle, "Votes Improve", f"{JIRA}-1419"),
    _bug("DSN-f.1.2a", "epoch-of-another", followers.AcceptsEpochOfAnother, "Accepted By Quorum", f"{DSN}, step f.1.2"),
    _bug("DSN-f.1.2b", "accepted-epoch-lost", followers.ForgetsAcceptedEpoch, "Durable State", f"{DSN}, step f.1.2"),
    _bug(
        "DSN-f.1.2c",
        "epoch-ack-before-sync",
        followers.AcknowledgesEpochBeforeSync,
        "Accepted By Quorum",
        f"{DSN}, step f.1.2",
    ),
    _bug("DSN-l.1.2a", "leads-though-behind", leaders.LeadsThoughBehind, "Initial History", f"{DSN}, step l.1.2"),
    _bug("DSN-l.1.2b", "any-ack-counts", leaders.TakesAnyAckEpoch, "Accepted By Quorum", f"{DSN}, step l.1.2"),
    _bug("DSN-l.1.2c", "old-answers-counted", leaders.CountsOldAnswers, "Accepted By Quorum", f"{DSN}, step l.1.2"),
    _bug("DSN-f.2.1", "old-newleader", followers.TakesOldNewLeader, "Committed Is Kept", f"{DSN}, step f.2.1"),
    _bug(
        "DSN-f.3.2a", "proposals-of-anyone", followers.TakesProposalsOfAnyone, "Committed Is Kept", f"{DSN}, step f.3.2"
    ),
    _bug("DSN-f.3.2b", "gaps-taken", followers.TakesGaps, "History Matching", f"{DSN}, step f.3.2"),
    _bug(
        "DSN-f.3.2c",
        "ack-before-durable",
        followers.AcknowledgesBeforeSync,
        "Committed By Quorum",
        f"{DSN}, step f.3.2",
    ),
    _bug("DSN-f.3.3a", "commits-all", followers.CommitsAllItHas, "Committed By Quorum", f"{DSN}, step f.3.3"),
    _bug("DSN-f.3.3b", "commits-the-next", followers.CommitsNext, "Committed By Quorum", f"{DSN}, step f.3.3"),
    _bug(
        "DSN-l.2.2",
        "leads-unacknowledged",
        leaders.LeadsBeforeAcknowledged,
        "Established By Quorum",
        f"{DSN}, step l.2.2",
    ),
    _bug("DSN-l.3.1", "counter-goes-on", leaders.KeepsCounting, "Local Primary Order", f"{DSN}, step l.3.1"),
    _bug("DSN-l.3.2a", "one-ack-missing", leaders.CommitsWithOneLess, "Committed By Quorum", f"{DSN}, step l.3.2"),
    _bug("DSN-l.3.2b", "acks-counted-not-servers", leaders.CountsMessages, "Committed By Quorum", f"{DSN}, step l.3.2"),
    _stuck("MEDEIROS-4.1", "votes-by-id", leaders.VotesById, f"{MEDEIROS}, 4.1"),
    _bug("ZAB-R1", "reads-anywhere", leaders.ReadsAnywhere, LINEARIZABILITY, f"{HUNT}, 2.3"),
    _bug("ZAB-R2", "old-pings-answered", leaders.AnswersOldPings, "Committed By Quorum", f"{DSN}, step l.3.2"),
    _bug(
        "DISK-03z",
        "append-error-ignored",
        followers.IgnoresFullDisk,
        "Durable State",
        "https://github.com/JDRaftKeeper/RaftKeeper/issues/287",
    ),
    _bug(
        "DISK-05z",
        "comes-back-empty",
        followers.ComesBackEmpty,
        "Durable State",
        "Michael et al., Recovering Shared Objects Without Stable Storage, DISC 2017",
    ),
    _stuck("DSN-1L", "next-epoch-of-its-own", leaders.ProposesNextEpoch, f"{DSN}, step l.1.1"),
    _stuck("DSN-3L", "proposals-lost", leaders.NeverSendsAgain, f"{DSN}, step l.3.1"),
    _stuck("DSN-4L", "never-looks-again", followers.NeverLooksAgain, f"{DSN}, step f.3"),
)

NOT_APPLICABLE: dict[str, str] = {}
