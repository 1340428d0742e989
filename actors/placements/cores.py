"""What there is to spread work over: this machine's cores, and whether a Ray is there."""

from __future__ import annotations

import os
import sys


def cores_here() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ray_is_up() -> bool:
    """Whether this process is connected to a Ray."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def cluster_address(address: str | None) -> str | None:
    """The Ray that is to be joined: the one that is named, or that of RAY_ADDRESS."""
    return address or os.environ.get("RAY_ADDRESS") or None
