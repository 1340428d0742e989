"""Raft: consensus by a replicated log (Ongaro & Ousterhout 2014, "the paper"; Ongaro 2014, "the dissertation").

    messages.py    the RPCs of Figure 2, and the client's request of the dissertation's Figure 6.1
    settings.py    what may be chosen: servers, timeouts, batches
    log.py         the log on disk
    progress.py    what a leader knows of one follower
    server.py      the rules of Figure 2
    sessions.py    at-most-once client sessions, around any state machine
    properties.py  Figure 3 as observers, and what must hold besides

A service is a state machine, an object with `apply(command: bytes) -> bytes`, given to every server:

    settings = RaftSettings(servers=(0, 1, 2))
    build = lambda node: RaftServer(settings, Sessions(KeyValueStore()))
"""

from simclock.protocols.raft.log import Log
from simclock.protocols.raft.messages import (
    NO_OP,
    AppendEntries,
    AppendEntriesReply,
    ClientReply,
    ClientRequest,
    Entry,
    RequestVote,
    RequestVoteReply,
)
from simclock.protocols.raft.progress import Progress
from simclock.protocols.raft.properties import RaftProperties
from simclock.protocols.raft.server import RaftServer, Role
from simclock.protocols.raft.sessions import Numbered, Sessions, StateMachine, numbered
from simclock.protocols.raft.settings import RaftSettings

__all__ = [
    "NO_OP",
    "AppendEntries",
    "AppendEntriesReply",
    "ClientReply",
    "ClientRequest",
    "Entry",
    "Log",
    "Numbered",
    "Progress",
    "RaftProperties",
    "RaftServer",
    "RaftSettings",
    "RequestVote",
    "RequestVoteReply",
    "Role",
    "Sessions",
    "StateMachine",
    "numbered",
]
