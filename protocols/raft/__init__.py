"""Raft: consensus by a replicated log (Ongaro & Ousterhout 2014, "the paper"; Ongaro 2014, "the dissertation").

    messages.py       the RPCs of Figure 2 and of the dissertation
    observed.py       what a server tells
    settings.py       what may be chosen: servers, timeouts, batches, and what the dissertation adds
    configuration.py  who is in the cluster, and what a decision needs
    log.py            the log on disk, after a snapshot
    progress.py       what a leader knows of one follower
    state.py          what a server knows and keeps; what is durable, committed, applied
    snapshots.py      compaction, and snapshots for who lags
    leading.py        replication as a leader does it
    reads.py          queries that do not go through the log
    elections.py      roles and votes
    transfer.py       a leader hands over
    membership.py     the cluster changes
    following.py      replication as a follower does it
    operator.py       a node that asks for changes and transfers
    server.py         a server, made of these: what happens to it comes in here
    properties.py     Figure 3 as observers, and what must hold besides
    metrics.py        what an operator would watch: terms, leaders, lag
    testimony.py      whether servers tell in full what these rest on

Of another shape: testimony.py is an observer in a file of its own; it judges whether servers tell all, and not whether
what they tell is right. configuration.py and log.py have each a value that
stands in messages and on disks, beside what is done with it.

It is an `Engine` of protocols/replication, where requests, replies and sessions are. A service is a state machine, an
object with `apply(command: bytes) -> bytes`, given to every server:

    settings = RaftSettings(servers=(0, 1, 2))
    build = lambda node: RaftServer(settings, Sessions(KeyValueStore()))
"""

from simclock.protocols.raft.configuration import Configuration
from simclock.protocols.raft.log import Log, Snapshot
from simclock.protocols.raft.messages import (
    NO_OP,
    AppendEntries,
    AppendEntriesReply,
    ChangeMembership,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    Join,
    OperatorReply,
    RequestPreVote,
    RequestPreVoteReply,
    RequestVote,
    RequestVoteReply,
    TimeoutNow,
    TransferLeadership,
)
from simclock.protocols.raft.metrics import RaftMetrics
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.properties import RaftProperties
from simclock.protocols.raft.server import RaftServer
from simclock.protocols.raft.settings import RaftSettings
from simclock.protocols.raft.state import Role
from simclock.protocols.raft.testimony import RaftTestimony

__all__ = [
    "NO_OP",
    "AppendEntries",
    "AppendEntriesReply",
    "ChangeMembership",
    "Configuration",
    "Entry",
    "InstallSnapshot",
    "InstallSnapshotReply",
    "Join",
    "Log",
    "OperatorReply",
    "Progress",
    "RaftMetrics",
    "RaftProperties",
    "RaftServer",
    "RaftSettings",
    "RaftTestimony",
    "RequestPreVote",
    "RequestPreVoteReply",
    "RequestVote",
    "RequestVoteReply",
    "Role",
    "Snapshot",
    "TimeoutNow",
    "TransferLeadership",
]
