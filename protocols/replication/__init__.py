"""What a consensus engine shares with its users: a service that is replicated, and its clients, name no engine.

engine.py      what a service asks of an engine
front.py       what a server does with requests, around any engine
durable.py     what it does with its disk
observed.py    what servers tell, whichever engine they run
messages.py    requests and replies
sessions.py    at-most-once client sessions, around any state machine
caller.py      a client: it finds the leader, tries again, is redirected
operator.py    a node that asks for changes of the members
quorum.py      how many are enough
reading.py     queries that a leader answers when a quorum has said that it still leads
places.py      a snapshot in the place of a log, on disk
properties.py  what must hold whichever engine it is

Of another shape: there is no node here to run, and so no settings, client or workload; sessions.py has the envelope
that its commands are numbered in, which only it opens.

An engine (Raft) is put under a service (a key-value store, leases) by who builds the nodes:

    build = lambda node: RaftServer(settings, Sessions(KeyValueStore()))
"""

from simclock.protocols.replication.caller import Call, Caller
from simclock.protocols.replication.durable import DurableFront
from simclock.protocols.replication.engine import Engine
from simclock.protocols.replication.front import Front, based_on
from simclock.protocols.replication.messages import (
    Change,
    ClientQuery,
    ClientReply,
    ClientRequest,
    Reconfigure,
    Reconfigured,
)
from simclock.protocols.replication.operator import Operator
from simclock.protocols.replication.quorum import majority, reached_by
from simclock.protocols.replication.sessions import (
    CommandsAlone,
    CommandsKept,
    Numbered,
    Sessions,
    StateMachine,
    numbered,
)

__all__ = [
    "Call",
    "Caller",
    "Change",
    "ClientQuery",
    "ClientReply",
    "ClientRequest",
    "CommandsAlone",
    "CommandsKept",
    "DurableFront",
    "Engine",
    "Front",
    "Numbered",
    "Operator",
    "Reconfigure",
    "Reconfigured",
    "Sessions",
    "StateMachine",
    "based_on",
    "majority",
    "numbered",
    "reached_by",
]
