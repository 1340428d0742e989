"""What a server of Multi-Paxos tells those who judge it, in what order; and whom it names to clients."""

from simclock.actors.standalone import Observed, Standalone, TimerSet
from simclock.protocols.multi_paxos import (
    NO_OP,
    Accept,
    Accepted,
    Heartbeat,
    MultiPaxosServer,
    MultiPaxosSettings,
    Promise,
    PValue,
    Refused,
    Value,
)
from simclock.protocols.replication import ClientReply, ClientRequest
from simclock.protocols.replication.observed import digest_of


class Machine:
    def __init__(self):
        self.applied = []

    def apply(self, command):
        self.applied.append(command)
        return b""

    def snapshot(self):
        return b",".join(self.applied)


def server_of(node, **settings):
    """One of five, which stands alone."""
    settings = MultiPaxosSettings(servers=tuple(range(5)), **settings)
    return Standalone(lambda: MultiPaxosServer(settings, Machine()), id=node, nodes=10, seed=1)


def told(server):
    """Since the last time."""
    return [(each.name, each.value) for each in server.out.take() if isinstance(each, Observed)]


def test_what_a_leader_tells():
    """PMS 2.2 and 3: what it has promised, of which slots it has heard, what it proposes for them; what is chosen."""
    server = server_of(0)
    server.on_message(1, Heartbeat(6, 0, 1))
    assert told(server) == [("started", (0, 0, ())), ("promised", 6)]
    server.on_timer("election")
    assert told(server) == [("promised", 10), ("candidate", 10)], "its own promise is durable before it stands"
    server.on_message(1, Promise(10, 1, (PValue(2, 6, Value(6, b"b")),)))
    server.on_message(2, Promise(10, 1, ()))
    assert told(server) == [
        ("leader", (10, 1, 2)),
        ("proposed", (1, 10, 10, NO_OP)),
        ("proposed", (2, 10, 6, b"b")),
        ("voted", (1, 10, 10, NO_OP)),
        ("voted", (2, 10, 6, b"b")),
    ]
    assert "election" not in server.timers, "it speaks itself"
    server.on_message(1, Accepted(10, 1, 2))
    assert told(server) == []
    server.on_message(2, Accepted(10, 1, 2))
    assert told(server) == [
        ("chosen", (1, 10)),
        ("chosen", (2, 10)),
        ("commit", 2),
        ("applied", (1, 10, NO_OP)),
        ("applied", (2, 6, b"b")),
    ]
    server.on_message(3, Refused(10, 99))
    assert told(server) == [("follower", 99)]


def test_a_leader_of_whom_nobody_tells_a_value_begins_after_what_is_chosen():
    server = server_of(0)
    server.on_message(1, Accept(6, 1, (Value(6, b"a"), Value(6, b"b")), 2))
    server.on_timer("election")
    told(server)
    for acceptor in (1, 2):
        server.on_message(acceptor, Promise(10, 3, ()))
    assert told(server) == [("leader", (10, 3, 2))]


def test_what_an_acceptor_tells():
    server = server_of(1, snapshot_every=2)
    server.on_message(0, Accept(5, 1, (Value(5, b"a"), Value(5, b"b")), 0))
    assert told(server)[1:] == [("promised", 5), ("voted", (1, 5, 5, b"a")), ("voted", (2, 5, 5, b"b"))]
    server.on_message(0, Heartbeat(5, 2, 1))
    assert told(server) == [
        ("commit", 2),
        ("applied", (1, 5, b"a")),
        ("applied", (2, 5, b"b")),
        ("snapshotted", (2, digest_of(b"a,b"))),
    ]


def test_who_stands_names_nobody_to_clients():
    """The leader that it has not heard of for so long may be no leader any more."""
    server = server_of(0)
    server.on_message(1, Heartbeat(6, 0, 1))
    for hint in (1, None):
        server.out.take()
        server.on_message(9, ClientRequest(1, b"x"))
        assert server.out.take_sent() == [(9, ClientReply(1, "not_leader", b"", hint))]
        server.on_timer("election")


def test_who_accepts_has_heard_its_leader():
    """It names the proposer to clients, and gives it another election timeout."""
    server = server_of(0)
    server.out.take()
    server.on_message(2, Accept(7, 1, (Value(7, b"a"),), 0))
    assert "election" in [each.name for each in server.out.take() if isinstance(each, TimerSet)]
    server.on_message(9, ClientRequest(1, b"x"))
    assert server.out.take_sent() == [(9, ClientReply(1, "not_leader", b"", 2))]


def test_who_leads_no_more_forgets_what_it_has_proposed():
    """What it proposes when it leads again is what promises report then (PMS 2.2)."""
    server = server_of(0)
    server.on_timer("election")
    for source in (1, 2):
        server.on_message(source, Promise(5, 1, ()))
    server.node.propose(b"x")
    assert server.node.proposed == {1: Value(5, b"x")} and server.node.votes == {1: {0}}
    server.on_message(3, Refused(5, 99))
    assert server.node.proposed == server.node.votes == server.node.promises == server.node.reported == {}
    assert server.node.queue == [] and server.node.decided == set() and server.node.leader_id is None
