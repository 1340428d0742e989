"""The story of a hunt for bugs of leases: who held which lock with which token, and what the store refused."""

from simclock.experiments.telling.chronicle import Chronicle
from simclock.protocols.leases.observed import Held, Lost, Refused, Released, TableChanged
from simclock.protocols.raft.observed import Leader
from simclock.told import Halted

CHRONICLE = Chronicle(
    {
        Leader: "is elected leader of term {term}",
        TableChanged: "has {lock} {kind}: client {client}, token {token}",
        Held: "holds {lock} with token {token}",
        Lost: "holds {lock} no more: token {token} is lost",
        Released: "releases {lock}, token {token}",
        Refused: "refuses client {client} with token {token} of {lock}: it has seen {greatest}",
        Halted: "halts: {reason}",
    }
)
