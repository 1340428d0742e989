"""Snapshots in a Raft server (Ongaro 2014, chapter 5, Figure 5.3): when one is taken, how it goes to a follower, and
what is answered. The log on torn disks is in test_raft_snapshots.py.
"""

import pytest

from raft_alone import CLIENT, Alone, led
from simclock import ms
from simclock.actors.standalone import Standalone
from simclock.protocols.key_value import KeyValueStore
from simclock.protocols.key_value.store import Command, encode_command
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    Configuration,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    RaftServer,
    RaftSettings,
    RequestVoteReply,
)
from simclock.protocols.replication import ClientQuery
from simclock.protocols.replication.observed import digest_of

FIRST = Configuration((0, 1, 2))
OTHER = Configuration((0, 1, 3))


def put(value):
    return encode_command(Command("put", "k", value))


def stored(value):
    """The state in which a store has that value."""
    store = KeyValueStore()
    store.apply(put(value))
    return store.snapshot()


STATE = stored("installed")


def taken(server):
    """The indexes of the snapshots that it told of."""
    return [value[0] for name, value in server.out.observed if name == "snapshotted"]


def commit(server, *values):
    for value in values:
        server.propose(put(value))
        server.on_message(1, AppendEntriesReply(server.current_term, True, 0, server.log.last_index, 0, 0))


# When one is taken.


def test_a_snapshot_is_taken_after_so_many_entries():
    """5.1: each server by itself; counted from the one before."""
    server = Alone(snapshot_every=3)
    server.lead()
    for number in range(1, 8):
        commit(server, str(number))
    assert taken(server) == [3, 6] and server.log.first_index == 7
    digest = digest_of(server.log.snapshot.state)
    assert [value for name, value in server.out.observed if name == "snapshotted"][-1] == (6, 1, digest)
    assert server.log.snapshot.configuration == FIRST


def test_a_snapshot_that_is_asked_for_is_of_what_was_applied():
    server = led()
    server.propose(put("not committed"))
    server.asks("compact")
    assert taken(server) == [2] and (server.log.first_index, server.log.last_index) == (3, 3)
    server.asks("compact")
    assert taken(server) == [2], "there is nothing new to cover"


def test_nothing_applied_nothing_to_cover():
    server = Alone([1, 1])
    server.asks("compact")
    assert taken(server) == [] and server.log.first_index == 1


def test_what_waits_for_the_end_of_a_batch_is_told_when_a_snapshot_makes_it_durable():
    server = Alone(snapshot_every=1, batch_ns=ms(1))
    server.lead()
    server.propose(put("a"))
    server.on_timer("batch")
    server.propose(put("b"))
    server.acknowledge(1, 1)
    assert taken(server) == [1]
    assert ("appended", (1, ((1, put("b")),))) in server.out.observed


def test_a_snapshot_has_the_configuration_as_of_its_index():
    """5.1: "the latest configuration in the log as of last index", not one that is not committed."""
    server = Alone([1])
    server.hears(1, AppendEntries(1, 1, 1, 1, (Entry(1, put("a")), Entry(1, b"", OTHER)), 2))
    server.asks("compact")
    assert server.log.snapshot.configuration == FIRST and server.configuration == OTHER


# How a leader sends it.

SIZE = 2


def sending(**settings):
    """A leader with a snapshot up to 3, of which node 2 has nothing, and the first chunk that it sent there."""
    server = Alone(snapshot_chunk_bytes=SIZE, **settings)
    server.lead()
    commit(server, "a", "b", "c")
    server.asks("compact")
    server.out.take()
    server.on_message(2, AppendEntriesReply(1, False, 0, 0, 0, 1))
    server.on_timer("heartbeat")
    (sent,) = to_2(server.out.take_sent())
    return server, sent


def to_2(sent):
    return [message for target, message in sent if target == 2]


def test_each_chunk_is_answered_before_the_next_goes():
    """Figure 5.3: "always in order"."""
    server, sent = sending()
    state = server.log.snapshot.state
    assert sent == InstallSnapshot(1, 0, 3, 1, FIRST, 0, state[:SIZE], False, 0)
    assert to_2(server.hears(2, InstallSnapshotReply(1, 3, 0, False))) == [], "it is under way"
    (sent,) = to_2(server.hears(2, InstallSnapshotReply(1, 3, SIZE, False)))
    assert sent == InstallSnapshot(1, 0, 3, 1, FIRST, SIZE, state[SIZE : 2 * SIZE], False, 0)
    assert to_2(server.hears(2, InstallSnapshotReply(1, 3, SIZE, False))) == [], "it comes twice"
    assert to_2(server.hears(2, InstallSnapshotReply(1, 2, 2 * SIZE, False))) == [], "it is of another snapshot"
    server.on_timer("heartbeat")
    assert to_2(server.out.take_sent()) == [sent], "a chunk that got lost is sent again"
    last = len(state) - SIZE
    (sent,) = to_2(server.hears(2, InstallSnapshotReply(1, 3, last, False)))
    assert sent.done and (sent.offset, sent.data) == (last, state[last:])


def test_a_follower_that_starts_again_is_sent_all_of_it():
    """What it had of it was not durable: it says where it stands, which may be further back."""
    server, _ = sending()
    server.hears(2, InstallSnapshotReply(1, 3, SIZE, False))
    (sent,) = to_2(server.hears(2, InstallSnapshotReply(1, 3, 0, False)))
    assert sent.offset == 0


def test_a_snapshot_that_was_begun_is_sent_to_its_end():
    """Also where the leader has a later one by then."""
    server, _ = sending()
    state = server.log.snapshot.state
    commit(server, "longer than the others")
    server.asks("compact")
    assert server.log.snapshot.last_included_index == 4
    (sent,) = to_2(server.hears(2, InstallSnapshotReply(1, 3, SIZE, False)))
    assert (sent.last_included_index, sent.data) == (3, state[SIZE : 2 * SIZE])
    (sent,) = to_2(server.hears(2, InstallSnapshotReply(1, 3, 0, True)))
    assert (sent.last_included_index, sent.offset) == (4, 0), "then the later one"


def test_what_follows_a_snapshot_goes_once_it_is_there():
    server, _ = sending()
    commit(server, "d")
    (sent,) = to_2(server.hears(2, InstallSnapshotReply(1, 3, 0, True)))
    assert (sent.prev_log_index, sent.prev_log_term, len(sent.entries)) == (3, 1, 1)
    assert server.progress[2].match_index == 3
    assert to_2(server.hears(2, InstallSnapshotReply(1, 3, 0, True))) == [], "the answer comes twice"
    assert server.progress[2].match_index == 3


def test_a_chunk_asks_who_leads_too():
    """6.4: to a follower that gets a snapshot it is the heartbeat, and its answer confirms the round."""
    server, _ = sending()
    (sent,) = to_2(server.hears(CLIENT, ClientQuery(1, encode_command(Command("get", "k")))))
    assert sent.round == 1
    answers = server.hears(2, InstallSnapshotReply(1, 3, 0, False, 1))
    assert CLIENT in [target for target, _ in answers]


# How a follower takes it.


def chunk(index=3, term=1, offset=0, data=STATE, done=True, *, sender_term=1, round=0):
    return InstallSnapshot(sender_term, 1, index, term, OTHER, offset, data, done, round)


def test_a_chunk_of_another_snapshot_begins_anew():
    """Figure 5.3, rule 5; of an index there may be two, by leaders of which one was deposed."""
    server = Alone()
    half = len(STATE) // 2
    for index, term in ((3, 1), (4, 1), (4, 2)):
        ((_, reply),) = server.hears(1, chunk(index, term, data=STATE[:half], done=False, sender_term=2))
        assert reply == InstallSnapshotReply(2, index, half, False)
    ((_, reply),) = server.hears(1, chunk(4, 1, half, STATE[half:], sender_term=2))
    assert (reply.offset, reply.done, server.log.last_index) == (0, False, 0)


def test_one_snapshot_after_the_other():
    server = Alone()
    for index in (3, 6):
        half = len(STATE) // 2
        server.hears(1, chunk(index, data=STATE[:half], done=False))
        ((_, reply),) = server.hears(1, chunk(index, offset=half, data=STATE[half:]))
        assert reply == InstallSnapshotReply(1, index, 0, True)
        assert (server.commit_index, server.last_applied, server.log.last_index) == (index, index, index)


def test_an_installed_snapshot_is_told_with_its_configuration():
    server = Alone()
    ((_, reply),) = server.hears(1, chunk(round=4))
    assert reply == InstallSnapshotReply(1, 3, 0, True, round=4)
    assert ("installed", (3, 1, 3, digest_of(STATE))) in server.out.observed
    assert ("configured", (3, (0, 1, 3), (), ())) in server.out.observed and server.configuration == OTHER
    server.crash()
    server.restart()
    assert (server.commit_index, server.configuration, server.state_machine.values) == (3, OTHER, {"k": "installed"})


def test_a_chunk_keeps_a_follower_quiet():
    """5.2: who hears the leader does not stand against it."""
    server = Alone([1])
    server.on_timer("election")
    server.hears(1, chunk(data=b"", done=False, sender_term=2))
    assert (server.leader_id, server.votes) == (1, set()) and server.current_term == 2


@pytest.mark.parametrize(("index", "done"), [(2, True), (3, False)])
def test_what_is_committed_here_already_is_not_taken(index, done):
    """Law 3, to the very index."""
    server = Alone([1, 1])
    server.hears(1, AppendEntries(1, 1, 2, 1, (), 2))
    ((_, reply),) = server.hears(1, chunk(index, data=STATE[:1], done=False))
    assert reply.done == done


# Who is built on it.


class Hears(RaftServer):
    """A service, which does something of its own."""

    def __init__(self, settings, state_machine):
        super().__init__(settings, state_machine)
        self.heard = []

    def on_leading(self):
        self.heard.append("leading")

    def on_following(self):
        self.heard.append("following")

    def on_applied(self):
        self.heard.append(("applied", self.last_applied))


def test_a_service_hears_what_becomes_of_its_engine():
    settings = RaftSettings(servers=(0, 1, 2), no_op=False)
    server = Standalone(lambda: Hears(settings, KeyValueStore()), nodes=3)
    server.on_timer("election")
    server.on_message(1, RequestVoteReply(1, True))
    server.on_message(1, chunk(sender_term=2))
    server.on_message(1, AppendEntries(2, 1, 3, 1, (Entry(2, put("x")),), 4))
    assert server.node.heard == ["leading", "following", ("applied", 3), ("applied", 4)]
