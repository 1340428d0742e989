"""Viewstamped Replication, one test per rule: the section of "Viewstamped Replication Revisited" (VRR) stands in each
docstring.

A server stands alone here (`shared/vsr_alone.py`). Of five servers node v mod 5 is the primary of view v, and f is 2.
"""

import pytest

from simclock import UsageError, ms
from simclock.environment.disk import FULL_DISK
from simclock.protocols.replication import ClientQuery, ClientReply, ClientRequest
from simclock.protocols.viewstamped_replication import (
    Checkpoint,
    Commit,
    CommitOk,
    DoViewChange,
    Entry,
    GetState,
    Group,
    Log,
    NewState,
    Prepare,
    PrepareOk,
    StartView,
    StartViewChange,
    Status,
    VsrSettings,
)
from vsr_alone import NO_CRASH, Alone, do_view_change

A, B, C = Entry(0, b"a"), Entry(0, b"b"), Entry(0, b"c")
X, Y = Entry(1, b"x"), Entry(1, b"y")
FIRST = Group(0, 0, (), (0, 1, 2, 3, 4), 0)


# 4.1, normal operation.


def test_a_primary_numbers_requests_and_sends_them_to_all_others():
    """4.1, steps 2 and 3."""
    server = Alone()
    assert server.leads and server.leader_id == 0 and server.current_term == 0
    sent = server.hears(9, ClientRequest(1, b"a"))
    assert sent == [(backup, Prepare(0, 0, (A,), 1, 0)) for backup in (1, 2, 3, 4)]
    assert server.propose(b"b") == 2


def test_a_request_is_answered_when_f_backups_have_it():
    """4.1, step 5: it waits for f PREPAREOK messages from different backups, then executes it, and replies."""
    server = Alone()
    server.hears(9, ClientRequest(1, b"a"))
    assert server.hears(1, PrepareOk(0, 0, 1)) == []
    assert server.hears(1, PrepareOk(0, 0, 1)) == [], "backups are counted, not messages"
    assert server.hears(2, PrepareOk(0, 1, 1)) == [], "an acknowledgement is for one view"
    assert server.hears(2, PrepareOk(0, 0, 1)) == [(9, ClientReply(1, "ok", b"did a", None))]


def test_an_acknowledgement_is_for_all_operations_before():
    """4.1, step 5: then all operations with smaller numbers are committed too."""
    server = Alone(servers=3)
    for command in (b"a", b"b", b"c"):
        server.propose(command)
    server.hears(1, PrepareOk(0, 0, 2))
    assert server.commit_number == 2 and server.state_machine.applied == [b"a", b"b"]
    server.hears(2, PrepareOk(0, 0, 1))
    server.hears(1, PrepareOk(0, 0, 1))
    assert server.commit_number == 2, "an older acknowledgement takes nothing back"


def test_a_backup_takes_operations_in_order():
    """4.1, step 4: a backup does not accept a PREPARE until it has all requests before it in its log."""
    server = Alone(node=1)
    assert server.hears(0, Prepare(0, 0, (C,), 3, 0)) == []
    assert server.hears(0, Prepare(0, 0, (B,), 2, 0)) == []
    assert server.says(0, Prepare(0, 0, (A,), 1, 0)) == PrepareOk(0, 0, 3)
    assert server.commands() == [b"a", b"b", b"c"]
    assert server.says(0, Prepare(0, 0, (B,), 2, 0)) == PrepareOk(0, 0, 3), "what comes again is acknowledged again"
    assert server.commands() == [b"a", b"b", b"c"]


def test_a_backup_learns_of_commits_from_the_next_prepare_or_a_commit():
    """4.1, steps 6 and 7: it executes what it has, in order."""
    server = Alone(node=1)
    server.hears(0, Prepare(0, 0, (A,), 1, 0))
    assert server.state_machine.applied == []
    server.hears(0, Prepare(0, 0, (B,), 2, 1))
    assert server.state_machine.applied == [b"a"]
    server.hears(0, Commit(0, 0, 2, 0))
    assert server.state_machine.applied == [b"a", b"b"]


def test_a_backup_ignores_an_earlier_view_and_its_own_requests():
    """4: replicas process normal messages only in their own view; 4.1: clients are the primary's."""
    server = Alone(node=2)
    server.hears(1, StartView(0, 1, Log(1, (A,)), 0))
    assert server.hears(0, Prepare(0, 0, (B,), 2, 0)) == [] and server.commands() == [b"a"]
    assert server.hears(0, Commit(0, 0, 1, 0)) == [] and server.commit_number == 0
    assert server.says(9, ClientRequest(1, b"x")) == ClientReply(1, "not_leader", b"", 1)


def test_a_primary_sends_again_what_is_not_acknowledged():
    """4.1: what is lost is sent again, to whom it is missing, after a heartbeat."""
    server = Alone(servers=3, values_per_message_max=2)
    for command in (b"a", b"b", b"c"):
        server.propose(command)
    beat = [(1, Commit(0, 0, 0, 0)), (2, Commit(0, 0, 0, 0))]
    assert server.fires("heartbeat") == beat, "it was just sent"
    server.hears(1, PrepareOk(0, 0, 1))
    assert server.fires("heartbeat") == [
        (1, Commit(0, 0, 1, 0)),
        (2, Commit(0, 0, 1, 0)),
        (1, Prepare(0, 0, (B, C), 2, 1)),
        (2, Prepare(0, 0, (B, C), 2, 1)),
    ]
    server.hears(1, PrepareOk(0, 0, 3))
    assert server.fires("heartbeat") == [(1, Commit(0, 0, 3, 0)), (2, Commit(0, 0, 3, 0))]


def test_a_cluster_of_one_commits_alone():
    server = Alone(servers=1)
    assert server.hears(9, ClientRequest(1, b"a")) == [(9, ClientReply(1, "ok", b"did a", None))]


# 4.2, view changes.


def test_a_backup_that_hears_nothing_leaves_its_view():
    """4.2, step 1."""
    server = Alone(node=2)
    assert server.fires("election") == [(other, StartViewChange(0, 1, NO_CRASH)) for other in (0, 1, 3, 4)]
    assert server.status is Status.VIEW_CHANGE and server.leader_id is None and not server.leads


def test_a_heartbeat_puts_the_view_change_off():
    server = Alone(node=2)
    server.out.take()
    server.hears(0, Commit(0, 0, 0, 0))
    assert "election" in [each.name for each in server.out.take() if hasattr(each, "duration_ns")]


def test_a_replica_joins_a_view_change_of_a_larger_view():
    """4.2, step 1: or because it receives a STARTVIEWCHANGE or DOVIEWCHANGE for a view with a larger number."""
    server = Alone(node=3)
    assert server.leave(4, 2) == [(other, StartViewChange(0, 4, NO_CRASH)) for other in (0, 1, 2, 4)]
    assert server.leave(2, 1) == [] and server.log.view == 4, "not of a smaller one"
    server.hears(1, do_view_change(5, (), 0))
    assert server.log.view == 5


def test_it_brings_its_log_when_f_others_have_left_too():
    """4.2, step 2: it sends DOVIEWCHANGE to the node that will be the primary in the new view."""
    server = Alone(node=2)
    server.hears(0, Prepare(0, 0, (A, B), 1, 1))
    server.fires("election")
    assert server.leave(1, 3) == []
    assert server.leave(1, 3) == [], "replicas are counted, not messages"
    assert server.leave(1, 4) == [(1, DoViewChange(0, 1, Log(1, (A, B)), 0, 1, NO_CRASH))]
    assert server.leave(1, 0) == [], "once"


def test_a_view_begins_with_the_log_of_the_latest_view_and_of_these_the_longest():
    """4.2, step 3: it selects the log contained in the message with the largest v'; if several have the same, the one
    among them with the largest n. The commit-number is the largest it received."""
    server = Alone(node=1)
    server.hears(0, Prepare(0, 0, (A, B, C), 1, 0))
    server.leave(6, 0, 2)
    server.hears(2, do_view_change(6, (A, X), 5, 1))
    sent = server.hears(3, do_view_change(6, (A, X, Y), 5, 2))
    assert server.leads and server.commands() == [b"a", b"x", b"y"]
    assert server.log.view == server.log.last_normal_view == server.current_term == 6
    assert sent[:4] == [(other, StartView(0, 6, Log(1, (A, X, Y)), 2)) for other in (0, 2, 3, 4)]
    assert server.state_machine.applied == [b"a", b"x"]
    server.hears(0, PrepareOk(0, 6, 3))
    server.hears(2, PrepareOk(0, 6, 3))
    assert server.commit_number == 3


def test_a_view_does_not_begin_with_the_logs_of_f_alone():
    """4.2, step 3: f + 1 DOVIEWCHANGE messages from different replicas, including itself."""
    server = Alone(node=1)
    server.leave(6, 0)
    server.hears(2, do_view_change(6, (), 0))
    server.hears(2, do_view_change(6, (), 0))
    assert server.status is Status.VIEW_CHANGE
    server.hears(3, do_view_change(6, (), 0))
    assert server.leads


def test_a_replica_takes_the_new_log_and_acknowledges_what_is_not_committed():
    """4.2, step 5."""
    server = Alone(node=2)
    server.hears(0, Prepare(0, 0, (A, B), 1, 1))
    server.leave(1, 3)
    answer = server.says(1, StartView(0, 1, Log(2, (X, Y)), 2))
    assert answer == PrepareOk(0, 1, 3) and server.status is Status.NORMAL and server.leader_id == 1
    assert server.commands() == [b"a", b"x", b"y"] and server.state_machine.applied == [b"a", b"x"]
    assert server.hears(1, StartView(0, 1, Log(2, (X,)), 2)) == [], "it is in the view: nothing begins"
    assert server.commands() == [b"a", b"x", b"y"]


def test_a_view_that_does_not_begin_gives_way_to_the_next():
    """4.2: if the view change does not complete, the next one is begun; not where it could not have begun."""
    server = Alone(node=2)
    server.fires("election")
    assert server.fires("election") == [(other, StartViewChange(0, 1, NO_CRASH)) for other in (0, 1, 3, 4)]
    server.leave(1, 3)
    assert server.fires("election")[0] == (0, StartViewChange(0, 1, NO_CRASH)), "with one other it could not"
    server.leave(1, 4)
    assert server.fires("election")[0] == (0, StartViewChange(0, 2, NO_CRASH))


def test_what_was_heard_for_one_view_counts_for_no_other():
    """4.2, steps 2 and 3: f others for this view, and f + 1 logs for this view; what it has brought it brings anew."""
    server = Alone(node=1)
    server.leave(6, 0, 2)
    server.hears(2, do_view_change(6, (A,), 0))
    server.leave(11, 0)
    assert server.brought == {} and list(server.leaving) == [0]
    server.hears(3, do_view_change(11, (), 0))
    assert sorted(server.brought) == [1, 3] and not server.leads
    server.hears(0, do_view_change(11, (), 0))
    assert server.leads and server.commands() == []


def test_who_has_missed_that_a_view_begins_is_told():
    server = Alone(node=1)
    server.leave(1, 2, 3)
    server.hears(2, do_view_change(1, (A,), 0))
    server.hears(3, do_view_change(1, (A,), 0))
    assert server.says(4, StartViewChange(0, 1, NO_CRASH)) == StartView(0, 1, Log(1, (A,)), 0)


def test_a_primary_that_is_left_leads_no_more():
    server = Alone()
    server.hears(9, ClientRequest(1, b"a"))
    server.leave(1, 3)
    assert not server.leads and server.waiting == {} and "heartbeat" not in server.timers
    assert server.propose(b"b") is None


@pytest.mark.parametrize("begins", [StartView, NewState])
def test_a_primary_that_hears_of_a_later_view_leads_no_more(begins):
    """4.2: who waits for its answers is forgotten, as it cannot know any more what becomes of them."""
    server = Alone()
    server.hears(9, ClientRequest(1, b"a"))
    server.out.take()
    server.hears(1, begins(0, 1, Log(1, (X,)), 0))
    assert not server.leads and server.waiting == {} and server.leader_id == 1
    assert "heartbeat" not in server.timers and "election" in server.timers
    assert ("follower", 0) in server.out.observed


# 5.1 and 5.2, checkpoints and state transfer.


def test_who_lags_within_its_view_asks_for_what_comes_after_its_log():
    """5.2: it has an earlier op-number than others, in the same view."""
    server = Alone(node=1)
    server.hears(0, Prepare(0, 0, (A,), 1, 0))
    assert server.says(0, Commit(0, 0, 3, 0)) == GetState(0, 0, 1)
    answer = server.says(0, NewState(0, 0, Log(2, (B, C)), 3))
    assert answer == PrepareOk(0, 0, 3) and server.state_machine.applied == [b"a", b"b", b"c"]
    assert server.hears(0, NewState(0, 0, Log(2, (B,)), 3)) == [] and server.commands() == [b"a", b"b", b"c"]


def test_who_lags_behind_a_view_asks_and_keeps_its_log_until_it_has_another():
    """5.2, where a replica learns of a later view; see `state.py`, law 4, for what is otherwise."""
    server = Alone(node=2)
    server.hears(0, Prepare(0, 0, (A, B, C), 1, 1))
    assert server.says(1, Prepare(0, 6, (Y,), 4, 3)) == GetState(0, 6, 1)
    assert server.commands() == [b"a", b"b", b"c"] and server.log.view == 0 and server.status is Status.NORMAL
    server.hears(1, NewState(0, 6, Log(2, (X,)), 2))
    assert server.commands() == [b"a", b"x"] and server.log.view == server.log.last_normal_view == 6
    assert server.status is Status.NORMAL and server.leader_id == 1


def test_who_lags_behind_a_view_changes_views_with_all_that_it_has():
    """The same: had it cut its log to its commit-number, acknowledged operations would be missing."""
    server = Alone(node=2)
    server.hears(0, Prepare(0, 0, (A, B, C), 1, 1))
    server.hears(1, Prepare(0, 6, (Y,), 4, 3))
    server.leave(8, 0)
    assert server.leave(8, 4)[-1] == (3, DoViewChange(0, 8, Log(1, (A, B, C)), 0, 1, NO_CRASH))


def test_who_is_in_a_view_tells_what_comes_after():
    """5.2: a replica responds only if its status is normal, and it is in that view."""
    server = Alone(node=1)
    server.hears(0, Prepare(0, 0, (A, B), 1, 1))
    assert server.says(4, GetState(0, 0, 1)) == NewState(0, 0, Log(2, (B,)), 1)
    assert server.hears(4, GetState(0, 1, 1)) == []
    server.fires("election")
    assert server.hears(4, GetState(0, 0, 1)) == []


def test_a_view_that_has_begun_without_it_is_caught_up_with():
    """The STARTVIEW was lost: who waits for a view hears its primary."""
    server = Alone(node=2)
    server.hears(0, Prepare(0, 0, (A,), 1, 1))
    server.leave(1, 3)
    assert server.says(1, Commit(0, 1, 2, 0)) == GetState(0, 1, 1)
    server.hears(1, NewState(0, 1, Log(2, (X,)), 2))
    assert server.status is Status.NORMAL and server.state_machine.applied == [b"a", b"x"]


def test_a_checkpoint_takes_the_place_of_what_was_executed():
    """5.1."""
    server = Alone(node=1, snapshot_every=2)
    server.hears(0, Prepare(0, 0, (A, B, C), 1, 2))
    assert server.log.checkpoint == Checkpoint(2, b"a,b") and server.commands() == [b"c"]
    assert server.says(4, GetState(0, 0, 2)) == NewState(0, 0, Log(3, (C,)), 2)
    assert server.says(4, GetState(0, 0, 1)) == NewState(0, 0, Log(3, (C,), Checkpoint(2, b"a,b")), 2)


def test_who_lags_behind_a_checkpoint_gets_that():
    server = Alone(node=1)
    server.hears(0, NewState(0, 0, Log(3, (C,), Checkpoint(2, b"a,b")), 3))
    assert server.state_machine.applied == [b"a", b"b", b"c"] and server.log.op_number == 3
    assert server.hears(0, StartView(0, 1, Log(9, (X,)), 9)) == [(0, GetState(0, 1, 3))], "a log has no gaps"


# Durable servers.


def test_a_durable_server_has_on_disk_what_it_acknowledges():
    server = Alone(node=1, durable=True)
    server.out.take()
    server.on_message(0, Prepare(0, 0, (A,), 1, 0))
    (sent,) = server.out.sent
    assert sent.durable.unsynced == 0 and sent.durable.logs["journal"][-1] == A
    server.restart()
    assert server.status is Status.NORMAL and server.commands() == [b"a"]
    assert server.says(0, Prepare(0, 0, (B,), 2, 1)) == PrepareOk(0, 0, 2)


def test_a_durable_primary_counts_what_it_has_on_disk():
    server = Alone(durable=True)
    server.out.take()
    server.propose(b"a")
    assert all(sent.durable.unsynced == 0 and sent.durable.logs["journal"][-1] == A for sent in server.out.sent)
    server.restart()
    assert server.leads and server.commands() == [b"a"], "it goes on in its view"


def test_a_durable_server_never_goes_back_to_a_view():
    server = Alone(node=2, durable=True)
    server.hears(0, Prepare(0, 0, (A, B), 1, 1))
    server.leave(1, 3)
    server.restart()
    assert server.status is Status.VIEW_CHANGE and server.log.view == 1 and server.log.last_normal_view == 0
    assert server.state_machine.applied == [b"a"]
    assert server.hears(0, Prepare(0, 0, (C,), 3, 2)) == []
    server.leave(1, 3)
    assert server.leave(1, 4) == [(1, DoViewChange(0, 1, Log(1, (A, B)), 0, 1, NO_CRASH))]
    server.hears(1, StartView(0, 1, Log(2, (X,)), 2))
    server.restart()
    assert server.log.view == server.log.last_normal_view == 1 and server.commands() == [b"a", b"x"]


def test_a_durable_server_restarts_with_its_checkpoint():
    server = Alone(node=1, durable=True, snapshot_every=2)
    server.hears(0, Prepare(0, 0, (A, B, C), 1, 2))
    server.restart()
    assert server.state_machine.applied == [b"a", b"b"] and server.commands() == [b"c"] and server.commit_number == 2


def test_a_durable_server_whose_disk_lost_something_recovers_from_the_others():
    server = Alone(node=1, durable=True)
    server.hears(0, Prepare(0, 0, (A, B), 1, 1))
    server.crash()
    server.disk.corrupt(lambda below: 0)
    server.restart()
    assert server.status is Status.RECOVERING and server.commands() == []
    server.restart()
    assert server.status is Status.RECOVERING, "nothing is left that a later life could take for all"


def test_a_durable_server_that_can_neither_read_nor_write_stops():
    server = Alone(node=1, durable=True)
    server.hears(0, Prepare(0, 0, (A,), 1, 1))
    server.crash()
    server.disk.corrupt(lambda below: 0)
    server.disk.full = True
    server.restart()
    assert server.halted == FULL_DISK


def test_a_durable_server_whose_disk_is_full_says_nothing():
    server = Alone(node=1, durable=True)
    server.disk.full = True
    assert server.hears(0, Prepare(0, 0, (A,), 1, 0)) == [] and server.halted == FULL_DISK


# Queries.


def test_a_query_waits_until_a_majority_says_that_the_view_is_still_on():
    server = Alone()
    sent = server.hears(9, ClientQuery(1, b""))
    assert sent == [(backup, Commit(0, 0, 0, 1)) for backup in (1, 2, 3, 4)]
    assert server.hears(1, CommitOk(0, 0, 1)) == []
    assert server.hears(1, CommitOk(0, 0, 1)) == []
    assert server.hears(2, CommitOk(0, 0, 0)) == []
    assert server.hears(2, CommitOk(0, 0, 1)) == [(9, ClientReply(1, "ok", b"0 applied", None))]


def test_a_backup_says_that_it_is_in_the_view_when_it_is_asked():
    server = Alone(node=1)
    assert server.says(0, Commit(0, 0, 0, 4)) == CommitOk(0, 0, 4)
    assert server.hears(0, Commit(0, 0, 0, 0)) == []
    server.fires("election")
    assert CommitOk(0, 0, 5) not in [message for _, message in server.hears(0, Commit(0, 0, 0, 5))]


def test_a_query_waits_for_what_the_view_began_with():
    server = Alone(node=1, servers=3)
    server.leave(1, 2, vector=(0, 0, 0))
    server.hears(2, do_view_change(1, (A,), 0, vector=(0, 0, 0)))
    assert server.leads and server.hears(9, ClientQuery(1, b"")) == []
    assert [message for _, message in server.hears(2, PrepareOk(0, 1, 1))] == [Commit(0, 1, 1, 1)] * 2
    assert server.hears(2, CommitOk(0, 1, 1)) == [(9, ClientReply(1, "ok", b"1 applied", None))]


def test_what_was_said_to_a_primary_before_it_crashed_answers_no_query_after():
    """A durable primary goes on in its view: the others may have begun another since they answered."""
    server = Alone(servers=3, durable=True)
    server.hears(9, ClientQuery(1, b""))
    asked = server.hears(1, CommitOk(0, 0, 1))[-1:]
    assert asked == [(9, ClientReply(1, "ok", b"0 applied", None))]
    server.restart()
    (commit, *_) = [message for _, message in server.hears(9, ClientQuery(2, b""))]
    assert server.leads and server.hears(1, CommitOk(0, 0, 1)) == [], "it is late: of the life before"
    assert server.hears(1, CommitOk(0, 0, commit.round)) == [(9, ClientReply(2, "ok", b"0 applied", None))]


# Settings.


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"servers": ()}, "vsr.servers: () must name one or more nodes, each once"),
        ({"servers": (0, 0)}, "vsr.servers: (0, 0) must name one or more nodes, each once"),
        ({"servers": (0, 1), "spares": (1,)}, "vsr.spares: (1,) must name other nodes than (0, 1)"),
        ({"servers": (0,), "snapshot_every": 0}, "vsr.snapshot_every: 0 is not a whole number of 1 or more"),
        ({"servers": (0,), "values_per_message_max": 1.5}, "vsr.values_per_message_max: 1.5 is not a whole"),
        ({"servers": (0,), "election_timeout_ns_max": ms(10)}, "vsr.election_timeout: from 150ms to 10ms is no range"),
        ({"servers": (0,), "heartbeat_ns": ms(150)}, "vsr.heartbeat: 150ms is not below the smallest"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(UsageError) as refused:
        VsrSettings(**settings)
    assert str(refused.value).startswith(said)
