"""Multi-Paxos, one test per rule: the section of the paper stands in each docstring.

PMS is Lamport's "Paxos Made Simple", PMMC van Renesse and Altinbuken's "Paxos Made Moderately Complex". A server stands
alone here: what it sends, tells and sets timers for is taken from `out`. Of five servers, node 0's ballots are 5, 10,
15, ..., node 1's are 6, 11, 16, ...
"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from simclock import UsageError, ms
from simclock.actors.standalone import Standalone
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK, Corrupt, Disk
from simclock.experiments.catalog.multi_paxos.quorum_text import quorum_of
from simclock.protocols.multi_paxos import (
    NO_OP,
    Accept,
    Accepted,
    Heartbeat,
    HeartbeatReply,
    Install,
    Journal,
    Learn,
    MultiPaxosServer,
    MultiPaxosSettings,
    Prepare,
    Promise,
    PValue,
    Refused,
    Role,
    Snapshot,
    Value,
    Want,
    quorums_of,
)
from simclock.protocols.replication import ClientQuery, ClientReply, ClientRequest

A, B, C = Value(6, b"a"), Value(6, b"b"), Value(7, b"c")


class Machine:
    def __init__(self):
        self.applied = []

    def apply(self, command):
        self.applied.append(command)
        return b"did " + command

    def query(self, command):
        return b"%d applied" % len(self.applied)

    def snapshot(self):
        return b",".join(self.applied)

    def restore(self, state):
        self.applied = state.split(b",")


class Alone(Standalone):
    """A server without a run."""

    def __init__(self, *, node=0, servers=5, disk=None, **settings):
        settings = MultiPaxosSettings(servers=tuple(range(servers)), **settings)
        super().__init__(lambda: MultiPaxosServer(settings, Machine()), id=node, nodes=10, seed=1, disk=disk)

    def __getattr__(self, name):
        return getattr(self.node, name)

    def hears(self, source, message):
        """What it sends in answer, to whomever."""
        self.out.take_sent()
        self.on_message(source, message)
        return self.out.take_sent()

    def says(self, source, message):
        """Its one answer."""
        ((target, answer),) = self.hears(source, message)
        assert target == source
        return answer

    def stand(self):
        self.out.take_sent()
        self.on_timer("election")
        return self.out.take_sent()

    def lead(self, *promises):
        """It stands, and is promised by nodes 1 and 2, who tell of these values."""
        self.stand()
        first = self.commit_index + 1
        self.on_message(1, Promise(self.ballot, first, promises))
        sent = self.hears(2, Promise(self.ballot, first, ()))
        assert self.role is Role.LEADER
        return sent

    def values(self):
        return {slot: (pvalue.ballot, pvalue.value) for slot, pvalue in self.journal.accepted.items()}


# The acceptor.


def test_a_promise_tells_what_was_accepted_and_is_for_good():
    """PMS 2.2, phase 1b."""
    server = Alone()
    assert server.says(1, Prepare(6, 1)) == Promise(6, 1, ())
    server.hears(1, Accept(6, 1, (A, B), 0))
    assert server.says(2, Prepare(7, 2)) == Promise(7, 2, (PValue(2, 6, B),))
    assert server.says(1, Prepare(6, 1)) == Refused(6, 7)
    assert server.says(1, Accept(6, 3, (A,), 0)) == Refused(6, 7)
    assert server.says(1, Heartbeat(6, 0, 1)) == Refused(6, 7)


def test_a_prepare_request_that_comes_twice_is_answered_twice():
    """PMS 2.2: an acceptor can respond to a prepare request at any time."""
    server = Alone()
    assert server.says(1, Prepare(6, 1)) == server.says(1, Prepare(6, 1)) == Promise(6, 1, ())


def test_who_accepts_a_ballot_has_promised_it():
    """PMMC 2.2: on p2a, if b >= ballot_num, ballot_num := b (PAXOS-05 leaves that out)."""
    server = Alone()
    assert server.says(2, Accept(7, 1, (C,), 0)) == Accepted(7, 1, 1)
    assert server.says(1, Accept(6, 1, (A,), 0)) == Refused(6, 7)
    assert server.values() == {1: (7, C)}


def test_a_value_of_a_higher_ballot_takes_the_place_of_an_earlier_one():
    server = Alone()
    server.hears(1, Accept(6, 1, (A, B), 0))
    server.hears(2, Accept(7, 1, (C,), 0))
    assert server.values() == {1: (7, C), 2: (6, B)}


@pytest.mark.parametrize("message", [Prepare(6, 1), Accept(6, 1, (A, B), 0)])
def test_what_it_answers_is_durable_before(message):
    """PMS 2.5: it records its intended response in stable storage before actually sending the response."""
    server = Alone()
    server.on_message(1, message)
    (sent,) = server.out.sent
    assert sent.durable.unsynced == 0
    values = [PValue(1, 6, A), PValue(2, 6, B)] if isinstance(message, Accept) else []
    assert list(sent.durable.logs["journal"]) == [6, *values]
    server.restart()
    assert server.says(3, Prepare(5, 1)) == Refused(5, 6)


def test_a_restart_keeps_promises_and_values():
    server = Alone()
    server.hears(1, Accept(6, 1, (A, B), 1))
    server.restart()
    assert server.says(2, Prepare(7, 1)) == Promise(7, 1, (PValue(1, 6, A), PValue(2, 6, B)))


# The proposer, phase 1.


def test_a_candidate_asks_all_in_a_ballot_of_its_own_for_all_slots_it_does_not_know():
    """PMS 2.2 and 3: phase 1 for every slot from the first on that is not known to be chosen, in one message."""
    server = Alone()
    server.hears(1, Accept(6, 1, (A, B), 1))
    assert server.stand() == [(node, Prepare(10, 2)) for node in (1, 2, 3, 4)]
    assert server.stand() == [(node, Prepare(15, 2)) for node in (1, 2, 3, 4)], "each candidacy has another ballot"


def test_a_ballot_is_not_used_twice_whatever_a_crash_takes():
    """PMS 2.5."""
    server = Alone()
    server.stand()
    server.restart()
    assert server.stand()[0] == (1, Prepare(10, 1))


def test_it_leads_when_a_quorum_has_promised_its_ballot():
    server = Alone()
    server.stand()
    assert server.hears(1, Promise(5, 1, ())) == []
    assert server.hears(1, Promise(5, 1, ())) == [], "acceptors are counted, not messages"
    assert server.hears(2, Promise(0, 1, ())) == [], "a promise is for one ballot"
    assert server.role is Role.CANDIDATE
    sent = server.hears(2, Promise(5, 1, ()))
    assert server.leads and sent == [(node, Heartbeat(5, 0, 1)) for node in (1, 2, 3, 4)]


def test_a_new_leader_proposes_what_was_accepted_in_the_highest_ballot_and_fills_gaps():
    """PMS 2.2, P2c, and 3: no-ops for slots that nobody tells of, below one that somebody does."""
    server = Alone()
    server.hears(1, Accept(6, 1, (A,), 0))
    server.stand()
    server.hears(2, Promise(10, 1, (PValue(1, 7, C), PValue(3, 6, B))))
    sent = server.hears(3, Promise(10, 1, (PValue(3, 1, A),)))
    expected = Accept(10, 1, (C, Value(10, NO_OP), B), 0)
    assert [message for _, message in sent if isinstance(message, Accept)] == [expected] * 4
    assert server.values() == {1: (10, C), 2: (10, Value(10, NO_OP)), 3: (10, B)}, "it accepts them itself"
    assert server.propose(b"next") == 4


def test_who_hears_of_a_higher_ballot_leads_no_more():
    """PMS 2.4."""
    server = Alone()
    server.lead()
    server.hears(9, ClientRequest(1, b"x"))
    server.hears(1, Refused(5, 11))
    assert server.role is Role.FOLLOWER and server.waiting == {} and server.current_term == 11
    assert server.says(9, ClientRequest(2, b"y")) == ClientReply(2, "not_leader", b"", None)
    assert "election" in server.timers and "heartbeat" not in server.timers


def test_a_candidate_that_lacks_what_others_have_only_in_a_snapshot_learns_it_first():
    server = Alone()
    server.stand()
    server.hears(1, Promise(5, 3, ()))
    assert server.hears(2, Promise(5, 1, ())) == [] and server.role is Role.CANDIDATE
    server.hears(1, Install(Snapshot(2, b"a,b"), 2))
    assert server.leads and server.propose(b"c") == 3 and server.state_machine.applied == [b"a", b"b"]


# The proposer, phase 2.


def test_slots_are_filled_without_waiting_and_applied_in_order():
    """PMS 3: a leader may propose command i + 1 before i is chosen; a gap holds back what follows."""
    server = Alone()
    server.lead()
    assert [server.propose(command) for command in (b"x", b"y")] == [1, 2]
    for acceptor in (1, 2):
        server.hears(acceptor, Accepted(5, 2, 1))
    assert server.commit_index == 0 and ("chosen", (2, 5)) in server.out.observed
    server.hears(1, Accepted(5, 1, 1))
    assert server.hears(3, Accepted(5, 1, 1)) == []
    assert server.commit_index == 2 and server.state_machine.applied == [b"x", b"y"]


def test_a_client_is_answered_when_its_command_is_applied():
    server = Alone()
    server.lead()
    sent = server.hears(9, ClientRequest(7, b"x"))
    assert sent == [(node, Accept(5, 1, (Value(5, b"x"),), 0)) for node in (1, 2, 3, 4)]
    server.hears(1, Accepted(5, 1, 1))
    assert server.hears(2, Accepted(5, 1, 1)) == [(9, ClientReply(7, "ok", b"did x", None))]


def test_votes_of_another_ballot_and_of_one_acceptor_twice_do_not_count():
    server = Alone()
    server.lead()
    server.propose(b"x")
    for acceptor, ballot in ((1, 5), (1, 5), (2, 0), (3, 6)):
        server.hears(acceptor, Accepted(ballot, 1, 1))
    assert server.commit_index == 0


def test_what_got_lost_is_sent_again_to_who_has_not_accepted_it():
    server = Alone(values_per_message_max=1)
    server.lead()
    server.propose(b"x")
    server.hears(1, Accepted(5, 1, 1))
    server.on_timer("heartbeat")
    assert not [each for each in server.out.take_sent() if isinstance(each[1], Accept) and each[1].first_slot != 1]
    server.propose(b"y")
    server.out.take_sent()
    server.on_timer("heartbeat")
    again = [each for each in server.out.take_sent() if isinstance(each[1], Accept)]
    assert again == [(node, Accept(5, 1, (Value(5, b"x"),), 0)) for node in (2, 3, 4)]


def test_a_cluster_of_one_needs_nobody():
    server = Alone(servers=1)
    server.stand()
    assert server.hears(9, ClientRequest(1, b"x")) == [(9, ClientReply(1, "ok", b"did x", None))]


# The learner.


def test_a_follower_applies_what_it_accepted_in_the_leader_s_ballot_and_asks_for_the_rest():
    """What it accepted in another ballot may not be what was chosen."""
    server = Alone()
    server.hears(1, Accept(6, 1, (A, B), 0))
    server.hears(2, Accept(7, 1, (C,), 0))
    sent = server.hears(2, Heartbeat(7, 2, 4))
    assert server.state_machine.applied == [b"c"] and server.leader_id == 2
    assert sent == [(2, Want(2)), (2, HeartbeatReply(7, 4))]


def test_who_lags_is_taught_piece_by_piece():
    server = Alone(values_per_message_max=2)
    server.hears(1, Accept(6, 1, (A, B, A), 3))
    first = server.says(3, Want(1))
    assert first == Learn((PValue(1, 6, A), PValue(2, 6, B)), 3)
    other = Alone(node=3)
    assert other.says(0, first) == Want(3) and other.state_machine.applied == [b"a", b"b"]
    assert other.hears(0, first) == [], "what comes twice is not asked for twice"
    assert server.says(3, Want(3)) == Learn((PValue(3, 6, A),), 3), "the last that is chosen"
    assert server.hears(3, Want(4)) == []


def test_chosen_values_are_learned_across_a_gap_only_when_it_is_filled():
    server = Alone()
    assert server.hears(1, Learn((PValue(2, 6, B),), 2)) == [] and server.commit_index == 0


def test_a_leader_learns_by_counting_alone():
    """Who waits for a slot would else be answered with another's command."""
    server = Alone()
    server.lead()
    server.hears(9, ClientRequest(1, b"x"))
    assert server.hears(1, Learn((PValue(1, 6, A),), 1)) == [] and server.commit_index == 0


def test_a_learned_value_leaves_a_vote_as_it_is():
    server = Alone()
    server.hears(2, Accept(7, 1, (A,), 0))
    server.hears(1, Learn((PValue(1, 6, A),), 1))
    assert server.values() == {1: (7, A)} and server.commit_index == 1


# Snapshots.


def test_a_snapshot_takes_the_place_of_what_was_applied():
    server = Alone(snapshot_every=2)
    server.hears(1, Accept(6, 1, (A, B, A), 2))
    assert server.journal.snapshot == Snapshot(2, b"a,b") and server.values() == {3: (6, A)}
    server.restart()
    assert server.state_machine.applied == [b"a", b"b"] and server.commit_index == 2
    assert server.says(3, Want(1)) == server.says(3, Want(2)) == Install(Snapshot(2, b"a,b"), 2), "its last slot too"


def test_a_promise_tells_from_where_on_it_speaks_and_teaches_what_is_before():
    """PAXOS-01, "pruned after commit": silence about a slot would mean that nothing was accepted there."""
    server = Alone(snapshot_every=2)
    server.hears(1, Accept(6, 1, (A, B, A), 2))
    sent = server.hears(2, Prepare(7, 1))
    assert sent == [(2, Promise(7, 3, (PValue(3, 6, A),))), (2, Install(Snapshot(2, b"a,b"), 2))]


def test_an_old_snapshot_changes_nothing():
    server = Alone()
    server.hears(1, Accept(6, 1, (A, B, A), 3))
    assert server.hears(1, Install(Snapshot(2, b"a,b"), 3)) == [] and server.commit_index == 3


def test_a_slot_that_a_snapshot_covers_is_accepted_and_not_stored():
    server = Alone(snapshot_every=2)
    server.hears(1, Accept(6, 1, (A, B), 2))
    assert server.says(2, Accept(7, 1, (A,), 0)) == Accepted(7, 1, 1) and server.values() == {}


# Queries.


def test_a_query_waits_for_a_quorum_that_answers_a_later_heartbeat():
    server = Alone()
    server.lead()
    sent = server.hears(9, ClientQuery(3, b"q"))
    assert sent == [(node, Heartbeat(5, 0, 2)) for node in (1, 2, 3, 4)]
    assert server.hears(1, HeartbeatReply(5, 1)) == server.hears(2, HeartbeatReply(5, 1)) == []
    assert server.hears(1, HeartbeatReply(5, 2)) == server.hears(1, HeartbeatReply(5, 2)) == []
    assert server.hears(4, HeartbeatReply(5, 2)) == [(9, ClientReply(3, "ok", b"0 applied", None))]


def test_a_query_waits_until_what_predecessors_left_is_chosen():
    server = Alone()
    server.lead(PValue(1, 1, A))
    assert server.hears(9, ClientQuery(3, b"q")) == []
    server.hears(1, Accepted(5, 1, 1))
    assert (1, Heartbeat(5, 1, 2)) in server.hears(2, Accepted(5, 1, 1))
    server.hears(1, HeartbeatReply(5, 2))
    assert server.hears(2, HeartbeatReply(5, 2)) == [(9, ClientReply(3, "ok", b"1 applied", None))]


def test_who_does_not_lead_says_who_does():
    server = Alone()
    server.hears(1, Heartbeat(6, 0, 1))
    assert server.says(9, ClientQuery(3, b"q")) == ClientReply(3, "not_leader", b"", 1)
    assert server.says(9, ClientRequest(4, b"x")) == ClientReply(4, "not_leader", b"", 1)


# Disks.


@pytest.mark.parametrize("message", [Prepare(6, 1), Accept(6, 1, (A,), 0)])
def test_a_server_without_room_halts_before_it_answers(message):
    server = Alone()
    server.disk.full = True
    assert server.hears(1, message) == [] and server.halted == FULL_DISK


@pytest.mark.parametrize("place", ["journal", "snapshot.1", "chosen"])
def test_a_server_that_cannot_read_its_disk_halts_at_every_start(place):
    server = Alone(snapshot_every=2)
    server.hears(1, Accept(6, 1, (A, B), 2) if place == "snapshot.1" else Accept(6, 1, (A,), 1))
    server.hears(1, Heartbeat(6, 2, 1))
    server.hears(2, Prepare(7, 1))
    durable = server.disk
    if place == "journal":
        durable._durable_logs[place][0] = (Corrupt(),)
    else:
        assert place in durable._durable_values
        durable._durable_values[place] = (Corrupt(),)
    for _ in range(2):
        server.restart()
        assert server.halted == CORRUPT_RECORD


class Crashing(Disk):
    """A disk whose node crashes at a sync, after so many that were done."""

    def sync(self):
        if self.left == 0:
            raise InterruptedError
        self.left -= 1
        super().sync()


@given(syncs=some.integers(1, 2), kept=some.integers(0, 5), torn=some.booleans())
def test_a_snapshot_is_there_whole_or_not_at_all_after_a_torn_crash(syncs, kept, torn):
    """A crash between any two writes leaves all that was promised and accepted, or a server that says nothing."""
    disk = Crashing()
    disk.left = syncs
    journal = Journal(disk)
    journal.promise(6)
    for slot, value in enumerate((A, B, A), start=1):
        journal.accept(PValue(slot, 6, value))
    disk.sync()
    with pytest.raises(InterruptedError):
        journal.replace_prefix(Snapshot(2, b"a,b"))
    luck = iter((kept, torn))
    disk.crash_torn(lambda count: min(next(luck), count - 1))
    again = Journal(disk)
    if not again.is_corrupt:
        assert again.promised == 6 and again.accepted[3] == PValue(3, 6, A)
        assert again.snapshot.index == 2 or set(again.accepted) == {1, 2, 3}


# Settings.


def test_quorums_are_majorities_unless_others_are_asked_for():
    quorums = MultiPaxosSettings(servers=(0, 1, 2, 3)).quorums
    assert (quorums.phase_one, quorums.phase_two) == (3, 3)
    flexible = MultiPaxosSettings(servers=(0, 1, 2, 3), phase_one=3, phase_two=2).quorums
    assert flexible.is_phase_two({0, 3}) and not flexible.is_phase_one({0, 3})


@pytest.mark.parametrize(
    ("one", "two", "apart"),
    [
        (2, 2, "any 2 and any 2 of 4"),
        (1, None, "any 1 and any 3 of 4"),
        (((0, 1), (2, 3)), ((0, 2), (2, 3)), "{0, 1} and {2, 3}"),
        (((0, 1), (2, 3)), 2, "{0, 1} and some 2"),
        (2, ((0, 1, 2), (0, 3)), "some 2 and {0, 3}"),
    ],
)
def test_quorums_that_need_not_meet_are_refused_unless_forced(one, two, apart):
    """Flexible Paxos: each quorum of phase 1 meets each of phase 2."""
    with pytest.raises(UsageError, match="need not meet") as refused:
        MultiPaxosSettings(servers=(0, 1, 2, 3), phase_one=one, phase_two=two)
    assert apart in str(refused.value) and "\n" not in str(refused.value)
    MultiPaxosSettings(servers=(0, 1, 2, 3), phase_one=one, phase_two=two, force_quorums=True)


nodes = some.sets(some.integers(0, 4), min_size=1).map(lambda each: tuple(sorted(each)))
sets = some.sets(nodes, min_size=1, max_size=4)
quorum = some.one_of(some.integers(1, 5), sets.map(lambda each: tuple(sorted(each))))


@given(quorum, quorum)
def test_quorums_meet_where_no_two_disjoint_sets_are_quorums(one, two):
    quorums = quorums_of((0, 1, 2, 3, 4), one, two)
    everything = [{node for node in range(5) if bits >> node & 1} for bits in range(32)]
    apart = any(quorums.is_phase_one(each) and quorums.is_phase_two(set(range(5)) - each) for each in everything)
    assert (quorums.apart() is not None) == apart


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"servers": ()}, "servers"),
        ({"servers": (1, 1)}, "servers"),
        ({"phase_one": 0}, "phase_one"),
        ({"phase_two": 4}, "phase_two"),
        ({"phase_one": ((0, 7),)}, "phase_one"),
        ({"phase_two": ()}, "phase_two"),
        ({"heartbeat_ns": ms(200)}, "heartbeat"),
        ({"election_timeout_ns_max": ms(100)}, "election_timeout"),
        ({"snapshot_every": 0}, "snapshot_every"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, named):
    with pytest.raises(UsageError, match=f"multi_paxos.{named}"):
        MultiPaxosSettings(**{"servers": (0, 1, 2), **settings})


def test_quorums_as_text():
    assert [quorum_of(text, "x") for text in ("", "3", "0+1, 2+3", "2+0")] == [None, 3, ((0, 1), (2, 3)), ((2, 0),)]
    for text in ("0+", "a", "1;2", "-1"):
        with pytest.raises(UsageError, match=r"phase_one: .* is no quorum"):
            quorum_of(text, "phase_one")
