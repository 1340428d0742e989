"""What is shown of the nodes of the key-value store on Raft while one steps through it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simclock.experiments.consensus.states import shown_client
from simclock.protocols.key_value import Client
from simclock.protocols.raft import RaftServer

LAST_TERMS = 8
"""Entries at the log's end whose terms are shown."""


def shown(node: Any) -> Mapping[str, Any]:
    """Of a server its role and log, of a client what it has open."""
    if isinstance(node, Client):
        return shown_client(node)
    if not isinstance(node, RaftServer):
        return {}
    log = node.log
    first = max(log.first_index, log.last_index - LAST_TERMS + 1)
    terms = tuple(log.entry(index).term for index in range(first, log.last_index + 1))
    return {
        "role": node.role,
        "term": node.current_term,
        "vote": node.voted_for,
        "log": f"{log.last_index} entries",
        "last terms": terms,
        "commit": node.commit_index,
        "votes": frozenset(node.votes),
        "match": {follower: known.match_index for follower, known in sorted(node.progress.items())},
    }
