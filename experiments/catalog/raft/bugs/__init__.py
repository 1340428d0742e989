"""The rows about Raft and the store on it: documented bugs, each as a class with one wrong line."""

from __future__ import annotations

from typing import Any

from simclock import seconds
from simclock.experiments.catalog.raft.bugs import compaction, elections, logs, membership, services, whole
from simclock.experiments.catalog.raft.bugs import disks as raft_disks
from simclock.experiments.checkers.progress import PROGRESS
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.experiments.entries.replicated_store import LINEARIZABILITY
from simclock.protocols.raft.observed import Snapshotted

SCENARIO = "raft-hunt"
WHOLE = "raft-whole-hunt"
CHANGES = "raft-change-hunt"
LIVENESS_NS = seconds(5)

RAFT = "Ongaro & Ousterhout 2014"
GUIDE = "Students' Guide to Raft, https://thesquareplanet.com/blog/students-guide-to-raft/"
PYSYNC = "https://github.com/bakwc/PySyncObj"
SANDTABLE = "Tang et al., SandTable, EuroSys 2024"


def _bug(id: str, name: str, parts: dict[str, type], property: str, source: str) -> Bug:
    judged = property == LINEARIZABILITY  # all others are named by observers
    return Bug(id=id, name=name, parts=parts, property=property, source=source, scenario=SCENARIO, judged=judged)


def _whole_bug(
    id: str,
    name: str,
    parts: dict[str, type],
    property: str,
    source: str,
    *,
    nemesis: str | None = None,
    **parameters: Any,
) -> Bug:
    """A row about what the dissertation adds."""
    return Bug(
        id=id,
        name=name,
        parts=parts,
        parameters=parameters,
        property=property,
        source=source,
        scenario=WHOLE,
        judged=property == LINEARIZABILITY,
        nemesis=nemesis,
    )


def _change_bug(
    id: str, name: str, server: type, source: str, property: str = "Leader Completeness", **parameters: Any
) -> Bug:
    """A row about how one configuration becomes the next."""
    return Bug(
        id=id,
        name=name,
        parts={"server": server},
        parameters=parameters,
        property=property,
        source=source,
        scenario=CHANGES,
        judged=False,
    )


def _lease_bug(id: str, name: str, server: type, source: str) -> Bug:
    """A row about what a lease rests on."""
    parts = {"server": server}
    return Bug(id=id, name=name, parts=parts, property=LINEARIZABILITY, source=source, scenario="raft-lease-reads")


def _liveness_bug(id: str, name: str, parts: dict[str, type], source: str) -> Bug:
    return Bug(
        id=id,
        name=name,
        parts=parts,
        property=PROGRESS,
        kind=LIVENESS,
        source=source,
        scenario=SCENARIO,
        judged=False,
        liveness_ns=LIVENESS_NS,
    )


BUGS = (
    _bug("RAFT-01", "commit-old-term", {"server": logs.CommitsOldTerm}, "Leader Completeness", f"{RAFT} 5.4.2, Fig. 8"),
    _bug("RAFT-02", "vote-not-persisted", {"server": elections.ForgetsVote}, "Election Safety", f"{PYSYNC}/pull/202"),
    _bug(
        "RAFT-02b",
        "vote-sent-first",
        {"server": elections.RepliesBeforeVoteIsDurable},
        "Election Safety",
        f"{RAFT} Fig. 2",
    ),
    _bug(
        "RAFT-04",
        "stale-vote-response",
        {"server": elections.CountsStaleVotes},
        "Election Safety",
        "https://github.com/xnnyygn/xraft/issues/33",
    ),
    _bug(
        "RAFT-05",
        "vote-cleared-same-term",
        {"server": elections.ClearsVoteInTerm},
        "Vote Once",
        "https://github.com/microsoft/CCF/issues/5891",
    ),
    _bug(
        "RAFT-08",
        "leader-grants-vote",
        {"server": elections.LeaderGrantsVote},
        "Election Safety",
        "https://github.com/daos-stack/raft/pull/70",
    ),
    _bug(
        "RAFT-16",
        "truncate-on-stale-ae",
        {"server": logs.TruncatesAlways},
        "Committed On Majority",
        "https://github.com/zhebrak/raftos/issues/26",
    ),
    _bug(
        "RAFT-17",
        "commit-past-verified",
        {"server": logs.CommitsPastVerified},
        "State Machine Safety",
        "https://github.com/microsoft/CCF/issues/8172",
    ),
    _bug("RAFT-18", "commit-regression", {"server": logs.CommitsBackwards}, "Commit Monotone", f"{PYSYNC}/issues/166"),
    _bug(
        "RAFT-19",
        "matchindex-regress",
        {"server": logs.ForgetsMatch},
        "matchIndex Monotone",
        "https://github.com/zhebrak/raftos/issues/25",
    ),
    _bug("RAFT-20", "next-le-match", {"server": logs.FallsBelowMatch}, "nextIndex Above Match", f"{PYSYNC}/issues/167"),
    _bug(
        "RAFT-22",
        "ack-overstates",
        {"server": logs.OverstatesAcknowledgement},
        "matchIndex Is Stored",
        "https://github.com/microsoft/CCF/pull/6016",
    ),
    _bug(
        "RAFT-23",
        "stale-nack-rollback",
        {"server": logs.TrustsStaleRefusal},
        "Committed Stays",
        "https://github.com/microsoft/CCF/pull/6016",
    ),
    _bug(
        "RAFT-25",
        "ack-before-fsync",
        {"server": logs.AcknowledgesBeforeSync},
        "Leader Completeness",
        "https://github.com/etcd-io/etcd/issues/14370",
    ),
    _bug(
        "RAFT-25a",
        "follower-ack-before-fsync",
        {"server": logs.FollowerAcknowledgesBeforeSync},
        "Leader Completeness",
        "https://github.com/deventlab/d-engine/pull/447",
    ),
    _bug(
        "RAFT-25b",
        "leader-counts-before-fsync",
        {"server": logs.LeaderCountsBeforeSync},
        "Leader Completeness",
        "https://github.com/etcd-io/etcd/issues/12589",
    ),
    _bug("RAFT-43", "amnesia-same-id", {"server": elections.RejoinsEmpty}, "Leader Completeness", "ZOO list, RAFT-43"),
    _bug("PAPER-5.1", "keeps-leading", {"server": elections.KeepsLeading}, "Log Matching", f"{RAFT} 5.1"),
    _bug(
        "PAPER-5.1b",
        "old-leader-accepted",
        {"server": logs.AcceptsOldLeader},
        "Committed Stays",
        f"{RAFT} Fig. 2, rule 1",
    ),
    _bug("PAPER-5.2", "votes-twice", {"server": elections.VotesTwice}, "Election Safety", f"{RAFT} 5.2"),
    _bug("PAPER-5.2b", "votes-counted-not-voters", {"server": elections.CountsMessages}, "Election Safety", PYSYNC),
    _bug("PAPER-5.2c", "half-elects", {"server": elections.CountsHalf}, "Election Safety", f"{RAFT} 5.2"),
    _bug("PAPER-5.3", "no-consistency-check", {"server": logs.SkipsConsistencyCheck}, "Log Matching", f"{RAFT} 5.3"),
    _bug("PAPER-5.3b", "conflicts-stay", {"server": logs.KeepsConflicts}, "Log Matching", f"{RAFT} Fig. 2, rule 3"),
    Bug(
        id="PAPER-5.3c",
        name="old-reply-counted",
        parts={"server": logs.CountsOldReplies},
        parameters={"replies": "late"},
        property="matchIndex Is Stored",
        source=GUIDE,
        scenario=SCENARIO,
        judged=False,
        nemesis="none",
    ),
    _bug("PAPER-5.3d", "half-commits", {"server": logs.CommitsMinority}, "Committed On Majority", f"{RAFT} 5.3"),
    _bug(
        "PAPER-5.4", "votes-for-anyone", {"server": elections.IgnoresUpToDate}, "Leader Completeness", f"{RAFT} 5.4.1"
    ),
    _bug(
        "PAPER-5.4b",
        "longer-is-better",
        {"server": elections.ComparesLengthAlone},
        "Leader Completeness",
        f"{RAFT} 5.4.1",
    ),
    _bug(
        "PAPER-5.4c", "later-is-enough", {"server": elections.ComparesTermAlone}, "Leader Completeness", f"{RAFT} 5.4.1"
    ),
    _bug("PAPER-6.3", "no-sessions", {"sessions": services.AppliesTwice}, LINEARIZABILITY, "Ongaro 2014, 6.3"),
    _bug("PAPER-6.3b", "retry-as-new", {"client": services.RetriesAsNew}, LINEARIZABILITY, "Ongaro 2014, 6.3"),
    _bug("PAPER-8", "answers-who-waited", {"server": services.RemembersWaiting}, LINEARIZABILITY, GUIDE),
    _bug("PAPER-8b", "answer-before-commit", {"server": services.AnswersBeforeCommit}, LINEARIZABILITY, f"{RAFT} 5.3"),
    _bug(
        "JEP-01",
        "etcd-stale-reads",
        {"server": services.LeaderReadsLocally},
        LINEARIZABILITY,
        "https://aphyr.com/posts/316-__call-me-maybe-etcd-and-consul",
    ),
    _bug(
        "JEP-04",
        "timeout-is-failure",
        {"client": services.TimeoutIsFailure},
        LINEARIZABILITY,
        "https://aphyr.com/tags/MongoDB",
    ),
    _bug(
        "JEP-04b",
        "timeout-is-success",
        {"client": services.TimeoutIsSuccess},
        LINEARIZABILITY,
        "https://aphyr.com/tags/MongoDB",
    ),
    _bug(
        "JEP-05",
        "read-shortcut",
        {"server": services.EveryoneReadsLocally},
        LINEARIZABILITY,
        "https://jepsen.io/analyses/voltdb-6-3",
    ),
    _bug(
        "LEDGER-04",
        "batch-reads-old-state",
        {"store": services.ComparesWithOldState},
        LINEARIZABILITY,
        "https://github.com/deventlab/d-engine/issues/371",
    ),
    _bug(
        "DISK-01",
        "corrupt-middle-as-torn-tail",
        {"server": raft_disks.CutsLogAtCorruptRecord},
        "Leader Completeness",
        "Alagappan et al., Protocol-Aware Recovery for Consensus-Based Storage, FAST 2018",
    ),
    _bug(
        "DISK-03",
        "append-error-ignored",
        {"server": raft_disks.IgnoresFullDisk},
        "Leader Completeness",
        "https://github.com/JDRaftKeeper/RaftKeeper/issues/287",
    ),
    _whole_bug(
        "RAFT-07",
        "prevote-counted-as-vote",
        {"server": whole.CountsPreVotes},
        "Election Safety",
        "https://github.com/daos-stack/raft",
    ),
    _whole_bug(
        "RAFT-29",
        "stale-snapshot-truncates",
        {"server": whole.InstallsOldSnapshots},
        "Log Matching",
        "https://github.com/camunda/camunda/issues/6092",
    ),
    _whole_bug(
        "RAFT-31",
        "covered-log-not-purged",
        {"server": compaction.PurgesLate},
        "Durable State",
        "https://github.com/databendlabs/openraft/pull/753",
    ),
    _whole_bug(
        "RAFT-32",
        "wal-resurrects-tail",
        {"server": compaction.ReplaysTail},
        "Durable State",
        "https://github.com/etcd-io/etcd/issues/22442",
        # A crash just after a snapshot of all there is.
        nemesis="leader-cut+promise-crash",
        promise=Snapshotted.observed_as,
        snapshots="each",
    ),
    _change_bug(
        "RAFT-34",
        "change-before-own-term",
        membership.ChangesBeforeOwnTerm,
        "https://groups.google.com/g/raft-dev/c/t4xj6dJTP6E",
        splits="rivals",
    ),
    _change_bug("RAFT-35", "two-pending-changes", membership.ChangesTwice, "Ongaro 2014, 4.1"),
    _whole_bug("RAFT-36", "joint-quorum-union", {"server": whole.CountsUnion}, "Committed On Majority", f"{RAFT} 6"),
    _whole_bug(
        "RAFT-36b", "joint-quorum-new-alone", {"server": whole.CountsNewAlone}, "Committed On Majority", f"{RAFT} 6"
    ),
    _whole_bug(
        "RAFT-37",
        "leader-counts-itself-removed",
        {"server": whole.CountsItselfRemoved},
        "Committed On Majority",
        f"{RAFT} 6",
    ),
    _whole_bug(
        "RAFT-38",
        "learner-in-quorum",
        {"server": whole.CountsLearners},
        "Committed On Majority",
        "https://github.com/hashicorp/raft/pull/308",
    ),
    _whole_bug(
        "RAFT-43b",
        "amnesia-after-rot",
        {"server": whole.ComesBackEmpty},
        "Durable State",
        "https://github.com/Vanlightly/raft-tlaplus",
    ),
    _whole_bug(
        "RAFT-44",
        "readindex-no-term-entry",
        {"server": whole.ReadsBeforeOwnTerm},
        LINEARIZABILITY,
        "https://github.com/etcd-io/etcd/issues/7331",
    ),
    _whole_bug(
        "DISS-5.1",
        "configuration-not-in-snapshot",
        {"server": whole.ForgetsConfiguration},
        "matchIndex Monotone",
        "Ongaro 2014, 5.1",
    ),
    _whole_bug(
        "DISS-6.3",
        "sessions-not-in-snapshot",
        {"sessions": whole.ForgetsSessions},
        "Snapshots Agree",
        "Ongaro 2014, 6.3",
    ),
    _whole_bug(
        "DISS-6.4", "query-without-round", {"server": whole.AnswersWithoutRound}, LINEARIZABILITY, "Ongaro 2014, 6.4"
    ),
    _change_bug("PAPER-6", "no-joint-configuration", membership.SkipsJoint, f"{RAFT} 6"),
    _whole_bug(
        "DISS-6.4b",
        "query-answered-by-anyone",
        {"server": whole.EveryoneAnswersQueries},
        LINEARIZABILITY,
        f"{SANDTABLE} (Xraft)",
    ),
    _whole_bug(
        "DISS-5",
        "heartbeat-for-snapshot",
        {"server": compaction.SendsHeartbeatForSnapshot},
        "State Machine Safety",
        f"{SANDTABLE} (WRaft)",
    ),
    _whole_bug(
        "DISS-5b",
        "old-snapshot-refused",
        {"server": compaction.RefusesOldSnapshots},
        "nextIndex Above Match",
        f"{SANDTABLE} (WRaft)",
    ),
    _whole_bug(
        "DISS-5c",
        "covered-request-refused",
        {"server": compaction.RefusesCovered},
        "nextIndex Above Match",
        f"{SANDTABLE} (WRaft)",
    ),
    _lease_bug("RAFT-46", "lease-too-long", whole.LeasesForLonger, "Ongaro 2014, 6.4.1"),
    _lease_bug(
        "RAFT-47", "lease-survives-transfer", whole.LeaseSurvivesTransfer, "https://github.com/tikv/tikv/issues/8034"
    ),
    Bug(
        id="RAFT-40",
        name="learner-refuses-vote",
        parts={"server": membership.LearnerRefuses},
        property=PROGRESS,
        kind=LIVENESS,
        source="https://github.com/etcd-io/etcd/pull/10998",
        scenario=CHANGES,
        judged=False,
        # A leader lets a server into a cluster of two, and crashes before that hears of it: then its vote is needed.
        nemesis="leader-crash+crash",
        liveness_ns=LIVENESS_NS,
    ),
    _liveness_bug("PAPER-5.2L", "same-timeouts", {"server": elections.TimesOutTogether}, f"{RAFT} 5.2"),
    _liveness_bug("PAPER-5.3L", "never-searches-back", {"server": logs.NeverSearchesBack}, f"{RAFT} 5.3"),
)

NOT_APPLICABLE: dict[str, str] = {
    "RAFT-10, 11": "who refuses a pre-vote for a leader does so for an election timeout, not while it remembers it",
    "RAFT-13, 14": "told by tests/test_raft_whole.py: a livelock needs links that stay cut, which no swarm draws",
    "RAFT-26": "the state machine and its index are one snapshot, or rebuilt from the log",
    "RAFT-41": "a configuration takes effect when it is appended",
    "JEP-02": "made of rows of its own",
}
