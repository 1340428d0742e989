"""Multi-Paxos: consensus on a sequence of commands, by one instance of Paxos a slot.

After Lamport, "Paxos Made Simple" (2001, "PMS"), and van Renesse and Altinbuken, "Paxos Made Moderately Complex" (ACM
Computing Surveys 47(3), 2015, "PMMC"); quorums after Howard, Malkhi and Spiegelman, "Flexible Paxos" (OPODIS 2016).

    messages.py    phases 1 and 2, heartbeats, and what teaches who lags
    observed.py    what a server tells
    settings.py    what may be chosen: servers, quorums, timeouts; how ballots are numbered
    quorums.py     quorums as data, and whether those of both phases meet
    journal.py     what is kept on disk, after a snapshot
    state.py       what a server knows and keeps; what is durable, chosen, applied
    membership.py  who the members are, slot by slot
    learning.py    the learner: what is chosen, who lags, snapshots
    accepting.py   the acceptor: promises and votes
    leading.py     the proposer: who leads, and what it proposes
    reading.py     queries that do not go through the log
    server.py      a server, made of these: what happens to it comes in here
    properties.py  what must hold, as observers

One decree alone, to read first, is in protocols/paxos. It is an `Engine` of protocols/replication, where requests,
replies, sessions and the operator are:

    settings = MultiPaxosSettings(servers=(0, 1, 2))
    build = lambda node: MultiPaxosServer(settings, Sessions(KeyValueStore()))
"""

from simclock.protocols.multi_paxos.journal import Journal
from simclock.protocols.multi_paxos.messages import (
    NO_OP,
    Accept,
    Accepted,
    Heartbeat,
    HeartbeatReply,
    Install,
    Learn,
    Prepare,
    Promise,
    PValue,
    Refused,
    Snapshot,
    Value,
    Want,
)
from simclock.protocols.multi_paxos.properties import MultiPaxosProperties
from simclock.protocols.multi_paxos.quorums import Quorum, Quorums, quorums_of
from simclock.protocols.multi_paxos.server import MultiPaxosServer
from simclock.protocols.multi_paxos.settings import MultiPaxosSettings
from simclock.protocols.multi_paxos.state import Role
from simclock.protocols.replication import Change, Operator, Reconfigure, Reconfigured

__all__ = [
    "NO_OP",
    "Accept",
    "Accepted",
    "Change",
    "Heartbeat",
    "HeartbeatReply",
    "Install",
    "Journal",
    "Learn",
    "MultiPaxosProperties",
    "MultiPaxosServer",
    "MultiPaxosSettings",
    "Operator",
    "PValue",
    "Prepare",
    "Promise",
    "Quorum",
    "Quorums",
    "Reconfigure",
    "Reconfigured",
    "Refused",
    "Role",
    "Snapshot",
    "Value",
    "Want",
    "quorums_of",
]
