"""Graphviz's DOT: a cluster per node, its events in a column, messages as arrows across."""

from __future__ import annotations

from collections.abc import Iterator

from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.exports.mermaid import node_title


def dot(excerpt: Excerpt) -> Iterator[str]:
    """The happens-before graph of the excerpt; losses as crosses on dashed arrows."""
    execution = excerpt.execution
    yield "digraph execution {"
    yield '  node [shape=box, fontname="sans-serif", fontsize=10];'
    for node, lane in excerpt.lanes.items():
        yield f"  subgraph cluster_{node} {{"
        yield f"    label={_quoted(node_title(execution, node))};"
        for event in lane:
            told = f"{execution.where(event)}\n{execution.text(event, whole=False)}"
            yield f"    e{event} [label={_quoted(told)}];"
        yield "  }"
    for event, causes in excerpt.direct_causes():
        for cause in causes:
            same = execution.node[cause] == execution.node[event]
            yield f"  e{cause} -> e{event}{' [style=bold, arrowhead=none]' if same else ' [constraint=true]'};"
    for send, drop in excerpt.arrows():
        if execution.node[send] != execution.node[drop] and execution.why_dropped(drop):
            yield f"  e{send} -> e{drop} [style=dashed, arrowhead=tee, constraint=false];"
    if excerpt.left_out:
        yield f"  // cut: {excerpt.left_out} later events"
    yield "}"


def _quoted(text: str) -> str:
    """A string of DOT: of its escapes only a quotation mark, a backslash and the end of a line are needed."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", "\\n")
    return '"' + escaped.replace("\0", " ") + '"'
