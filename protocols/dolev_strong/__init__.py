"""Byzantine broadcast with signatures: all correct nodes decide the same, whoever lies and however many do.

messages.py      a value under a chain of signatures, and what a node sends in a round
signatures.py    Ed25519: who signs, and the list of all public keys
synchrony.py     what is assumed of delays and clocks, and how long a round is therefore
settings.py      what all nodes agree on
observed.py      what a node tells
participant.py   a correct node, in f + 1 rounds
liars.py         those that are not
properties.py    agreement, validity and termination

"""

from simclock.protocols.dolev_strong.liars import LIARS, Liar, Plot
from simclock.protocols.dolev_strong.messages import Chain, Chains
from simclock.protocols.dolev_strong.participant import Participant
from simclock.protocols.dolev_strong.properties import (
    AGREEMENT,
    TERMINATION,
    VALIDITY,
    Broadcasts,
    ByzantineBroadcast,
)
from simclock.protocols.dolev_strong.settings import BroadcastSettings
from simclock.protocols.dolev_strong.signatures import Directory, Signer
from simclock.protocols.dolev_strong.synchrony import Synchrony

__all__ = [
    "AGREEMENT",
    "LIARS",
    "TERMINATION",
    "VALIDITY",
    "BroadcastSettings",
    "Broadcasts",
    "ByzantineBroadcast",
    "Chain",
    "Chains",
    "Directory",
    "Liar",
    "Participant",
    "Plot",
    "Signer",
    "Synchrony",
]
