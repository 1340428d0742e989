"""Two places on a disk (places.py of protocols/replication): a snapshot takes the place of a log at once, or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from simclock.actors.standalone import Standalone
from simclock.environment.disk import FULL_DISK, Disk
from simclock.protocols.multi_paxos import MultiPaxosServer, MultiPaxosSettings
from simclock.protocols.replication import CommandsKept
from simclock.protocols.replication.places import Places
from simclock.protocols.viewstamped_replication import Entry, ServerLog, VsrServer, VsrSettings
from simclock.protocols.viewstamped_replication.messages import Checkpoint, Group
from simclock.protocols.zab import ZabServer, ZabSettings


class Died(Exception):
    """The server has died at a sync."""


class Dies:
    """A disk on which the second sync from now on never happens."""

    def __init__(self, disk):
        self._disk, self._left = disk, 1

    def __getattr__(self, name):
        return getattr(self._disk, name)

    def sync(self):
        if self._left == 0:
            raise Died
        self._left -= 1
        self._disk.sync()


def left_over(snapshots):
    """A disk on which a crash has left two places, after so many snapshots."""
    disk = Disk()
    places = Places(disk)
    places.append("a")
    disk.sync()
    for number in range(snapshots):
        places.replace(f"snapshot {number}", ("a",))
    places._disk = Dies(disk)
    with pytest.raises(Died):
        places.replace("last snapshot", ("a",))
    disk.crash()
    return disk


@pytest.mark.parametrize("snapshots", [0, 1, 2])
@pytest.mark.parametrize("lost", ["snapshot", "snapshot.1"])
def test_what_a_crash_left_over_stands_in_for_nothing(snapshots, lost):
    """What was acknowledged since stands in one place alone: where that is lost, the other must not pass for all."""
    disk = left_over(snapshots)
    places = Places(disk)
    assert not places.is_corrupt and "a" in places.records
    places.settle()
    places.append("acknowledged")
    disk.sync()
    names = sorted(disk.durable().values)
    if lost in names:
        disk.corrupt(lambda below: names.index(lost))
    again = Places(disk)
    assert again.is_corrupt or again.records[-1] == "acknowledged"


@given(some.integers(0, 3))
def test_nothing_is_given_up_where_there_is_nothing_left_over(snapshots):
    disk = Disk()
    places = Places(disk)
    for number in range(snapshots):
        places.replace(number + 1, ("a",))
    before = disk.durable()
    Places(disk).settle()
    assert disk.contents() == before


@pytest.mark.parametrize("kept", range(6))
@pytest.mark.parametrize("snapshots", [0, 1, 2])
def test_what_an_erasure_that_was_cut_short_has_left_is_no_log(snapshots, kept):
    """A checkpoint whose entries are gone would pass for the log of a server that had just made it."""
    disk, group = Disk(), Group(0, 0, (), (0, 1, 2), 0)
    log = ServerLog(group, 3, disk)
    log.stand()
    for index in range(1, snapshots + 1):
        log.append(Entry(0, b"a"))
        log.replace_prefix(Checkpoint(index, b"state"))
    disk.sync()
    dies = log._disk = Dies(disk)
    dies._left = 0
    with pytest.raises(Died):
        log.erase()
    draws = [0, kept]
    disk.crash_torn(lambda below: min(draws.pop(), below - 1))
    found = ServerLog(group, 3, disk)
    assert found.is_corrupt or (found.is_empty, found.op_number) in ((True, 0), (False, snapshots))


ENGINES = {
    "multi-paxos": lambda: MultiPaxosServer(MultiPaxosSettings(servers=(0, 1, 2), snapshot_every=1), CommandsKept()),
    "vsr": lambda: VsrServer(VsrSettings(servers=(0,), durable=True, snapshot_every=1), CommandsKept()),
    "zab": lambda: ZabServer(ZabSettings(servers=(0, 1, 2), snapshot_every=1), CommandsKept()),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_gives_up_what_a_crash_left_over_or_halts(engine):
    """Where the disk is full, nothing is said that would rest on one of two places; with room it starts."""
    server = Standalone(ENGINES[engine], id=0, nodes=3)
    server.disk.write("snapshot.1", "left over")
    server.disk.sync()
    server.disk.full = True
    server.restart()
    assert server.halted == FULL_DISK
    server.disk.full = False
    server.restart()
    assert server.halted is None and server.disk.durable().values["snapshot.1"] == ()
