"""Numbers of distinct states that TLC counts, of specifications as nodes: of the catalog, and of shared variables.

Sources: tlaplus/Examples, its table of models and the states of each. Those that the table leaves out are counted by a
search of the variables alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import oracle_allocators
import oracle_specifications as oracle
from shared_variables import Shared, counted
from simclock import Node
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.specifications.lamport_mutex import Process
from simclock.experiments.catalog.specifications.paxos_commit import Decider, Leader
from simclock.experiments.catalog.specifications.safra import Member
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.exploring.search import Asked, Findings
from simclock.experiments.exploring.states.bfs import bfs

# Shared variables.


@pytest.mark.parametrize(
    ("spec", "states", "depth"),
    [
        pytest.param(oracle.barrier(6), 64, 7, id="Barrier"),
        pytest.param(oracle.dining_philosophers(5), 67, 29, id="DiningPhilosophers"),
        pytest.param(oracle.handshake(), 4, 4, id="TwoPhase"),
        pytest.param(oracle.alternating_bit(2), 240, 0, id="AlternatingBit"),
        pytest.param(oracle.replicated_log(3, 2), 1363, 13, id="ReplicatedLog", marks=pytest.mark.slow),
        pytest.param(oracle.token_ring(4, 4), 4**4, 0, id="TokenRing-4"),
        pytest.param(oracle.inner_fifo(3, 3), 3864, 0, id="InnerFIFO", marks=pytest.mark.slow),
        pytest.param(
            oracle_allocators.scheduling_allocator(3, 2), 1690, 7, id="SchedulingAllocator", marks=pytest.mark.slow
        ),
        pytest.param(oracle.acp_nb(2), 4284, 0, id="ACP_NB", marks=pytest.mark.slow),
        pytest.param(oracle.ewd840(4), 1566, 0, id="EWD840", marks=pytest.mark.slow),
        pytest.param(oracle.asynchronous_termination(4), 4097, 0, id="AsyncTermination", marks=pytest.mark.slow),
        pytest.param(oracle.nbac_raynal(2), 3016, 0, id="nbacc_ray97", marks=pytest.mark.slow),
        pytest.param(oracle.voting(3, 2, 3), 6752, 16, id="Voting", marks=pytest.mark.slow),
        pytest.param(oracle.vote_proof(3, 2, 3), 6962, 0, id="VoteProof", marks=pytest.mark.slow),
        pytest.param(oracle.byzantine_broadcast(4, 1, 1), 14_424, 0, id="bcastByz", marks=pytest.mark.slow),
        pytest.param(oracle_allocators.allocator_implementation(3, 2), 17_701, 16, marks=pytest.mark.slow),
        pytest.param(oracle.token_ring(6, 6), 46_656, 0, id="TokenRing", marks=pytest.mark.slow),
    ],
)
def test_shared_variables_have_the_states_of_tlc(spec: Shared, states: int, depth: int) -> None:
    found = counted(spec)
    assert found.states == states
    assert depth in (0, found.depth)


def variables_alone(spec: Shared) -> int:
    """How many worlds are reached, without nodes."""
    known = set(spec.beginnings)
    left = list(known)
    while left:
        world = left.pop()
        for process in range(spec.processes):
            for then in spec.steps(process, world):
                if then not in known:
                    known.add(then)
                    left.append(then)
    return len(known)


@pytest.mark.parametrize(
    "spec",
    [oracle.chang_roberts(3), oracle.ewd840(2), oracle.asynchronous_termination(2, 2), oracle.acp_nb(1)],
    ids=["ChangRoberts", "EWD840", "AsyncTermination", "ACP_NB"],
)
def test_nodes_with_shared_variables_have_the_states_of_a_search_by_hand(spec: Shared) -> None:
    assert counted(spec).states == variables_alone(spec)


# The catalog's.


def explored(name: str, nodes: int | None = None, mutant: type[Node] | None = None, **parameters: Any) -> Findings:
    """All that can happen, with another class in the place of its base."""
    entry = entries()[name]
    scenario = make_scenario(entry, Settings(nodes=nodes, parameters=parameters))
    if mutant is not None:
        base, build = mutant.__bases__[0], scenario.build

        def built(node: int) -> Node:
            made = build(node)
            if type(made) is base:
                made.__class__ = mutant
            return made

        scenario = replace(scenario, build=built)
    exploration = entry.exploration
    asked = Asked(scenario=scenario, model=exploration.model, instant=exploration.instant(scenario))
    return bfs(asked, lambda findings: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "states", "depth"),
    [("lamport-mutex", 724_274, 61), ("safra-termination", 321_370, 47), ("paxos-commit", 1_321_761, 28)],
)
def test_specifications_of_the_catalog_have_the_states_of_tlc(name: str, states: int, depth: int) -> None:
    findings = explored(name)
    assert findings.complete and not findings.found
    assert (findings.states, findings.depth + 1) == (states, depth)


def test_small_specifications_of_the_catalog_hold() -> None:
    found = [
        explored("lamport-mutex", 2, max_clock=4),
        explored("safra-termination", 2),
        explored("paxos-commit", managers=1),
        explored("paxos-commit", managers=2, acceptors=1),
    ]
    assert all(each.complete and not each.found for each in found)


class BeatsAll(Process):
    """Enters once all have acknowledged, whoever asked first."""

    def beats(self, other: int) -> bool:
        return True


class StaysWhite(Member):
    """Forgets rule 3: who receives is black."""

    def act(self, action: Any) -> None:
        was = self.black
        super().act(action)
        if action == ("receive",):
            self.black = was


class AlwaysAborts(Leader):
    """Proposes to abort, whatever the promises say."""

    def _may_propose(self, ballot: int) -> set[str]:
        return {"aborted"} if super()._may_propose(ballot) else set()


class CommitsEarly(Decider):
    """One instance that has chosen to commit is enough."""

    def enabled(self) -> Any:
        yield from super().enabled()
        if any(value == "prepared" for _, value in self.decided):
            yield "commit"


@pytest.mark.parametrize(
    ("name", "nodes", "mutant", "parameters", "violated"),
    [
        ("lamport-mutex", 2, BeatsAll, {}, "Mutex"),
        ("safra-termination", 3, StaysWhite, {}, "Termination Detection"),
        ("paxos-commit", None, AlwaysAborts, {"managers": 1}, "TCConsistent"),
        ("paxos-commit", None, CommitsEarly, {"acceptors": 1}, "TCConsistent"),
    ],
)
def test_a_wrong_line_breaks_the_property(
    name: str, nodes: int | None, mutant: type[Node], parameters: dict[str, Any], violated: str
) -> None:
    assert [each.violation.property for each in explored(name, nodes, mutant, **parameters).found] == [violated]
