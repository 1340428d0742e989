"""A text that several people edit at once: a sequence CRDT whose operations travel by causal broadcast.

replica.py   the node: a copy of the text
typists.py   who types: by a script with the causality of a recording, or by their own luck
observed.py  what typists tell
"""

from simclock.protocols.shared_document.replica import Patch, Replica
from simclock.protocols.shared_document.typists import Author, Habits, Stroke, Typist

__all__ = ["Author", "Habits", "Patch", "Replica", "Stroke", "Typist"]
