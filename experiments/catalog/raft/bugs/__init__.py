"""The rows about Raft and the store on it: documented bugs, each as a class with one wrong line."""

from __future__ import annotations

from simclock import seconds
from simclock.experiments.catalog.raft.bugs import disks as raft_disks
from simclock.experiments.catalog.raft.bugs import elections, logs, services
from simclock.experiments.catalog.raft.hunt import Parts
from simclock.experiments.catalog.raft.scenario import LINEARIZABILITY
from simclock.experiments.checkers.progress import PROGRESS
from simclock.experiments.entries.bug import LIVENESS, Bug, wrong_class
from simclock.protocols.key_value import Client, KeyValueStore
from simclock.protocols.raft import RaftServer
from simclock.protocols.replication import Sessions

SCENARIO = "raft-hunt"
LIVENESS_NS = seconds(5)

RAFT = "Ongaro & Ousterhout 2014"
GUIDE = "Students' Guide to Raft, https://thesquareplanet.com/blog/students-guide-to-raft/"
PYSYNC = "https://github.com/bakwc/PySyncObj"


def _bug(id: str, name: str, wrong: type, property: str, source: str) -> Bug:
    judged = property == LINEARIZABILITY  # all others are named by observers
    return Bug(id=id, name=name, wrong=wrong, property=property, source=source, scenario=SCENARIO, judged=judged)


def _liveness_bug(id: str, name: str, wrong: type, source: str) -> Bug:
    return Bug(
        id=id,
        name=name,
        wrong=wrong,
        property=PROGRESS,
        kind=LIVENESS,
        source=source,
        scenario=SCENARIO,
        judged=False,
        liveness_ns=LIVENESS_NS,
    )


BUGS = (
    _bug("RAFT-01", "commit-old-term", logs.CommitsOldTerm, "Leader Completeness", f"{RAFT} 5.4.2, Fig. 8"),
    _bug("RAFT-02", "vote-not-persisted", elections.ForgetsVote, "Election Safety", f"{PYSYNC}/pull/202"),
    _bug("RAFT-02b", "vote-sent-first", elections.RepliesBeforeVoteIsDurable, "Election Safety", f"{RAFT} Fig. 2"),
    _bug(
        "RAFT-04",
        "stale-vote-response",
        elections.CountsStaleVotes,
        "Election Safety",
        "https://github.com/xnnyygn/xraft/issues/33",
    ),
    _bug(
        "RAFT-05",
        "vote-cleared-same-term",
        elections.ClearsVoteInTerm,
        "Vote Once",
        "https://github.com/microsoft/CCF/issues/5891",
    ),
    _bug(
        "RAFT-08",
        "leader-grants-vote",
        elections.LeaderGrantsVote,
        "Election Safety",
        "https://github.com/daos-stack/raft/pull/70",
    ),
    _bug(
        "RAFT-16",
        "truncate-on-stale-ae",
        logs.TruncatesAlways,
        "Committed On Majority",
        "https://github.com/zhebrak/raftos/issues/26",
    ),
    _bug(
        "RAFT-17",
        "commit-past-verified",
        logs.CommitsPastVerified,
        "State Machine Safety",
        "https://github.com/microsoft/CCF/issues/8172",
    ),
    _bug("RAFT-18", "commit-regression", logs.CommitsBackwards, "Commit Monotone", f"{PYSYNC}/issues/166"),
    _bug(
        "RAFT-19",
        "matchindex-regress",
        logs.ForgetsMatch,
        "matchIndex Monotone",
        "https://github.com/zhebrak/raftos/issues/25",
    ),
    _bug("RAFT-20", "next-le-match", logs.FallsBelowMatch, "nextIndex Above Match", f"{PYSYNC}/issues/167"),
    _bug(
        "RAFT-22",
        "ack-overstates",
        logs.OverstatesAcknowledgement,
        "matchIndex Is Stored",
        "https://github.com/microsoft/CCF/pull/6016",
    ),
    _bug(
        "RAFT-23",
        "stale-nack-rollback",
        logs.TrustsStaleRefusal,
        "Committed Stays",
        "https://github.com/microsoft/CCF/pull/6016",
    ),
    _bug(
        "RAFT-25",
        "ack-before-fsync",
        logs.AcknowledgesBeforeSync,
        "Leader Completeness",
        "https://github.com/etcd-io/etcd/issues/14370",
    ),
    _bug(
        "RAFT-25a",
        "follower-ack-before-fsync",
        logs.FollowerAcknowledgesBeforeSync,
        "Leader Completeness",
        "https://github.com/deventlab/d-engine/pull/447",
    ),
    _bug(
        "RAFT-25b",
        "leader-counts-before-fsync",
        logs.LeaderCountsBeforeSync,
        "Leader Completeness",
        "https://github.com/etcd-io/etcd/issues/12589",
    ),
    _bug("RAFT-43", "amnesia-same-id", elections.RejoinsEmpty, "Leader Completeness", "ZOO list, RAFT-43"),
    _bug("PAPER-5.1", "keeps-leading", elections.KeepsLeading, "Log Matching", f"{RAFT} 5.1"),
    _bug("PAPER-5.1b", "old-leader-accepted", logs.AcceptsOldLeader, "Committed Stays", f"{RAFT} Fig. 2, rule 1"),
    _bug("PAPER-5.2", "votes-twice", elections.VotesTwice, "Election Safety", f"{RAFT} 5.2"),
    _bug("PAPER-5.2b", "votes-counted-not-voters", elections.CountsMessages, "Election Safety", PYSYNC),
    _bug("PAPER-5.2c", "half-elects", elections.CountsHalf, "Election Safety", f"{RAFT} 5.2"),
    _bug("PAPER-5.3", "no-consistency-check", logs.SkipsConsistencyCheck, "Log Matching", f"{RAFT} 5.3"),
    _bug("PAPER-5.3b", "conflicts-stay", logs.KeepsConflicts, "Log Matching", f"{RAFT} Fig. 2, rule 3"),
    _bug("PAPER-5.3c", "old-reply-counted", logs.CountsOldReplies, "matchIndex Is Stored", GUIDE),
    _bug("PAPER-5.3d", "half-commits", logs.CommitsMinority, "Committed On Majority", f"{RAFT} 5.3"),
    _bug("PAPER-5.4", "votes-for-anyone", elections.IgnoresUpToDate, "Leader Completeness", f"{RAFT} 5.4.1"),
    _bug("PAPER-5.4b", "longer-is-better", elections.ComparesLengthAlone, "Leader Completeness", f"{RAFT} 5.4.1"),
    _bug("PAPER-5.4c", "later-is-enough", elections.ComparesTermAlone, "Leader Completeness", f"{RAFT} 5.4.1"),
    _bug("PAPER-6.3", "no-sessions", services.AppliesTwice, LINEARIZABILITY, "Ongaro 2014, 6.3"),
    _bug("PAPER-6.3b", "retry-as-new", services.RetriesAsNew, LINEARIZABILITY, "Ongaro 2014, 6.3"),
    _bug("PAPER-8", "answers-who-waited", services.RemembersWaiting, LINEARIZABILITY, GUIDE),
    _bug("PAPER-8b", "answer-before-commit", services.AnswersBeforeCommit, LINEARIZABILITY, f"{RAFT} 5.3"),
    _bug(
        "JEP-01",
        "etcd-stale-reads",
        services.LeaderReadsLocally,
        LINEARIZABILITY,
        "https://aphyr.com/posts/316-__call-me-maybe-etcd-and-consul",
    ),
    _bug("JEP-04", "timeout-is-failure", services.TimeoutIsFailure, LINEARIZABILITY, "https://aphyr.com/tags/MongoDB"),
    _bug("JEP-04b", "timeout-is-success", services.TimeoutIsSuccess, LINEARIZABILITY, "https://aphyr.com/tags/MongoDB"),
    _bug(
        "JEP-05",
        "read-shortcut",
        services.EveryoneReadsLocally,
        LINEARIZABILITY,
        "https://jepsen.io/analyses/voltdb-6-3",
    ),
    _bug(
        "LEDGER-04",
        "batch-reads-old-state",
        services.ComparesWithOldState,
        LINEARIZABILITY,
        "https://github.com/deventlab/d-engine/issues/371",
    ),
    _bug(
        "DISK-01",
        "corrupt-middle-as-torn-tail",
        raft_disks.CutsLogAtCorruptRecord,
        "Leader Completeness",
        "Alagappan et al., Protocol-Aware Recovery for Consensus-Based Storage, FAST 2018",
    ),
    _bug(
        "DISK-03",
        "append-error-ignored",
        raft_disks.IgnoresFullDisk,
        "Leader Completeness",
        "https://github.com/JDRaftKeeper/RaftKeeper/issues/287",
    ),
    _liveness_bug("PAPER-5.2L", "same-timeouts", elections.TimesOutTogether, f"{RAFT} 5.2"),
    _liveness_bug("PAPER-5.3L", "never-searches-back", logs.NeverSearchesBack, f"{RAFT} 5.3"),
)

NOT_APPLICABLE: dict[str, str] = {
    "RAFT-07, 10, 11": "there is no pre-vote",
    "RAFT-13, 14": "there is neither pre-vote nor a check of the quorum: the right protocol has the livelock too",
    "RAFT-26": "the state machine is rebuilt from the log: no applied index is stored",
    "RAFT-29, 31, 32": "there are no snapshots",
    "RAFT-34 to 41": "membership does not change",
    "RAFT-44, 46, 47": "reads go through the log: there is neither a read index nor a lease",
    "JEP-02": "made of rows of its own; its snapshot rows have no snapshots here",
}


def parts_of(bug: str) -> Parts:
    """The parts of a cluster with that bug; of the right one where the name is empty."""
    if not bug:
        return Parts()
    wrong = wrong_class(bug, BUGS)
    if issubclass(wrong, RaftServer):
        return Parts(server=wrong)
    if issubclass(wrong, Sessions):
        return Parts(sessions=wrong)
    if issubclass(wrong, KeyValueStore):
        return Parts(store=wrong)
    assert issubclass(wrong, Client), "a wrong line is in one of the parts"
    return Parts(client=wrong)
