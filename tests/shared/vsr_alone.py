"""A server of Viewstamped Replication without a run: what it sends, tells and sets timers for is taken from `out`."""

from simclock.actors.standalone import Standalone
from simclock.protocols.replication import Reconfigure
from simclock.protocols.viewstamped_replication import DoViewChange, Log, StartViewChange, VsrServer, VsrSettings

NO_CRASH = (0, 0, 0, 0, 0)


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

    def __init__(self, *, node=0, servers=5, spares=(), **settings):
        settings = VsrSettings(servers=tuple(range(servers)), spares=spares, **settings)
        super().__init__(lambda: VsrServer(settings, Machine()), id=node, nodes=10, seed=1)
        self.out.take()

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

    def fires(self, timer):
        self.out.take_sent()
        self.on_timer(timer)
        return self.out.take_sent()

    def stands(self):
        """Where it stands."""
        return self.status, self.epoch, self.log.view

    def commands(self):
        """Of the operations after the checkpoint."""
        return [entry.command for entry in self.log.entries]

    def leave(self, view, *others, vector=NO_CRASH):
        """It leaves for a view, with others."""
        sent = []
        for other in others:
            sent += self.hears(other, StartViewChange(0, view, vector))
        return sent


def do_view_change(view, entries, last_normal_view, commit_number=0, vector=NO_CRASH):
    """A server brings these operations into a view."""
    return DoViewChange(0, view, Log(1, entries), last_normal_view, commit_number, vector)


class Cluster:
    """Servers without a run, and the messages between them, which arrive when they are told to."""

    def __init__(self, servers, spares):
        nodes = range(servers + spares)
        self.servers = {node: Alone(node=node, servers=servers, spares=tuple(nodes[servers:])) for node in nodes}
        self.mail = []
        """(source, target, message), in the order in which they were sent."""
        self.apart = set()
        """Replaced, and shut down; or cut off."""

    def __getitem__(self, node):
        return self.servers[node]

    def posts(self):
        """What servers have sent is on its way, but to and from those that are apart."""
        there = self.servers.keys() - self.apart
        for node, server in self.servers.items():
            self.mail += [(node, *sent) for sent in server.out.take_sent() if {node, sent[0]} <= there]

    def settles(self):
        """Everything arrives, until there is no more."""
        self.posts()
        while self.mail:
            source, target, message = self.mail.pop(0)
            self[target].on_message(source, message)
            self.posts()

    def holds(self, act):
        """What servers say because of it, which does not arrive yet."""
        self.settles()
        act()
        self.posts()
        held, self.mail = self.mail, []
        return held

    def arrives(self, messages, *targets):
        """Of these messages those to some of the servers."""
        for source, target, message in messages:
            if target in targets:
                self[target].on_message(source, message)
        self.posts()

    def changes(self, leader, change):
        """The replicas change."""
        self[leader].on_message(9, Reconfigure(1, change))
        self.settles()

    def crashes(self, node):
        """It crashes, is there again at once, and asks until it has what it needs."""
        self.settles()
        self[node].restart()
        self.settles()
