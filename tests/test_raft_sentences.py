"""Raft, sentence by sentence: chapter 3 of Ongaro's dissertation, and sections 5 and 7 of the paper.

What stands in the other files of Raft's rules is not repeated: docs/raft-rules.md has every sentence that states a
rule, and the test that fails where it is broken. Chapter 4 is in test_raft_sentences_clusters.py, chapters 6 and 9 in
test_raft_sentences_clients.py.
"""

import pytest

from raft_alone import CLIENT, MIN_NS, Alone, led, put
from simclock import ms
from simclock.actors.standalone import TimerSet
from simclock.protocols.key_value import KeyValueStore
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    ChangeMembership,
    Configuration,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    RequestPreVoteReply,
    RequestVote,
    RequestVoteReply,
    Role,
    Snapshot,
    TransferLeadership,
)
from simclock.protocols.replication import ClientReply, ClientRequest

FIRST = Configuration((0, 1, 2))
STATE = KeyValueStore().snapshot()


def chunk(term, *, leader=1, index=5, offset=0, data=STATE, done=True, last_term=1, configuration=FIRST):
    return InstallSnapshot(term, leader, index, last_term, configuration, offset, data, done)


def set_anew(server):
    """The timers that it has set since it was last asked."""
    return [(each.name, each.duration_ns) for each in server.out.take() if isinstance(each, TimerSet)]


# 3.3, 5.1: basics.


def test_followers_are_passive():
    """3.3: they issue no requests of their own, and answer those of leaders and candidates, each once."""
    server = Alone([1])
    for source, message in (
        (1, AppendEntries(1, 1, 1, 1, (), 0)),
        (1, AppendEntries(1, 1, 1, 1, (Entry(1, put("x")),), 2)),
        (2, RequestVote(2, 2, 2, 1)),
        (1, AppendEntries(1, 1, 2, 1, (), 2)),
        (2, AppendEntries(2, 2, 9, 2, (), 2)),
        (2, chunk(2, leader=2)),
    ):
        assert [target for target, _ in server.hears(source, message)] == [source], message


@pytest.mark.parametrize(
    "message",
    [chunk(7), InstallSnapshotReply(7, 5, 0, False), RequestPreVoteReply(7, 8, False)],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("role", Role)
def test_terms_are_exchanged_whenever_servers_communicate(message, role):
    """3.3: not by the two RPCs of Figure 2 alone: who has the smaller term takes the larger, and follows."""
    server = Alone([1], pre_vote=True)
    if role is Role.LEADER:
        server.lead()
    elif role is Role.CANDIDATE:
        server.on_timer("election")
        server.on_message(1, RequestPreVoteReply(1, 2, True))
    assert server.role is role
    server.on_message(1, message)
    assert (server.current_term, server.role, server.voted_for) == (7, Role.FOLLOWER, None)


# 3.4, 5.2: elections.


def test_refusals_end_no_candidacy():
    """3.4: a candidate goes on until it wins, another leads, or its time is over; nothing else ends it."""
    server = Alone([1], servers=5)
    server.on_timer("election")
    for voter in (1, 2, 3):
        server.on_message(voter, RequestVoteReply(2, False))
    assert (server.role, server.current_term) == (Role.CANDIDATE, 2)
    for voter in (4, 3):
        server.on_message(voter, RequestVoteReply(2, True))
    assert server.role is Role.LEADER


def test_a_candidate_begins_each_election_with_a_new_timeout():
    """3.4: "each candidate restarts its randomized election timeout at the start of an election"."""
    server = Alone([1])
    drawn = []
    for _ in range(20):
        server.out.take()
        server.on_timer("election")
        ((name, duration_ns),) = set_anew(server)
        assert name == "election" and MIN_NS <= duration_ns <= 2 * MIN_NS
        drawn.append(duration_ns)
    assert len(set(drawn)) > 15


def test_a_candidate_yields_to_a_leader_that_sends_a_snapshot():
    """3.4, Figure 5.3: whoever leads the term says so by any of a leader's requests."""
    server = Alone([1])
    server.on_timer("election")
    server.hears(1, chunk(2))
    assert (server.role, server.current_term, server.voted_for, server.leader_id) == (Role.FOLLOWER, 2, 0, 1)


# 3.5, 5.3: replication.


def test_a_leader_goes_on_sending_after_it_has_answered_the_client():
    """3.5: it retries AppendEntries "even after it has responded to the client", until all have all entries."""
    server = Alone([1])
    server.lead()
    server.hears(CLIENT, ClientRequest(5, put("x")))
    assert (CLIENT, "ok") in [(target, getattr(each, "status", "")) for target, each in server.acknowledge(1)]
    for _ in range(3):
        server.out.take()
        server.on_timer("heartbeat")
        assert {target: message.entries for target, message in server.out.take_sent()} == {
            1: (),
            2: (Entry(2, put("x")),),
        }


def test_what_a_leader_knew_of_the_others_is_forgotten_with_its_term():
    """Figure 3.1: nextIndex and matchIndex are "reinitialized after election": the others may have been overwritten."""
    server = led()
    assert (server.progress[1].match_index, server.progress[2].match_index) == (2, 0)
    server.hears(2, AppendEntries(3, 2, 2, 2, (), 0))
    server.lead()
    assert {(each.next_index, each.match_index) for each in server.progress.values()} == {(3, 0)}
    server.propose(put("x"))
    server.acknowledge(2, 2)
    assert server.commit_index == 2


def test_what_is_lost_of_a_stream_is_sent_again():
    """3.5: also where the leader has gone on after what was sent, and not waited for the answer."""
    server = led()
    server.acknowledge(2)
    server.propose(put("lost"))
    server.out.take()
    server.on_timer("heartbeat")
    (beat,) = [message for target, message in server.out.take_sent() if target == 2]
    assert (beat.prev_log_index, beat.entries) == (3, ())
    sent = server.hears(2, AppendEntriesReply(2, False, 3, 0, 0, 3))
    assert [(target, message.entries) for target, message in sent] == [(2, (Entry(2, put("lost")),))]


def test_entries_keep_their_terms():
    """3.6.2: "log entries retain their original term numbers" when a later leader replicates them."""
    server = Alone([1, 1, 2])
    server.lead()
    server.hears(1, AppendEntriesReply(3, False, 3, 0, 0, 1))
    sent = server.hears(2, AppendEntriesReply(3, False, 3, 0, 0, 1))
    assert [[entry.term for entry in message.entries] for _, message in sent] == [[1, 1, 2]]
    assert sent[0][1].term == 3


def test_a_leader_never_changes_what_is_in_its_log():
    """3.5, Leader Append-Only: whatever the others lack or have besides, and whatever comes late."""
    server = Alone([1, 1, 2])
    server.lead()
    server.hears(1, AppendEntriesReply(3, False, 3, 0, 1, 1))
    server.hears(2, AppendEntriesReply(3, False, 3, 0, 0, 1))
    server.hears(2, AppendEntries(2, 2, 1, 1, (Entry(2, put("old")),), 2))
    server.hears(2, chunk(2, leader=2))
    server.propose(put("new"))
    server.acknowledge(1)
    assert [server.log.term(index) for index in range(1, server.log.last_index + 1)] == [1, 1, 2, 3]
    assert not any(name == "truncated" for name, _ in server.out.observed)


# 3.8: what is durable.


def test_what_the_leader_has_not_made_durable_commits_nothing():
    """3.8: new entries are persisted "before they are counted towards the entries' commitment", a leader's own too.

    The leader is the one voter, and a learner's answer makes it count while a command waits for the end of its batch.
    """
    server = Alone(servers=1, spares=(3,), batch_ns=ms(1))
    server.on_timer("election")
    for value in "ab":
        server.propose(put(value))
    server.on_timer("batch")
    server.hears(CLIENT, ChangeMembership(1, (3,), ()))
    server.propose(put("c"))
    assert (server.log.last_index, server.log.durable_index, server.commit_index) == (4, 3, 3)
    server.acknowledge(3, 1)
    assert server.commit_index == 3
    server.on_timer("batch")
    assert server.commit_index == 4


def test_a_state_machine_is_built_again_from_the_log_once_that_is_known_to_be_committed():
    """3.8: of a volatile state machine nothing is left after a restart; the entries are applied again."""
    server = Alone([1, 1])
    server.hears(1, AppendEntries(1, 1, 2, 1, (Entry(1, put("x")),), 3))
    server.out.take()
    server.crash()
    server.restart()
    assert server.state_machine.values == {}
    server.hears(1, AppendEntries(1, 1, 3, 1, (), 3))
    assert server.state_machine.values == {"k": "x"} and server.last_applied == 3


# 3.10: leadership transfer.


def test_the_prior_leader_steps_down_for_its_target_also_where_it_ignores_candidates():
    """3.10, 4.2.3: the target's request has its new term; it was the leader that asked for the election."""
    server = led(sticky=True)
    server.hears(CLIENT, TransferLeadership(1, 2))
    server.acknowledge(2)
    assert server.hears(2, RequestVote(3, 2, 2, 2, transfer=True)) == [(2, RequestVoteReply(3, True))]
    assert server.role is Role.FOLLOWER and server.propose(put("x")) is None


def test_a_transfer_has_about_an_election_timeout():
    """3.10: if it does not complete after that, it is aborted; a new one may then begin."""
    server = led()
    server.out.take()
    server.hears(CLIENT, TransferLeadership(1, 2))
    assert MIN_NS <= server.timers["transfer"] <= 2 * MIN_NS
    server.on_timer("transfer")
    assert server.hears(CLIENT, TransferLeadership(2, 1))[0][1].done


def test_a_client_that_comes_during_a_transfer_is_turned_away():
    """3.10, step 1, and 6.2: it is told at once, and need not wait for the transfer."""
    server = led()
    server.hears(CLIENT, TransferLeadership(1, 2))
    assert server.hears(CLIENT, ClientRequest(5, put("x"))) == [(CLIENT, ClientReply(5, "not_leader", b"", 0))]


# Section 7, chapter 5: snapshots.


def test_each_chunk_is_a_sign_of_life():
    """Figure 5.3, Figure 13: a follower resets its election timer with each chunk, the last or not."""
    server = Alone([1], sticky=True)
    server.passes(MIN_NS)
    for offset, data, done in ((0, STATE[:1], False), (0, STATE[:1], False), (1, STATE[1:], True)):
        server.out.take()
        server.on_message(1, chunk(1, offset=offset, data=data, done=done))
        assert [name for name, _ in set_anew(server)] == ["election"]
        assert server.hears(2, RequestVote(9, 2, 9, 9)) == [], "4.2.3: it hears a leader"
        server.passes(MIN_NS)
    server.on_message(2, chunk(0, leader=2))
    assert set_anew(server) == [], "of an earlier term"


def test_a_snapshot_covers_what_was_applied_and_no_more():
    """5.1, section 7: "covering just the committed entries in its log"."""
    server = led()
    server.propose(put("not committed"))
    server.compact()
    assert server.log.snapshot.last_included_index == server.commit_index == 2
    assert server.log.last_index == 3 and server.log.entry(3).command == put("not committed")
    server.hears(2, AppendEntries(3, 2, 2, 2, (Entry(3, put("other")),), 3))
    assert server.state_machine.values == {"k": "other"}


def test_the_consistency_check_goes_on_where_the_snapshot_ends():
    """5.1: index and term of the last entry discarded are kept, for the entry that follows."""
    server = led()
    server.compact()
    assert server.log.first_index == 3
    refused = server.hears(2, AppendEntries(3, 2, 2, 1, (Entry(3, put("x")),), 0))
    assert [message.success for _, message in refused] == [False] and server.log.last_index == 2
    taken = server.hears(2, AppendEntries(3, 2, 2, 2, (Entry(3, put("x")),), 0))
    assert [message.success for _, message in taken] == [True] and server.log.last_index == 3


def test_a_snapshot_has_the_configuration_as_of_its_index():
    """5.1, section 7: the latest up to there, and not one that comes after; a restart begins with it."""
    server = Alone([1], spares=(3, 4))
    entries = (Entry(1, b"", Configuration((0, 1, 3))), Entry(1, put("x")), Entry(1, b"", Configuration((0, 1, 4))))
    server.hears(1, AppendEntries(1, 1, 1, 1, entries, 3))
    server.compact()
    assert server.log.snapshot.configuration == Configuration((0, 1, 3))
    server.hears(2, AppendEntries(2, 2, 3, 1, (Entry(2, put("y")),), 3))
    assert server.configuration == Configuration((0, 1, 3)), "the later one was overwritten"
    server.crash()
    server.restart()
    assert server.configuration == Configuration((0, 1, 3))


def test_who_gets_a_snapshot_takes_its_configuration():
    """Figure 5.3, rule 8: the state machine begins with the snapshot, and the cluster is the snapshot's."""
    server = Alone([1])
    store = KeyValueStore()
    store.apply(put("theirs"))
    server.hears(1, chunk(2, data=store.snapshot(), configuration=Configuration((0, 1, 4))))
    assert server.configuration == Configuration((0, 1, 4)) and server.state_machine.values == {"k": "theirs"}
    assert (server.commit_index, server.last_applied, server.log.last_index) == (5, 5, 5)


def test_a_snapshot_is_durable_before_it_is_acknowledged():
    """5.1, Figure 5.3: and what it covers is gone only then."""
    server = Alone([1])
    server.out.take()
    server.on_message(1, chunk(2))
    (sent,) = server.out.sent
    assert sent.message.done and sent.durable.unsynced == 0
    assert any(isinstance(kept, Snapshot) for kept in sent.durable.values.values())


def test_chunks_of_another_snapshot_are_discarded():
    """Figure 5.3, rule 5: what there is of one never becomes part of another."""
    server = Alone([1])
    server.hears(1, chunk(2, index=5, data=STATE[:1], done=False))
    ((_, wanted),) = server.hears(1, chunk(2, index=7, offset=1, data=STATE[1:]))
    assert (wanted.offset, wanted.done, server.log.last_index) == (0, False, 1)
    server.hears(1, chunk(2, index=7, data=STATE[:1], done=False))
    ((_, reply),) = server.hears(1, chunk(2, index=7, offset=1, data=STATE[1:]))
    assert reply.done and server.log.last_index == 7


def test_a_chunk_that_is_lost_is_sent_again():
    """3.3, 5.1: the requester retries; a leader with its heartbeats."""
    server = led(snapshot_chunk_bytes=4)
    server.compact()
    server.hears(2, AppendEntriesReply(2, False, 1, 0, 0, 1))
    for _ in range(2):
        server.out.take()
        server.on_timer("heartbeat")
        (again,) = [message for target, message in server.out.take_sent() if target == 2]
        assert isinstance(again, InstallSnapshot) and (again.offset, len(again.data)) == (0, 4)
    server.hears(2, InstallSnapshotReply(2, 2, 4, False))
    server.on_timer("heartbeat")
    (following,) = [message for target, message in server.out.take_sent() if target == 2]
    assert following.offset == 4


def test_who_lacks_only_what_is_in_the_log_is_sent_no_snapshot():
    """5.1: a leader resorts to it only when it has "already discarded the next log entry"."""
    server = led()
    server.compact()
    server.out.take()
    server.on_timer("heartbeat")
    kinds = {target: type(message) for target, message in server.out.take_sent()}
    assert kinds == {1: AppendEntries, 2: InstallSnapshot}, "1 has all that was discarded"
