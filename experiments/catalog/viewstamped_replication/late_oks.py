"""What has acknowledgements of one view arrive in a later one, where the same server is primary again.

First the primary has one backup alone, whose acknowledgements are held, while the others elect another primary, without
what these two have. Then each primary is parted from everybody until the first one is it again. That one has another
backup alone when the old acknowledgements arrive: with what they say that is a quorum, and it is none.
"""

from __future__ import annotations

from simclock import Clog, Control, Cut, Mend, Observation, Observer, Partition, Unclog, ms, stream
from simclock.protocols.viewstamped_replication.observed import Leader

SERVERS = 5
"""Of three, one backup and the primary are a quorum; of four, whoever elects the next one knows what these two have."""
BEGINS_NS = ms(100)
ARRIVE_NS = ms(40)
"""So long the primary has the other backup before; it has asked it for something then."""
ENDS_NS = ms(200)


class LateOks(Observer):
    """Parts the servers, again and again."""

    judges = False

    def __init__(self, seed: int, end_ns: int) -> None:
        self._end_ns = end_ns
        self._luck = stream(seed, "vsr-hunt late oks")
        self._leader = 0
        """The latest."""
        self._held: tuple[int, int] | None = None
        """(backup, primary) of the acknowledgements that are held."""
        self._from_ns = 0
        """When the next ones may be."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        if control.now_ns + ENDS_NS >= self._end_ns:
            return
        before = self._leader
        leads = Leader.read(observation) is not None
        if leads:
            self._leader = observation.node
        if self._held is None:
            if control.now_ns >= self._from_ns:
                self._begin(control)
        elif leads and self._leader == self._held[1]:
            self._again(*self._held, before, control)
        elif leads:
            _part((self._leader,), control)

    def _begin(self, control: Control) -> None:
        backup = self._other(self._leader)
        self._held = backup, self._leader
        control.inject(Clog(at_ns=0, source=backup, target=self._leader), BEGINS_NS)
        _part((self._leader, backup), control, BEGINS_NS)

    def _again(self, backup: int, primary: int, before: int, control: Control) -> None:
        """The backup of before hears nothing, so that it says nothing new; who was parted last lacks too much."""
        _part((primary, backup, self._other(primary, backup, before)), control)
        control.inject(Cut(at_ns=0, source=primary, target=backup))
        control.inject(Unclog(at_ns=0, source=backup, target=primary), ARRIVE_NS)
        control.inject(Mend(at_ns=0, source=primary, target=backup), ENDS_NS)
        control.inject(Partition(at_ns=0, groups=()), ENDS_NS)
        self._held, self._from_ns = None, control.now_ns + 2 * ENDS_NS

    def _other(self, *those: int) -> int:
        return self._luck.choice([server for server in range(SERVERS) if server not in those])


def _part(some: tuple[int, ...], control: Control, after_ns: int = 0) -> None:
    """Part some servers from the others."""
    others = tuple(server for server in range(SERVERS) if server not in some)
    control.inject(Partition(at_ns=0, groups=(some, others)), after_ns)
