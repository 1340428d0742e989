"""Raft, one test per rule: the section of the paper (or of Ongaro's dissertation) stands in each docstring.

A server stands alone here: what it sends, tells and sets timers for is taken from `out`.
"""

import pytest

from simclock import UsageError, ms
from simclock.actors.standalone import Standalone, TimerSet
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK, Corrupt, Disk
from simclock.protocols.raft import (
    NO_OP,
    AppendEntries,
    AppendEntriesReply,
    Entry,
    RaftServer,
    RaftSettings,
    RequestVote,
    RequestVoteReply,
    Role,
)
from simclock.protocols.replication import ClientReply, ClientRequest


class Machine:
    def __init__(self):
        self.applied = []

    def apply(self, command):
        self.applied.append(command)
        return b"did " + command


def kept(vote, *entries):
    disk = Disk()
    disk.write("vote", vote)
    for entry in entries:
        disk.append("log", entry)
    disk.sync()
    return disk


class Alone(Standalone):
    """A server without a run, `terms` being the terms of the entries in its log."""

    def __init__(self, terms=(), *, node=0, servers=5, term=None, voted_for=None, disk=None, **settings):
        if disk is None:
            entries = [Entry(each, b"%d.%d" % (index, each)) for index, each in enumerate(terms, start=1)]
            disk = kept((max((0, *terms)) if term is None else term, voted_for), *entries)
        settings = RaftSettings(servers=tuple(range(servers)), **settings)
        super().__init__(lambda: RaftServer(settings, Machine()), id=node, nodes=10, seed=1, disk=disk)

    def __getattr__(self, name):
        return getattr(self.node, name)

    # Shorthands.

    @property
    def sent(self):
        return [(each.target, each.message) for each in self.out.sent]

    @property
    def told(self):
        return self.out.observed

    def take(self):
        """What it sent; what was durable when the last of it was sent is kept."""
        for each in self.out.sent:
            self.durable_when_sent = each.durable.values.get("vote"), len(each.durable.logs.get("log", ()))
        return self.out.take_sent()

    def reply_to(self, message, source=1):
        """What the server answers."""
        self.take()
        self.on_message(source, message)
        (answer,) = self.take()
        assert answer[0] == source
        return answer[1]

    def append(self, prev, prev_term, terms=(), *, term=None, commit=0, source=1):
        entries = tuple(Entry(each, b"%d.%d" % (i, each)) for i, each in enumerate(terms, start=prev + 1))
        term = self.current_term if term is None else term
        return self.reply_to(AppendEntries(term, source, prev, prev_term, entries, commit), source)

    def lead(self, votes=(1, 2)):
        """Become candidate and be elected; gives the requests of the new leader."""
        self.on_timer("election")
        self.take()
        for voter in votes:
            self.on_message(voter, RequestVoteReply(self.current_term, True))
        assert self.role is Role.LEADER
        return self.take()

    def acknowledge(self, source, match_index):
        self.on_message(source, AppendEntriesReply(self.current_term, True, 0, match_index, 0, 0))

    @property
    def terms(self):
        return [self.log.term(index) for index in range(1, self.log.last_index + 1)]


# Rules for all servers.


def test_committed_entries_are_applied_in_order():
    """Figure 2, all servers: if commitIndex > lastApplied: increment lastApplied, apply log[lastApplied]."""
    server = Alone([1, 1, 1])
    server.append(3, 1, commit=2)
    assert server.state_machine.applied == [b"1.1", b"2.1"] and server.last_applied == 2


@pytest.mark.parametrize(
    "message",
    [
        RequestVote(7, 1, 0, 0),
        RequestVoteReply(7, False),
        AppendEntries(7, 1, 0, 0, (), 0),
        AppendEntriesReply(7, False, 0, 0, 0, 1),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_a_higher_term_makes_a_follower(message, role):
    """5.1: if RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower."""
    server = Alone()
    if role is Role.CANDIDATE:
        server.on_timer("election")
    elif role is Role.LEADER:
        server.lead()
    server.on_message(1, message)
    assert (server.current_term, server.role) == (7, Role.FOLLOWER)
    assert "election" in server.timers and "heartbeat" not in server.timers
    assert server.progress == {} and server.votes == set()


def test_a_higher_term_forgets_the_vote_of_the_old_one():
    """Figure 2: votedFor is the candidate that received vote in *current* term."""
    server = Alone(term=3, voted_for=2)
    server.on_message(1, AppendEntries(4, 1, 0, 0, (), 0))
    assert server.voted_for is None


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (RequestVote(2, 1, 9, 9), RequestVoteReply(3, False)),
        (AppendEntries(2, 1, 0, 0, (Entry(2, b"x"),), 1), AppendEntriesReply(3, False, 0, 0, 0, 0)),
    ],
)
def test_a_request_of_an_old_term_is_refused(message, answer):
    """5.1: if a server receives a request with a stale term number, it rejects the request."""
    server = Alone([1], term=3)
    assert server.reply_to(message) == answer
    assert server.terms == [1] and server.commit_index == 0


# Elections, 5.2.


def test_servers_start_as_followers():
    """5.2: when servers start up, they begin as followers."""
    server = Alone()
    assert server.role is Role.FOLLOWER and server.sent == [] and list(server.timers) == ["election"]


def test_a_follower_that_hears_nothing_becomes_candidate():
    """5.2: increments its current term, votes for itself and issues RequestVote RPCs to each of the other servers."""
    server = Alone([1, 2])
    server.on_timer("election")
    assert server.role is Role.CANDIDATE and server.current_term == 3 and server.voted_for == 0
    assert server.take() == [(each, RequestVote(3, 0, 2, 2)) for each in (1, 2, 3, 4)]
    assert server.durable_when_sent == ((3, 0), 2)


def test_a_candidate_that_hears_nothing_begins_again():
    """5.2: each candidate will time out and start a new election by incrementing its term."""
    server = Alone()
    server.on_timer("election")
    server.on_message(1, RequestVoteReply(1, True))
    server.on_timer("election")
    assert server.current_term == 2 and server.votes == {0}, "votes of the election before do not count"


def test_a_majority_elects():
    """5.2: a candidate wins an election if it receives votes from a majority of the servers for the same term."""
    server = Alone()
    server.on_timer("election")
    server.on_message(1, RequestVoteReply(1, True))
    assert server.role is Role.CANDIDATE
    server.on_message(2, RequestVoteReply(1, True))
    assert server.role is Role.LEADER and ("leader", 1) in server.told


def test_one_server_elects_itself():
    """5.2: of one server, one is a majority."""
    server = Alone(servers=1)
    server.on_timer("election")
    assert server.role is Role.LEADER and server.commit_index == 1


def test_votes_are_counted_by_server():
    """5.2: a vote that arrives twice is one vote."""
    server = Alone()
    server.on_timer("election")
    server.on_message(1, RequestVoteReply(1, True))
    server.on_message(1, RequestVoteReply(1, True))
    assert server.role is Role.CANDIDATE


def test_votes_of_another_term_do_not_count():
    """5.2: "for the same term": a vote for an earlier candidacy may arrive late."""
    server = Alone()
    server.on_timer("election")
    server.on_timer("election")
    for voter in (1, 2, 3):
        server.on_message(voter, RequestVoteReply(1, True))
    assert server.role is Role.CANDIDATE


def test_a_new_leader_speaks_at_once():
    """5.2, Figure 2, leaders: upon election: send initial empty AppendEntries RPCs (heartbeat) to each server."""
    sent = Alone([1], no_op=False).lead()
    assert sent == [(each, AppendEntries(2, 0, 1, 1, (), 0)) for each in (1, 2, 3, 4)]


def test_a_leader_speaks_during_idle_periods():
    """5.2, Figure 2, leaders: repeat during idle periods to prevent election timeouts."""
    server = Alone(no_op=False)
    server.lead()
    server.on_timer("heartbeat")
    assert [target for target, _ in server.take()] == [1, 2, 3, 4]
    assert server.timers["heartbeat"] == ms(50) and "election" not in server.timers


@pytest.mark.parametrize("term", [1, 2])
def test_a_candidate_yields_to_the_leader(term):
    """5.2: if the leader's term is at least as large as the candidate's current term: return to follower state."""
    server = Alone()
    server.on_timer("election")
    assert server.append(0, 0, term=term).success
    assert server.role is Role.FOLLOWER and server.leader_id == 1


def test_yielding_in_the_same_term_keeps_the_vote():
    """5.2: each server will vote for at most one candidate in a given term."""
    server = Alone()
    server.on_timer("election")
    server.append(0, 0, term=1)
    assert server.voted_for == 0
    assert server.reply_to(RequestVote(1, 2, 0, 0), 2) == RequestVoteReply(1, False)


def test_a_candidate_ignores_a_leader_of_an_old_term():
    """5.2: if the term in the RPC is smaller, the candidate rejects the RPC and continues in candidate state."""
    server = Alone(term=5)
    server.on_timer("election")
    assert not server.append(0, 0, term=5).success
    assert server.role is Role.CANDIDATE


def test_timeouts_are_random_and_within_their_interval():
    """5.2: election timeouts are chosen randomly from a fixed interval."""
    server = Alone()
    drawn = set()
    for _ in range(100):
        server.append(0, 0, term=1)
        drawn.add(server.timers["election"])
    assert len(drawn) > 90 and ms(150) <= min(drawn) and max(drawn) <= ms(300)


@pytest.mark.parametrize(
    ("message", "resets"),
    [
        (RequestVote(1, 1, 0, 0), True),
        (RequestVote(3, 1, 0, 0), False),
        (AppendEntries(2, 1, 0, 0, (), 0), True),
        (AppendEntries(2, 1, 9, 2, (), 0), True),
        (AppendEntries(1, 1, 0, 0, (), 0), False),
    ],
)
def test_what_keeps_a_follower_quiet(message, resets):
    """Figure 2, followers: AppendEntries from *current* leader or *granting* vote, nothing else, resets the timeout."""
    server = Alone([2] if message.term == 3 else [], term=2 if message.term != 1 or not resets else 1)
    server.out.take()
    server.on_message(1, message)
    set_anew = [each.name for each in server.out if isinstance(each, TimerSet)]
    assert ("election" in set_anew) == resets


# Votes, 5.2 and 5.4.1.


def test_one_vote_in_a_term_first_come_first_served():
    """5.2: each server will vote for at most one candidate in a given term, on a first-come-first-served basis."""
    server = Alone()
    assert server.reply_to(RequestVote(1, 1, 0, 0), 1).vote_granted
    assert not server.reply_to(RequestVote(1, 2, 9, 1), 2).vote_granted
    assert server.reply_to(RequestVote(1, 1, 0, 0), 1).vote_granted, "asked again, it says the same again"


def test_a_leader_grants_no_vote_in_its_term():
    """5.2: it voted for itself."""
    server = Alone()
    server.lead()
    assert not server.reply_to(RequestVote(1, 1, 9, 9)).vote_granted and server.role is Role.LEADER


@pytest.mark.parametrize(
    ("last_term", "last_index", "granted"),
    [(3, 1, True), (2, 3, True), (2, 2, True), (2, 1, False), (1, 9, False)],
)
def test_only_an_up_to_date_candidate_gets_the_vote(last_term, last_index, granted):
    """5.4.1: the voter denies its vote if its own log is more up-to-date: the later last term, then the longer log."""
    server = Alone([1, 2])
    assert server.reply_to(RequestVote(4, 1, last_index, last_term)) == RequestVoteReply(4, granted)


def test_a_vote_is_durable_before_it_is_sent():
    """Figure 2, persistent state: updated on stable storage before responding to RPCs."""
    server = Alone()
    server.reply_to(RequestVote(1, 1, 0, 0))
    assert server.durable_when_sent[0] == (1, 1)
    server.restart()
    assert not server.reply_to(RequestVote(1, 2, 9, 9), 2).vote_granted


def test_a_new_term_is_durable_before_it_is_sent():
    """Figure 2, persistent state: currentTerm, too."""
    server = Alone([1])
    server.reply_to(RequestVote(5, 1, 0, 0))
    assert server.durable_when_sent[0] == (5, None)


# Replication, 5.3: the follower.


def test_rule_2_the_entry_before_must_match():
    """AppendEntries 2: reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm."""
    server = Alone([1, 1])
    assert not server.append(3, 1, [1]).success
    assert not server.append(2, 2, [2], term=2).success
    assert server.append(2, 1, [2], term=2).success
    assert server.terms == [1, 1, 2]


def test_rule_3_a_conflict_deletes_what_follows():
    """AppendEntries 3: if an existing entry conflicts with a new one, delete it and all that follow it."""
    server = Alone([1, 1, 1, 1])
    assert server.append(1, 1, [2], term=2).success
    assert server.terms == [1, 2]
    assert ("truncated", 1) in server.told


def test_rule_3_without_a_conflict_nothing_is_deleted():
    """AppendEntries 3: a request that a later one has overtaken brings a prefix; it may not shorten the log."""
    server = Alone([1, 1, 1, 1])
    for terms in ([], [1], [1, 1]):
        reply = server.append(1, 1, terms)
        assert reply.success and reply.match_index == 1 + len(terms)
        assert server.terms == [1, 1, 1, 1]


def test_rule_4_only_what_is_new_is_appended():
    """AppendEntries 4: append any new entries not already in the log."""
    server = Alone([1, 1])
    assert server.append(0, 0, [1, 1, 1, 2], term=2).match_index == 4
    assert server.terms == [1, 1, 1, 2]
    assert ("appended", (2, ((1, b"3.1"), (2, b"4.2")))) in server.told


@pytest.mark.parametrize(("commit", "terms", "committed"), [(1, [], 1), (3, [], 2), (3, [1], 3), (9, [1], 3)])
def test_rule_5_commit_up_to_the_last_new_entry(commit, terms, committed):
    """AppendEntries 5: if leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)."""
    server = Alone([1, 1, 1, 1])
    server.append(2, 1, terms, commit=commit)
    assert server.commit_index == committed


def test_rule_5_commit_index_never_falls():
    """Figure 2: commitIndex increases monotonically."""
    server = Alone([1, 1, 1])
    server.append(3, 1, commit=3)
    server.append(1, 1, [1], commit=1)
    server.append(3, 1, commit=2)
    assert server.commit_index == 3 and server.told.count(("commit", 3)) == 1


def test_entries_are_durable_before_they_are_acknowledged():
    """Figure 2, persistent state: log[], too."""
    server = Alone()
    server.append(0, 0, [1, 1], term=1)
    assert server.durable_when_sent == ((1, None), 2)


def test_a_heartbeat_needs_no_sync():
    """Nothing changed, nothing to make durable."""
    server = Alone([1])
    syncs = server.disk.syncs
    server.append(1, 1)
    assert server.disk.syncs == syncs


def test_a_refusal_names_the_conflicting_term():
    """5.3: include the term of the conflicting entry and the first index it stores for that term."""
    server = Alone([1, 2, 2, 2], term=4)
    assert server.append(4, 3) == AppendEntriesReply(4, False, 4, 0, 2, 2)
    assert server.append(9, 3) == AppendEntriesReply(4, False, 9, 0, 0, 5)


# Replication, 5.3: the leader.


def test_a_command_is_appended_and_sent():
    """5.3: the leader appends the command to its log, then issues AppendEntries RPCs in parallel to each server."""
    server = Alone(no_op=False)
    server.lead()
    for follower in (1, 2, 3, 4):
        server.acknowledge(follower, 0)
    assert server.propose(b"x") == 1
    entries = (Entry(1, b"x"),)
    assert server.take() == [(each, AppendEntries(1, 0, 0, 0, entries, 0)) for each in (1, 2, 3, 4)]
    assert server.durable_when_sent[1] == 1


@pytest.mark.parametrize("role", [Role.FOLLOWER, Role.CANDIDATE])
def test_only_a_leader_takes_commands(role):
    """5.1: the leader handles all client requests."""
    server = Alone()
    if role is Role.CANDIDATE:
        server.on_timer("election")
    assert server.propose(b"x") is None and server.log.last_index == 0


def test_next_index_begins_after_the_leaders_last_entry():
    """5.3: when a leader first comes to power, it initializes all nextIndex values to the index just after the last."""
    server = Alone([1, 1, 1])
    server.lead()
    assert {(each.next_index, each.match_index) for each in server.progress.values()} == {(4, 0)}


def test_a_refusal_decrements_next_index_and_retries():
    """5.3: after a rejection, the leader decrements nextIndex and retries."""
    server = Alone([1, 1, 1], no_op=False)
    server.lead()
    server.on_message(1, AppendEntriesReply(2, False, 3, 0, 0, 2))
    ((target, message),) = server.take()
    assert target == 1 and (message.prev_log_index, len(message.entries)) == (1, 2)


def test_a_refusal_that_is_late_changes_nothing():
    """5.3: nextIndex stays above matchIndex; a refusal may have been overtaken, or be doubled."""
    server = Alone([1, 1, 1], no_op=False)
    server.lead()
    refusal = AppendEntriesReply(2, False, 3, 0, 0, 2)
    server.on_message(1, refusal)
    server.take()
    server.on_message(1, refusal)
    assert server.take() == [] and server.progress[1].next_index == 2
    server.acknowledge(1, 3)
    server.on_message(1, refusal)
    assert server.take() == [] and (server.progress[1].match_index, server.progress[1].next_index) == (3, 4)


def test_an_acknowledgement_that_is_late_changes_nothing():
    """Figure 2: matchIndex increases monotonically."""
    server = Alone([1, 1, 1], no_op=False)
    server.lead()
    server.acknowledge(1, 3)
    server.acknowledge(1, 1)
    assert (server.progress[1].match_index, server.progress[1].next_index) == (3, 4)


@pytest.mark.parametrize("success", [True, False])
def test_replies_to_an_earlier_leadership_do_not_count(success):
    """5.3: nextIndex and matchIndex are reinitialized after election, so what a reply says is of its own term."""
    server = Alone([1, 1, 1], no_op=False)
    server.lead()
    server.on_message(1, RequestVote(3, 1, 0, 0))
    server.lead()
    server.on_message(1, AppendEntriesReply(2, success, 3, 3 * success, 0, 1))
    assert server.sent == [] and (server.progress[1].match_index, server.progress[1].next_index) == (0, 4)


def test_lost_requests_are_sent_again():
    """5.3: the leader retries AppendEntries RPCs indefinitely, until all followers eventually store all entries."""
    server = Alone()
    server.lead()
    for _ in range(3):
        server.on_timer("heartbeat")
        assert [message.entries for _, message in server.take()] == [(Entry(1, NO_OP),)] * 4


def test_a_long_way_goes_in_pieces():
    """Entries go in batches of a bounded size, one after the other as they are acknowledged."""
    server = Alone([1] * 10, no_op=False, entries_per_message_max=4)
    server.lead()
    server.on_message(1, AppendEntriesReply(2, False, 10, 0, 0, 1))
    sizes = []
    while server.sent:
        ((_, message),) = server.take()
        sizes.append(len(message.entries))
        server.acknowledge(1, message.prev_log_index + len(message.entries))
    assert sizes == [4, 4, 2]


def test_commands_that_come_together_go_together():
    """Batching: one sync and one request for all that come within `batch_ns`; what is not durable is not sent."""
    server = Alone(no_op=False, batch_ns=ms(1))
    server.lead()
    for follower in (1, 2, 3, 4):
        server.acknowledge(follower, 0)
    syncs = server.disk.syncs
    for _ in range(3):
        server.propose(b"x")
    assert server.sent == [] and server.timers["batch"] == ms(1)
    server.on_timer("heartbeat")
    assert all(message.entries == () for _, message in server.take())
    server.on_timer("batch")
    assert [len(message.entries) for _, message in server.take()] == [3] * 4
    assert server.disk.syncs == syncs + 1


# Commitment, 5.3 and 5.4.2.


def test_a_majority_commits():
    """5.3: a log entry is committed once the leader that created it has replicated it on a majority of the servers."""
    server = Alone()
    server.lead()
    server.acknowledge(1, 1)
    server.acknowledge(1, 1)
    assert server.commit_index == 0, "one follower is one, however often it answers"
    server.acknowledge(2, 1)
    assert server.commit_index == 1


def test_what_is_committed_commits_what_is_before():
    """5.3: this also commits all preceding entries in the leader's log, including those of previous leaders."""
    server = Alone([1, 1])
    server.lead()
    server.acknowledge(1, 3)
    server.acknowledge(2, 3)
    assert server.commit_index == 3 and server.state_machine.applied == [b"1.1", b"2.1"]


def test_followers_learn_the_commit_index_from_the_next_request():
    """5.3: the leader includes the highest index it knows to be committed in future AppendEntries RPCs."""
    server = Alone()
    server.lead()
    server.acknowledge(1, 1)
    server.acknowledge(2, 1)
    server.on_timer("heartbeat")
    assert {message.leader_commit for _, message in server.take()} == {1}


def test_entries_of_earlier_terms_are_not_committed_by_counting():
    """5.4.2: only log entries from the leader's current term are committed by counting replicas."""
    server = Alone([1, 1], no_op=False)
    server.lead()
    for follower in (1, 2, 3, 4):
        server.acknowledge(follower, 2)
    assert server.commit_index == 0


def test_a_leader_begins_its_term_with_an_empty_entry():
    """8, dissertation 6.4: a blank no-op entry at the start of the term finds out what is committed."""
    server = Alone([1, 1])
    sent = server.lead()
    assert server.terms == [1, 1, 2] and server.log.entry(3).command == NO_OP
    assert {message.entries for _, message in sent} == {(Entry(2, NO_OP),)}
    assert server.durable_when_sent[1] == 3


def test_figure_8():
    """5.4.2, Figure 8: an entry on a majority, of an old term, can still be overwritten; so it was not committed."""
    servers = [Alone(node=node, no_op=False) for node in range(5)]
    s1, s2, s3, s4, s5 = servers

    def elect(leader, *voters):
        leader.on_timer("election")
        request = leader.take()[0][1]
        for voter in voters:
            leader.on_message(voter.id, voter.reply_to(request, leader.id))
        leader.take()

    def replicate(leader, follower):
        """Deliver between these two alone until they are quiet."""
        leader.progress[follower.id].awaited = False
        leader._send_append_entries(follower.id)
        while requests := [message for target, message in leader.take() if target == follower.id]:
            leader.on_message(follower.id, follower.reply_to(requests[0], leader.id))

    # Before (a): an entry of term 1 everywhere.
    elect(s1, s2, s3, s4, s5)
    s1.propose(b"1")
    for follower in (s2, s3, s4, s5):
        replicate(s1, follower)
    # (a) S1 is leader in term 2 and partially replicates the log entry at index 2.
    s1.restart()
    elect(s1, s2, s3, s4, s5)
    s1.propose(b"2")
    replicate(s1, s2)
    # (b) S1 crashes; S5 is elected leader for term 3 with votes from S3, S4, and itself, and accepts a different entry.
    s1.restart()
    elect(s5, s3, s4)
    assert s5.role is Role.LEADER and s5.current_term == 3
    s5.propose(b"3")
    # (c) S5 crashes; S1 restarts, is elected leader, and continues replication. The entry of term 2 is on a majority.
    s5.restart()
    elect(s1, s2, s3)  # refused: S3 knows term 3 by now
    elect(s1, s2, s3)
    assert s1.role is Role.LEADER and s1.current_term == 4
    replicate(s1, s3)
    replicate(s1, s2)
    assert [server.terms for server in (s1, s2, s3)] == [[1, 2]] * 3
    assert s1.commit_index < 2, "on a majority, but not committed"
    # (d) If S1 crashes, S5 could be elected leader (with votes from S2, S3, and S4) and overwrite it.
    s1.restart()
    elect(s5, s2, s3, s4)
    elect(s5, s2, s3, s4)
    assert s5.role is Role.LEADER
    for follower in (s1, s2, s3, s4):
        replicate(s5, follower)
    assert [server.terms for server in (s1, s2, s3, s4)] == [[1, 3]] * 4
    assert all(server.commit_index < 2 for server in (s1, s2, s3, s4))


def test_figure_8_e():
    """5.4.2, Figure 8 (e): with an entry of its current term on a majority, the one before is committed too."""
    server = Alone([1, 2], term=3, no_op=False)
    server.lead()
    server.propose(b"4")
    server.acknowledge(1, 3)
    server.acknowledge(2, 3)
    assert server.commit_index == 3
    overtaken = Alone([1, 3], node=4, term=4)
    overtaken.on_timer("election")
    request = overtaken.take()[0][1]
    for voter in (Alone([1, 2, 4], node=1), Alone([1, 2, 4], node=2)):
        assert not voter.reply_to(request, 4).vote_granted, "S5 cannot win an election"


# Crashes, 5.5.


def test_a_crashed_server_restarts_with_what_was_durable():
    """5.5, Figure 2: term, vote and log survive; role, commitIndex and lastApplied do not."""
    server = Alone()
    server.append(0, 0, [1, 1], term=1, commit=2)
    server.reply_to(RequestVote(2, 3, 9, 9), 3)
    server.out.take()
    server.restart()
    assert (server.current_term, server.voted_for, server.terms) == (2, 3, [1, 1])
    assert (server.role, server.commit_index, server.last_applied) == (Role.FOLLOWER, 0, 0)
    assert server.told == [("started", (2, 3, 2, 0, None))]


def test_requests_are_idempotent():
    """5.5: Raft RPCs are idempotent, so a retry causes no harm."""
    server = Alone([1])
    first = server.append(1, 1, [1, 1], commit=2)
    told = list(server.told)
    assert server.append(1, 1, [1, 1], commit=2) == first and server.told == told


# Clients, 8 and dissertation chapter 6.


def test_the_leader_answers_when_the_command_is_applied():
    """5.3: when the entry has been safely replicated, the leader applies it and returns the result to the client."""
    server = Alone()
    server.lead()
    server.on_message(9, ClientRequest(5, b"x"))
    server.take()
    server.acknowledge(1, 2)
    assert not any(target == 9 for target, _ in server.take())
    server.acknowledge(2, 2)
    assert (9, ClientReply(5, "ok", b"did x", None)) in server.sent


def test_one_server_answers_too():
    """The same where no acknowledgement ever comes."""
    server = Alone(servers=1)
    server.lead(votes=())
    assert server.reply_to(ClientRequest(5, b"x"), 9) == ClientReply(5, "ok", b"did x", None)


def test_another_server_names_the_leader():
    """8, dissertation 6.2: a server that is not leader rejects the request and says who the recent leader is."""
    server = Alone()
    assert server.reply_to(ClientRequest(5, b"x"), 9) == ClientReply(5, "not_leader", b"", None)
    server.append(0, 0, term=1, source=3)
    assert server.reply_to(ClientRequest(6, b"x"), 9) == ClientReply(6, "not_leader", b"", 3)
    assert server.log.last_index == 0


def test_a_deposed_leader_answers_no_more():
    """Its entry may be overwritten by another at the same index: the answer would be to another's command."""
    server = Alone()
    server.lead()
    server.on_message(9, ClientRequest(5, b"x"))
    server.append(0, 0, [1, 2, 2], term=2, commit=3)
    assert server.state_machine.applied[-1] == b"3.2" and not any(target == 9 for target, _ in server.sent)


# Settings.


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"servers": ()}, "servers"),
        ({"servers": (1, 1)}, "servers"),
        ({"heartbeat_ns": 0}, "heartbeat"),
        ({"heartbeat_ns": ms(150)}, "heartbeat"),
        ({"election_timeout_ns_max": ms(100)}, "election_timeout"),
        ({"election_timeout_ns_min": 1.5}, "election_timeout_ns_min"),
        ({"entries_per_message_max": 0}, "entries_per_message_max"),
        ({"batch_ns": -1}, "batch_ns"),
    ],
)
def test_settings_are_checked(settings, place):
    with pytest.raises(UsageError, match=f"raft.{place}"):
        RaftSettings(**{"servers": (0, 1, 2), **settings})


# A disk that fails: no rule of the paper's.


def follower():
    return Alone([1, 1], servers=3)


def leader():
    server = follower()
    server.lead(votes=(1,))
    return server


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (follower, RequestVote(1, 1, 2, 1)),
        (follower, RequestVote(2, 1, 0, 0)),
        (follower, RequestVoteReply(2, False)),
        (follower, AppendEntries(1, 1, 2, 1, (Entry(1, b"c"),), 2)),
        (follower, AppendEntries(2, 1, 2, 1, (), 2)),
        (leader, ClientRequest(1, b"c")),
        (follower, None),
    ],
    ids=["vote", "new term", "deposed", "entries", "new leader", "command", "election"],
)
def test_what_cannot_be_written_is_not_answered(server, message):
    server = server()
    server.disk.full = True
    server.on_timer("election") if message is None else server.on_message(1, message)
    assert server.halted == FULL_DISK and server.sent == [] and server.told[-1] == ("halted", FULL_DISK)


@pytest.mark.parametrize(
    "message", [AppendEntries(1, 1, 2, 1, (), 2), AppendEntries(1, 1, 0, 0, (Entry(1, b"1.1"),), 1)]
)
def test_what_needs_no_writing_is_answered_on_a_full_disk(message):
    """A heartbeat, and a request that was doubled: all it says is durable already."""
    server = follower()
    server.disk.full = True
    assert server.reply_to(message).success


@pytest.mark.parametrize(
    "disk",
    [
        kept((1, None), Corrupt(), Entry(1, b"b")),
        kept((1, None), Entry(1, b"a"), Corrupt()),
        kept(Corrupt(), Entry(1, b"a")),
        kept(Corrupt()),
    ],
    ids=["middle", "end", "vote", "nothing but the vote"],
)
def test_with_a_record_that_cannot_be_read_it_halts_at_every_start(disk):
    server = Alone(disk=disk)
    for _ in range(2):
        assert server.halted == CORRUPT_RECORD
        assert server.sent == [] and server.told == [("halted", CORRUPT_RECORD)], "it does not even say that it started"
        server.out.take()
        server.restart()
