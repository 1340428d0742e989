"""What clients, operators and a replicated service say to each other, whichever engine replicates it."""

from __future__ import annotations

from typing import Literal

from simclock.actors import Message


class ClientRequest(Message):
    """Invoked by clients to modify or to query the replicated state (dissertation, Figure 6.1)."""

    request_id: int
    """The client's own number for this request, the same in every try; the reply brings it back."""
    command: bytes


class ClientQuery(Message):
    """Invoked by clients to query the replicated state, which it does not change (dissertation 6.4)."""

    request_id: int
    command: bytes


class ClientReply(Message):
    """Results of ClientRequest and ClientQuery."""

    request_id: int
    status: Literal["ok", "not_leader"]
    """`"ok"`: committed and applied. `"not_leader"`: this server has done nothing with *this* message; another copy
    of it may have been taken, so the client must not conclude that the request has failed."""
    response: bytes
    """What the state machine answered."""
    leader_hint: int | None
    """If not leader: the address of the recent leader, if known."""


class Change(Message):
    """Who the members are to be; what its number means, and from when on it holds, is the engine's."""

    number: int
    """Changes are numbered by who asks for them: one that comes after a later one changes nothing."""
    members: tuple[int, ...]


class Reconfigure(Message):
    """Of the cluster's operator: who the members are to be."""

    request_id: int
    change: Change


class Reconfigured(Message):
    """What a server answers: a leader when the change is agreed upon."""

    request_id: int
    done: bool
    leader_hint: int | None
    """If this server does not lead: the one that does, if known."""
