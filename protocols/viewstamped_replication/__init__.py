"""Viewstamped Replication: a primary orders operations, and views pass it on by turns.

After Liskov and Cowling, "Viewstamped Replication Revisited" (MIT-CSAIL-TR-2012-021, "VRR"); crash vectors after
Michael, Ports, Sharma and Szekeres, "Recovering Shared Objects Without Stable Storage" (DISC 2017).

    messages.py       what replicas say to each other, and what stands in logs
    observed.py       what a server tells
    settings.py       what may be chosen: servers, timeouts, disks; how many are enough
    log.py            the log, and where a server stands; on disk, if it is durable
    state.py          what a server knows and keeps; what is durable, committed, executed
    transfer.py       state transfer: who lags gets what it lacks
    normal.py         primary and backups within a view
    view_changing.py  from one view to the next
    recovering.py     a server that crashed, and kept nothing
    epochs.py         the replicas change
    reading.py        queries that do not go through the log
    server.py         a server, made of these: what happens to it comes in here
    properties.py     what must hold, as observers
    durability.py     what a durable server owes after a restart

It is an `Engine` of protocols/replication, where requests, replies, sessions and the operator are. Those sessions are
VRR's client table: part of the state machine that every replica has, where VRR has it beside; so a request that comes
twice is ordered twice, and executed once.

    settings = VsrSettings(servers=(0, 1, 2))
    build = lambda node: VsrServer(settings, Sessions(KeyValueStore()))
"""

from simclock.protocols.viewstamped_replication.log import ServerLog
from simclock.protocols.viewstamped_replication.messages import (
    Checkpoint,
    Commit,
    CommitOk,
    CrashVectorReply,
    CrashVectorRequest,
    DoViewChange,
    Entry,
    EpochStarted,
    GetState,
    Group,
    Log,
    NewState,
    Prepare,
    PrepareOk,
    Reconfiguration,
    Recovery,
    RecoveryResponse,
    StartEpoch,
    StartView,
    StartViewChange,
)
from simclock.protocols.viewstamped_replication.properties import VsrProperties
from simclock.protocols.viewstamped_replication.server import VsrServer
from simclock.protocols.viewstamped_replication.settings import VsrSettings, term_of
from simclock.protocols.viewstamped_replication.state import Status

__all__ = [
    "Checkpoint",
    "Commit",
    "CommitOk",
    "CrashVectorReply",
    "CrashVectorRequest",
    "DoViewChange",
    "Entry",
    "EpochStarted",
    "GetState",
    "Group",
    "Log",
    "NewState",
    "Prepare",
    "PrepareOk",
    "Reconfiguration",
    "Recovery",
    "RecoveryResponse",
    "ServerLog",
    "StartEpoch",
    "StartView",
    "StartViewChange",
    "Status",
    "VsrProperties",
    "VsrServer",
    "VsrSettings",
    "term_of",
]
