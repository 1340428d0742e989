"""ZAB, ZooKeeper's atomic broadcast: a primary broadcasts transactions, and its successor goes on where it ended.

After Junqueira, Reed and Serafini, "Zab: High-performance broadcast for primary-backup systems" (DSN 2011); fast leader
election, and how histories are sent, after Medeiros, "ZooKeeper's atomic broadcast protocol: theory and practice"
(2012), which compares the paper with the implementation.

    messages.py    zxids; the messages of the election and of the three phases
    observed.py    what a server tells
    settings.py    what may be chosen: servers, timeouts, snapshots
    journal.py     what is kept on disk, after a snapshot
    state.py       what a server knows and keeps; what is durable, committed, applied
    electing.py    phase 0: fast leader election
    following.py   phases 1 to 3 of a follower
    leading.py     phases 1 to 3 of a leader: discovery, synchronization, broadcast
    reading.py     queries that do not go through the history
    server.py      a server, made of these: what happens to it comes in here
    properties.py  what must hold, as observers

It is an `Engine` of protocols/replication, where requests, replies and sessions are:

    settings = ZabSettings(servers=(0, 1, 2))
    build = lambda node: ZabServer(settings, Sessions(KeyValueStore()))
"""

from simclock.protocols.zab.journal import Journal
from simclock.protocols.zab.messages import (
    ZERO,
    Ack,
    AckEpoch,
    AckLd,
    CEpoch,
    Commit,
    CommitLd,
    NewEpoch,
    NewLeader,
    Notification,
    Ping,
    Pong,
    Propose,
    Role,
    Snapshot,
    Transaction,
    Vote,
    Zxid,
)
from simclock.protocols.zab.properties import ZabProperties
from simclock.protocols.zab.server import ZabServer
from simclock.protocols.zab.settings import ZabSettings
from simclock.protocols.zab.state import Phase

__all__ = [
    "ZERO",
    "Ack",
    "AckEpoch",
    "AckLd",
    "CEpoch",
    "Commit",
    "CommitLd",
    "Journal",
    "NewEpoch",
    "NewLeader",
    "Notification",
    "Phase",
    "Ping",
    "Pong",
    "Propose",
    "Role",
    "Snapshot",
    "Transaction",
    "Vote",
    "ZabProperties",
    "ZabServer",
    "ZabSettings",
    "Zxid",
]
