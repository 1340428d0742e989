"""Channels over a network that loses, doubles and reorders: each link delivers what was sent, once and in order.

links.py   sequence numbers, cumulative acknowledgements, retransmission
"""

from simclock.protocols.reliable_links.links import UNSENT, Header, LinkAcknowledgement, ReliableLinks

__all__ = ["UNSENT", "Header", "LinkAcknowledgement", "ReliableLinks"]
