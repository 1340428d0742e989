"""Who asks in a script: a client and an operator in one node, and the state machine that its commands are for.

    ask 3 put 0 x 1             node 3 has server 0 put 1 under x
    ask 3 get 0 x               a query: ReadIndex or a lease, no entry of the log
    ask 3 get 0 x by=log        by an entry of the log
    ask 3 change 0 add=4 remove=(1, 2)
    ask 3 transfer 0 1          server 0 is to hand over to server 1

Nothing is tried again by itself, and no answer is taken for a failure: an operation that was not answered with its
result stays open, so that it may have happened or not.
"""

from __future__ import annotations

from typing import Any

from simclock.actors import Message, Node
from simclock.protocols.key_value.observed import Invoked, Succeeded
from simclock.protocols.raft import ChangeMembership, OperatorReply, TransferLeadership
from simclock.protocols.raft.observed import Answered
from simclock.protocols.replication import ClientQuery, ClientReply, ClientRequest, CommandsKept
from simclock.readable import say


class Journal(CommandsKept):
    """It keeps every command. `put KEY VALUE` and `get KEY` mean something to it; all is text.

    It has no sessions: who asks asks once.
    """

    def apply(self, command: bytes) -> bytes:
        """Carry out a command; gives the value of a get, and of all else the command itself."""
        kept = super().apply(command)
        return self.query(command) if command.startswith(b"get ") else kept

    def query(self, command: bytes) -> bytes:
        """The value that was put last under a key, empty where there is none."""
        begin = b"put %b " % command.removeprefix(b"get ")
        puts = (each.removeprefix(begin) for each in reversed(self.commands) if each.startswith(begin))
        return next(puts, b"")


class Console(Node):
    """It asks the server that it is told to ask. Every operation is a process of its own."""

    def __init__(self, servers: tuple[int, ...]) -> None:
        self.servers = servers
        self.asked = 0
        self.waiting: dict[int, str] = {}
        """Request id -> what was asked, and has no answer yet."""

    def _refuses(self, method: str, values: tuple[Any, ...]) -> str:
        """Why it cannot ask that."""
        server, *rest = values
        words = rest[: {"put": 2, "get": 1}.get(method, 0)]
        known = "" if method in ("put", "get") else rest
        nodes = [server, *(node for each in known for node in _nodes(each))]
        strange = [node for node in nodes if node not in self.servers or isinstance(node, bool)]
        if strange:
            return f"{say(strange[0])} is no server: servers are 0 to {len(self.servers) - 1}"
        blank = [word for word in words if len(str(word).split()) != 1 or "," in str(word)]
        if blank:
            return f"{say(blank[0])} is not one word without a comma"
        if method == "get" and rest[1] not in ("query", "log"):
            return f"by: {say(rest[1])} is no way to read: query or log"
        return ""

    def put(self, server: int, key: str, value: str) -> None:
        """Have a value put under a key."""
        number = self._begin(f"put {key} {value}")
        self.observe(Invoked(number, "put", key, value))
        self.send(server, ClientRequest(number, self.waiting[number].encode()))

    def get(self, server: int, key: str, by: str = "query") -> None:
        """Ask for the value under a key, by a query or by the log."""
        number = self._begin(f"get {key}")
        self.observe(Invoked(number, "get", key, None))
        kind = ClientRequest if by == "log" else ClientQuery
        self.send(server, kind(number, self.waiting[number].encode()))

    def change(self, server: int, add: Any = (), remove: Any = ()) -> None:
        """Have servers let in, and others out."""
        added, removed = _nodes(add), _nodes(remove)
        number = self._begin(" ".join(["change", *(f"+{node}" for node in added), *(f"-{node}" for node in removed)]))
        self.send(server, ChangeMembership(number, added, removed))

    def transfer(self, server: int, target: int) -> None:
        """Have a server hand over to another."""
        number = self._begin(f"transfer {target}")
        self.send(server, TransferLeadership(number, target))

    def on_message(self, source: int, message: Message) -> None:
        """An answer ends what was asked; that a server does not lead ends nothing."""
        match message:
            case ClientReply(number, "ok", response) if number in self.waiting:
                function, key, *_ = self.waiting.pop(number).split()
                value = response.decode() or None if function == "get" else None
                self.observe(Succeeded(number, function, key, value))
            case OperatorReply(number, done, reason) if number in self.waiting:
                del self.waiting[number]
                self.observe(Answered(number, done, reason))

    def _begin(self, asked: str) -> int:
        self.asked += 1
        self.waiting[self.asked] = asked
        return self.asked


def _nodes(named: Any) -> tuple[int, ...]:
    """One node, or several."""
    return tuple(named) if isinstance(named, tuple | list | set) else (named,)
