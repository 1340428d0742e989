"""What the servers of any engine tell observers."""

from __future__ import annotations

from simclock import Told, reader


class CommitIndex(Told, observed_as="commit"):
    """Everything up to this index is agreed upon, as the server has heard."""

    index: int


class Applied(Told):
    """The state machine of the server has carried out a command."""

    log_index: int
    """1, 2, 3, ... in the sequence that the servers agree on."""
    term: int
    """The leadership in which the command was taken."""
    command: bytes


read = reader(CommitIndex, Applied)
