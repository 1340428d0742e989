"""What is shown of the nodes of a service on any engine while one steps through it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simclock.protocols.key_value import Client
from simclock.protocols.replication import Front


def shown(node: Any) -> Mapping[str, Any]:
    """Of a server its role and how far it is, of a client what it has open."""
    if isinstance(node, Client):
        return shown_client(node)
    if not isinstance(node, Front):
        return {}
    return {**shown_server(node), "leader": node.leader_id, "waiting": len(node.waiting)}


def shown_server(server: Any) -> Mapping[str, Any]:
    """Of a server its role, its leadership, how far its log goes where it has one, and what is agreed upon."""
    last_index = getattr(getattr(server, "log", None), "last_index", None)
    log = {} if last_index is None else {"log": last_index}
    return {"role": server.role, "term": server.current_term, **log, "commit": server.commit_index}


def shown_client(client: Client) -> Mapping[str, Any]:
    """What a client has asked and not heard of, and where it believes the leader to be."""
    asked = (client.calls[request].command for request in sorted(client.calls))
    return {"asks": tuple(f"{command.function} {command.key}" for command in asked), "leader": client.leader}
