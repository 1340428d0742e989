"""ShiViz's logs: its expression in the first line, its delimiter in the second, then a host and clock, and an event.

Laws: clocks are of the events that are there, so each host's own counts 1, 2, 3, ... as ShiViz demands. A host's name
has no space; two that would become one stay two. An event is one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.causality.foreign.text_logs import HOST_FIRST

DELIMITER = "^=== (?<trace>.*) ===$"
_SPACES = re.compile(r"\s+")


def shiviz(excerpts: Sequence[Excerpt]) -> Iterator[str]:
    """One log of all of them; several are told apart by the delimiter."""
    yield HOST_FIRST
    yield DELIMITER if len(excerpts) > 1 else ""
    for excerpt in excerpts:
        if len(excerpts) > 1:
            yield f"=== {' '.join(excerpt.execution.origin.split())} ==="
        hosts = _hosts(excerpt)
        for event, clock in excerpt.clocks():
            counts = {hosts[node]: count for node, count in enumerate(clock) if count}
            yield f"{hosts[excerpt.execution.node[event]]} {json.dumps(counts)}"
            yield _one_line(excerpt, event)


def _hosts(excerpt: Excerpt) -> dict[int, str]:
    hosts: dict[int, str] = {}
    for node in excerpt.nodes:
        name = _SPACES.sub("-", excerpt.execution.nodes[node].encode(errors="backslashreplace").decode()) or "-"
        while name in hosts.values() or name.startswith(("===", "(")):
            name = f"_{name}"
        hosts[node] = name
    return hosts


def _one_line(excerpt: Excerpt, event: int) -> str:
    text = excerpt.execution.text(event)
    return f" {text}" if text.startswith("===") or not text else text
