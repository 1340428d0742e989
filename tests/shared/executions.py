"""Executions made up by Hypothesis, and what happened before what in them by the definition alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from simclock.experiments.causality.execution import DELIVER, EVENT, SEND, Execution, ExecutionBuilder


@dataclass
class Made:
    """An execution, its edges, and the clock of each event as the nodes themselves would have kept it."""

    nodes: tuple[str, ...]
    steps: list[tuple[int, int | None]] = field(default_factory=list)
    """(node, the send that it receives, or None)."""

    def execution(self) -> Execution:
        builder = ExecutionBuilder("made up", self.nodes)
        counts = dict.fromkeys(self.nodes, 0)
        received = {source for _, source in self.steps if source is not None}
        for number, (node, source) in enumerate(self.steps):
            name = self.nodes[node]
            counts[name] += 1
            kind = DELIVER if source is not None else SEND if number in received else EVENT
            builder.add(builder.node(name), counts[name], kind, f"step {number}", detail=b"null")
            if source is not None:
                builder.arrived(source, number)
        return builder.build()

    def clocks(self) -> list[dict[str, int]]:
        """By the rules of Fidge and Mattern."""
        current: list[dict[str, int]] = [{} for _ in self.nodes]
        found: list[dict[str, int]] = []
        for node, source in self.steps:
            clock = dict(current[node])
            for name, count in (found[source] if source is not None else {}).items():
                clock[name] = max(clock.get(name, 0), count)
            clock[self.nodes[node]] = clock.get(self.nodes[node], 0) + 1
            current[node] = clock
            found.append(clock)
        return found

    def before(self) -> list[set[int]]:
        """Event -> its whole past, by transitivity."""
        last: dict[int, int] = {}
        pasts: list[set[int]] = []
        for number, (node, source) in enumerate(self.steps):
            direct = [each for each in (last.get(node), source) if each is not None]
            pasts.append(set().union(*(pasts[each] | {each} for each in direct)))
            last[node] = number
        return pasts


@st.composite
def executions(draw: st.DrawFn, steps_max: int = 24) -> Made:
    """A few nodes that send to each other; a message may be received several times, or never."""
    made = Made(nodes=tuple("ABCDE"[: draw(st.integers(1, 5))]))
    for number in range(draw(st.integers(1, steps_max))):
        node = draw(st.integers(0, len(made.nodes) - 1))
        sources = [each for each in range(number) if made.steps[each][0] != node]
        source = draw(st.none() | st.sampled_from(sources)) if sources else None
        made.steps.append((node, source))
    return made
