"""Raft: consensus by a replicated log (Ongaro & Ousterhout 2014, "the paper"; Ongaro 2014, "the dissertation").

    messages.py    the RPCs of Figure 2
    observed.py    what a server tells
    settings.py    what may be chosen: servers, timeouts, batches
    log.py         the log on disk
    progress.py    what a leader knows of one follower
    state.py       what a server knows and keeps; what is durable, committed, applied
    leading.py     replication as a leader does it
    elections.py   roles and votes
    following.py   replication as a follower does it
    server.py      a server, made of these four: what happens to it comes in here
    properties.py  Figure 3 as observers, and what must hold besides
    testimony.py   whether servers tell in full what these rest on

Of another shape: testimony.py is an observer in a file of its own; it judges whether servers tell all, and not whether
what they tell is right.

It is an `Engine` of protocols/replication, where requests, replies and sessions are. A service is a state machine, an
object with `apply(command: bytes) -> bytes`, given to every server:

    settings = RaftSettings(servers=(0, 1, 2))
    build = lambda node: RaftServer(settings, Sessions(KeyValueStore()))
"""

from simclock.protocols.raft.log import Log
from simclock.protocols.raft.messages import (
    NO_OP,
    AppendEntries,
    AppendEntriesReply,
    Entry,
    RequestVote,
    RequestVoteReply,
)
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
    "Entry",
    "Log",
    "Progress",
    "RaftProperties",
    "RaftServer",
    "RaftSettings",
    "RaftTestimony",
    "RequestVote",
    "RequestVoteReply",
    "Role",
]
