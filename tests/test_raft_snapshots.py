"""Raft's log with a snapshot before it, on disks that are torn, and snapshots between servers (dissertation 5)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock.actors.standalone import Standalone
from simclock.environment.disk import FULL_DISK, Disk
from simclock.experiments.catalog.raft.states import shown
from simclock.protocols.key_value import KeyValueStore
from simclock.protocols.key_value.store import Command, encode_command
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    Configuration,
    Entry,
    InstallSnapshot,
    InstallSnapshotReply,
    Log,
    RaftServer,
    RaftSettings,
    RequestVoteReply,
    Role,
    Snapshot,
)
from simclock.protocols.replication import Sessions, numbered

FIRST = Configuration((0, 1, 2))
OTHER = Configuration((0, 1, 3))


STATE = KeyValueStore().snapshot()


def put(value):
    return encode_command(Command("put", "k", value))


def content(log):
    """All that a log says, but for what the snapshot replaced."""
    entries = log.entries_from(log.first_index, 1000)
    return log.snapshot, entries, log.last_index, log.last_term, log.configuration


# The log on disk.


def filled(disk, count=6):
    log = Log(disk, FIRST)
    log.append([Entry(1, b"%d" % index) for index in range(1, count)] + [Entry(2, b"", OTHER)])
    disk.sync()
    log.synced()
    return log


def test_a_snapshot_takes_the_place_of_what_it_covers():
    disk = Disk()
    log = filled(disk)
    log.replace_prefix(Snapshot(4, 1, FIRST, b"state"), keep=True)
    assert (log.first_index, log.last_index, log.term(4), log.term(3), log.term(5)) == (5, 6, 1, None, 1)
    assert log.configuration == OTHER and log.configuration_at(5) == FIRST
    assert content(Log(disk, FIRST)) == content(log)


def test_a_snapshot_beyond_the_log_leaves_nothing_of_it():
    disk = Disk()
    log = filled(disk)
    log.replace_prefix(Snapshot(9, 3, OTHER, b"state"), keep=False)
    assert (log.first_index, log.last_index, log.last_term, log.configuration) == (10, 9, 3, OTHER)
    log.append([Entry(3, b"next")])
    disk.sync()
    assert content(Log(disk, FIRST)) == content(log)


def test_a_sync_tells_what_it_made_durable():
    disk = Disk()
    log = filled(disk)
    log.append([Entry(2, b"more")])
    disk.sync()
    assert log.synced() == (6, False, (Entry(2, b"more"),)), "nothing durable is gone"
    log.truncate(5)
    disk.sync()
    assert log.synced() == (5, True, ())


def test_what_a_snapshot_covers_is_durable_with_it():
    disk = Disk()
    log = filled(disk)
    log.append([Entry(2, b"more")])
    log.replace_prefix(Snapshot(7, 2, OTHER, b"state"), keep=True)
    assert log.durable_index == 7 and log.synced() is None


class Crashed(Exception):
    """The server has died at a sync."""


@given(st.data())
def test_a_torn_disk_has_the_log_before_or_after_and_nothing_between(data):
    """Law 5, at whichever sync the crash comes, over several snapshots."""
    disk = Disk()
    log = filled(disk)
    for _ in range(data.draw(st.integers(1, 4))):
        before = content(log)
        index = data.draw(st.integers(log.first_index, log.last_index)) if log.last_index >= log.first_index else 0
        if index == 0:
            return
        snapshot = Snapshot(index, log.term(index), log.configuration_at(index), b"state %d" % index)
        after = snapshot, *_without(before, index)
        log._places._disk = _Dies(disk, at=data.draw(st.integers(0, 2)))
        with contextlib.suppress(Crashed):
            log.replace_prefix(snapshot, keep=True)
        draws = [data.draw(st.integers(0, 30)), data.draw(st.integers(0, 1))]
        disk.crash_torn(lambda below, draws=draws: draws.pop(0) % below)
        log = Log(disk, FIRST)
        assert log.corrupt_index is None and content(log) in (before, after)


class _Dies:
    """A disk on which one sync never happens, or none."""

    def __init__(self, disk, at):
        self._disk, self._left = disk, at

    def __getattr__(self, name):
        return getattr(self._disk, name)

    def sync(self):
        if self._left == 0:
            raise Crashed
        self._left -= 1
        self._disk.sync()


def _without(said, index):
    """What the same log says once a snapshot stands for everything up to an index."""
    snapshot, entries, last_index, last_term, configuration = said
    return entries[index - snapshot.last_included_index :], last_index, last_term, configuration


@pytest.mark.parametrize("snapshots", [1, 2, 3])
def test_a_snapshot_that_rots_is_not_taken_for_one_that_was_never_finished(snapshots):
    """Law 4: the server must not go on with less than it has acknowledged."""
    disk = Disk()
    log = filled(disk)
    for index in range(1, snapshots + 1):
        log.replace_prefix(Snapshot(index, 1, FIRST, b""), keep=True)
    places = disk.contents().values
    name = next(name for name, value in places.items() if isinstance(value, Snapshot))
    names = sorted(disk._durable_values)
    assert disk.corrupt(lambda below: names.index(name))
    assert Log(disk, FIRST).corrupt_index == 0


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("place", [0, 1])
def test_what_a_crash_left_over_stands_in_for_nothing(before, place):
    """Law 5: of two places that are whole one is given up at the start, so that it is not taken for the log when what
    was acknowledged since is lost with the other's snapshot."""
    disk = Disk()
    log = filled(disk)
    for index in range(1, before + 1):
        log.replace_prefix(Snapshot(index, 1, FIRST, b""), keep=True)
    log._places._disk = _Dies(disk, at=1)
    with pytest.raises(Crashed):
        log.replace_prefix(Snapshot(before + 1, 1, FIRST, b""), keep=True)
    disk.crash()
    log = Log(disk, FIRST)
    log.append([Entry(2, b"acknowledged")])
    disk.sync()
    names = sorted(disk._durable_values)
    if place < len(names):
        disk.corrupt(lambda below: place)
        found = Log(disk, FIRST)
        assert found.corrupt_index == 0 or content(found) == content(log)


def test_a_place_that_a_full_disk_does_not_let_go_halts_the_server():
    """Law 4 of a server: nothing is said that would rest on it; with room it starts."""
    disk = Disk()
    log = filled(disk)
    log._places._disk = _Dies(disk, at=1)
    with pytest.raises(Crashed):
        log.replace_prefix(Snapshot(4, 1, FIRST, STATE), keep=True)
    disk.crash()
    disk.full = True
    server = Alone(disk=disk)
    assert server.halted == FULL_DISK
    disk.full = False
    server.restart()
    assert server.halted is None and server.log.last_index == 6


def test_a_snapshot_is_the_only_one_once_it_was_taken():
    """Law 5: the place before it is given up durably, "before anything rests on it"."""
    disk = Disk()
    filled(disk).replace_prefix(Snapshot(4, 1, FIRST, b""), keep=True)
    disk.crash()
    names = sorted(disk._durable_values)
    disk.corrupt(lambda below: names.index("snapshot.1"))
    assert Log(disk, FIRST).corrupt_index == 0


# Servers.


class Alone(Standalone):
    def __init__(self, *, node=0, disk=None, **settings):
        made = RaftSettings(servers=(0, 1, 2), no_op=False, **settings)
        super().__init__(lambda: RaftServer(made, KeyValueStore()), id=node, nodes=5, seed=1, disk=disk)

    def __getattr__(self, name):
        return getattr(self.node, name)

    def hears(self, source, message):
        self.out.take()
        self.on_message(source, message)
        return self.out.take_sent()


def led(*values, **settings):
    """A leader of term 1 that has committed these puts."""
    server = Alone(**settings)
    server.on_timer("election")
    server.on_message(1, RequestVoteReply(1, True))
    assert server.role is Role.LEADER
    for value in values:
        server.propose(put(value))
    server.on_message(1, AppendEntriesReply(1, True, 0, server.log.last_index, 0, 0))
    assert server.commit_index == len(values)
    return server


def test_a_server_compacts_what_it_has_applied_and_starts_with_it():
    server = led("a", "b", "c", "d", snapshot_every=3)
    assert server.log.snapshot.last_included_index == 4
    server.crash()
    server.out.take()
    server.restart()
    assert (server.commit_index, server.last_applied, server.state_machine.values) == (4, 4, {"k": "d"})
    assert server.out.observed[0] == ("started", (1, 0, 4, 4, None))


def test_what_is_shown_of_a_log_begins_after_its_snapshot():
    server = led("a", "b", "c", "d", snapshot_every=3)
    assert shown(server.node)["last terms"] == () and shown(server.node)["log"] == "4 entries"
    server.propose(put("e"))
    assert shown(server.node)["last terms"] == (1,)


def test_who_lags_behind_the_log_is_sent_the_snapshot_in_chunks():
    """Chapter 5: "when the leader has already discarded the next log entry that it needs to send to a follower"."""
    server = led("a", "b", "c", snapshot_every=3, snapshot_chunk_bytes=4)
    state = server.log.snapshot.state
    server.out.take()
    server.on_timer("heartbeat")
    sent = [each for each in server.out.take_sent() if each[0] == 2]
    follower = Alone(node=2)
    chunks = 0
    while sent:
        ((_, message),) = sent
        chunks += isinstance(message, InstallSnapshot)
        ((_, reply),) = follower.hears(0, message)
        sent = server.hears(2, reply)
    assert chunks == -(-len(state) // 4) > 1
    assert follower.state_machine.values == {"k": "c"} and follower.log.snapshot == server.log.snapshot
    assert server.progress[2].match_index == 3
    assert ("installed", (3, 1, 3, follower.out.observed[-1][1][3])) == follower.out.observed[-1]


def chunk(index=3, term=1, offset=0, data=b"", done=True, *, sender_term=1):
    return InstallSnapshot(sender_term, 1, index, term, FIRST, offset, data, done)


def test_a_chunk_that_comes_again_or_too_early_is_answered_with_the_place_that_is_wanted():
    """Law 2."""
    server = Alone()
    half = len(STATE) // 2
    wanted = [InstallSnapshotReply(1, 3, half, False)]
    assert [reply for _, reply in server.hears(1, chunk(data=STATE[:half], done=False))] == wanted
    assert [reply for _, reply in server.hears(1, chunk(data=STATE[:half], done=False))] == wanted
    assert [reply for _, reply in server.hears(1, chunk(offset=half + 9, data=b"x"))] == wanted
    assert server.log.last_index == 0
    assert [reply.done for _, reply in server.hears(1, chunk(offset=half, data=STATE[half:]))] == [True]
    assert server.log.last_index == 3


def test_a_snapshot_of_an_earlier_term_is_refused():
    server = Alone()
    server.hears(2, AppendEntries(5, 2, 0, 0, (), 0))
    assert [reply for _, reply in server.hears(1, chunk(data=STATE))] == [InstallSnapshotReply(5, 3, 0, False)]
    assert server.log.last_index == 0


def test_a_snapshot_that_comes_late_changes_nothing():
    """Law 3; RAFT-29: what was committed since stays."""
    server = Alone()
    entries = tuple(Entry(1, put(str(index))) for index in range(1, 6))
    server.hears(1, AppendEntries(1, 1, 0, 0, entries, 5))
    assert [reply.done for _, reply in server.hears(1, chunk(data=STATE))] == [True]
    assert (server.log.last_index, server.commit_index, server.state_machine.values) == (5, 5, {"k": "5"})


@pytest.mark.parametrize(("term", "last_index"), [(1, 5), (2, 3)])
def test_entries_after_a_snapshot_stay_only_where_they_follow_on_it(term, last_index):
    """Figure 5.3, rules 6 and 7; RAFT-31."""
    server = Alone()
    entries = tuple(Entry(1, put(str(index))) for index in range(1, 6))
    server.hears(1, AppendEntries(1, 1, 0, 0, entries, 0))
    server.hears(1, chunk(term=term, data=STATE, sender_term=2))
    assert server.log.last_index == last_index
    server.crash()
    server.restart()
    assert server.log.last_index == last_index, "RAFT-32: nor do they come back"


def test_entries_that_the_snapshot_covers_are_acknowledged_and_not_looked_at():
    """A request that was overtaken by a snapshot brings what is committed."""
    server = Alone()
    server.hears(1, chunk(data=STATE))
    entries = tuple(Entry(1, put(str(index))) for index in range(2, 6))
    ((_, reply),) = server.hears(1, AppendEntries(1, 1, 1, 1, entries, 5))
    assert (reply.success, reply.match_index, server.commit_index, server.log.last_index) == (True, 5, 5, 5)


def test_sessions_are_part_of_a_snapshot():
    """6.3: a command that was applied before it is not applied again after it."""
    sessions, other = Sessions(KeyValueStore()), Sessions(KeyValueStore())
    append = numbered(7, 1, encode_command(Command("append", "k", "x")))
    answer = sessions.apply(append)
    other.restore(sessions.snapshot())
    assert other.apply(append) == answer and other.state_machine.values == {"k": "x"}
    assert other.snapshot() == sessions.snapshot()
