"""What the servers of any engine tell observers: a name, with a plain value or a tuple in the order of these fields.

self.observe(APPLIED, (index, term, command))       the server
applied = Applied(*observation.value)               an observer
"""

from __future__ import annotations

from typing import NamedTuple

COMMIT = "commit"
"""Told with an index: everything up to it is agreed upon, as this server has heard."""
APPLIED = "applied"
"""Told with an `Applied`."""


class Applied(NamedTuple):
    """The state machine of the server has carried out a command."""

    log_index: int
    """1, 2, 3, ... in the sequence that the servers agree on."""
    term: int
    """The leadership in which the command was taken."""
    command: bytes
