"""Causal broadcast with vector clocks and a hold-back queue, for members that come, go, crash and fall behind.

messages.py    what members send each other
observed.py    what members tell
settings.py    what all members must agree on
hold_back.py   the queue: causal order, and FIFO order beside it for comparison
gaps.py        what is known to exist and has not come, and whom to ask for it
member.py      the node
chatter.py     nodes that have something to say
properties.py  the order of deliveries, as an observer
"""

from simclock.protocols.causal_broadcast.gaps import Gaps
from simclock.protocols.causal_broadcast.hold_back import CausalQueue, FifoQueue
from simclock.protocols.causal_broadcast.member import Member
from simclock.protocols.causal_broadcast.messages import Broadcast, Kind, Status
from simclock.protocols.causal_broadcast.properties import DeliveryOrder
from simclock.protocols.causal_broadcast.settings import MemberSettings

__all__ = [
    "Broadcast",
    "CausalQueue",
    "DeliveryOrder",
    "FifoQueue",
    "Gaps",
    "Kind",
    "Member",
    "MemberSettings",
    "Status",
]
