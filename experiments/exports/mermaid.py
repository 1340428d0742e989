"""Mermaid's sequence diagrams and flowcharts.

Laws: every text passes Mermaid's parser, whatever nodes and events are called. Mermaid draws no text of more than
50,000 characters and no flowchart of more than 500 edges (its defaults, 11.17): what exceeds them is left out, and the
last line says how much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from simclock.errors import UsageError
from simclock.experiments.causality.excerpt import Excerpt
from simclock.experiments.causality.execution import DELIVER, DROP, ENVIRONMENT, SEND, Execution

TEXT_MAX = 50_000
EDGES_MAX = 500
LABEL_MAX = 100
ROOM_FOR_A_WORD = 200
"""Characters kept for saying what is cut."""
_PLAIN_LABEL = re.compile(r"[A-Za-z0-9_]+([ :]+[A-Za-z0-9_]+)*", re.ASCII)
_PLAIN_ID = re.compile(r"[A-Z][A-Za-z_]{0,15}", re.ASCII)
_LOUD = re.compile(r"[^A-Za-z0-9 _.,:/()\[\]{}=+*!?'|@~^-]", re.ASCII)


def node_title(execution: Execution, node: int) -> str:
    """`Node 3`, of a node that is called so; the environment is what it is."""
    name = execution.nodes[node]
    return name if name == ENVIRONMENT else f"Node {name}"


def flowchart(excerpt: Excerpt) -> Iterator[str]:
    """The happens-before graph: an arrow from each direct cause, on the same node or another, to its effect."""
    execution = excerpt.execution
    effects: dict[int, list[int]] = {}
    caused = set()
    for event, causes in excerpt.direct_causes():
        for cause in causes:
            effects.setdefault(cause, []).append(event)
            caused.add(event)
    declared: set[int] = set()

    def named(event: int) -> str:
        name = _event_id(execution, event)
        if event in declared:
            return name
        declared.add(event)
        label = f"{node_title(execution, execution.node[event])}: {execution.text(event, whole=False)}"
        return f"{name}[{_label(label)}]"

    def lines() -> Iterator[tuple[str, int]]:
        for event in excerpt.events:
            for effect in effects.get(event, ()):
                yield f"    {named(event)} --> {named(effect)}", 1
            if event not in caused and event not in effects:
                yield f"    {named(event)}", 0

    yield from _within_limits(["graph TD"], lines(), excerpt.left_out)


def sequence(excerpt: Excerpt) -> Iterator[str]:
    """Messages in the order in which they arrived, losses as crosses, everything else as notes."""
    execution = excerpt.execution
    head = ["sequenceDiagram"]
    head += [f"    participant n{node} as {_words(node_title(execution, node))}" for node in excerpt.nodes]
    yield from _within_limits(head, ((line, 0) for line in _steps(excerpt)), excerpt.left_out)


def _steps(excerpt: Excerpt) -> Iterator[str]:
    execution = excerpt.execution
    for event in excerpt.events:
        kind, node = execution.kind[event], execution.node[event]
        send = execution.message[event]
        if kind in (DELIVER, DROP) and send in excerpt:
            arrow = "->>" if kind == DELIVER else "-x"
            target = node if kind == DELIVER else execution.target[send]
            if target not in excerpt.nodes:
                target = node
            why = f" ({execution.why_dropped(event)})" if kind == DROP else ""
            yield f"    n{execution.node[send]}{arrow}n{target}: {_words(execution.name(event) + why)}"
        elif kind == SEND and event in excerpt.last:
            continue
        else:
            yield f"    Note over n{node}: {_words(execution.text(event, whole=False))}"


def _within_limits(head: Sequence[str], lines: Iterable[tuple[str, int]], left_out: int) -> Iterator[str]:
    """The head, and lines with the edges in each, as far as Mermaid draws them; then a comment of what is missing."""
    size = sum(len(line) + 1 for line in head) + ROOM_FOR_A_WORD
    if size > TEXT_MAX // 2:
        raise UsageError(f"{len(head) - 1} nodes are more than Mermaid draws: choose some with --node")
    yield from head
    edges = cut = 0
    for line, more in lines:
        size += len(line) + 1
        edges += more
        if cut or size > TEXT_MAX or edges > EDGES_MAX:
            cut += 1
        else:
            yield line
    if cut:
        yield f"    %% cut: {cut} more lines exceed what Mermaid draws ({TEXT_MAX} characters, {EDGES_MAX} edges)"
    if left_out:
        yield f"    %% cut: {left_out} later events"


def _event_id(execution: Execution, event: int) -> str:
    """`A3`: the node's name where that is a short word, else its index."""
    name, number = execution.nodes[execution.node[event]], execution.number[event]
    return f"{name}{number}" if _PLAIN_ID.fullmatch(name) else f"n{execution.node[event]}_{number}"


def _label(text: str) -> str:
    """A flowchart's label: as it is where it is plain, else in quotes."""
    text = _cut(text)
    return text if _PLAIN_LABEL.fullmatch(text) else f'"{_escaped(text)}"'


def _words(text: str) -> str:
    """Text of a sequence diagram."""
    return _escaped(_cut(text)) or " "


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LABEL_MAX else f"{text[: LABEL_MAX - 3]}..."


def _escaped(text: str) -> str:
    return _LOUD.sub(lambda found: f"#{ord(found[0])};", text)


FORMS: dict[str, Callable[[Excerpt], Iterator[str]]] = {"mermaid": sequence, "mermaid-flowchart": flowchart}
