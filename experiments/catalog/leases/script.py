"""What scripts show of a lease service: a server's log, the store's tokens, a holder's lease."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simclock import format_duration
from simclock.experiments.consensus.states import shown_server
from simclock.protocols.leases import Holder, LeaseServer, StorageNode


def shown(node: Any) -> Mapping[str, Any]:
    """The state of a node, in short."""
    match node:
        case LeaseServer():
            return shown_server(node)
        case StorageNode():
            values = node.disk.contents().values
            return {name: values[name] for name in sorted(values)}
        case Holder():
            until = "not held" if node.until_ns is None else f"until {format_duration(node.until_ns)}"
            return {"token": node.token, "lease": until, "writing": node.writing is not None, "written": node.written}
    return {}
