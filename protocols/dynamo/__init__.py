"""Dynamo: a key-value store with many leaders (DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store",
SOSP 2007), whose versions are told apart by vector clocks or by dotted version vectors.

ring.py              which servers keep a key: consistent hashing with virtual nodes
membership.py        joins and leaves, spread by gossip
settings.py          N, R, W and timing
messages.py          the RPCs
observed.py          what servers and clients tell
versioning.py        what a strategy of versioning answers
client_vectors.py    vector clocks that count clients, with pruning
server_vectors.py    one vector clock per key that counts servers
dotted_sets.py       dotted version vector sets
resolution.py        what a client is given where there are siblings
merkle.py            trees that tell which keys differ
storage.py           the disk
replica.py           replicas, hinted handoff, rebalancing, gossip
synchronization.py   anti-entropy
removal.py           tombstones, and when they may go
server.py            coordination of gets, puts and deletes, read repair
workload.py          what one client asks for
client.py            clients and the administrator
"""

from simclock.protocols.dynamo.client import CHANGES, Administrator, Client, written_names
from simclock.protocols.dynamo.client_vectors import ClientVectors
from simclock.protocols.dynamo.dotted_sets import DottedSets
from simclock.protocols.dynamo.resolution import (
    CONFLICT,
    NOT_FOUND,
    OK,
    RESOLUTIONS,
    UNAVAILABLE,
    answer_json,
    resolved,
    resolver_of,
)
from simclock.protocols.dynamo.ring import Layout, Ring
from simclock.protocols.dynamo.server import DynamoServer
from simclock.protocols.dynamo.server_vectors import ServerVectors
from simclock.protocols.dynamo.settings import AGREED, KEEP, SLOPPY, STRICT, DynamoSettings, server_name
from simclock.protocols.dynamo.versioning import Version, Versioning, Write, is_deleted, metadata_bytes
from simclock.protocols.dynamo.workload import Workload

__all__ = [
    "AGREED",
    "CHANGES",
    "CONFLICT",
    "KEEP",
    "NOT_FOUND",
    "OK",
    "RESOLUTIONS",
    "SLOPPY",
    "STRICT",
    "UNAVAILABLE",
    "Administrator",
    "Client",
    "ClientVectors",
    "DottedSets",
    "DynamoServer",
    "DynamoSettings",
    "Layout",
    "Ring",
    "ServerVectors",
    "Version",
    "Versioning",
    "Workload",
    "Write",
    "answer_json",
    "is_deleted",
    "metadata_bytes",
    "resolved",
    "resolver_of",
    "server_name",
    "written_names",
]
