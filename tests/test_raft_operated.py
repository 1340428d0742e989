"""A cluster that is operated while all is well: each property with a wrong line that it names, and the right code.

The wrong lines are safe: `raft-whole-hunt`, which asks for safety, lets them pass.
"""

from collections import Counter
from dataclasses import replace

import pytest

from raft_alone import CLIENT, Alone
from simclock import Observation, ms
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.raft.operated_hunt import OPERATED_NS, RAFT_OPERATED_HUNT, _draw
from simclock.experiments.catalog.raft.operated_hunt import owed as owed_of
from simclock.experiments.checkers.operated import BOUNDED, CHANGE, DEAF, QUERY, TRANSFER, Operated
from simclock.experiments.checkers.steadiness import STABILITY
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.protocols.raft import (
    AppendEntries,
    Configuration,
    Entry,
    RaftServer,
    TransferLeadership,
)
from simclock.protocols.raft.observed import QuorumLost
from simclock.protocols.replication import ClientReply, ClientRequest


def ran(seed, server=RaftServer, entry=RAFT_OPERATED_HUNT):
    with_it = replace(entry, parts=replace(entry.parts, server=server))
    return run(make_scenario(with_it, Settings(seed=seed)))


def named(seed, server=RaftServer):
    return {violation.property for violation in ran(seed, server).violations}


class NeverJoint(RaftServer):
    """A change stays where its servers have caught up."""

    def _enter_joint(self, change):
        pass


class NeverTold(RaftServer):
    """The target of a transfer is not told to stand."""

    def _hand_over(self):
        pass


class HandsToAnybody(RaftServer):
    """Whether the target is a voter is not asked."""

    def _on_transfer_leadership(self, source, message: TransferLeadership):
        if self.transfer_target is None and message.target not in self.configuration.voters and self.leads:
            voters = tuple(sorted({*self.configuration.voters, message.target}))
            believed, self.log._configurations = self.log._configurations, [(0, Configuration(voters))]
            super()._on_transfer_leadership(source, message)
            self.log._configurations = believed
        else:
            super()._on_transfer_leadership(source, message)


class StandsAnyway(RaftServer):
    """Pre-votes are asked for, and not waited for."""

    def _ask_pre_votes(self):
        super()._ask_pre_votes()
        if self.pre_votes:
            self._become_candidate()


class NeverLeases(RaftServer):
    """Every query asks a quorum."""

    def _has_lease(self):
        return False


class WaitsForHeartbeats(RaftServer):
    """A query waits until the next heartbeat asks who leads."""

    def _ask_who_leads(self):
        if self._knows_commit_index():
            self.queries = [query._replace(round=query.round or self.round + 1) for query in self.queries]


class CompactsLate(RaftServer):
    """A snapshot is made when it is long due."""

    def _compact(self):
        every = self.settings.snapshot_every
        if every is not None and self.last_applied - self.log.snapshot.last_included_index >= 2 * every:
            self._take_snapshot()


class CompactsAlways(RaftServer):
    """A snapshot is made whenever something was applied."""

    def _compact(self):
        if self.settings.snapshot_every is not None:
            self._take_snapshot()


class LeadsOn(RaftServer):
    """A leader looks whether it has a quorum, and does nothing about it."""

    def _on_quorum_timeout(self):
        self.active.clear()
        self.set_timer("quorum", self.settings.election_timeout_ns_min)


class NamesWhoHasLeft(RaftServer):
    """A server that has left names the last leader that it had: of two such each may send clients to the other."""

    def _on_election_timeout(self):
        leader_id = self.leader_id
        super()._on_election_timeout()
        if not self.configuration.is_voter(self.member):
            self.leader_id = leader_id


WRONG = [
    (NamesWhoHasLeft, CHANGE),
    (NeverJoint, CHANGE),
    (NeverTold, TRANSFER),
    (HandsToAnybody, TRANSFER),
    (StandsAnyway, STABILITY),
    (NeverLeases, QUERY),
    (WaitsForHeartbeats, QUERY),
    (CompactsLate, BOUNDED),
    (CompactsAlways, BOUNDED),
    (LeadsOn, DEAF),
]


@pytest.mark.parametrize(("server", "property"), WRONG, ids=lambda each: getattr(each, "__name__", None))
def test_a_wrong_line_is_named(server, property):
    """By one of the first seeds: what a wrong line needs, such as a lease, is drawn."""
    assert any(property in named(seed, server) for seed in range(12))


@pytest.mark.parametrize("server", [NeverTold, NeverLeases, CompactsLate])
def test_a_hunt_for_safety_lets_it_pass(server):
    whole = entries()["raft-whole-hunt"]
    assert all(ran(seed, server, whole).violations == () for seed in range(3))


def test_the_right_code_passes_and_is_asked_for_something():
    counts = Counter()
    for seed in range(6):
        result = ran(seed)
        assert result.violations == ()
        counts.update(result.reports["Operated"])
    assert counts["queries"] > 300 and min(counts["changes"], counts["transfers_done"]) > 3


def test_a_server_that_hears_nobody_is_half_of_two_voters_and_no_half_of_three():
    """The hunt itself keeps it from hearing the leader, which is right to step down where it is half of the voters."""
    from_ns, until_ns = OPERATED_NS, OPERATED_NS + ms(600)
    for first, at_ns, wrong in (
        ((0, 1), from_ns, False),
        ((0, 1), from_ns - 1, True),
        ((0, 1), until_ns, True),
        ((1, 2), from_ns, True),
        ((0, 1, 2), from_ns, True),
    ):
        owed = replace(owed_of(_draw(0)), unheard=(0, from_ns, until_ns), deaf_ns=None)
        judged = Operated((0, 1, 2), first, owed)
        judged.on_observation(
            Observation(at_ns, 1, 1, QuorumLost.observed_as, QuorumLost.sim_value(QuorumLost(3))), None
        )
        assert (STABILITY in judged._found) is wrong, (first, at_ns)


@pytest.mark.parametrize("seed", [57, 128, 237])
def test_a_leader_that_the_hunt_parts_from_one_of_two_voters_is_right_to_step_down(seed):
    assert named(seed) == set()


# Whom a server names.


def test_who_has_left_names_no_leader_once_it_hears_of_none():
    """Dissertation 4.2.3, 6.2: a client that it sent astray would come back to it."""
    server = Alone([1])
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", Configuration((1, 2))),), 2))
    assert server.hears(CLIENT, ClientRequest(1, b"x")) == [(CLIENT, ClientReply(1, "not_leader", b"", 1))]
    server.on_timer("election")
    assert server.current_term == 1, "it does not stand, as it knows that its leaving is committed"
    assert server.hears(CLIENT, ClientRequest(1, b"x")) == [(CLIENT, ClientReply(1, "not_leader", b"", None))]
