"""Faults are data: a plan is a tuple of timed values, printed, saved and replayed like any other."""

from simclock.faults.clock import JumpClock, SetDrift, StartClock, StopClock
from simclock.faults.disk import CorruptRecord, FillDisk, LoseSyncs, MendDisk, SlowDisk
from simclock.faults.fault import Fault, LinkFault, NodeFault, NodeName
from simclock.faults.network import (
    AddDelay,
    Clog,
    ClogNode,
    Cut,
    Heal,
    Mend,
    Partition,
    SetBandwidth,
    SetCorruption,
    SetLoss,
    Silence,
    Unclog,
    UnclogNode,
)
from simclock.faults.plan import FAULTS, STRUCK, WRITTEN, Note, check_faults, problem_among
from simclock.faults.process import CRASHED, Crash, Pause, Restart, Resume, SlowNode, TornCrash
from simclock.faults.swizzle import SwizzleClog, swizzle_clog, written_out

__all__ = [
    "CRASHED",
    "FAULTS",
    "STRUCK",
    "WRITTEN",
    "AddDelay",
    "Clog",
    "ClogNode",
    "CorruptRecord",
    "Crash",
    "Cut",
    "Fault",
    "FillDisk",
    "Heal",
    "JumpClock",
    "LinkFault",
    "LoseSyncs",
    "Mend",
    "MendDisk",
    "NodeFault",
    "NodeName",
    "Note",
    "Partition",
    "Pause",
    "Restart",
    "Resume",
    "SetBandwidth",
    "SetCorruption",
    "SetDrift",
    "SetLoss",
    "Silence",
    "SlowDisk",
    "SlowNode",
    "StartClock",
    "StopClock",
    "SwizzleClog",
    "TornCrash",
    "Unclog",
    "UnclogNode",
    "check_faults",
    "problem_among",
    "swizzle_clog",
    "written_out",
]
