"""Viewstamped Replication: recovery (VRR 4.3), and crash vectors (Michael et al., DISC 2017), one test per rule."""

from hypothesis import given
from hypothesis import strategies as some

from simclock.protocols.replication import majority
from simclock.protocols.viewstamped_replication import (
    Commit,
    CrashVectorReply,
    CrashVectorRequest,
    Entry,
    GetState,
    Group,
    Log,
    Prepare,
    PrepareOk,
    Recovery,
    RecoveryResponse,
    StartView,
    StartViewChange,
    Status,
)
from simclock.protocols.viewstamped_replication.settings import answers_to_recover
from vsr_alone import NO_CRASH, Alone, do_view_change

A, B, X = Entry(0, b"a"), Entry(0, b"b"), Entry(1, b"x")
FIRST = Group(0, 0, (), (0, 1, 2, 3, 4), 0)


def recovering(node=2, **settings):
    server = Alone(node=node, **settings)
    server.restart()
    return server


def counted(server, nonce=1):
    """It has heard of its crashes."""
    for other in (0, 1):
        server.hears(other, CrashVectorReply(nonce, FIRST, NO_CRASH))
    return server.hears(3, CrashVectorReply(nonce, FIRST, NO_CRASH))


def response(view, log=None, commit_number=0, *, nonce=1, vector=(0, 0, 1, 0, 0)):
    return RecoveryResponse(view, nonce, log, commit_number, FIRST, vector)


def test_who_has_crashed_asks_the_others_and_takes_no_part():
    """4.3, step 1: while its status is recovering, it does not participate."""
    server = Alone(node=2, crash_vectors=False)
    server.restart()
    assert server.out.take_sent() == [(other, Recovery(1, ())) for other in (0, 1, 3, 4)]
    assert server.status is Status.RECOVERING
    for message in (
        Prepare(0, 0, (A,), 1, 0),
        Commit(0, 0, 0, 1),
        StartViewChange(0, 1, ()),
        do_view_change(2, (), 0, vector=()),
        StartView(0, 1, Log(1, ()), 0),
        GetState(0, 0, 0),
        Recovery(1, ()),
        CrashVectorRequest(1),
    ):
        assert server.hears(0, message) == [], message
    assert server.fires("retry") == [(other, Recovery(1, ())) for other in (0, 1, 3, 4)]


def test_a_normal_replica_answers_and_the_primary_sends_its_log():
    """4.3, step 2."""
    primary, backup = Alone(crash_vectors=False), Alone(node=1, crash_vectors=False)
    primary.propose(b"a")
    assert primary.says(2, Recovery(7, ())) == RecoveryResponse(0, 7, Log(1, (A,)), 0, FIRST, ())
    assert backup.says(2, Recovery(7, ())) == RecoveryResponse(0, 7, None, 0, FIRST, ())
    backup.fires("election")
    assert backup.hears(2, Recovery(7, ())) == [], "only when its status is normal"


def test_it_recovers_with_f_and_one_answers_one_of_them_of_the_primary_of_the_latest_view():
    """4.3, step 3."""
    server = recovering(crash_vectors=False)
    server.hears(0, response(5, Log(1, (A, B)), 1, vector=()))
    server.hears(1, response(5, vector=()))
    server.hears(1, response(5, vector=()))
    assert server.status is Status.RECOVERING, "replicas are counted, not messages"
    server.hears(3, response(6, vector=()))
    assert server.status is Status.RECOVERING, "view 6 is later, and its primary has not answered"
    assert server.hears(1, response(6, Log(1, (A, B, X)), 2, vector=())) == [(1, PrepareOk(0, 6, 3))]
    assert server.status is Status.NORMAL and server.log.view == server.log.last_normal_view == 6
    assert server.commands() == [b"a", b"b", b"x"] and server.state_machine.applied == [b"a", b"b"]
    assert "retry" not in server.timers and "election" in server.timers


def test_answers_to_an_earlier_life_do_not_count():
    """4.3: the nonce is used to detect RECOVERYRESPONSE messages for an earlier recovery."""
    server = recovering(crash_vectors=False)
    server.restart()
    for source, log in ((0, Log(1, ())), (1, None), (3, None)):
        server.hears(source, response(0, log, nonce=1, vector=()))
    assert server.status is Status.RECOVERING
    for source, log in ((0, Log(1, ())), (1, None), (3, None)):
        server.hears(source, response(0, log, nonce=2, vector=()))
    assert server.status is Status.NORMAL


@given(some.integers(1, 12))
def test_so_many_answers_that_one_is_of_every_majority(members):
    """4.3: with 2f + 1 replicas f + 1 of the others; of an even number as many as meet every majority."""
    answers, others = answers_to_recover(members), members - 1
    in_majority = majority(members) - 1  # who recovers may have been the last of it
    assert answers + in_majority > others and answers - 1 + in_majority <= others
    if members % 2:
        assert answers == members // 2 + 1


# Crash vectors (Michael et al. 2017).


def test_who_has_crashed_first_asks_how_often_it_has():
    server = Alone(node=2)
    server.restart()
    assert server.out.take_sent() == [(other, CrashVectorRequest(1)) for other in (0, 1, 3, 4)]
    server.hears(0, CrashVectorReply(1, FIRST, (0, 0, 4, 0, 1)))
    server.hears(0, CrashVectorReply(1, FIRST, (0, 0, 9, 0, 1)))
    assert server.hears(1, CrashVectorReply(0, FIRST, NO_CRASH)) == [], "of an earlier life"
    server.hears(1, CrashVectorReply(1, FIRST, (3, 0, 0, 0, 0)))
    sent = server.hears(3, CrashVectorReply(1, FIRST, NO_CRASH))
    assert sent == [(other, Recovery(1, (3, 0, 10, 0, 1))) for other in (0, 1, 3, 4)]


def test_whoever_is_no_longer_recovering_tells_of_crashes():
    server = Alone(node=1)
    server.fires("election")
    assert server.says(2, CrashVectorRequest(5)) == CrashVectorReply(5, FIRST, NO_CRASH)


def test_who_answers_a_recovery_counts_nothing_of_the_life_before():
    server = Alone(node=1, servers=3)
    group = Group(0, 0, (), (0, 1, 2), 0)
    assert server.says(2, Recovery(1, (0, 0, 1))) == RecoveryResponse(0, 1, None, 0, group, (0, 0, 1))
    assert server.leave(2, 2, vector=(0, 0, 0)) == [] and server.log.view == 0, "a stray STARTVIEWCHANGE"
    server.hears(2, do_view_change(1, (), 0, vector=(0, 0, 0)))
    assert server.log.view == 0, "a stray DOVIEWCHANGE"
    server.leave(2, 2, vector=(0, 0, 1))
    assert server.log.view == 2


def test_what_was_heard_before_counts_no_more_when_the_crash_is_known():
    """A quorum is crash-consistent: no member of it knows of a crash that another's message is from before."""
    server = Alone(node=1)
    server.leave(6, 0, 2)
    server.hears(2, do_view_change(6, (A,), 5))
    server.hears(3, do_view_change(6, (), 0, vector=(0, 0, 1, 0, 0)))
    assert server.status is Status.VIEW_CHANGE and sorted(server.brought) == [1, 3]
    server.hears(4, do_view_change(6, (), 0, vector=(0, 0, 1, 0, 0)))
    assert server.leads and server.commands() == []


def test_a_response_of_a_life_before_does_not_count():
    server = recovering()
    counted(server)
    server.hears(0, response(0, Log(1, ())))
    server.hears(1, response(0, vector=(0, 0, 1, 0, 0)))
    server.hears(3, response(0, vector=(0, 1, 1, 0, 0)))
    assert server.status is Status.RECOVERING, "node 1 has crashed since it answered"
    server.hears(4, response(0))
    assert server.status is Status.NORMAL and server.log.crash_vector == (0, 1, 1, 0, 0)


def test_who_has_left_counts_no_more_when_its_crash_is_known():
    """The same of STARTVIEWCHANGE: f others must have left in the lives that are known."""
    server = Alone(node=4)
    server.leave(6, 2)
    crashed = (0, 0, 1, 0, 0)
    assert server.leave(6, 3, vector=crashed) == [], "node 2 has crashed since it left"
    assert server.leave(6, 0, vector=crashed) == [(1, do_view_change(6, (), 0, vector=crashed))]


def test_a_durable_server_knows_of_crashes_after_its_own():
    """What it has promised not to count it must not count in a later life."""
    server = Alone(node=1, durable=True)
    server.hears(2, Recovery(1, (0, 0, 1, 0, 0)))
    server.restart()
    assert server.log.crash_vector == (0, 0, 1, 0, 0)
    assert server.leave(2, 2) == [] and server.log.view == 0


def test_a_durable_server_that_recovers_keeps_nothing_until_it_has_all():
    """Else its next life would take what there is for its log."""
    server = Alone(node=2, durable=True)
    server.hears(0, Prepare(0, 0, (A,), 1, 1))
    server.crash()
    server.disk.corrupt(lambda below: 0)
    server.restart()
    for other in (0, 1, 3):
        server.hears(other, CrashVectorReply(1, FIRST, (0, 3, 0, 0, 0)))
    assert server.knows_crashes and server.log.crash_vector == (0, 3, 1, 0, 0)
    server.restart()
    assert server.status is Status.RECOVERING


def test_without_crash_vectors_nobody_counts_crashes():
    server = Alone(node=1, crash_vectors=False)
    server.leave(2, 3, vector=())
    assert server.log.view == 2 and server.log.crash_vector == NO_CRASH


def test_an_answer_to_an_earlier_life_or_of_who_knows_no_more_tells_of_no_crashes():
    server = recovering()
    server.hears(4, CrashVectorReply(0, FIRST, NO_CRASH))
    server.hears(0, CrashVectorReply(1, FIRST, NO_CRASH))
    assert server.hears(1, CrashVectorReply(1, FIRST, NO_CRASH)) == [], "two answers, and one to another life"
    assert server.hears(3, CrashVectorReply(1, FIRST, NO_CRASH)) != []
    assert server.hears(4, CrashVectorReply(1, FIRST, (0, 0, 1, 0, 9))) == []
    assert server.log.crash_vector == (0, 0, 1, 0, 0), "it has asked with this"
    for source, log in ((0, Log(1, ())), (1, None), (3, None)):
        server.hears(source, response(0, log))
    assert server.status is Status.NORMAL
    assert server.hears(4, CrashVectorReply(1, FIRST, (0, 0, 7, 0, 0))) == []
    assert server.log.crash_vector == (0, 0, 1, 0, 0)


def test_a_primary_of_an_earlier_view_is_not_that_of_the_latest():
    """4.3, step 3: it has not yet heard of the view in which it is primary again; what that began with it lacks."""
    server = recovering(crash_vectors=False)
    server.hears(1, response(1, Log(1, (A,)), 1, vector=()))
    server.hears(0, response(6, vector=()))
    server.hears(3, response(6, vector=()))
    assert server.status is Status.RECOVERING


def test_who_is_known_to_have_crashed_more_often_than_it_counts_is_told_so():
    """A life before has asked with more, and crashed before a majority heard it. Node 4, which did, would never answer;
    where another is down, it is needed."""
    knowing = Alone(node=4)
    knowing.hears(2, Recovery(1, (0, 0, 7, 0, 0)))
    assert knowing.says(2, Recovery(2, (0, 0, 1, 0, 0))) == CrashVectorReply(2, FIRST, (0, 0, 7, 0, 0))
    server = recovering()
    counted(server)
    server.hears(0, response(0, Log(1, ())))
    server.hears(1, response(0))
    sent = server.hears(4, CrashVectorReply(1, FIRST, (0, 0, 7, 0, 0)))
    assert sent == [(other, Recovery(1, (0, 0, 8, 0, 0))) for other in (0, 1, 3, 4)]
    server.hears(3, response(0))
    server.hears(4, response(0, vector=(0, 0, 8, 0, 0)))
    server.hears(0, response(0, Log(1, ()), vector=(0, 0, 8, 0, 0)))
    assert server.status is Status.RECOVERING, "nodes 1 and 3 have answered the count before"
    server.hears(1, response(0, vector=(0, 0, 8, 0, 0)))
    assert server.status is Status.NORMAL
