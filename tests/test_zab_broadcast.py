"""ZAB's synchronization and broadcast, one test per rule: the step of the paper stands in each docstring.

DSN 2011 is Junqueira, Reed and Serafini's "Zab: High-performance broadcast for primary-backup systems", Medeiros his
"ZooKeeper's atomic broadcast protocol" (2012). The server is node 1 of five unless a test says so.
"""

import pytest

from simclock import UsageError, ms
from simclock.environment.disk import CORRUPT_RECORD, FULL_DISK, Corrupt
from simclock.protocols.replication import ClientQuery, ClientReply, ClientRequest
from simclock.protocols.zab import (
    ZERO,
    Ack,
    AckEpoch,
    AckLd,
    CEpoch,
    Commit,
    CommitLd,
    NewEpoch,
    NewLeader,
    Phase,
    Ping,
    Pong,
    Propose,
    Snapshot,
    Transaction,
    Vote,
    ZabSettings,
    Zxid,
)
from zab_alone import LOOKING, Alone, txns

# Phase 2: synchronization.

HISTORY = [(1, 1), (1, 2), (3, 1)]


@pytest.mark.parametrize(
    ("last", "sync", "after", "missing"),
    [
        (Zxid(3, 1), "DIFF", Zxid(3, 1), []),
        (Zxid(1, 1), "DIFF", Zxid(1, 1), [(1, 2), (3, 1)]),
        (ZERO, "DIFF", ZERO, HISTORY),
        (Zxid(1, 7), "TRUNC", Zxid(1, 2), [(3, 1)]),
        (Zxid(3, 2), "TRUNC", Zxid(3, 1), []),
        (Zxid(2, 4), "TRUNC", Zxid(1, 2), [(3, 1)]),
    ],
)
def test_a_follower_gets_what_its_history_lacks(last, sync, after, missing):
    """Medeiros 4.2. Who has (2, 4) has the initial history of epoch 2, as every later leader has: (1, 2) ends it."""
    server = Alone(epochs=(3, 3), history=HISTORY)
    server.lead(0, 2)
    server.hears(3, CEpoch(3))
    message = server.says(3, AckEpoch(4, 2, last, False))
    assert message == NewLeader(4, sync, after, None, txns(*missing))


def test_who_lags_behind_a_snapshot_gets_it():
    server = Alone(epochs=(1, 1), history=[(1, 1), (1, 2), (1, 3)], snapshot_every=2)
    server.lead(0, 2)
    assert server.journal.snapshot == Snapshot(3, Zxid(1, 3), b"1.1,1.2,1.3")
    server.hears(3, CEpoch(0))
    assert server.says(3, AckEpoch(2, 0, Zxid(1, 1), True)) == NewLeader(
        2, "SNAP", Zxid(1, 3), server.journal.snapshot, ()
    )
    assert server.says(4, AckEpoch(2, 1, Zxid(1, 3), True)).sync == "DIFF"


def test_a_follower_takes_the_initial_history_durably_before_it_acknowledges():
    """Step f.2.1: f.a = e' and h_f are written, the history first, and ACK-LD is sent."""
    server = Alone(epochs=(2, 2), history=[(1, 1), (2, 1), (2, 2)])
    server.follow(0)
    server.hears(0, NewEpoch(4))
    server.on_message(0, NewLeader(4, "TRUNC", Zxid(2, 1), None, txns((3, 1))))
    (sent,) = server.out.sent
    assert sent.message == AckLd(4, Zxid(3, 1)) and sent.durable.unsynced == 0
    assert sent.durable.values["currentEpoch"] == 4
    server.restart()
    assert server.zxids() == [(1, 1), (2, 1), (3, 1)] and server.journal.current_epoch == 4


def test_the_history_is_written_before_the_epoch():
    """ZOOKEEPER-4643: f.a that speaks of a history which a crash has taken wins an election, and others truncate."""
    server = Alone(epochs=(2, 2), history=[(2, 1)])
    server.follow(0)
    server.hears(0, NewEpoch(4))
    server.node._persist = lambda: None
    server.on_message(0, NewLeader(4, "TRUNC", ZERO, None, txns((3, 1))))
    assert [(kind, name) for kind, name, _ in server.disk._pending] == [
        ("truncate", "journal"),
        ("append", "journal"),
        ("write", "currentEpoch"),
    ]


def test_a_newleader_of_another_epoch_than_was_accepted_is_not_taken():
    """Step f.2.1: if f.p = e'."""
    server = Alone(epochs=(3, 2))
    server.follow(0)
    assert server.hears(0, NewLeader(2, "DIFF", ZERO, None, txns((2, 1)))) == []
    assert server.hears(0, NewLeader(4, "DIFF", ZERO, None, txns((2, 1)))) == []
    assert server.zxids() == [] and server.journal.current_epoch == 2


def test_a_snapshot_takes_the_place_of_the_whole_history():
    server = Alone(epochs=(2, 2), history=[(2, 1)])
    server.follow(0)
    server.hears(0, NewEpoch(4))
    snapshot = Snapshot(2, Zxid(3, 2), b"x,y")
    assert server.says(0, NewLeader(4, "SNAP", Zxid(3, 2), snapshot, txns((3, 3)))) == AckLd(4, Zxid(3, 3))
    assert server.state_machine.applied == [b"x", b"y"] and server.commit_index == 2
    server.restart()
    assert server.state_machine.applied == [b"x", b"y"] and server.zxids() == [(3, 3)]


def test_an_old_newleader_of_its_epoch_cuts_nothing_off():
    """It may have been overtaken by proposals that are acknowledged, and committed."""
    server = Alone(epochs=(2, 2), history=[(2, 1), (2, 2)])
    old = NewLeader(4, "TRUNC", Zxid(2, 1), None, txns((3, 1)))
    server.follow(0)
    server.hears(0, NewEpoch(4))
    server.hears(0, old)
    server.hears(0, Propose(4, Zxid(3, 1), txns((4, 1))))
    assert server.says(0, old) == AckLd(4, Zxid(4, 1))
    assert server.zxids() == [(2, 1), (3, 1), (4, 1)]
    longer = NewLeader(4, "TRUNC", Zxid(2, 1), None, txns((3, 1), (4, 1), (4, 2)))
    assert server.says(0, longer) == AckLd(4, Zxid(4, 2)), "and what is new in one is taken"
    assert server.zxids() == [(2, 1), (3, 1), (4, 1), (4, 2)]


def test_a_leader_is_established_by_a_quorum_that_has_accepted_its_newleader():
    """Step l.2.2: then its initial history is committed, and all hear so."""
    server = Alone(epochs=(1, 1), history=[(1, 1), (1, 2)])
    server.lead(0, 2, until=Phase.SYNCHRONIZATION)
    assert server.propose(b"x") is None and server.commit_index == 0
    server.hears(0, AckLd(2, Zxid(1, 2)))
    server.hears(0, AckLd(2, Zxid(1, 2)))
    assert server.phase is Phase.SYNCHRONIZATION and not server.leads
    committed = CommitLd(2, Zxid(1, 2))
    assert server.hears(2, AckLd(2, Zxid(1, 2))) == [(0, committed), (2, committed)]
    assert server.leads and server.state_machine.applied == [b"1.1", b"1.2"]


def test_a_follower_delivers_the_initial_history_when_the_leader_is_established():
    """Step f.2.2."""
    server = Alone()
    server.follow(0, epoch=2, transactions=[(1, 1)])
    assert server.commit_index == 0 and server.phase is Phase.SYNCHRONIZATION
    server.hears(0, CommitLd(2, Zxid(1, 1)))
    assert server.state_machine.applied == [b"1.1"] and server.phase is Phase.BROADCAST


# Phase 3: broadcast.


def test_a_primary_broadcasts_in_the_order_of_zxids_to_who_has_acknowledged_its_epoch():
    """Step l.3.1."""
    server = Alone(epochs=(1, 1), history=[(1, 1)])
    server.lead(0, 2)
    sent = server.hears(9, ClientRequest(7, b"x"))
    proposal = Propose(2, Zxid(1, 1), (Transaction(Zxid(2, 1), b"x"),))
    assert sent == [(0, proposal), (2, proposal)]
    assert server.hears(9, ClientRequest(8, b"y"))[0][1] == Propose(2, Zxid(2, 1), (Transaction(Zxid(2, 2), b"y"),))
    assert server.zxids() == [(1, 1), (2, 1), (2, 2)] and server.commit_index == 1


def test_a_transaction_is_committed_when_a_quorum_has_acknowledged_it():
    """Step l.3.2; the client is answered when it is applied."""
    server = Alone()
    server.lead(0, 2)
    server.hears(9, ClientRequest(7, b"x"))
    for source, epoch in ((0, 1), (0, 1), (2, 0), (3, 2)):
        server.hears(source, Ack(epoch, Zxid(1, 1)))
    assert server.commit_index == 0, "servers are counted, of this epoch"
    committed = Commit(1, Zxid(1, 1))
    assert server.hears(2, Ack(1, Zxid(1, 1))) == [
        (9, ClientReply(7, "ok", b"did x", None)),
        (0, committed),
        (2, committed),
    ]


def test_a_follower_appends_durably_and_acknowledges():
    """Step f.3.2."""
    server = Alone()
    server.follow(0, epoch=1)
    server.on_message(0, Propose(1, ZERO, txns((1, 1), (1, 2))))
    (sent,) = server.out.sent
    assert sent.message == Ack(1, Zxid(1, 2)) and sent.durable.unsynced == 0
    assert [each.zxid for each in sent.durable.logs["journal"]] == [Zxid(1, 1), Zxid(1, 2)]
    assert server.commit_index == 0


def test_a_proposal_is_taken_after_the_one_that_goes_before_it_only():
    """Channels are in order in the paper; here a proposal may overtake another."""
    server = Alone()
    server.follow(0, epoch=1)
    assert server.says(0, Propose(1, Zxid(1, 1), txns((1, 2)))) == Ack(1, ZERO)
    assert server.says(0, Propose(1, ZERO, txns((1, 1)))) == Ack(1, Zxid(1, 1))
    assert server.says(0, Propose(1, ZERO, txns((1, 1), (1, 2)))) == Ack(1, Zxid(1, 2))
    assert server.zxids() == [(1, 1), (1, 2)]


def test_a_follower_delivers_what_is_committed_as_far_as_it_has_it():
    """Step f.3.3: commit in order."""
    server = Alone()
    server.follow(0, epoch=1, committed=ZERO)
    server.hears(0, Propose(1, ZERO, txns((1, 1))))
    server.hears(0, Commit(1, Zxid(1, 2)))
    assert server.state_machine.applied == [b"1.1"]
    server.hears(0, Propose(1, Zxid(1, 1), txns((1, 2), (1, 3))))
    assert server.state_machine.applied == [b"1.1", b"1.2"]


def test_nothing_of_an_earlier_epoch_is_taken_after_an_ack_e():
    """Law 2: from its ACK-E until the NEWLEADER its history stays what it has told."""
    server = Alone()
    server.follow(0, epoch=1, committed=ZERO)
    server.hears(0, NewEpoch(2))
    for message in (
        Propose(1, ZERO, txns((1, 1))),
        Commit(1, ZERO),
        Ping(1, ZERO, 4),
        NewLeader(1, "DIFF", ZERO, None, ()),
    ):
        assert server.hears(0, message) == []
    assert server.zxids() == []


def test_a_follower_that_joins_later_gets_all_there_is_and_then_proposals():
    """Steps l.3.3 and l.3.4. COMMIT-LD tells the latest committed, not what the follower has (ZAB-10)."""
    server = Alone()
    server.lead(0, 2)
    server.propose(b"x")
    assert server.says(3, CEpoch(0)) == NewEpoch(1)
    assert server.says(3, AckEpoch(1, 0, ZERO, True)) == NewLeader(
        1, "DIFF", ZERO, None, (Transaction(Zxid(1, 1), b"x"),)
    )
    server.propose(b"y")
    sent = server.hears(3, AckLd(1, Zxid(1, 1)))
    missing = Propose(1, Zxid(1, 1), (Transaction(Zxid(1, 2), b"y"),))
    assert (3, CommitLd(1, ZERO)) in sent and (3, missing) in sent


def test_a_counter_that_is_spent_ends_the_epoch():
    """ZOOKEEPER-1277: the next zxid would be of an epoch that nobody has agreed on."""
    server = Alone(counter_max=2)
    server.lead(0, 2)
    assert [server.propose(command) for command in (b"x", b"y", b"z")] == [1, 2, None]
    assert server.role is LOOKING and server.zxids() == [(1, 1), (1, 2)]


def test_an_ensemble_of_one_needs_nobody():
    server = Alone(node=0, servers=1)
    assert server.leads and server.epoch == 1
    told = [name for name, _ in server.out.observed]
    assert told.index("epoch_accepted") < told.index("discovered"), "its own promise is durable before it counts"
    assert server.hears(9, ClientRequest(1, b"x")) == [(9, ClientReply(1, "ok", b"did x", None))]
    server.restart()
    assert server.leads and server.epoch == 2 and server.state_machine.applied == [b"x"]


# Timeouts, and what gets lost.


def test_a_follower_that_hears_nothing_looks_for_another_leader():
    server = Alone()
    server.follow(0, epoch=1, committed=ZERO)
    server.on_timer("election")
    assert server.role is LOOKING and server.round == 2 and "election" not in server.timers


def test_a_leader_that_hears_no_quorum_gives_up():
    """Its clients get no answer: who waits is forgotten."""
    server = Alone()
    server.lead(0, 2)
    server.hears(9, ClientRequest(1, b"x"))
    server.on_timer("election")
    assert server.leads, "it has heard a quorum since it looked last"
    server.hears(0, Pong(1, ZERO, 1))
    server.hears(0, Pong(1, ZERO, 1))
    server.on_timer("election")
    assert server.role is LOOKING and server.waiting == {} and "heartbeat" not in server.timers


@pytest.mark.parametrize("phase", [Phase.DISCOVERY, Phase.SYNCHRONIZATION])
def test_a_leader_that_is_not_established_in_time_gives_up(phase):
    server = Alone()
    server.lead(0, 2, until=phase)
    server.on_timer("election")
    assert server.role is LOOKING


def test_what_a_follower_has_not_answered_is_sent_again():
    server = Alone()
    server.lead(0, 2)
    server.hears(3, CEpoch(0))
    server.hears(4, CEpoch(0))
    server.hears(4, AckEpoch(1, 0, ZERO, True))
    sent = server.times_out("heartbeat")
    assert sorted(sent, key=lambda each: each[0]) == [
        (0, Ping(1, ZERO, 1)),
        (2, Ping(1, ZERO, 1)),
        (3, NewEpoch(1)),
        (4, NewLeader(1, "DIFF", ZERO, None, ())),
    ]


def test_a_cepoch_that_its_ack_e_has_overtaken_changes_nothing():
    """It was sent before the epoch was accepted; who comes again, after a crash, has accepted it."""
    server = Alone()
    server.lead(0, 2)
    assert server.hears(0, CEpoch(0)) == [] and server.synchronized == {0, 1, 2}
    assert server.says(0, CEpoch(1)) == NewEpoch(1) and server.synchronized == {1, 2}
    again = AckEpoch(1, 1, ZERO, False)
    assert server.says(0, again) == NewLeader(1, "DIFF", ZERO, None, ())
    assert server.hears(0, again) == [], "one NEWLEADER for each time it joins; the rest is the heartbeat's"


def test_a_proposal_that_got_lost_is_sent_again():
    server = Alone(transactions_per_message_max=2)
    server.lead(0, 2)
    for command in (b"x", b"y", b"z"):
        server.propose(command)
    assert server.hears(0, Pong(1, ZERO, 1)) == [], "it may be under way"
    server.times_out("heartbeat")
    again = Propose(1, ZERO, (Transaction(Zxid(1, 1), b"x"), Transaction(Zxid(1, 2), b"y")))
    assert server.hears(0, Pong(1, ZERO, 1)) == [(0, again)]
    assert server.hears(0, Ack(1, Zxid(1, 1))) == [], "the rest is under way"
    rest = Propose(1, Zxid(1, 2), (Transaction(Zxid(1, 3), b"z"),))
    assert (0, rest) in server.hears(0, Ack(1, Zxid(1, 2))), "what is still missing follows at once"


# Snapshots.


def test_a_snapshot_takes_the_place_of_what_was_applied():
    server = Alone(snapshot_every=2)
    server.follow(0, epoch=1, committed=ZERO)
    server.hears(0, Propose(1, ZERO, txns((1, 1), (1, 2), (1, 3))))
    server.hears(0, Commit(1, Zxid(1, 2)))
    assert server.journal.snapshot == Snapshot(2, Zxid(1, 2), b"1.1,1.2") and server.zxids() == [(1, 3)]
    server.restart()
    assert server.state_machine.applied == [b"1.1", b"1.2"] and server.journal.last_index == 3
    assert server.vote == Vote(1, Zxid(1, 3), 1)


def test_the_next_snapshot_takes_the_place_of_as_many_again():
    server = Alone(snapshot_every=2)
    server.follow(0, epoch=1, committed=ZERO)
    server.hears(0, Propose(1, ZERO, txns((1, 1), (1, 2), (1, 3), (1, 4))))
    taken = []
    for counter in range(1, 5):
        server.hears(0, Commit(1, Zxid(1, counter)))
        taken.append(server.journal.snapshot.index)
    assert taken == [0, 2, 2, 4]


# Queries.


def test_a_query_waits_for_a_quorum_that_answers_a_later_ping():
    server = Alone()
    server.lead(0, 2)
    assert server.hears(9, ClientQuery(3, b"q")) == [(0, Ping(1, ZERO, 1)), (2, Ping(1, ZERO, 1))]
    assert server.hears(0, Pong(1, ZERO, 0)) == server.hears(2, Pong(1, ZERO, 0)) == []
    assert server.hears(0, Pong(1, ZERO, 1)) == server.hears(0, Pong(1, ZERO, 1)) == []
    assert server.hears(2, Pong(1, ZERO, 1)) == [(9, ClientReply(3, "ok", b"0 applied", None))]


def test_a_follower_answers_a_ping_of_the_epoch_it_has_accepted_last_only():
    server = Alone()
    server.follow(0, epoch=1, committed=ZERO)
    assert server.says(0, Ping(1, ZERO, 6)) == Pong(1, ZERO, 6)
    server.hears(0, NewEpoch(2))
    assert server.hears(0, Ping(1, ZERO, 7)) == []


def test_who_does_not_lead_says_who_does():
    server = Alone()
    server.follow(0, epoch=1, committed=ZERO)
    assert server.says(9, ClientQuery(3, b"q")) == ClientReply(3, "not_leader", b"", 0)
    assert server.says(9, ClientRequest(4, b"x")) == ClientReply(4, "not_leader", b"", 0)


# Disks.


def test_a_disk_is_synced_where_something_was_written():
    """A heartbeat costs no sync."""
    server = Alone()
    server.follow(0, epoch=1, committed=ZERO)
    syncs = []
    server.node._sync_disk = lambda: syncs.append(server.disk.sync())
    for message in (Ping(1, ZERO, 1), Propose(1, ZERO, txns((1, 1))), Commit(1, Zxid(1, 1)), Ping(1, Zxid(1, 1), 2)):
        server.hears(0, message)
    assert len(syncs) == 1


def test_a_server_without_room_halts_before_it_answers():
    for message in (NewEpoch(3), Propose(1, ZERO, txns((1, 1)))):
        server = Alone()
        server.follow(0, epoch=1, committed=ZERO)
        server.disk.full = True
        assert server.hears(0, message) == [] and server.halted == FULL_DISK


@pytest.mark.parametrize("place", ["journal.1", "snapshot.1", "acceptedEpoch", "currentEpoch"])
def test_a_server_that_cannot_read_its_disk_halts_at_every_start(place):
    server = Alone(snapshot_every=2)
    server.follow(0, epoch=1, committed=ZERO)
    server.hears(0, Propose(1, ZERO, txns((1, 1), (1, 2))))
    server.hears(0, Commit(1, Zxid(1, 2)))
    server.hears(0, Propose(1, Zxid(1, 2), txns((1, 3))))
    if place == "journal.1":
        server.disk._durable_logs[place][0] = (Corrupt(),)
    else:
        assert place in server.disk._durable_values
        server.disk._durable_values[place] = (Corrupt(),)
    for _ in range(2):
        server.restart()
        assert server.halted == CORRUPT_RECORD


# Settings.


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"servers": ()}, "zab.servers"),
        ({"servers": (1, 1)}, "zab.servers"),
        ({"counter_max": 0}, "zab.counter_max"),
        ({"counter_max": 1 << 32}, "zab.counter_max"),
        ({"finalize_ns": -1}, "zab.finalize_ns"),
        ({"snapshot_every": 0}, "zab.snapshot_every"),
        ({"election_timeout_ns_max": ms(100)}, "zab.election_timeout"),
        ({"heartbeat_ns": ms(150)}, "zab.heartbeat"),
        ({"finalize_ns": ms(50)}, "zab.finalize: "),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, place):
    with pytest.raises(UsageError, match=f"^{place}"):
        ZabSettings(**{"servers": (0, 1, 2), **wrong})
