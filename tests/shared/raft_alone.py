"""A Raft server without a run, for tests of the rules."""

from simclock import ms
from simclock.actors.standalone import Standalone
from simclock.environment.disk import Disk
from simclock.protocols.key_value import KeyValueStore
from simclock.protocols.key_value.store import Command, encode_command
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    Entry,
    RaftServer,
    RaftSettings,
    RequestPreVoteReply,
    RequestVoteReply,
    Role,
)
from simclock.protocols.replication import ClientQuery

MIN_NS = ms(150)
CLIENT = 8


class Alone(Standalone):
    """A server of a cluster of three, or of as many, `terms` being the terms of the entries in its log."""

    def __init__(self, terms=(), *, node=0, servers=3, spares=(), disk=None, **settings):
        if disk is None:
            disk = Disk()
            disk.write("vote", (max((0, *terms)), None))
            for term in terms:
                disk.append("log", Entry(term, encode_command(Command("put", "k", str(term)))))
            disk.sync()
        made = RaftSettings(servers=tuple(range(servers)), spares=spares, no_op=False, **settings)
        super().__init__(lambda: RaftServer(made, KeyValueStore()), id=node, nodes=10, seed=1, disk=disk)

    def __getattr__(self, name):
        return getattr(self.node, name)

    def hears(self, source, message):
        """What the server sends in answer."""
        self.out.take()
        self.on_message(source, message)
        return self.out.take_sent()

    def hears_leader(self, leader=1, term=None):
        term = self.current_term if term is None else term
        return self.hears(leader, AppendEntries(term, leader, self.log.last_index, self.log.last_term, (), 0))

    def lead(self):
        self.on_timer("election")
        if self.settings.pre_vote:
            self.on_message(1, RequestPreVoteReply(self.current_term, self.current_term + 1, True))
        self.on_message(1, RequestVoteReply(self.current_term, True))
        assert self.role is Role.LEADER
        return self.out.take_sent()

    def acknowledge(self, source, match_index=None, *, round=None, generation=0):
        match_index = self.log.last_index if match_index is None else match_index
        round = self.round if round is None else round
        reply = AppendEntriesReply(self.current_term, True, 0, match_index, 0, 0, round, generation)
        return self.hears(source, reply)

    def commit_all(self):
        self.propose(encode_command(Command("put", "k", "new")))
        self.acknowledge(1)
        assert self.commit_index == self.log.last_index

    def query(self, request_id=1):
        return self.hears(CLIENT, ClientQuery(request_id, encode_command(Command("get", "k"))))


def led(**settings):
    server = Alone([1], **settings)
    server.lead()
    server.commit_all()
    return server


def put(value):
    return encode_command(Command("put", "k", value))


def votes(server, *voters):
    """These vote for it in its present term."""
    for voter in voters:
        server.on_message(voter, RequestVoteReply(server.current_term, True))


def answers(sent):
    """What of it the client gets."""
    return [message for target, message in sent if target == CLIENT]
