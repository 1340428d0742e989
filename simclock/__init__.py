"""A laboratory for distributed protocols: what a protocol's author needs, in one place.

Law: a name is imported when it is first asked for, so the layers stay (this module imports nothing of the placements)
and `import simclock` costs nothing. The kernel in this package DECIDES: when, in what order, with what luck, and what
fails; it imports nothing of ours but itself, and never Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simclock.actors.message import Message as Message
    from simclock.actors.node import Node as Node
    from simclock.actors.run import Placement as Placement
    from simclock.actors.run import run as run
    from simclock.actors.standalone import Observed as Observed
    from simclock.actors.standalone import Sent as Sent
    from simclock.actors.standalone import Standalone as Standalone
    from simclock.actors.standalone import TimerCancelled as TimerCancelled
    from simclock.actors.standalone import TimerSet as TimerSet
    from simclock.durations import Duration as Duration
    from simclock.durations import format_duration as format_duration
    from simclock.durations import minutes as minutes
    from simclock.durations import ms as ms
    from simclock.durations import parse_duration as parse_duration
    from simclock.durations import seconds as seconds
    from simclock.durations import us as us
    from simclock.environment.disk import Corrupt as Corrupt
    from simclock.environment.disk import DiskModel as DiskModel
    from simclock.environment.latency import Constant as Constant
    from simclock.environment.latency import Latency as Latency
    from simclock.environment.latency import LogNormal as LogNormal
    from simclock.environment.latency import Normal as Normal
    from simclock.environment.latency import Regions as Regions
    from simclock.environment.latency import Uniform as Uniform
    from simclock.environment.latency import read_round_trips as read_round_trips
    from simclock.environment.network import Network as Network
    from simclock.environment.quartz import Clocks as Clocks
    from simclock.errors import DiskFull as DiskFull
    from simclock.errors import HandlerError as HandlerError
    from simclock.errors import MessageTypeError as MessageTypeError
    from simclock.errors import NondeterminismError as NondeterminismError
    from simclock.errors import PlacementError as PlacementError
    from simclock.errors import SimclockError as SimclockError
    from simclock.errors import UsageError as UsageError
    from simclock.experiments.checkers.properties import always as always
    from simclock.experiments.checkers.properties import eventually as eventually
    from simclock.experiments.checkers.properties import leads_to as leads_to
    from simclock.experiments.checkers.properties import sometimes as sometimes
    from simclock.experiments.comparing.comparing import compare as compare
    from simclock.experiments.comparing.comparison import Comparison as Comparison
    from simclock.experiments.runs.replaying import replay as replay
    from simclock.experiments.runs.seed_runs import sweep as sweep
    from simclock.faults import CRASHED as CRASHED
    from simclock.faults import AddDelay as AddDelay
    from simclock.faults import Clog as Clog
    from simclock.faults import ClogNode as ClogNode
    from simclock.faults import CorruptRecord as CorruptRecord
    from simclock.faults import Crash as Crash
    from simclock.faults import Cut as Cut
    from simclock.faults import Fault as Fault
    from simclock.faults import FillDisk as FillDisk
    from simclock.faults import Heal as Heal
    from simclock.faults import JumpClock as JumpClock
    from simclock.faults import LoseSyncs as LoseSyncs
    from simclock.faults import Mend as Mend
    from simclock.faults import MendDisk as MendDisk
    from simclock.faults import Note as Note
    from simclock.faults import Partition as Partition
    from simclock.faults import Pause as Pause
    from simclock.faults import Restart as Restart
    from simclock.faults import Resume as Resume
    from simclock.faults import SetBandwidth as SetBandwidth
    from simclock.faults import SetCorruption as SetCorruption
    from simclock.faults import SetDrift as SetDrift
    from simclock.faults import SetLoss as SetLoss
    from simclock.faults import Silence as Silence
    from simclock.faults import SlowDisk as SlowDisk
    from simclock.faults import SlowNode as SlowNode
    from simclock.faults import StartClock as StartClock
    from simclock.faults import StopClock as StopClock
    from simclock.faults import SwizzleClog as SwizzleClog
    from simclock.faults import TornCrash as TornCrash
    from simclock.faults import Unclog as Unclog
    from simclock.faults import UnclogNode as UnclogNode
    from simclock.faults import swizzle_clog as swizzle_clog
    from simclock.kernel.scheduler import RunResult as RunResult
    from simclock.observers import Control as Control
    from simclock.observers import Observation as Observation
    from simclock.observers import Observer as Observer
    from simclock.observers import Violation as Violation
    from simclock.scenario import Scenario as Scenario
    from simclock.streams import Stream as Stream
    from simclock.streams import stream as stream
    from simclock.told import Told as Told
    from simclock.told import reader as reader
    from simclock.trace import TraceRecord as TraceRecord

_HOMES = {
    "simclock.actors.message": "Message",
    "simclock.actors.node": "Node",
    "simclock.actors.run": "Placement run",
    "simclock.actors.standalone": "Observed Sent Standalone TimerCancelled TimerSet",
    "simclock.durations": "Duration format_duration minutes ms parse_duration seconds us",
    "simclock.environment.disk": "Corrupt DiskModel",
    "simclock.environment.latency": "Constant Latency LogNormal Normal Regions Uniform read_round_trips",
    "simclock.environment.network": "Network",
    "simclock.environment.quartz": "Clocks",
    "simclock.errors": (
        "DiskFull HandlerError MessageTypeError NondeterminismError PlacementError SimclockError UsageError"
    ),
    "simclock.experiments.checkers.properties": "always eventually leads_to sometimes",
    "simclock.experiments.runs.replaying": "replay",
    "simclock.experiments.runs.seed_runs": "sweep",
    "simclock.experiments.comparing.comparing": "compare",
    "simclock.experiments.comparing.comparison": "Comparison",
    "simclock.faults": (
        "AddDelay CRASHED Clog ClogNode CorruptRecord Crash Cut Fault FillDisk Heal JumpClock LoseSyncs Mend "
        "MendDisk Note Partition Pause Restart Resume SetBandwidth SetCorruption SetDrift SetLoss Silence "
        "SlowDisk SlowNode StartClock StopClock SwizzleClog TornCrash Unclog UnclogNode swizzle_clog"
    ),
    "simclock.kernel.scheduler": "RunResult",
    "simclock.observers": "Control Observation Observer Violation",
    "simclock.scenario": "Scenario",
    "simclock.streams": "Stream stream",
    "simclock.told": "Told reader",
    "simclock.trace": "TraceRecord",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
