"""Adaptive kinds of trouble: an observer that strikes whoever becomes leader, or has just promised something.

Law: a hunter draws from streams of its own, one per kind, in the canonical order of observations, so what it does is
the same on every placement. Its faults stand in the run's result with the others, and can be replayed as a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from simclock import Control, Crash, Cut, Fault, Mend, Observation, Observer, Pause, Restart, Resume, Stream, stream
from simclock.experiments.nemesis.episodes import Disabled, shuffled
from simclock.experiments.nemesis.prey import Prey

HARDEST = 4
"""At this hardness each is struck, at 1 every fourth."""


def crash(luck: Stream, prey: Prey, leader: int) -> Iterator[tuple[Fault, Fault]]:
    """The node dies: a leader soon after its election, as in Figure 8 of the Raft paper."""
    yield Crash(at_ns=0, node=leader), Restart(at_ns=0, node=leader)


def pause(luck: Stream, prey: Prey, leader: int) -> Iterator[tuple[Fault, Fault]]:
    """Have the leader stand still: it wakes and still believes that it leads."""
    yield Pause(at_ns=0, node=leader), Resume(at_ns=0, node=leader)


def cut(luck: Stream, prey: Prey, leader: int) -> Iterator[tuple[Fault, Fault]]:
    """Cut the leader off from a majority: both ways, or so that one side alone hears the other."""
    others = shuffled(luck, (server for server in prey.servers if server != leader))
    forth, back = luck.choice(((True, True), (True, True), (True, False), (False, True)))
    for other in others[: len(prey.servers) // 2 + 1 + luck.randrange(2)]:
        for source, target in [(leader, other)] * forth + [(other, leader)] * back:
            yield Cut(at_ns=0, source=source, target=target), Mend(at_ns=0, source=source, target=target)


PROMISE = "promise-crash"

HUNTERS: dict[str, Callable[[Stream, Prey, int], Iterator[tuple[Fault, Fault]]]] = {
    "leader-crash": crash,
    "leader-cut": cut,
    "leader-pause": pause,
    PROMISE: crash,
}
"""Kind -> what strikes a leader, or (promise) who has just promised something: each fault with its mend."""


class Hunter(Observer):
    """Strikes soon after an election or a promise, for a short time."""

    judges = False

    def __init__(
        self,
        seed: int,
        kinds: Mapping[str, int],
        prey: Prey,
        end_ns: int,
        spans: tuple[tuple[int, int, int], ...] | None,
    ) -> None:
        self.luck = {kind: stream(seed, f"nemesis {kind}") for kind in kinds}
        self.hardness = kinds
        self.prey = prey
        self.end_ns = end_ns
        self.struck = dict.fromkeys(kinds, 0)
        self.disabled = Disabled(None if spans is None else prey.spare_max, list(spans or ()))

    def on_observation(self, observation: Observation, control: Control) -> None:
        name = observation.name
        if name not in (self.prey.leader, self.prey.promise) or observation.node not in self.prey.servers:
            return
        for kind, luck in self.luck.items():
            if name == (self.prey.promise if kind == PROMISE else self.prey.leader):
                self._hunt(kind, luck, observation.node, control)

    def _hunt(self, kind: str, luck: Stream, leader: int, control: Control) -> None:
        """Every draw is made whether the node is struck or not, so that a limit moves nothing else."""
        rhythm_ns = self.prey.rhythm_ns // (4 if kind == PROMISE else 1)
        earliest_ns = control.now_ns + control.lookahead_ns
        at_ns = earliest_ns + luck.uniform_ns(0, rhythm_ns * luck.choice((1, 4, 8)) // 8)
        until_ns = min(self.end_ns, at_ns + 1 + luck.uniform_ns(0, rhythm_ns * luck.choice((2, 8, 16)) // 8))
        spared = luck.randrange(HARDEST) >= self.hardness[kind]
        strikes = list(HUNTERS[kind](luck, self.prey, leader))
        if spared or at_ns >= self.end_ns or not self.disabled.take((leader,), at_ns, until_ns):
            return
        self.struck[kind] += 1
        for fault, mend in strikes:
            control.inject(fault, at_ns - earliest_ns)
            if until_ns < self.end_ns:
                control.inject(mend, until_ns - earliest_ns)

    def report(self) -> dict[str, int]:
        return self.struck
