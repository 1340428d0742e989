"""What a protocol derives from."""

from __future__ import annotations

from simclock.kernel.process import Process


class Node(Process):
    """A simulated node: a state machine that answers events and does no I/O.

        class Pinger(Node):
            def on_start(self):
                self.send(1 - self.id, Ping(0))

            def on_message(self, source, message):
                match message:
                    case Ping(n):
                        self.send(source, Ping(n + 1))

    It may `send`, `broadcast`, `set_timer` and `cancel_timer` (named; setting one again replaces it; durations are in
    the node's own clock), read `self.clock`, draw from `self.random`, use `self.disk`, and `observe` what an observer
    should see; one that cannot go on may `halt`. After a crash it is built anew: only what `self.disk` had synced is
    left. `self.id` and the rest are there from `on_start` on, not in `__init__`, and cannot be set. What it lets out
    (messages, observations, timer names, what is on its disk) is immutable, or refused.
    """
