"""The average of a Berkeley round, computed again from what its leader heard (Gusella & Zatti 1989).

Law: the clocks that count are the largest set of which no two are further apart than agreed; the average is theirs
alone, and each clock that was heard is adjusted by what takes it there. So a clock that jumped moves no other. This is
written without the protocol's code, by counting: the two must not be wrong together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from simclock import format_duration
from simclock.protocols.clock_synchronization import Averaged


def wrong_average(
    averaged: Averaged, heard_ns: Mapping[int, int], everybody: Collection[int], leader: int, within_ns: int
) -> Iterator[str]:
    """What is wrong with the end of a round.

    `heard_ns` is node -> clock less the leader's, as heard, the leader itself with 0; `everybody` are the others.
    """
    included = agreeing_set(heard_ns, leader, within_ns)
    if set(averaged.included) != included:
        yield f"averaged {_nodes(averaged.included)}, of which those that agree are {_nodes(included)}"
    average_ns = sum(heard_ns[node] for node in included) // len(included)
    if averaged.average_ns != average_ns:
        is_ns, said_ns = format_duration(average_ns), format_duration(averaged.average_ns)
        yield f"took {said_ns} for the average of clocks whose average is {is_ns}"
    if set(averaged.rejected) != heard_ns.keys() - included:
        yield f"says that {_nodes(averaged.rejected)} were left out, not {_nodes(heard_ns.keys() - included)}"
    silent = {node for node in everybody if node not in heard_ns}
    if set(averaged.silent) != silent:
        yield f"says that nothing was heard of {_nodes(averaged.silent)}, not of {_nodes(silent)}"
    adjustments = {node: average_ns - at_ns for node, at_ns in heard_ns.items()}
    if dict(averaged.adjustments) != adjustments:
        wrong = [node for node, by_ns in averaged.adjustments if adjustments.get(node) != by_ns]
        missing = adjustments.keys() - dict(averaged.adjustments).keys()
        yield f"adjusts {_nodes({*wrong, *missing})} otherwise than to the average"


def agreeing_set(heard_ns: Mapping[int, int], leader: int, within_ns: int) -> set[int]:
    """The most clocks within so much of each other; of equally many those with the leader, then those behind."""
    sets = [
        {node for node, at_ns in heard_ns.items() if lowest_ns <= at_ns <= lowest_ns + within_ns}
        for lowest_ns in heard_ns.values()
    ]
    return min(sets, key=lambda each: (-len(each), leader not in each, min(heard_ns[node] for node in each)))


def _nodes(nodes: Collection[int]) -> str:
    return f"nodes {', '.join(map(str, sorted(nodes)))}" if nodes else "no node"
