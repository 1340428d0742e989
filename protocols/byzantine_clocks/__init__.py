"""Clocks that agree although some lie.

convergence.py   what a node makes of the others' clocks: CNV, average, midpoint, median
bound.py         how far apart correct clocks can be, proved
messages.py      what nodes ask each other, and clients their time sources
observed.py      what nodes and the client of time sources tell
node.py          a correct node, in rounds
liars.py         those that are not
properties.py    the bound, judged
marzullo.py      agreement on intervals: Marzullo's algorithm and NTP's
sources.py       a client that asks several time sources and agrees on their intervals

"""

from simclock.protocols.byzantine_clocks.bound import Bound
from simclock.protocols.byzantine_clocks.convergence import ALGORITHMS, Converge
from simclock.protocols.byzantine_clocks.liars import EQUIVOCATORS, LIARS, Liar, Lies, lies_of
from simclock.protocols.byzantine_clocks.marzullo import Agreed, Interval, Marzullo, intersection, majority, marzullo
from simclock.protocols.byzantine_clocks.messages import Ask, Poll, Tell
from simclock.protocols.byzantine_clocks.node import ConvergingNode, Rounds
from simclock.protocols.byzantine_clocks.properties import (
    CORRECTION_BOUND,
    SKEW_BOUND,
    VALIDITY,
    Agreement,
    ClockAgreement,
    Moment,
)
from simclock.protocols.byzantine_clocks.sources import FalseTicker, Poller, Source

__all__ = [
    "ALGORITHMS",
    "CORRECTION_BOUND",
    "EQUIVOCATORS",
    "LIARS",
    "SKEW_BOUND",
    "VALIDITY",
    "Agreed",
    "Agreement",
    "Ask",
    "Bound",
    "ClockAgreement",
    "Converge",
    "ConvergingNode",
    "FalseTicker",
    "Interval",
    "Liar",
    "Lies",
    "Marzullo",
    "Moment",
    "Poll",
    "Poller",
    "Rounds",
    "Source",
    "Tell",
    "intersection",
    "lies_of",
    "majority",
    "marzullo",
]
