"""Failure detectors over heartbeats: is the node down, or the network slow?

arrivals.py    what is known of the heartbeats of one node
detectors.py   how long to be patient: a fixed timeout, phi accrual
messages.py    the heartbeat
observed.py    what the monitor tells
nodes.py       who sends heartbeats, and who watches
"""

from simclock.protocols.failure_detectors.arrivals import Arrivals
from simclock.protocols.failure_detectors.detectors import Detector, FixedTimeout, PhiAccrual
from simclock.protocols.failure_detectors.messages import Heartbeat
from simclock.protocols.failure_detectors.nodes import Heartbeater, Monitor

__all__ = ["Arrivals", "Detector", "FixedTimeout", "Heartbeat", "Heartbeater", "Monitor", "PhiAccrual"]
