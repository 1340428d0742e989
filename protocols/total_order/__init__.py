"""Totally ordered broadcast as in Lamport 1978, for participants that may crash, be slow, and come back.

messages.py     what participants send each other
observed.py     what participants tell
settings.py     what all participants must agree on
hold_back.py    the queue: what may be displayed, and when
membership.py   who takes part: views, agreed upon by a majority of the view before
participant.py  the node
people.py       nodes with people at the screen, who say something
properties.py   total order, causality, and that nothing is held for ever, as an observer
"""

from simclock.protocols.total_order.hold_back import HoldBackQueue
from simclock.protocols.total_order.membership import Membership
from simclock.protocols.total_order.messages import Acknowledge, Say, View
from simclock.protocols.total_order.participant import Participant
from simclock.protocols.total_order.properties import TotalOrderProperties
from simclock.protocols.total_order.settings import TotalOrderSettings

__all__ = [
    "Acknowledge",
    "HoldBackQueue",
    "Membership",
    "Participant",
    "Say",
    "TotalOrderProperties",
    "TotalOrderSettings",
    "View",
]
