"""Viewstamped Replication: reconfiguration, one test per rule of "Viewstamped Replication Revisited" (VRR), section 7.

Nodes 0, 1 and 2 are the replicas of the first epoch, 3 and 4 spares; a change makes 1, 3 and 4 the replicas.
"""

import pytest

from simclock.protocols.replication import Change, ClientReply, ClientRequest, Reconfigure, Reconfigured
from simclock.protocols.viewstamped_replication import (
    Checkpoint,
    Commit,
    CrashVectorReply,
    CrashVectorRequest,
    DoViewChange,
    Entry,
    EpochStarted,
    GetState,
    Group,
    Log,
    NewState,
    Prepare,
    PrepareOk,
    Reconfiguration,
    Recovery,
    RecoveryResponse,
    StartEpoch,
    StartView,
    StartViewChange,
    Status,
    term_of,
)
from vsr_alone import NO_CRASH, Alone, Cluster

A = Entry(0, b"a")
CHANGE = Change(1, (1, 3, 4))
LAST = Entry(0, b"", Reconfiguration(1, (1, 3, 4), NO_CRASH))
FIRST = Group(0, 0, (), (0, 1, 2), 0)
SECOND = Group(1, 2, (0, 1, 2), (1, 3, 4), 1, NO_CRASH)


def server_of(node=0, **settings):
    """A server of such a cluster."""
    return Alone(node=node, servers=3, spares=(3, 4), **settings)


def closing(**settings):
    """A primary that has an operation and the change, neither of them committed."""
    server = server_of(**settings)
    server.hears(9, ClientRequest(1, b"a"))
    server.hears(9, Reconfigure(1, CHANGE))
    return server


def test_a_reconfiguration_goes_through_the_log():
    """7.1: the primary assigns it the next op-number, adds it to the log, and sends PREPARE."""
    server = server_of()
    server.propose(b"a")
    sent = server.hears(9, Reconfigure(5, CHANGE))
    assert sent == [
        (9, Reconfigured(5, False, 0)),
        (1, Prepare(0, 0, (LAST,), 2, 0)),
        (2, Prepare(0, 0, (LAST,), 2, 0)),
    ]
    assert server.hears(9, Reconfigure(5, CHANGE)) == [(9, Reconfigured(5, False, 0))], "it is under way"


def test_after_it_the_old_group_takes_no_requests():
    """7.1: the primary stops accepting client requests."""
    server = closing()
    assert server.says(9, ClientRequest(2, b"b")) == ClientReply(2, "not_leader", b"", 0)


def test_a_new_primary_of_the_old_group_takes_none_either():
    """7: if the top-most request is a RECONFIGURATION, the new primary accepts no further requests."""
    server = server_of(1)
    server.hears(2, StartViewChange(0, 1, NO_CRASH))
    server.hears(2, DoViewChange(0, 1, Log(1, (A, LAST)), 0, 0, NO_CRASH))
    assert server.leads and server.propose(b"b") is None
    server.hears(2, PrepareOk(0, 1, 2))
    assert server.epoch == 1


def test_when_it_is_committed_the_epoch_is_over():
    """7.1: the primary increments the epoch-number, has the others know, and sends STARTEPOCH to new replicas."""
    server = closing()
    sent = server.hears(1, PrepareOk(0, 0, 2))
    assert sent == [
        (9, ClientReply(1, "ok", b"did a", None)),
        (1, Commit(0, 0, 2, 0)),
        (2, Commit(0, 0, 2, 0)),
        (3, StartEpoch(SECOND, 0)),
        (4, StartEpoch(SECOND, 0)),
    ]
    assert server.stands() == (Status.TRANSITIONING, 1, 0) and server.current_term == term_of(1, 0)
    assert server.says(9, Reconfigure(1, CHANGE)) == Reconfigured(1, True, None)
    assert server.says(9, ClientRequest(2, b"b")) == ClientReply(2, "not_leader", b"", None)


def test_who_is_in_both_groups_goes_on_at_once():
    """7.1: it has executed all, so its status is normal in view 0; node 1 is its primary."""
    server = server_of(1)
    server.hears(0, Prepare(0, 0, (A, LAST), 1, 0))
    sent = server.hears(0, Commit(0, 0, 2, 0))
    assert server.leads and server.stands() == (Status.NORMAL, 1, 0)
    assert [each for each in sent if isinstance(each[1], EpochStarted)] == [(0, EpochStarted(1)), (2, EpochStarted(1))]
    assert server.hears(9, ClientRequest(2, b"b")) == [
        (other, Prepare(1, 0, (Entry(term_of(1, 0), b"b"),), 3, 2)) for other in (3, 4)
    ]


def test_a_new_replica_asks_for_what_it_lacks_and_begins_then():
    """7.1: a replica that learns of the epoch brings itself up to date by state transfer; then its status is normal,
    and it sends EPOCHSTARTED to the replicas that are being replaced."""
    server = server_of(3)
    assert server.stands() == (Status.IDLE, 0, 0)
    assert server.says(0, StartEpoch(SECOND, 0)) == GetState(1, 0, 0)
    assert server.stands() == (Status.TRANSITIONING, 1, 0)
    assert server.hears(0, Prepare(1, 0, (Entry(term_of(1, 0), b"b"),), 3, 2)) == [], "it takes no part before"
    assert server.hears(2, NewState(1, 0, Log(1, (A,)), 1)) == [], "that is not all of the old epoch"
    sent = server.hears(0, NewState(1, 0, Log(1, (A, LAST)), 2))
    assert sent == [(0, EpochStarted(1)), (2, EpochStarted(1))]
    assert server.stands() == (Status.NORMAL, 1, 0) and server.state_machine.applied == [b"a"]
    assert server.leader_id == 1


def test_a_new_replica_may_begin_with_a_checkpoint_and_in_a_later_view():
    server = server_of(3)
    server.hears(0, StartEpoch(SECOND, 0))
    log = Log(2, (LAST, Entry(term_of(1, 0), b"b")), Checkpoint(1, b"a"))
    server.hears(4, NewState(1, 2, log, 3))
    assert server.stands() == (Status.NORMAL, 1, 2) and server.leader_id == 4
    assert server.state_machine.applied == [b"a", b"b"]


def counted_anew(server, known):
    """Node 1, that has counted its crash in the old group, hears of the new one, which knows so much of crashes."""
    asked = server.hears(3, RecoveryResponse(1, 1, Log(1, (A, LAST)), 2, SECOND, known))
    assert asked == [(other, CrashVectorRequest(1)) for other in (0, 2, 3, 4)]
    assert server.hears(0, CrashVectorReply(1, FIRST, NO_CRASH)) == []
    asked = server.hears(4, CrashVectorReply(1, SECOND, known))
    count = known[1] + 1
    assert asked == [(other, Recovery(1, (0, count, 0, 0, 0))) for other in (0, 2, 3, 4)]
    return 0, count, 0, 0, 0


def test_it_asks_one_after_the_other_until_it_has_it():
    server = server_of(3)
    server.hears(0, StartEpoch(SECOND, 0))
    assert [server.fires("retry") for _ in range(4)] == [[(node, GetState(1, 0, 0))] for node in (0, 1, 2, 4)]


def test_a_replaced_replica_answers_until_a_majority_has_begun():
    """7.1: it waits for f' + 1 EPOCHSTARTED messages, sends STARTEPOCH again where they do not come, then shuts
    down."""
    server = closing()
    server.hears(1, PrepareOk(0, 0, 2))
    assert server.says(3, GetState(1, 0, 0)) == NewState(1, 0, Log(1, (A, LAST)), 2)
    server.hears(3, EpochStarted(1))
    server.hears(3, EpochStarted(1))
    assert server.fires("retry") == [(1, StartEpoch(SECOND, 0)), (4, StartEpoch(SECOND, 0))]
    server.hears(4, EpochStarted(1))
    assert server.stands() == (Status.IDLE, 1, 0) and not {"retry", "election", "heartbeat"} & set(server.timers)
    assert server.says(9, ClientRequest(2, b"b")) == ClientReply(2, "not_leader", b"", 1)


def test_who_has_the_last_operation_of_an_epoch_that_is_over_executes_it_and_can_tell():
    """7.1: a server that hears of the next epoch first gets all that was before. The one that told may be gone then."""
    for node in (1, 2):
        server = server_of(node)
        server.hears(0, Prepare(0, 0, (A, LAST), 1, 0))
        server.hears(0, StartEpoch(SECOND, 0))
        assert server.commit_number == 2 and server.epoch == 1 and server.state_machine.applied == [b"a"]
        assert server.says(3, GetState(1, 0, 0)) == NewState(1, 0, Log(1, (A, LAST)), 2)


@pytest.mark.parametrize("taken_in", [1, None])
def test_who_has_another_in_its_place_asks_first(taken_in):
    """The same change, taken in another view, may have had other operations before it."""
    server = server_of(1)
    server.hears(0, Prepare(0, 0, (A, LAST), 1, 0))
    assert server.says(3, StartEpoch(SECOND, taken_in)) == GetState(1, 0, 0)
    assert server.commit_number == 0 and server.status is Status.TRANSITIONING


def test_who_speaks_of_an_earlier_epoch_is_told_and_of_a_later_one_is_asked():
    """7: a replica that gets a message of an earlier epoch informs the sender; of a later one it finds out."""
    server = server_of(1)
    assert server.says(3, Commit(1, 0, 3, 0)) == GetState(0, 0, 0)
    server.hears(0, Prepare(0, 0, (A, LAST), 1, 0))
    server.hears(0, Commit(0, 0, 2, 0))
    assert server.says(2, StartViewChange(0, 1, NO_CRASH)) == StartEpoch(SECOND, 0)
    assert server.says(3, StartEpoch(SECOND, 0)) == EpochStarted(1)


def test_of_the_old_views_nothing_is_left_in_a_new_epoch():
    server = server_of(1)
    server.hears(0, StartViewChange(0, 2, NO_CRASH))
    server.hears(2, StartView(0, 2, Log(1, (A, LAST)), 2))
    assert server.stands() == (Status.NORMAL, 1, 0) and server.log.last_normal_view == 0 and server.leads


def test_a_change_that_makes_no_group_changes_nothing():
    server = server_of()
    for members in ((), (1, 1), (1, 7)):
        assert server.hears(9, Reconfigure(1, Change(1, members))) == [(9, Reconfigured(1, False, 0))]


@pytest.mark.parametrize("vectors", [True, False])
def test_who_recovers_waits_where_an_epoch_may_be_over(vectors):
    """4.3 and 7: a RECONFIGURATION at the end of the log may be committed, and the life before may have been in the
    next epoch already."""
    server = server_of(1, crash_vectors=vectors)
    server.restart()
    vector = (0, 1, 0, 0, 0) if vectors else ()
    for other in (0, 2):
        server.hears(other, CrashVectorReply(1, FIRST, NO_CRASH))
    server.hears(0, RecoveryResponse(0, 1, Log(1, (A, LAST)), 1, FIRST, vector))
    server.hears(2, RecoveryResponse(0, 1, None, 1, FIRST, vector))
    assert server.status is Status.RECOVERING
    if vectors:
        vector = counted_anew(server, (0, 1, 0, 0, 0))
    server.hears(3, RecoveryResponse(1, 1, Log(1, (A, LAST)), 2, SECOND, vector))
    assert server.status is Status.RECOVERING, "one of the new group is too few"
    server.hears(4, RecoveryResponse(1, 1, None, 2, SECOND, vector))
    assert server.stands() == (Status.NORMAL, 1, 1) and server.state_machine.applied == [b"a"]


def test_who_recovers_counts_answers_of_the_latest_group_alone():
    """4.3 and 7: f + 1 of the group whose epoch is the latest of which they tell, and that know of it."""
    server = server_of(4)
    server.restart()
    server.hears(0, CrashVectorReply(1, FIRST, NO_CRASH))
    server.hears(1, CrashVectorReply(1, SECOND, NO_CRASH))
    assert not server.knows_crashes
    server.hears(3, CrashVectorReply(1, SECOND, NO_CRASH))
    assert server.knows_crashes
    vector = (0, 0, 0, 0, 1)
    server.hears(1, RecoveryResponse(0, 1, Log(1, (A, LAST)), 1, FIRST, vector))
    server.hears(3, RecoveryResponse(1, 1, Log(1, (A, LAST)), 2, SECOND, vector))
    assert server.status is Status.RECOVERING, "node 1 does not know of that epoch"
    server.hears(1, RecoveryResponse(1, 1, None, 2, SECOND, vector))
    assert server.stands() == (Status.NORMAL, 1, 1)


def test_a_spare_that_crashed_hears_that_it_is_in_no_group():
    server = server_of(4, crash_vectors=False)
    server.restart()
    assert server.out.take_sent() == [(other, Recovery(1, ())) for other in (0, 1, 2, 3)]
    server.hears(0, RecoveryResponse(0, 1, Log(1, (A,)), 1, FIRST, ()))
    server.hears(2, RecoveryResponse(0, 1, None, 1, FIRST, ()))
    assert server.stands() == (Status.IDLE, 0, 0) and server.state_machine.applied == [b"a"]


def test_a_durable_server_restarts_in_the_epoch_it_was_in():
    for node in (0, 1):
        server = server_of(node, durable=True)
        server.hears(0, Prepare(0, 0, (A, LAST), 1, 0)) if node else server.hears(9, Reconfigure(1, CHANGE))
        server.hears(0, Commit(0, 0, 2, 0)) if node else server.hears(1, PrepareOk(0, 0, 1))
        before = server.stands()
        server.restart()
        assert server.stands() == before and server.epoch == 1
    new = server_of(3, durable=True)
    new.hears(0, StartEpoch(SECOND, 0))
    new.restart()
    assert new.out.take_sent() == [(0, GetState(1, 0, 0))] and new.status is Status.TRANSITIONING


def test_a_durable_server_that_has_recovered_stays_in_its_view_when_it_crashes():
    """What it has acknowledged since it recovered it keeps: it does not begin the epoch anew, from a former member."""
    server = server_of(4, durable=True, crash_vectors=False)
    server.crash()
    server.disk.write("committed", 0)
    server.disk.sync()
    server.disk.corrupt(lambda below: 0)
    server.restart()
    assert server.status is Status.RECOVERING
    x = Entry(term_of(1, 3), b"x")
    server.hears(1, RecoveryResponse(3, 1, Log(1, (A, LAST, x)), 2, SECOND, ()))
    assert server.hears(3, RecoveryResponse(3, 1, None, 2, SECOND, ())) == [(1, PrepareOk(1, 3, 3))]
    server.restart()
    assert server.stands() == (Status.NORMAL, 1, 3) and server.commands() == [b"a", b"", b"x"]
    assert server.state_machine.applied == [b"a"]


# Crash vectors from epoch to epoch: what VRR 7 and Michael et al. (DISC 2017) together do not speak of.

CRASHED = (0, 2, 1, 0, 0)
"""Of nodes 1, that goes on, and 2, that is replaced."""
CRASHED_SECOND = Group(1, 2, (0, 1, 2), (1, 3, 4), 1, CRASHED)
CRASHED_LAST = Entry(0, b"", Reconfiguration(1, (1, 3, 4), CRASHED))


def test_a_reconfiguration_tells_the_next_group_of_crashes():
    """Law 6: the primary has answered whoever recovered in its epoch; what it knows of that goes with the change."""
    server = server_of()
    server.hears(1, Recovery(1, (0, 2, 1, 0, 0)))
    server.propose(b"a")
    assert server.hears(9, Reconfigure(5, CHANGE))[1] == (1, Prepare(0, 0, (CRASHED_LAST,), 2, 0))
    server.hears(2, StartViewChange(0, 0, (0, 2, 1, 5, 0)))
    sent = server.hears(1, PrepareOk(0, 0, 2))
    assert [each for each in sent if isinstance(each[1], StartEpoch)] == [
        (new, StartEpoch(CRASHED_SECOND, 0)) for new in (3, 4)
    ], "what it has learned since is not agreed upon"


def test_without_crash_vectors_it_tells_of_none():
    server = server_of(crash_vectors=False)
    server.hears(9, Reconfigure(5, CHANGE))
    assert server.log.entries[-1].change == Reconfiguration(1, (1, 3, 4), ())


def test_a_new_replica_knows_of_the_crashes_before_it_has_the_state():
    """It may be asked for them at once, by a server of both groups that has crashed again."""
    server = server_of(3)
    server.hears(0, StartEpoch(CRASHED_SECOND, 0))
    assert server.status is Status.TRANSITIONING
    assert server.says(1, CrashVectorRequest(7)) == CrashVectorReply(7, CRASHED_SECOND, CRASHED)


def test_who_is_of_both_epochs_knows_what_either_knew():
    """Node 1 knows of a crash of node 3 of which the primary did not, and not of that of node 2."""
    server = server_of(1)
    server.hears(3, Recovery(4, (0, 0, 0, 4, 0)))
    server.hears(0, Prepare(0, 0, (A, CRASHED_LAST), 1, 0))
    assert server.log.crash_vector == (0, 0, 0, 4, 0), "it is not agreed upon yet"
    server.hears(0, Commit(0, 0, 2, 0))
    assert server.leads and server.epoch == 1 and server.log.crash_vector == (0, 2, 1, 4, 0)


def test_a_message_of_a_life_before_does_not_count_in_the_next_epoch():
    """Node 1 was in the epoch when it had crashed once, and has crashed again: node 3 has heard that with the epoch."""
    server = server_of(3)
    server.hears(0, StartEpoch(CRASHED_SECOND, 0))
    server.hears(0, NewState(1, 0, Log(1, (A, CRASHED_LAST)), 2))
    assert server.stands() == (Status.NORMAL, 1, 0)
    assert server.hears(1, StartViewChange(1, 1, (0, 1, 0, 0, 0))) == []
    assert server.hears(1, DoViewChange(1, 1, Log(1, (A, CRASHED_LAST)), 0, 2, (0, 1, 0, 0, 0))) == []
    assert server.stands() == (Status.NORMAL, 1, 0)
    server.hears(1, StartViewChange(1, 1, CRASHED))
    assert server.log.view == 1


def test_a_durable_new_replica_keeps_what_it_was_told_of_crashes():
    server = server_of(3, durable=True)
    server.hears(0, StartEpoch(CRASHED_SECOND, 0))
    server.restart()
    assert server.log.crash_vector == CRASHED and server.log.group == CRASHED_SECOND


def test_who_leaves_is_known_to_have_crashed_when_it_comes_back():
    """Node 2 is in the third group again; nobody of the second has heard of its crash but from the first."""
    server = server_of(1)
    server.hears(0, Prepare(0, 0, (A, CRASHED_LAST), 1, 0))
    server.hears(0, Commit(0, 0, 2, 0))
    server.hears(9, Reconfigure(6, Change(2, (2, 3, 4))))
    change = Reconfiguration(2, (2, 3, 4), CRASHED)
    assert server.log.entries[-1] == Entry(term_of(1, 0), b"", change)
    assert server.hears(3, PrepareOk(1, 0, 3))[-1] == (
        2,
        StartEpoch(Group(2, 3, (1, 3, 4), (2, 3, 4), 2, CRASHED), term_of(1, 0)),
    )


def test_who_counts_in_the_old_group_counts_again_in_the_new():
    """Its life before had recovered in the new group, as after one crash. The old group does not know: what that life
    said in the new one would count as said now."""
    server = server_of(1)
    server.restart()
    for other in (0, 2):
        asked = server.hears(other, CrashVectorReply(1, FIRST, NO_CRASH))
    assert asked[0] == (0, Recovery(1, (0, 1, 0, 0, 0)))
    vector = counted_anew(server, (0, 1, 0, 0, 0))
    assert vector == (0, 2, 0, 0, 0)
    late = (0, 1, 0, 0, 0)
    server.hears(4, RecoveryResponse(1, 1, None, 2, SECOND, late))
    server.hears(3, RecoveryResponse(1, 1, Log(1, (A, LAST)), 2, SECOND, late))
    assert server.status is Status.RECOVERING, "they have answered the count before: the last they may not know"
    server.hears(4, RecoveryResponse(1, 1, None, 2, SECOND, vector))
    assert server.status is Status.RECOVERING
    server.hears(3, RecoveryResponse(1, 1, Log(1, (A, LAST)), 2, SECOND, vector))
    assert server.stands() == (Status.NORMAL, 1, 1) and server.log.crash_vector == vector


def test_crashes_are_counted_by_those_who_are_of_the_group():
    """Node 3 is named in the new group, and does not know it: so it may not know what that group knew of crashes."""
    server = server_of(1)
    server.restart()
    server.hears(4, CrashVectorReply(1, CRASHED_SECOND, CRASHED))
    assert server.hears(3, CrashVectorReply(1, FIRST, NO_CRASH)) == []
    assert not server.knows_crashes
    assert server.hears(3, CrashVectorReply(1, CRASHED_SECOND, CRASHED))[0] == (0, Recovery(1, (0, 3, 1, 0, 0)))


def test_who_is_not_in_the_new_group_does_not_count_for_it():
    """Node 0 is replaced: what it tells of crashes and of the epoch makes nobody's answers enough."""
    server = server_of(1)
    server.restart()
    for other in (0, 2):
        assert server.hears(other, CrashVectorReply(1, SECOND, NO_CRASH)) == []
    server.hears(3, CrashVectorReply(1, SECOND, NO_CRASH))
    server.hears(4, CrashVectorReply(1, SECOND, NO_CRASH))
    vector = (0, 1, 0, 0, 0)
    for other, log in ((0, None), (2, None), (3, Log(1, (A, LAST)))):
        server.hears(other, RecoveryResponse(1, 1, log, 2, SECOND, vector))
    assert server.status is Status.RECOVERING
    server.hears(4, RecoveryResponse(1, 1, None, 2, SECOND, vector))
    assert server.status is Status.NORMAL


def test_answers_of_two_epochs_are_not_put_together():
    """Nodes 0 and 1 tell of the old group, node 3 of the new: two of three have answered of neither."""
    server = server_of(4, crash_vectors=False)
    server.restart()
    server.hears(0, RecoveryResponse(0, 1, Log(1, (A,)), 1, FIRST, ()))
    server.hears(3, RecoveryResponse(0, 1, None, 2, SECOND, ()))
    assert server.hears(1, RecoveryResponse(0, 1, None, 1, FIRST, ())) == []
    assert server.status is Status.RECOVERING


def test_what_was_said_before_crashes_that_another_epoch_knew_of_begins_no_view():
    """A loss as VSR-04's. Nodes 3 and 4 have crashed in the first epoch, and crash in the second, of 5, 6, 4, 3 and 7,
    when they have left a view there: if they counted one crash again, what they said would count as said now."""
    cluster = Cluster(5, 3)
    cluster.crashes(3)
    cluster.apart = {3}
    cluster.crashes(4)
    cluster.apart = set()
    cluster.changes(0, Change(1, (5, 6, 4, 3, 7)))
    assert [cluster[node].stands() for node in (5, 6, 4, 3, 7)] == [(Status.NORMAL, 1, 0)] * 5 and cluster[5].leads

    cluster.apart = gone = {0, 1, 2}
    said = cluster.holds(lambda: cluster[3].on_timer("election"))
    cluster.apart = gone | {4}
    cluster.crashes(3)
    cluster.apart = gone
    said += cluster.holds(lambda: cluster[7].on_timer("election"))
    said += cluster.holds(lambda: cluster.arrives(said, 4))
    cluster.crashes(4)
    assert [cluster[node].stands() for node in (3, 4)] == [(Status.NORMAL, 1, 0)] * 2

    cluster.arrives(cluster.holds(lambda: cluster[5].propose(b"x")), 3, 4)
    cluster.settles()
    assert cluster[5].state_machine.applied == [b"x"], "5, 3 and 4 have it"
    cluster.apart = gone | {3, 4, 5}
    cluster.arrives(said, 6, 7)
    cluster.settles()
    assert not cluster[6].leads, "it begins a view without x"
