"""Clock synchronization: Cristian's algorithm, Berkeley, and a client in the manner of NTP.

settings.py      what the nodes agree on beforehand
messages.py      what they send each other
observed.py      what they tell
disciplined.py   a node that corrects its own clock
time_server.py   the reference, for both clients
cristian.py      a client by Cristian's algorithm
ntp.py           a client in the manner of NTP
berkeley.py      nodes that agree without a reference

Of another shape: there are two clients, so cristian.py and ntp.py are called by what they do. What must hold of clocks
is judged on the clocks themselves, which a protocol cannot see, so there are no properties here.
"""

from simclock.protocols.clock_synchronization.berkeley import BerkeleyNode
from simclock.protocols.clock_synchronization.cristian import CristianClient
from simclock.protocols.clock_synchronization.disciplined import Disciplined
from simclock.protocols.clock_synchronization.ntp import ClockFilter, FilterSample, NtpClient
from simclock.protocols.clock_synchronization.observed import Adjusted, Averaged, Heard, Sampled
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
