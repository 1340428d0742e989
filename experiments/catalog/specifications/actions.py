"""What a specification lets a node do by itself, as timers: one is set for each action that is enabled now.

    class Process(Acting):
        def enabled(self):
            if self.hungry:
                yield "eat"

        def act(self, action): ...

What a node does when a message comes ends with `offer()`, since another action may be enabled then.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from simclock import Node, ms


class Acting(Node):
    """A node whose timers are the actions that its state lets it take."""

    offered: frozenset[Hashable] = frozenset()
    """The actions that were enabled when it looked last."""

    def enabled(self) -> Iterable[Hashable]:
        """What it may do now."""
        raise NotImplementedError

    def act(self, action: Hashable) -> None:
        """Do that."""
        raise NotImplementedError

    def on_start(self) -> None:
        self.offer()

    def on_timer(self, timer: Hashable) -> None:
        self.offered -= {timer}
        self.act(timer)
        self.offer()

    def offer(self) -> None:
        """Set a timer for each action that is enabled, and for no other."""
        enabled = list(dict.fromkeys(self.enabled()))
        for action in sorted(self.offered.difference(enabled), key=repr):
            self.cancel_timer(action)
        for action in enabled:
            if action not in self.offered:
                self.set_timer(action, self.random.uniform_ns(ms(1), ms(50)))
        self.offered = frozenset(enabled)
