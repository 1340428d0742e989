"""The rows about Multi-Paxos: documented bugs and rules of the papers left out, each a class with one wrong line."""

from __future__ import annotations

from simclock import seconds
from simclock.experiments.catalog.multi_paxos.bugs import acceptors, proposers
from simclock.experiments.checkers.progress import PROGRESS
from simclock.experiments.entries.bug import LIVENESS, Bug
from simclock.experiments.entries.replicated_store import LINEARIZABILITY
from simclock.protocols.multi_paxos.properties import AGREEMENT

SCENARIO = "multi-paxos-hunt"
LIVENESS_NS = seconds(5)

PMS = "Lamport, Paxos Made Simple, 2001"
PMMC = "van Renesse & Altinbuken, Paxos Made Moderately Complex, 2015"
FLEXIBLE = "Howard, Malkhi & Spiegelman, Flexible Paxos, 2016"
SCYLLA = "https://github.com/scylladb/scylladb/issues"


def _bug(id: str, name: str, server: type, property: str, source: str, *, nemesis: str | None = None) -> Bug:
    return Bug(
        id=id,
        name=name,
        parts={"server": server},
        property=property,
        source=source,
        scenario=SCENARIO,
        judged=property == LINEARIZABILITY,  # all others are named by observers
        nemesis=nemesis,
    )


BUGS = (
    _bug("PAXOS-01", "promise-lost", acceptors.ForgetsPromise, "Promise Kept", f"{SCYLLA}/6154"),
    _bug("PAXOS-01b", "votes-lost", acceptors.ForgetsVotes, "Chosen Stays Chosen", f"{PMS}, 2.5"),
    _bug("PAXOS-01c", "sent-before-durable", acceptors.AnswersBeforeSync, "Chosen By Quorum", f"{PMS}, 2.5"),
    _bug("PAXOS-01d", "pruned-after-commit", acceptors.PrunesChosen, "Chosen Stays Chosen", f"{SCYLLA}/6149"),
    _bug("PAXOS-04", "accept-unchecked", acceptors.AcceptsAnything, AGREEMENT, f"{SCYLLA}/6139"),
    _bug(
        "PAXOS-05",
        "accept-does-not-raise-promise",
        acceptors.DoesNotRaisePromise,
        "Promise Kept",
        "http://nil.csail.mit.edu/6.824/2015/notes/paxos-code.html",
    ),
    _bug("PAXOS-07", "read-without-round", proposers.ReadsWithoutRound, LINEARIZABILITY, f"{SCYLLA}/6299"),
    _bug(
        "PAXOS-07b",
        "read-before-recovery",
        proposers.ReadsBeforeRecovery,
        LINEARIZABILITY,
        f"{SCYLLA}/6299",
        nemesis="partition+leader-cut",
    ),
    _bug(
        "PAXOS-10",
        "disk-loss-rejoins-at-once",
        acceptors.ComesBackEmpty,
        "Durable State",
        "Michael et al., Recovering Shared Objects Without Stable Storage, DISC 2017",
    ),
    _bug(
        "DISK-03p",
        "append-error-ignored",
        acceptors.IgnoresFullDisk,
        "Durable State",
        "https://github.com/JDRaftKeeper/RaftKeeper/issues/287",
    ),
    _bug("PMS-2.2a", "promises-anything", acceptors.PromisesAnything, "Elected By Quorum", f"{PMS}, 2.2"),
    _bug("PMS-2.2b", "proposes-its-own", proposers.ProposesItsOwn, AGREEMENT, f"{PMS}, 2.2, P2c"),
    _bug("PMS-2.2c", "takes-first-reported", proposers.TakesFirstReported, AGREEMENT, f"{PMS}, 2.2, P2c"),
    _bug("PMS-2.2d", "ballots-shared", proposers.SharesBallots, "Ballots Unique", f"{PMS}, 2.2"),
    _bug("PMS-2.2e", "stale-promises-counted", proposers.CountsStalePromises, "Elected By Quorum", f"{PMS}, 2.2"),
    _bug("PMS-2.3a", "votes-counted-not-voters", proposers.CountsMessages, "Chosen By Quorum", f"{PMS}, 2.3"),
    _bug("PMS-2.3b", "stale-votes-counted", proposers.CountsStaleVotes, "Chosen By Quorum", f"{PMS}, 2.3"),
    _bug("PMS-2.3c", "one-vote-missing", proposers.LacksOneVote, "Chosen By Quorum", f"{PMS}, 2.3"),
    _bug("PMMC-4.2", "leads-without-state", proposers.LeadsWithoutState, "Chosen Stays Chosen", f"{PMMC}, 4.2"),
    _bug("PMMC-3", "old-ballot-taken-for-chosen", proposers.TakesOldBallots, "State Machine Safety", f"{PMMC}, 3"),
    _bug("PMS-3", "answers-who-waited", proposers.AnswersWhoWaited, LINEARIZABILITY, f"{PMS}, 3"),
    _bug("PMS-3a", "change-at-once", proposers.ChangesAtOnce, "Chosen By Quorum", f"{PMS}, 3"),
    _bug("PMS-3b", "old-promises-trusted", proposers.TrustsOldPromises, "Elected By Quorum", f"{PMS}, 3"),
    _bug("PMS-3c", "members-not-in-snapshot", proposers.ForgetsMembers, "Elected By Quorum", f"{PMS}, 3"),
    Bug(
        id="FLEXIBLE-1",
        name="quorums-apart",
        parts={"settings": proposers.SmallQuorums},
        property=AGREEMENT,
        source=FLEXIBLE,
        scenario=SCENARIO,
        judged=False,
    ),
    Bug(
        id="PMS-3L",
        name="gaps-stay",
        parts={"server": proposers.LeavesGaps},
        property=PROGRESS,
        kind=LIVENESS,
        source=f"{PMS}, 3",
        scenario=SCENARIO,
        judged=False,
        liveness_ns=LIVENESS_NS,
    ),
)

NOT_APPLICABLE: dict[str, str] = {}
