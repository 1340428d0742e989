"""What befalls a holder between its look at the lease and its write, or those that lease to it, as `leases` tells it.

Each kind strikes once, lasts a stated time and is undone. All of them keep to what leases are made for; a client whose
clock stands still has to notice it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simclock import (
    Clog,
    Control,
    Crash,
    Cut,
    Fault,
    JumpClock,
    Mend,
    Observation,
    Observer,
    Partition,
    Pause,
    Restart,
    Resume,
    SetDrift,
    StartClock,
    StopClock,
    Unclog,
    seconds,
)
from simclock.protocols.leases.observed import Looks
from simclock.protocols.replication.observed import Leadership

STRIKE_NS = seconds(2)
DRIFT_PPB = 200_000_000
"""Of the trouble "drift", and what the lease service then knows that clocks may do."""


class Cast(NamedTuple):
    """Who is who, and how long things last."""

    servers: tuple[int, ...]
    store: int
    client: int
    """Who is struck: A."""
    lasts_ns: int
    term_ns: int


Strike = Iterator[tuple[int, Fault]]
"""What happens, each so long after the blow."""


def _nothing(cast: Cast) -> Strike:
    return iter(())


def _pause(cast: Cast) -> Strike:
    """The client stands still."""
    yield 0, Pause(at_ns=0, node=cast.client)
    yield cast.lasts_ns, Resume(at_ns=0, node=cast.client)


def _stopped_clock(cast: Cast) -> Strike:
    """Its clock stands still, and it goes on."""
    yield 0, StopClock(at_ns=0, node=cast.client)
    yield cast.lasts_ns, StartClock(at_ns=0, node=cast.client)


def _away(cast: Cast) -> Strike:
    """The client and the lease service do not hear each other; it reaches the store."""
    for server in cast.servers:
        for source, target in ((cast.client, server), (server, cast.client)):
            yield 0, Cut(at_ns=0, source=source, target=target)
            yield cast.lasts_ns, Mend(at_ns=0, source=source, target=target)


def _jump(cast: Cast) -> Strike:
    """Its wall clock is set back while it cannot renew."""
    yield 0, JumpClock(at_ns=0, node=cast.client, by_ns=-cast.lasts_ns)
    yield from _away(cast)


def _partition(cast: Cast) -> Strike:
    """The leader and the client are cut off from the other servers; what the client sends to the store is held."""
    yield 0, Partition(at_ns=0, groups=((Leadership.observed_as, cast.client), (*cast.servers, cast.client + 1)))
    yield 0, Clog(at_ns=0, source=cast.client, target=cast.store)
    yield cast.lasts_ns, Partition(at_ns=0, groups=())
    yield cast.lasts_ns, Unclog(at_ns=0, source=cast.client, target=cast.store)


def _failover(cast: Cast) -> Strike:
    """The client stands still, and meanwhile the leader crashes, before the lease is over."""
    yield from _pause(cast)
    yield cast.term_ns // 5, Crash(at_ns=0, node=Leadership.observed_as)
    yield cast.term_ns, Restart(at_ns=0, node="crashed")


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One kind."""

    strike: Callable[[Cast], Strike]
    drift_ppb: int | None = None
    """From the beginning servers' clocks are fast by so much, and clients' slow; the lease service knows this bound."""
    busy: bool = False
    """Whether clients write all the time, with nothing between the look and the write."""

    def drifts(self, servers: tuple[int, ...], nodes: int) -> tuple[Fault, ...]:
        """The clocks, as faults at the beginning."""
        if self.drift_ppb is None:
            return ()
        signs = [1 if node in servers else -1 for node in range(nodes)]
        return tuple(SetDrift(at_ns=0, node=node, drift_ppb=sign * self.drift_ppb) for node, sign in enumerate(signs))


TROUBLES = {
    "pause": Trouble(strike=_pause),
    # A clock that stands runs out no timer: then what one answer brings is what the next write waits for.
    "stopped-clock": Trouble(strike=_stopped_clock, busy=True),
    "jump": Trouble(strike=_jump, busy=True),
    "drift": Trouble(strike=_away, drift_ppb=DRIFT_PPB, busy=True),
    "partition": Trouble(strike=_partition),
    "failover": Trouble(strike=_failover),
    "none": Trouble(strike=_nothing),
}


class StrikesWriter(Observer):
    """Strikes client A between its look at the lease and its write, once: what no look can help against."""

    judges = False

    def __init__(self, trouble: str, cast: Cast) -> None:
        self._cast = cast
        self._trouble: Trouble | None = TROUBLES[trouble]

    def on_observation(self, observation: Observation, control: Control) -> None:
        looks = observation.name == Looks.observed_as and observation.node == self._cast.client
        if looks and control.now_ns >= STRIKE_NS and self._trouble is not None:
            for after_ns, fault in self._trouble.strike(self._cast):
                control.inject(fault, after_ns=after_ns)
            self._trouble = None
