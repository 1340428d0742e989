"""Who leads a Raft cluster, and how that ends (Raft 5.2; Ongaro 2014, 3.10, 4.2.3, 6.2, 9.6): what stands in no figure.

As in test_raft_dissertation.py the servers have no run: their handlers are called by hand.
"""

import pytest

from raft_alone import CLIENT, MIN_NS, Alone, led
from simclock import ms
from simclock.protocols.key_value.store import Command, encode_command
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    ChangeMembership,
    Configuration,
    Entry,
    OperatorReply,
    RequestPreVote,
    RequestPreVoteReply,
    RequestVote,
    RequestVoteReply,
    Role,
    TimeoutNow,
    TransferLeadership,
)
from simclock.protocols.replication import ClientReply, ClientRequest

PUT = encode_command(Command("put", "k", "x"))
MAX_NS = ms(300)


def named(server):
    """Whom it names to a client as the leader."""
    ((_, answer),) = server.hears(CLIENT, ClientRequest(1, PUT))
    assert isinstance(answer, ClientReply) and answer.status == "not_leader"
    return answer.leader_hint


# Who is known to lead.


@pytest.mark.parametrize("pre_vote", [False, True])
def test_who_stands_names_no_leader(pre_vote):
    """5.2: its leader is gone, as it takes it; a client that it sends there would be sent in vain."""
    server = Alone([1], pre_vote=pre_vote)
    server.hears_leader(1)
    assert named(server) == 1
    server.on_timer("election")
    assert named(server) is None


def test_a_leader_of_an_earlier_term_is_not_named():
    """Figure 2, votedFor and the like are of a term: who led the last one need not lead this one."""
    server = Alone([1])
    server.hears_leader(1)
    server.hears(2, RequestVote(2, 2, 0, 0))
    assert named(server) is None


def test_a_deposed_leader_does_not_name_itself():
    server = Alone([1])
    server.lead()
    server.hears(1, AppendEntriesReply(3, False, 0, 0, 0, 0))
    assert server.role is Role.FOLLOWER and named(server) is None


# 6.2: a leader without a quorum.


def test_who_was_heard_in_an_earlier_leadership_is_not_heard_in_this_one():
    """6.2: a majority has to answer this leader."""
    server = Alone([1], check_quorum=True)
    server.lead()
    server.acknowledge(1, 0)
    server.hears(2, RequestVote(7, 2, 0, 0))
    server.lead()
    server.on_timer("quorum")
    assert server.role is Role.FOLLOWER


def test_a_leader_looks_for_a_quorum_once_in_an_election_timeout():
    server = Alone([1], check_quorum=True)
    server.lead()
    assert server.timers["quorum"] == MIN_NS
    server.acknowledge(1, 0)
    server.on_timer("quorum")
    assert server.timers["quorum"] == MIN_NS
    server.hears(2, RequestVote(7, 2, 0, 0))
    assert not {"quorum", "heartbeat"} & server.timers.keys() and "election" in server.timers


# 4.2.3, 9.6: candidates that would disrupt.


def test_an_election_timeout_counts_from_when_the_leader_was_heard():
    """4.2.3: "within the minimum election timeout of hearing from a current leader", whatever the clock shows then."""
    server = Alone([1], sticky=True)
    server.passes(10 * MIN_NS)
    server.hears_leader(1)
    server.passes(MIN_NS - 1)
    assert server.hears(2, RequestVote(9, 2, 5, 5)) == []
    server.passes(1)
    assert server.hears(2, RequestVote(9, 2, 5, 5)) == [(2, RequestVoteReply(9, True))]


def test_a_server_that_asked_for_pre_votes_hears_its_leader_again():
    """9.6: it refuses others from then on, and the answers that are still under way count no more."""
    server = Alone([1], pre_vote=True)
    server.hears_leader(1)
    server.on_timer("election")
    server.hears_leader(1)
    assert server.hears(2, RequestPreVote(2, 2, 1, 1)) == [(2, RequestPreVoteReply(1, 2, False))]
    server.on_message(2, RequestPreVoteReply(1, 2, True))
    assert server.role is Role.FOLLOWER and server.current_term == 1


def test_a_leader_grants_no_pre_vote():
    """9.6, 4.2.3: it hears a leader, itself."""
    server = Alone([1], pre_vote=True)
    server.lead()
    server.passes(10 * MIN_NS)
    assert server.hears(2, RequestPreVote(3, 2, 9, 9)) == [(2, RequestPreVoteReply(2, 3, False))]


def test_pre_votes_for_the_next_term_end_with_an_election():
    """A candidate that asks again may be elected by votes that come late: what comes of its pre-votes then is void."""
    server = Alone([1], pre_vote=True)
    server.on_timer("election")
    server.on_message(1, RequestPreVoteReply(1, 2, True))
    server.on_timer("election")
    assert (server.role, server.pre_votes) == (Role.CANDIDATE, {0})
    server.on_message(1, RequestVoteReply(2, True))
    server.on_message(2, RequestPreVoteReply(2, 3, True))
    assert (server.role, server.current_term) == (Role.LEADER, 2)


@pytest.mark.parametrize("granted", [False, True])
def test_a_pre_vote_of_a_higher_term_is_no_yes(granted):
    """5.1: a term that is higher makes a follower; 9.6: what it had asked was about another term."""
    server = Alone([1], pre_vote=True)
    server.on_timer("election")
    server.on_message(1, RequestPreVoteReply(7, 2, granted))
    assert (server.role, server.current_term, server.pre_votes) == (Role.FOLLOWER, 7, set())


def test_a_cluster_of_one_elects_itself_by_its_own_pre_vote():
    server = Alone([1], servers=1, pre_vote=True)
    server.on_timer("election")
    assert (server.role, server.current_term) == (Role.LEADER, 2)


def test_only_voters_are_asked_for_their_votes():
    """4.2.1: a learner has none; section 6: while a configuration is joint, the old voters and the new have."""
    server = Alone([1], pre_vote=True)
    joint = Configuration((0, 2, 3), (0, 1, 2), (4,))
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, b"", joint),), 0))
    server.out.take()
    server.on_timer("election")
    assert [target for target, _ in server.out.take_sent()] == [1, 2, 3]
    for voter in (2, 3):
        server.on_message(voter, RequestPreVoteReply(1, 2, True))
    assert [(target, type(message)) for target, message in server.out.take_sent()] == [
        (each, RequestVote) for each in (1, 2, 3)
    ]


@pytest.mark.parametrize("pre_vote", [False, True])
def test_who_asks_says_how_long_its_log_is_and_how_late(pre_vote):
    """5.4.1: index and term of its last entry; 9.6: in a pre-vote too."""
    server = Alone([1, 1, 2], pre_vote=pre_vote)
    server.on_timer("election")
    asked = RequestPreVote(3, 0, 3, 2) if pre_vote else RequestVote(3, 0, 3, 2)
    assert server.out.take_sent() == [(1, asked), (2, asked)]


# What is told of roles and votes.


def told(server):
    return [each for each in server.out.observed if each[0] in ("candidate", "voted", "leader", "follower")]


def test_who_stands_tells_so_and_for_whom_it_voted():
    server = Alone([1])
    server.on_timer("election")
    assert told(server) == [("candidate", 2), ("voted", (2, 0))]


def test_a_vote_is_told_once():
    server = Alone([1])
    server.on_message(1, RequestVote(2, 1, 1, 1))
    server.on_message(1, RequestVote(2, 1, 1, 1))
    assert told(server) == [("voted", (2, 1))]


def test_a_follower_of_a_newer_term_is_a_follower_as_before():
    server = Alone([1])
    server.on_message(1, AppendEntries(2, 1, 1, 1, (), 0))
    server.on_message(2, RequestVote(3, 2, 0, 0))
    assert told(server) == []


# Leading begins and ends.


def test_a_new_leader_begins_its_term_with_an_empty_entry_and_a_heartbeat():
    server = Alone([1])
    server.lead()
    assert server.timers == {"heartbeat": ms(50)}
    assert ("leader", 2) in server.out.observed


def test_a_candidate_that_yields_tells_that_it_follows():
    server = Alone([1])
    server.on_timer("election")
    server.hears(1, AppendEntries(2, 1, 1, 1, (), 0))
    assert [each for each in server.out.observed if each[0] == "follower"] == [("follower", 2)]


def test_commands_that_a_deposed_leader_gathered_do_not_go_out():
    """They were taken for a leadership that has ended."""
    server = Alone([1], batch_ns=ms(1))
    server.lead()
    server.propose(PUT)
    server.hears(2, RequestVote(9, 2, 9, 9))
    assert "batch" not in server.timers and not server.gathering
    server.lead()
    server.propose(PUT)
    assert server.timers["batch"] == ms(1)


# 3.10: leadership transfer.


def test_a_transfer_is_given_up_after_an_election_timeout():
    """3.10: "if leadership transfer does not complete after about an election timeout"."""
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 1))
    assert server.timers["transfer"] == MAX_NS
    assert server.out.observed[-1] == ("transfer_started", (2, 1))
    server.on_timer("transfer")
    assert server.out.observed[-1] == ("transfer_ended", (2, 1))
    assert server.hears(CLIENT, TransferLeadership(2, 2)) != []
    assert server.transfer_target == 2, "another may be asked for then"


def test_a_transfer_ends_with_the_leadership():
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    server.hears(2, RequestVote(3, 2, 9, 9, transfer=True))
    assert server.role is Role.FOLLOWER and "transfer" not in server.timers
    server.lead()
    assert server.propose(PUT) is not None and not server.handed_over


def test_one_transfer_at_a_time():
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    refused = OperatorReply(2, False, "it hands over to member 2", 0)
    assert server.hears(CLIENT, TransferLeadership(2, 1)) == [(CLIENT, refused)]
    assert server.transfer_target == 2


def test_a_transfer_to_the_leader_itself_is_done():
    server = led()
    assert server.hears(CLIENT, TransferLeadership(1, 0)) == [(CLIENT, OperatorReply(1, True, "", 0))]
    assert server.transfer_target is None and not server.handed_over and "transfer" not in server.timers


def test_who_does_not_lead_hands_nothing_over():
    server = Alone([1])
    server.hears_leader(1)
    refused = OperatorReply(1, False, "this server does not lead", 1)
    assert server.hears(CLIENT, TransferLeadership(1, 2)) == [(CLIENT, refused)] and server.transfer_target is None


def test_a_target_that_has_the_whole_log_is_told_at_once():
    """3.10, step 3."""
    server = led()
    server.acknowledge(2)
    sent = server.hears(CLIENT, TransferLeadership(1, 2))
    assert (2, TimeoutNow(2, 0)) in sent and len(sent) == 2


def test_only_the_target_is_told_to_stand():
    """3.10: another that has the whole log is not."""
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    assert TimeoutNow not in {type(message) for _, message in server.acknowledge(1)}
    server.acknowledge(2, 1)
    assert [target for target, message in server.acknowledge(2) if isinstance(message, TimeoutNow)] == [2]


def test_a_member_is_handed_over_to_under_its_nodes_number():
    """An operator knows nodes: the voter that lives there now is another member than the first."""
    server = Alone([1])
    server.hears(2, AppendEntries(1, 2, 1, 1, (Entry(1, b"", Configuration((0, 2, 11))),), 2))
    server.on_timer("election")
    server.on_message(2, RequestVoteReply(2, True))
    server.propose(PUT)
    server.acknowledge(2)
    server.hears(CLIENT, TransferLeadership(1, 1))
    assert server.transfer_target == 11
    assert (1, TimeoutNow(2, 0)) in server.acknowledge(1, generation=1)


@pytest.mark.parametrize("role", [Role.CANDIDATE, Role.LEADER])
def test_who_stands_or_leads_already_is_not_told_to_stand_again(role):
    """3.10: the message may come late, or twice."""
    target = Alone([1])
    target.hears_leader(1)
    target.hears(1, TimeoutNow(1, 1))
    if role is Role.LEADER:
        target.on_message(2, RequestVoteReply(2, True))
    assert target.hears(1, TimeoutNow(2, 1)) == [] and (target.role, target.current_term) == (role, 2)


def test_a_learner_that_is_told_to_stand_does_not():
    learner = Alone([1], node=3, spares=(3,))
    assert learner.hears(1, TimeoutNow(1, 1)) == [] and learner.role is Role.FOLLOWER


def test_no_change_begins_while_a_leader_hands_over():
    """3.10: it takes no requests."""
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    refused = OperatorReply(2, False, "it hands over to another", 0)
    assert server.hears(CLIENT, ChangeMembership(2, (), (1,))) == [(CLIENT, refused)]
