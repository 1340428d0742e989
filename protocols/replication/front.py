"""The front of a replicated service: what a server does with requests, around any consensus engine.

Law 1: a request is answered when its command has been applied, not before, and by the server that took it alone.
Law 2: who waits for an index is forgotten when the server leads no more: another command may come to stand there.

An engine derives from `Front`, is an `Engine`, and calls

    _taken(index)            in `propose`, as soon as the command has its index (a cluster of one applies it at once)
    _apply(index, command)   for every command, in order of the index, once it is agreed upon
    waiting.clear()          when it leads no more

A service derives from `Front` too where it has something to do of its own, and is put before the engine's class:

    server = based_on(LeaseServer, RaftServer)

It hears of the engine by `on_leading`, `on_following` and `on_applied`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from simclock.actors import Message, Node
from simclock.protocols.replication.messages import ClientQuery, ClientReply, ClientRequest
from simclock.protocols.replication.sessions import StateMachine


class Front(Node):
    """A server of a replicated service: its state machine, and the clients that wait for it."""

    leader_id: int | None
    """See `Engine`."""
    current_term: int
    """See `Engine`."""

    def __init__(self, settings: Any, state_machine: StateMachine) -> None:
        self.settings = settings
        """The engine's own."""
        self.state_machine = state_machine
        self.waiting: dict[int, tuple[int, int]] = {}
        """Leader: index of a command not yet applied -> (client, request id) to answer; empty in other roles."""
        self._asking: tuple[int, int] | None = None
        """While a command is proposed that has no index yet: (client, request id) that asked for it."""

    @property
    def leads(self) -> bool:
        """See `Engine`."""
        raise NotImplementedError("the engine's")

    def propose(self, command: bytes) -> int | None:
        """See `Engine`."""
        raise NotImplementedError("the engine's")

    # For a service that has something to do of its own.

    def on_leading(self) -> None:
        """This server has begun to lead."""

    def on_following(self) -> None:
        """This server leads no more, or no longer asks to."""

    def on_applied(self) -> None:
        """The state machine has applied what was agreed upon so far."""

    # Requests.

    def _leader_address(self) -> int | None:
        """The node of the leader, as far as this server knows: where its members are not nodes, the engine says so."""
        return self.leader_id

    def _on_client_request(self, source: int, message: ClientRequest) -> None:
        """Ongaro's dissertation, Figure 6.1, ClientRequest RPC: propose, and answer when it is applied."""
        self._asking = source, message.request_id
        if self.propose(message.command) is None:
            # Reply NOT_LEADER if not leader, providing hint when available (6.2).
            self._asking = None
            self._reply(source, ClientReply(message.request_id, "not_leader", b"", self._leader_address()))

    def _answer_query(self, client: int, message: ClientQuery) -> None:
        """Answer a query, once the engine knows that the state machine has all that was agreed upon when it came."""
        response = self.state_machine.query(message.command)
        self._reply(client, ClientReply(message.request_id, "ok", response, None))

    def _taken(self, index: int) -> None:
        """A command has its index: who asked for it waits. A service's own command has nobody who waits."""
        if self._asking is not None:
            self.waiting[index], self._asking = self._asking, None

    def _apply(self, index: int, command: bytes) -> None:
        """Carry out a command that is agreed upon, and answer who waited for it."""
        self._answer(index, self.state_machine.apply(command))

    def _answer(self, index: int, response: bytes) -> None:
        """Tell who waited for an index what came of it."""
        if index in self.waiting:
            client, request_id = self.waiting.pop(index)
            self._reply(client, ClientReply(request_id, "ok", response, None))

    def _reply(self, target: int, message: Message) -> None:
        """Send an answer. An engine that first has to make durable what it rests on does so here."""
        self.send(target, message)


@cache
def based_on(service: type[Any], engine: type[Any]) -> type[Front]:
    """A service's class on an engine's, under the service's name: the same class each time."""
    return type(service.__name__, (service, engine), {"__module__": service.__module__, "__doc__": service.__doc__})
