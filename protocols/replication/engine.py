"""What a service asks of a consensus engine, and all it asks.

    propose(command)   hand a command in to be agreed upon
    leader_id          whom to ask instead
    leads, term        whether this server is the one, and since which leadership

An engine is a `Front` that has these: a node which agrees with others on a sequence of commands and applies them in
that order, each to the same state machine on every server.
"""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """One server's part of consensus."""

    @property
    def leader_id(self) -> int | None:
        """The server that leads, as far as this one knows; None while it knows none."""
        ...

    @property
    def leads(self) -> bool:
        """Whether this server leads, as far as it knows: another may have been elected since."""
        ...

    @property
    def current_term(self) -> int:
        """The latest leadership that this server has heard of (a term, a ballot, a view); it never decreases."""
        ...

    def propose(self, command: bytes) -> int | None:
        """Have a command agreed upon; gives its index in the sequence, 1 or more.

        None, and nothing is done, if this server does not lead. An index is no promise: another leader's command may
        come to stand there.
        """
        ...
