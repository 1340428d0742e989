"""A server of Viewstamped Replication without a run: what it sends, tells and sets timers for is taken from `out`."""

from simclock.actors.standalone import Standalone
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
