"""Spanner's transactions, one test per rule: the section of the paper stands in each docstring.

A leader stands alone here: time passes by hand, and what it sends, tells and sets timers for is taken from `out`.
"""

import pytest

from simclock import UsageError, ms
from simclock.actors.standalone import Standalone
from simclock.protocols.clock_synchronization.messages import TimeReply
from simclock.protocols.true_time import Leader, TimeSettings, TimeSource, TransactionSettings
from simclock.protocols.true_time.locks import LockTable
from simclock.protocols.true_time.messages import (
    Ask,
    Commit,
    Decision,
    Learned,
    Outcome,
    Prepared,
    Read,
    ReadAt,
    ReadAtReply,
    ReadReply,
    Refused,
    Release,
    Version,
    Wounded,
    Write,
)
from simclock.protocols.true_time.versions import Versions

EPSILON_NS = ms(5)
LEADERS = (10, 11, 12)
CLIENT, OTHER = 20, 21


class Alone(Standalone):
    """The leader of shard 0 without a run, whose epsilon stays what it is."""

    def __init__(self):
        settings = TransactionSettings(leaders=LEADERS)
        time = TimeSettings(drift_ppb_max=0)
        super().__init__(lambda: Leader(settings, TimeSource(time), (0,)), id=10, nodes=30, seed=1, now_ns=ms(1000))

    def __getattr__(self, name):
        return getattr(self.node, name)

    def synchronized(self):
        settings = TimeSettings(drift_ppb_max=0, jump_ns_max=EPSILON_NS - 1000 - 3, master_error_ns=1000)
        self.node.time = TimeSource(settings)
        self.on_message(0, TimeReply(self.polls, self.now_ns))
        assert self.time.now(0, self.now_ns).epsilon_ns == EPSILON_NS
        self.take()
        return self

    def restarted(self):
        """What a crash leaves: what was synced, and the clock."""
        self.out.take()
        self.restart()
        return self

    # Shorthands.

    def take(self):
        """What it sent; how much was not durable when the last of it was sent is kept."""
        for each in self.out.sent:
            self.unsynced = each.durable.unsynced
        return self.out.take_sent()

    def gets(self, message, source=CLIENT):
        """Everything that it sends in answer."""
        self.take()
        self.on_message(source, message)
        return self.take()

    def commits(self, number, key=0, age=None, reads=(), incarnation=0):
        """A transaction of this shard alone, asked for and waited out; gives its timestamp."""
        self.gets(commit(number, key, age=age, reads=reads, incarnation=incarnation))
        self.passes(2 * EPSILON_NS + 1)
        self.take()
        self.on_timer(("wait", number))
        ((_, outcome), *_) = self.take()
        return outcome.timestamp

    def prepares(self, number, key=0, age=None):
        """As a participant, with leader 11 as the coordinator; gives the prepare timestamp."""
        ((target, answer),) = self.gets(commit(number, key, age=age, coordinator=11, participants=(10, 11)))
        assert target == 11 and isinstance(answer, Prepared), answer
        return answer.timestamp


def commit(number, *keys, age=None, coordinator=10, participants=(10,), reads=(), incarnation=0):
    writes = tuple(Write(key, number) for key in keys)
    age = number if age is None else age
    return Commit(number, age, coordinator, participants, incarnation if reads else None, tuple(reads), writes)


def latest(leader):
    return leader.now_ns + EPSILON_NS


@pytest.fixture
def leader():
    return Alone().synchronized()


# Timestamps.


def test_start(leader):
    """4.1.2, Start: a commit timestamp is no less than TT.now().latest, computed after the arrival of the request."""
    arrived_ns = latest(leader)
    assert leader.commits(1) >= arrived_ns


def test_start_is_judged_at_arrival_not_when_the_votes_are_there(leader):
    """4.2.1: greater than TT.now().latest at the time the coordinator received its commit message."""
    arrived_ns = latest(leader)
    leader.gets(commit(1, 0, participants=(10, 11)))
    leader.passes(ms(80))
    leader.gets(Prepared(1, arrived_ns - ms(20)), 11)
    assert leader.outcomes[1] == arrived_ns, "and it has passed: nothing is left to wait for"


def test_a_commit_timestamp_is_not_below_any_prepare_timestamp(leader):
    """4.2.1: the commit timestamp s must be greater or equal to all prepare timestamps."""
    leader.gets(commit(1, 0, participants=(10, 11, 12)))
    ahead_ns = latest(leader) + ms(30)
    leader.gets(Prepared(1, ahead_ns), 11)
    assert not leader.decided, "one vote is missing"
    leader.gets(Prepared(1, ahead_ns - ms(10)), 12)
    assert leader.decided[1].timestamp == ahead_ns


def test_timestamps_grow(leader):
    """4.1.1: a leader assigns timestamps in monotonically increasing order."""
    first = leader.commits(1, key=0)
    leader.gets(commit(2, 3))
    leader.gets(commit(3, 6))
    stamps = [first, *(leader.decided[number].timestamp for number in (2, 3))]
    assert stamps == sorted(set(stamps))
    assert leader.prepares(4, key=9) > stamps[-1], "4.2.1: a prepare timestamp is larger than any assigned before"


def test_timestamps_grow_across_a_crash(leader):
    """4.1.1, with a disk in place of Paxos: what was assigned before the crash is not assigned again."""
    leader.gets(commit(1, 0))
    assigned = leader.decided[1].timestamp
    again = leader.restarted().synchronized()
    assert again.now_ns < assigned
    assert again.prepares(2, key=3) > assigned


def test_what_was_read_at_is_not_assigned_across_a_crash(leader):
    """4.1.3: a read at t is only right if nothing is committed at or below t later."""
    ((_, reply),) = leader.gets(ReadAt(1, latest(leader), (0,)))
    assert reply == ReadAtReply(1, (Version(0, 0, 0),))
    assert leader.unsynced == 0
    again = leader.restarted().synchronized()
    assert again.prepares(2) > latest(leader)


# Commit wait.


def test_nobody_hears_before_the_wait_is_over(leader):
    """4.1.2, Commit Wait: clients cannot see any data committed by T until TT.after(s) is true."""
    assert leader.gets(commit(1, 0)) == []
    timestamp = leader.decided[1].timestamp
    assert leader.timers[("wait", 1)] == timestamp - (leader.now_ns - EPSILON_NS) + 1
    leader.passes(2 * EPSILON_NS)
    leader.on_timer(("wait", 1))
    assert leader.take() == [] and leader.gets(Read(2, 2, (0,)), OTHER) == [], "not after(s): not a nanosecond earlier"
    leader.passes(1)
    leader.on_timer(("wait", 1))
    assert leader.take() == [
        (OTHER, ReadReply(2, 0, (Version(0, timestamp, 1),))),
        (CLIENT, Outcome(1, timestamp)),
    ], "locks are released when the wait is over"


def test_who_asks_during_the_wait_hears_nothing(leader):
    """Commit Wait: neither does a participant."""
    leader.gets(commit(1, 0, participants=(10, 11)))
    leader.gets(Prepared(1, ms(1000)), 11)
    assert leader.gets(Ask(1), 11) == [] and leader.gets(commit(1, 0, participants=(10, 11))) == []


def test_a_crash_during_the_wait_loses_nothing(leader):
    """4.2.1: the coordinator logs the commit record before it waits."""
    leader.gets(commit(1, 0))
    timestamp = leader.decided[1].timestamp
    again = leader.restarted()
    assert again.gets(Read(2, 2, (0,)), OTHER) == [], "the lock is still held"
    again.synchronized()
    again.on_timer(("wait", 1))
    assert again.take() == []
    again.passes(2 * EPSILON_NS + 1)
    again.on_timer(("wait", 1))
    assert (CLIENT, Outcome(1, timestamp)) in again.take()


def test_the_expected_wait_is_twice_epsilon(leader):
    """4.2.1: the expected wait is at least 2 epsilon."""
    leader.gets(commit(1, 0))
    assert leader.timers[("wait", 1)] == 2 * EPSILON_NS + 1


def test_who_does_not_know_the_time_assigns_nothing():
    leader = Alone()
    assert leader.gets(commit(1, 0)) == [] and not leader.decided
    assert leader.gets(ReadAt(2, 0, (0,))) == []
    leader.node.time = TimeSource(TimeSettings())
    assert leader.gets(TimeReply(leader.polls, leader.now_ns), 0) == [(CLIENT, ReadAtReply(2, (Version(0, 0, 0),)))]


# Two-phase commit.


def test_a_promise_is_durable_before_it_is_sent(leader):
    """4.2.1: a participant logs a prepare record, then notifies the coordinator of its prepare timestamp."""
    promised = leader.prepares(1)
    assert leader.unsynced == 0
    again = leader.restarted().synchronized()
    assert again.prepared[1].timestamp == promised
    assert again.gets(Read(2, 0, (0,)), OTHER) == [], "its locks are held again"
    again.on_timer(("ask", 1))
    assert again.take() == [(11, Ask(1))]
    assert again.gets(Decision(1, promised + 7), 11) == [
        (OTHER, ReadReply(2, 1, (Version(0, promised + 7, 1),))),
        (11, Learned(1)),
    ]


def test_all_participants_apply_at_the_same_timestamp(leader):
    """4.2.1: all participants apply at the same timestamp and then release locks."""
    promised = leader.prepares(1)
    leader.gets(Decision(1, promised + ms(3)), 11)
    assert leader.versions.newest(0) == Version(0, promised + ms(3), 1)
    assert leader.commits(2, key=0) > promised + ms(3)


def test_a_coordinator_without_all_votes_aborts(leader):
    """4.2.1: or an abort, if it timed out while waiting on the other participants."""
    leader.gets(commit(1, 0, participants=(10, 11)))
    leader.on_timer(("vote", 1))
    assert leader.take() == [(CLIENT, Outcome(1, None)), (11, Decision(1, None))]
    assert leader.gets(Prepared(1, 5), 11) == [(11, Decision(1, None))], "a vote that comes too late"
    assert leader.commits(2, key=0), "the locks are free"


def test_an_abort_outlives_a_crash(leader):
    """What it has told to be aborted it does not commit when the commit message comes again."""
    assert leader.gets(Ask(1), 11) == [(11, Decision(1, None))], "presumed abort"
    again = leader.restarted().synchronized()
    assert again.gets(commit(1, 0)) == [(CLIENT, Outcome(1, None))]


def test_a_refusal_aborts(leader):
    leader.gets(commit(1, 0, participants=(10, 11)))
    assert leader.gets(Refused(1), 11) == [(CLIENT, Outcome(1, None)), (11, Decision(1, None))]


def test_a_decision_is_told_until_everybody_has_confirmed(leader):
    leader.gets(commit(1, 0, participants=(10, 11)))
    leader.passes(2 * EPSILON_NS + 1)
    ((_, outcome), told) = leader.gets(Prepared(1, ms(1000)), 11)
    assert told == (11, Decision(1, outcome.timestamp))
    again = leader.restarted().synchronized()
    again.on_timer(("tell", 1))
    assert again.take() == [told], "after a crash too"
    again.gets(Learned(1), 11)
    again.on_timer(("tell", 1))
    assert again.take() == []
    assert again.restarted().untold == {}


def test_a_vote_may_come_before_the_commit_message(leader):
    leader.gets(Prepared(1, ms(1000)), 11)
    leader.gets(commit(1, 0, participants=(10, 11)))
    assert 1 in leader.decided


# Locks.


def test_reads_of_a_writing_transaction_take_shared_locks(leader):
    """4.2.1: the client issues reads to the leader, which acquires read locks and then reads the most recent data."""
    first = leader.commits(1)
    for number, client in ((2, CLIENT), (3, OTHER)):
        assert leader.gets(Read(number, number, (0,)), client) == [
            (client, ReadReply(number, 0, (Version(0, first, 1),)))
        ]


def test_an_older_transaction_wounds_a_younger_one(leader):
    """4.2.1: reads within read-write transactions use wound-wait."""
    leader.gets(Read(2, 200, (0,)))
    leader.gets(commit(1, 0, age=100), OTHER)
    assert 1 in leader.decided
    leader.gets(commit(2, 3, age=200, reads=(0,)))
    assert leader.outcomes[2] is None


def test_a_younger_transaction_does_not_wound_an_older_one(leader):
    """Deviation: it is refused at once, and does not wait."""
    leader.gets(Read(1, 100, (0,)))
    assert leader.gets(commit(2, 0, age=200), OTHER) == [(OTHER, Outcome(2, None))]
    assert leader.locks.holds(1, (0,))


def test_a_prepared_transaction_is_not_wounded(leader):
    """It has promised: only its coordinator may abort it."""
    leader.prepares(2, age=200)
    assert leader.gets(commit(1, 0, age=100), OTHER) == [(OTHER, Outcome(1, None))]
    assert 2 in leader.prepared


def test_who_waits_to_read_is_told_when_it_is_given_up(leader):
    leader.prepares(1)
    leader.gets(Read(2, 2, (0,)), OTHER)
    leader.on_timer(("idle", 2))
    assert leader.take() == [(OTHER, Wounded(2))]
    assert leader.gets(Read(2, 2, (0,)), OTHER) == [(OTHER, Wounded(2))]


def test_the_locks_of_readers_die_with_the_leader(leader):
    """What another may have written since is not what was read: the transaction cannot commit."""
    leader.gets(Read(2, 2, (0,)))
    again = leader.restarted().synchronized()
    again.gets(Read(2, 2, (0,)))  # a copy of the request takes the lock anew
    assert again.gets(commit(2, 3, reads=(0,), incarnation=0)) == [(CLIENT, Outcome(2, None))]
    assert again.gets(Read(3, 3, (0,)))
    assert again.gets(commit(3, 3, reads=(0,), incarnation=1)) == [] and 3 in again.decided


def test_a_released_transaction_takes_no_lock_again(leader):
    """The release may overtake the read."""
    leader.gets(Release(1))
    assert leader.gets(Read(1, 1, (0,))) == [(CLIENT, Wounded(1))]


def test_an_older_reader_is_served_first(leader):
    leader.prepares(1)
    leader.gets(Read(3, 300, (0,)), OTHER)
    leader.gets(Read(2, 200, (0,)))
    sent = leader.gets(Decision(1, None), 11)
    assert [message.transaction for _, message in sent] == [2, 3]


def test_the_lock_table():
    table = LockTable()
    table.take(1, (0, 1), (2,))
    table.take(3, (1,), ())
    assert table.conflicts(4, (0, 1), ()) == [] and table.conflicts(4, (2,), ()) == [1]
    assert table.conflicts(4, (), (1,)) == [1, 3] and table.conflicts(1, (), (1,)) == [3]
    assert table.holds(1, (0, 1)) and not table.holds(3, (0, 1)) and not table.holds(1, (2,))
    with pytest.raises(AssertionError, match="one holder"):
        table.take(4, (), (2,))
    table.release(1)
    assert table.conflicts(4, (), (0, 2)) == [] and table.shared == {1: {3}} and table.exclusive == {}


# Reads at a timestamp.


def test_a_read_returns_the_version_of_its_timestamp(leader):
    """4.1.3: a replica satisfies a read at a timestamp t if t <= t_safe."""
    first, second = leader.commits(1), leader.commits(2)
    for timestamp, expected in (
        (first - 1, (0, 0)),
        (first, (first, 1)),
        (second - 1, (first, 1)),
        (second, (second, 2)),
    ):
        assert leader.gets(ReadAt(9, timestamp, (0,))) == [(CLIENT, ReadAtReply(9, (Version(0, *expected),)))]


def test_a_read_waits_for_a_prepared_transaction(leader):
    """4.1.3: t_safe^TM is the smallest prepare timestamp of what is prepared and not decided, minus one."""
    promised = leader.prepares(1)
    assert leader.gets(ReadAt(8, promised - 1, (0,))) == [(CLIENT, ReadAtReply(8, (Version(0, 0, 0),)))]
    assert leader.gets(ReadAt(9, promised, (0,))) == []
    sent = leader.gets(Decision(1, promised), 11)
    assert (CLIENT, ReadAtReply(9, (Version(0, promised, 1),))) in sent


def test_a_read_waits_for_a_commit_that_is_waited_out(leader):
    """Commit Wait: the data of s may not be seen before s has passed, nor may a read at s or above do without it."""
    leader.gets(commit(1, 0))
    timestamp = leader.decided[1].timestamp
    assert leader.gets(ReadAt(9, timestamp, (0,))) == []
    leader.passes(2 * EPSILON_NS + 1)
    leader.on_timer(("wait", 1))
    assert (CLIENT, ReadAtReply(9, (Version(0, timestamp, 1),))) in leader.take()


def test_a_read_in_the_leaders_future_waits(leader):
    """4.2.2: a read at TT.now().latest may have to wait for the safe time to advance."""
    ahead_ns = latest(leader) + ms(4)
    assert leader.gets(ReadAt(9, ahead_ns, (0,))) == [] and leader.timers["safe"] == ms(4)
    leader.passes(ms(4))
    leader.on_timer("safe")
    assert leader.take() == [(CLIENT, ReadAtReply(9, (Version(0, 0, 0),)))]


def test_nothing_is_committed_at_or_below_what_was_read(leader):
    """4.1.3, as a participant too."""
    ahead_ns = latest(leader)
    leader.gets(ReadAt(9, ahead_ns, (0,)))
    assert leader.prepares(1) > ahead_ns


def test_versions():
    versions = Versions()
    versions.write(20, [Write(1, 7)])
    versions.write(10, [Write(1, 5)])
    versions.write(20, [Write(1, 7)])
    assert versions.newest(1) == Version(1, 20, 7) and versions.newest(2) == Version(2, 0, 0)
    assert [versions.at(1, timestamp).value for timestamp in (9, 10, 19, 20, 99)] == [0, 5, 5, 7, 7]


@pytest.mark.parametrize("wrong", [{"leaders": ()}, {"leaders": (1,), "ask_ns": 0}, {"leaders": (1,), "idle_ns": "2s"}])
def test_bad_settings(wrong):
    with pytest.raises(UsageError, match=r"^transactions\."):
        TransactionSettings(**wrong)
