"""Global snapshots of a system that never stops: nodes that pass money around.

channel.py         reliable channels over a network that loses, doubles and reorders: FIFO, or not
settings.py        how much money there is, and how often what happens
messages.py        what nodes send each other
observed.py        what nodes tell
bank.py            a node with money, its channels and its disk
participant.py     what every snapshot needs: initiator, recording, report, failure
chandy_lamport.py  markers on FIFO channels (Chandy and Lamport 1985)
lai_yang.py        colours on channels that are not FIFO (Lai and Yang 1987; Mattern 1993)
properties.py      consistent cut, channel state, conservation, and that every snapshot ends, as observers
"""

from simclock.protocols.snapshots.bank import Bank
from simclock.protocols.snapshots.chandy_lamport import ChandyLamport
from simclock.protocols.snapshots.channel import Incoming, Outgoing
from simclock.protocols.snapshots.lai_yang import LaiYang
from simclock.protocols.snapshots.messages import Marker, Report, SnapshotId, Transfer
from simclock.protocols.snapshots.participant import Participant, Recording
from simclock.protocols.snapshots.properties import Cuts, SnapshotEnds
from simclock.protocols.snapshots.settings import SnapshotSettings

__all__ = [
    "Bank",
    "ChandyLamport",
    "Cuts",
    "Incoming",
    "LaiYang",
    "Marker",
    "Outgoing",
    "Participant",
    "Recording",
    "Report",
    "SnapshotEnds",
    "SnapshotId",
    "SnapshotSettings",
    "Transfer",
]
