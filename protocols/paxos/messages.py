"""The four messages of Paxos, as "Paxos Made Simple" names them. A number is that of a proposal."""

from __future__ import annotations

from simclock.actors import Message


class Prepare(Message):
    """Phase 1a: accept nothing numbered below this any more, and say what was accepted."""

    number: int


class Promise(Message):
    """Phase 1b."""

    number: int
    accepted_number: int
    """Of the highest-numbered proposal that it has accepted; 0: none."""
    accepted_value: str


class Accept(Message):
    """Phase 2a: accept this proposal."""

    number: int
    value: str


class Accepted(Message):
    """Phase 2b, to every learner."""

    number: int
    value: str
