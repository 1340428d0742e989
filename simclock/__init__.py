"""DECIDES: when, in what order, with what luck, and what fails. Imports nothing of ours, and never Ray."""

from simclock.clocks.physical import Clocks
from simclock.disk import DiskModel
from simclock.durations import format_duration, minutes, ms, parse_duration, seconds, us
from simclock.errors import (
    HandlerError,
    MessageTypeError,
    NondeterminismError,
    PlacementError,
    SimclockError,
    UsageError,
)
from simclock.faults import CRASHED, Crash, Cut, Fault, Heal, Mend, Note, Partition, Restart
from simclock.latency import Constant, LogNormal, Normal, Regions, Uniform, read_round_trips
from simclock.network import Network
from simclock.observers import Control, Observation, Observer, Violation
from simclock.scenario import Scenario
from simclock.scheduler import RunResult
from simclock.streams import Stream, stream
from simclock.trace import TraceRecord

__all__ = [
    "CRASHED",
    "Clocks",
    "Constant",
    "Control",
    "Crash",
    "Cut",
    "DiskModel",
    "Fault",
    "HandlerError",
    "Heal",
    "LogNormal",
    "Mend",
    "MessageTypeError",
    "Network",
    "NondeterminismError",
    "Normal",
    "Note",
    "Observation",
    "Observer",
    "Partition",
    "PlacementError",
    "Regions",
    "Restart",
    "RunResult",
    "Scenario",
    "SimclockError",
    "Stream",
    "TraceRecord",
    "Uniform",
    "UsageError",
    "Violation",
    "format_duration",
    "minutes",
    "ms",
    "parse_duration",
    "read_round_trips",
    "seconds",
    "stream",
    "us",
]
