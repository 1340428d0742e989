"""A ZAB server that stands alone: what it sends, tells and sets timers for is taken from `out`."""

from simclock.actors.standalone import Standalone
from simclock.protocols.zab import (
    ZERO,
    AckEpoch,
    AckLd,
    CEpoch,
    CommitLd,
    NewEpoch,
    NewLeader,
    Notification,
    Phase,
    Role,
    Transaction,
    Vote,
    ZabServer,
    ZabSettings,
    Zxid,
)

LOOKING, FOLLOWING, LEADING = Role.LOOKING, Role.FOLLOWING, Role.LEADING


def txn(epoch, counter):
    return Transaction(Zxid(epoch, counter), b"%d.%d" % (epoch, counter))


def txns(*zxids):
    return tuple(txn(*zxid) for zxid in zxids)


class Machine:
    def __init__(self):
        self.applied = []

    def apply(self, command):
        self.applied.append(command)
        return b"did " + command

    def query(self, command):
        return b"%d applied" % len(self.applied)

    def snapshot(self):
        return b",".join(self.applied)

    def restore(self, state):
        self.applied = state.split(b",")


class Alone(Standalone):
    """A server without a run."""

    def __init__(self, *, node=1, servers=5, epochs=(0, 0), history=(), **settings):
        settings = ZabSettings(servers=tuple(range(servers)), **settings)
        super().__init__(lambda: ZabServer(settings, Machine()), id=node, nodes=10, seed=1)
        if epochs != (0, 0) or history:
            self.journal.accept_epoch(epochs[0])
            self.journal.enter_epoch(epochs[1])
            for transaction in txns(*history):
                self.journal.append(transaction)
            self.disk.sync()
            self.restart()

    def __getattr__(self, name):
        return getattr(self.node, name)

    def hears(self, source, message):
        """What it sends in answer, to whomever."""
        self.out.take_sent()
        self.on_message(source, message)
        return self.out.take_sent()

    def says(self, source, message):
        """Its one answer."""
        ((target, answer),) = self.hears(source, message)
        assert target == source
        return answer

    def times_out(self, timer):
        self.out.take_sent()
        self.on_timer(timer)
        return self.out.take_sent()

    def elect(self, leader, *voters):
        """All of these vote for that server, in the round that this one is in."""
        for voter in voters:
            self.on_message(voter, Notification(Vote(9, Zxid(9, 9), leader), self.round, LOOKING))
        self.on_timer("finalize")
        self.out.take_sent()

    def follow(self, leader=0, epoch=None, after=None, transactions=(), committed=None):
        """It follows; with an epoch, up to ACK-LD; with what is committed, up to COMMIT-LD."""
        self.elect(leader, leader, 2, 3)
        assert self.role is FOLLOWING
        if epoch is not None:
            self.on_message(leader, NewEpoch(epoch))
            last = self.journal.last_zxid
            self.on_message(leader, NewLeader(epoch, "DIFF", after or last, None, txns(*transactions)))
        if committed is not None:
            self.on_message(leader, CommitLd(epoch, committed))
        self.out.take_sent()

    def lead(self, *followers, until=Phase.BROADCAST):
        """It is elected, and these followers go with it as far as that."""
        own = self._own_vote()
        for voter in (0, 2, 3, 4)[: len(self.settings.servers) - 1]:
            self.on_message(voter, Notification(own, self.round, LOOKING))
        assert self.role is LEADING
        followers = followers or (0, 2)
        for source in followers:
            self.on_message(source, CEpoch(self.current_term if self.epoch is None else 0))
        if until >= Phase.SYNCHRONIZATION:
            for source in followers:
                self.on_message(source, AckEpoch(self.epoch, 0, ZERO, True))
        if until >= Phase.BROADCAST:
            for source in followers:
                self.on_message(source, AckLd(self.epoch, self.journal.last_zxid))
        assert self.phase is until
        self.out.take_sent()

    def zxids(self):
        return [(each.zxid.epoch, each.zxid.counter) for each in self.journal.transactions]
