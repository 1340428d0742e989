"""What faults do to the disk of a node, up or down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock.environment.disk import Disk, DiskModel
from simclock.faults import CorruptRecord, Fault, FillDisk, LoseSyncs, MendDisk, SlowDisk
from simclock.kernel.events import Event
from simclock.kernel.port import HostPort, ProcessPort
from simclock.kernel.strikes.strike import Strike, of_node, recorded
from simclock.streams import stream


def _corrupt(host: HostPort, process: ProcessPort, fault: CorruptRecord, event: Event) -> None:
    draw = stream(host.seed, f"corrupt record {host.now_ns}", process.sim_id).randrange
    if process.sim_disk.corrupt(draw):
        host.record_fault(process, event)


def _lose_syncs(disk: Disk, fault: LoseSyncs, usual: DiskModel) -> None:
    disk.loses_syncs = True


def _fill(disk: Disk, fault: FillDisk, usual: DiskModel) -> None:
    disk.full = True


def _slow(disk: Disk, fault: SlowDisk, usual: DiskModel) -> None:
    disk.sync_ns = fault.sync_ns


def _mend(disk: Disk, fault: MendDisk, usual: DiskModel) -> None:
    disk.full = disk.loses_syncs = False
    disk.sync_ns = usual.sync_ns


def _state(host: HostPort, process: ProcessPort, fault: Fault) -> tuple[bool, bool, int]:
    disk = process.sim_disk
    return disk.full, disk.loses_syncs, disk.sync_ns


def _changing(change: Callable[[Disk, Any, DiskModel], None]) -> Strike:
    """The strike of what a disk does from now on."""

    def carry_out(host: HostPort, process: ProcessPort, fault: Fault, event: Event) -> None:
        change(process.sim_disk, fault, host.disk_model)
        host.record_fault(process, event)
        process.sim_choose_path()

    return of_node(carry_out, _state)


DISK: dict[type[Fault], Strike] = {
    CorruptRecord: of_node(_corrupt, recorded),
    LoseSyncs: _changing(_lose_syncs),
    FillDisk: _changing(_fill),
    SlowDisk: _changing(_slow),
    MendDisk: _changing(_mend),
}
