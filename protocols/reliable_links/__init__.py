"""Channels over a network that loses, doubles and reorders: each link delivers what was sent, once and in order.

links.py   sequence numbers, cumulative acknowledgements, retransmission

Of another shape: links.py is a part of other protocols' nodes, whose messages bear its header; it is no protocol of its
own, and all of it is in one file.
"""

from simclock.protocols.reliable_links.links import UNSENT, Header, LinkAcknowledgement, ReliableLinks

__all__ = ["UNSENT", "Header", "LinkAcknowledgement", "ReliableLinks"]
