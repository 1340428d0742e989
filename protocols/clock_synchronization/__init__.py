"""Clock synchronization: Cristian's algorithm, Berkeley, and a client in the manner of NTP."""

from simclock.protocols.clock_synchronization.berkeley import BerkeleyNode
from simclock.protocols.clock_synchronization.cristian import CristianClient
from simclock.protocols.clock_synchronization.disciplined import Disciplined
from simclock.protocols.clock_synchronization.messages import Adjusted, Averaged, Heard, Sampled
from simclock.protocols.clock_synchronization.ntp import ClockFilter, FilterSample, NtpClient
from simclock.protocols.clock_synchronization.settings import Synchronization
from simclock.protocols.clock_synchronization.time_server import TimeServer

__all__ = [
    "Adjusted",
    "Averaged",
    "BerkeleyNode",
    "ClockFilter",
    "CristianClient",
    "Disciplined",
    "FilterSample",
    "Heard",
    "NtpClient",
    "Sampled",
    "Synchronization",
    "TimeServer",
]
