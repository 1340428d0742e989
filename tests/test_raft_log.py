"""Raft's log as a value: terms, conflicts, what a sync makes durable, and configurations in it; on the disk that a
server's log is kept on. Snapshots on torn disks are in test_raft_snapshots.py.
"""

import pytest

from simclock.environment.disk import Corrupt, Disk
from simclock.protocols.raft import Configuration, Entry, Log, Snapshot
from simclock.protocols.raft.log import erase

FIRST = Configuration((0, 1, 2))
OTHER = Configuration((0, 1, 3))
THIRD = Configuration((0, 1))


def made(*terms, disk=None, synced=True):
    disk = Disk() if disk is None else disk
    log = Log(disk, FIRST)
    log.append([Entry(term, b"%d" % index) for index, term in enumerate(terms, start=1)])
    if synced:
        disk.sync()
        log.synced()
    return log


# Terms.


@pytest.mark.parametrize(("index", "first"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 5)])
def test_the_first_index_of_a_term(index, first):
    """5.3: "the first index it stores for that term"."""
    assert made(1, 2, 2, 2, 3).first_index_of_term(index) == first


def test_the_first_index_of_a_term_is_sought_behind_the_snapshot():
    log = made(2, 2, 2, 2, 2)
    log.replace_prefix(Snapshot(2, 2, FIRST, b""), keep=True)
    assert [log.first_index_of_term(index) for index in (3, 4, 5)] == [3, 3, 3]


def test_the_terms_of_a_log():
    """Law 1: at index 0 stands term 0; beyond the end and before the snapshot nobody knows."""
    log = made(1, 2)
    assert [log.term(index) for index in (-1, 0, 1, 2, 3)] == [None, 0, 1, 2, None]
    assert (log.first_index, log.last_index, log.last_term) == (1, 2, 2)
    assert (made().last_index, made().last_term) == (0, 0)


def test_a_piece_of_a_log():
    log = made(1, 1, 1, 1)
    assert [entry.command for entry in log.entries_from(2, 2)] == [b"2", b"3"] and log.entry(4).command == b"4"
    log.replace_prefix(Snapshot(1, 1, FIRST, b""), keep=True)
    assert [entry.command for entry in log.entries_from(2, 2)] == [b"2", b"3"] and log.entry(4).command == b"4"


@pytest.mark.parametrize(
    ("prev", "terms", "first"),
    [(3, (1, 1), None), (2, (9, 1), None), (2, (9, 2), 4), (1, (9, 9, 1), None), (4, (1, 1), 6), (5, (1,), 6)],
)
def test_what_the_snapshot_replaced_is_no_difference(prev, terms, first):
    """It is committed: every leader's log is the same there."""
    log = made(1, 1, 1, 1, 1)
    log.replace_prefix(Snapshot(3, 1, FIRST, b""), keep=True)
    assert log.first_difference(prev, [Entry(term, b"") for term in terms]) == first


# What is durable.


def test_the_log_on_disk_is_the_one_in_memory():
    disk = Disk()
    log = made(1, 1, 2, disk=disk)
    assert (log.durable_index, disk.records("log")) == (3, log.entries_from(1, 9))
    log.truncate(1)
    assert disk.records("log") == log.entries_from(1, 9) and log.last_index == 1
    assert log.synced() == (1, True, ()) and log.durable_index == 1


def test_a_sync_tells_of_each_change_once():
    log = made(1, 1, synced=False)
    assert log.durable_index == 0
    assert log.synced() == (0, False, log.entries_from(1, 9)) and log.synced() is None


def test_a_sync_tells_what_was_put_in_place_of_what():
    """A prefix stayed, durable entries after it are gone, others follow; what never was durable is not told gone."""
    log = made(1, 1, 1)
    log.truncate(1)
    log.append([Entry(2, b"x"), Entry(2, b"y")])
    log.truncate(2)
    assert log.synced() == (1, True, (Entry(2, b"x"),))
    log.append([Entry(2, b"z")])
    log.truncate(2)
    assert log.synced() is None, "nothing durable has changed"


def test_a_sync_tells_that_entries_are_others_though_they_are_as_many():
    log = made(1, 1)
    log.truncate(1)
    log.append([Entry(2, b"x")])
    assert log.synced() == (1, True, (Entry(2, b"x"),))


def test_what_is_put_after_a_snapshot_is_told_as_new():
    log = made(1, 1)
    log.replace_prefix(Snapshot(5, 2, FIRST, b""), keep=False)
    assert (log.durable_index, log.synced()) == (5, None)
    log.append([Entry(2, b"x")])
    assert log.synced() == (5, False, (Entry(2, b"x"),))


def test_a_log_begins_with_what_its_disk_has():
    disk = Disk()
    made(1, 2, disk=disk)
    log = Log(disk, FIRST)
    assert (log.last_index, log.durable_index, log.synced()) == (2, 2, None)


def test_a_record_that_cannot_be_read_is_named():
    """Law 4."""
    disk = Disk()
    log = made(1, 1, 1, 1, disk=disk)
    assert log.corrupt_index is None
    log.replace_prefix(Snapshot(1, 1, FIRST, b""), keep=True)
    disk.truncate("log.1", 1)
    disk.append("log.1", Corrupt())
    assert Log(disk, FIRST).corrupt_index == 3


def test_what_is_erased_leaves_nothing():
    disk = Disk()
    log = made(1, 1, 1, disk=disk)
    for index in (1, 2):
        log.replace_prefix(Snapshot(index, 1, FIRST, b""), keep=True)
        erase(disk)
        empty = Log(disk, OTHER)
        assert (empty.last_index, empty.corrupt_index, empty.configuration) == (0, None, OTHER)
        assert disk.records("log") == disk.records("log.1") == ()
        disk.crash()
        log = Log(disk, FIRST)


# Configurations.


def test_the_latest_configuration_is_the_one_in_use():
    """4.1: committed or not, and no more when it is gone."""
    log = made(1)
    log.append([Entry(1, b"", OTHER), Entry(1, b"x"), Entry(1, b"", THIRD)])
    assert (log.configuration, log.configuration_index) == (THIRD, 4)
    assert [log.configuration_at(index) for index in (1, 2, 3, 4)] == [FIRST, OTHER, OTHER, THIRD]
    log.truncate(4)
    assert log.configuration == THIRD
    log.truncate(3)
    assert (log.configuration, log.configuration_index) == (OTHER, 2)
    log.truncate(1)
    assert (log.configuration, log.configuration_index) == (FIRST, 0)


@pytest.mark.parametrize(("index", "known"), [(1, THIRD), (2, THIRD), (3, THIRD), (4, FIRST)])
def test_configurations_after_a_snapshot_stay_with_its_entries(index, known):
    disk = Disk()
    log = Log(disk, FIRST)
    log.append([Entry(1, b"x"), Entry(1, b"", OTHER), Entry(1, b"y"), Entry(1, b"", THIRD)])
    log.replace_prefix(Snapshot(index, 1, FIRST, b""), keep=True)
    assert log.configuration == known == Log(disk, OTHER).configuration
    assert log.configuration_index == Log(disk, OTHER).configuration_index == 4


def test_configurations_go_with_entries_that_do_not_stay():
    """Figure 5.3, rule 7: the whole log is discarded."""
    log = Log(Disk(), FIRST)
    log.append([Entry(1, b"x"), Entry(1, b"y"), Entry(1, b"", THIRD)])
    log.replace_prefix(Snapshot(2, 2, OTHER, b""), keep=False)
    assert (log.configuration, log.configuration_index, log.last_index) == (OTHER, 2, 2)


def test_each_snapshot_takes_the_place_that_is_free():
    """Law 5: and the other is empty then."""
    disk = Disk()
    log = made(1, 1, 1, 1, disk=disk)
    for index, place in ((1, "log.1"), (2, "log"), (3, "log.1")):
        log.replace_prefix(Snapshot(index, 1, FIRST, b"%d" % index), keep=True)
        assert len(disk.records(place)) == 4 - index
        assert len(disk.records({"log": "log.1", "log.1": "log"}[place])) == 0
        assert disk.contents().unsynced == 0 and Log(disk, FIRST).snapshot == log.snapshot
        log.append([])
