"""What has a follower's answers to one leadership arrive in a later one of the same server.

First the leader has one follower alone, whose answers are held, while the others elect another leader, without what
these two have. Then each leader is parted from everybody until the first one leads again. That one has another follower
alone when the old answers arrive: with what they say that is a quorum, and it is none.
"""

from __future__ import annotations

from simclock import Clog, Control, Cut, Mend, Observation, Observer, Partition, Told, Unclog, ms, stream

SERVERS = 5
"""Of three, a follower and the leader are a quorum; of four, who elects the next one knows what these two have."""
BEGINS_NS = ms(100)
ARRIVE_NS = ms(40)
"""So long the leader has the other follower before; it has asked it for something then."""
ENDS_NS = ms(200)


class LateAnswers(Observer):
    """Parts the servers, again and again."""

    judges = False

    def __init__(
        self, seed: int, purpose: str, end_ns: int, leads: type[Told], overwrites_ns: int | None = None
    ) -> None:
        """`leads` is by what a server tells that it leads. A view change hands the next leader's log over; elsewhere it
        needs some time, `overwrites_ns`, to put its own into the place of the first one's.
        """
        self._luck = stream(seed, purpose)
        self._end_ns, self._leads, self._overwrites_ns = end_ns, leads, overwrites_ns
        self._leader = 0
        """The latest."""
        self._held: tuple[int, int] | None = None
        """(follower, leader) of the answers that are held."""
        self._overwritten = False
        self._from_ns = 0
        """When the next ones may be."""

    def on_observation(self, observation: Observation, control: Control) -> None:
        if control.now_ns + ENDS_NS >= self._end_ns:
            return
        before = self._leader
        leads = self._leads.read(observation) is not None
        if leads:
            self._leader = observation.node
        if self._held is None:
            if control.now_ns >= self._from_ns:
                self._begin(control)
        elif leads and self._leader == self._held[1]:
            self._again(*self._held, before, control)
        elif leads:
            self._another(self._held[0], control)

    def _begin(self, control: Control) -> None:
        follower = self._other(self._leader)
        self._held, self._overwritten = (follower, self._leader), False
        control.inject(Clog(at_ns=0, source=follower, target=self._leader), BEGINS_NS)
        _part(control, (self._leader, follower), after_ns=BEGINS_NS)

    def _another(self, follower: int, control: Control) -> None:
        if self._overwrites_ns is None:
            _part(control, (self._leader,))
            return
        after_ns = 0
        if not self._overwritten:  # but in the follower's log, who is left out
            self._overwritten, after_ns = True, self._overwrites_ns
            _part(control, (follower,))
        _part(control, *((each,) for each in sorted({follower, self._leader})), after_ns=after_ns)

    def _again(self, follower: int, leader: int, before: int, control: Control) -> None:
        """The follower of before hears nothing, so that it says nothing new; who was parted last lacks too much."""
        _part(control, (leader, follower, self._other(leader, follower, before)))
        control.inject(Cut(at_ns=0, source=leader, target=follower))
        control.inject(Unclog(at_ns=0, source=follower, target=leader), ARRIVE_NS)
        control.inject(Mend(at_ns=0, source=leader, target=follower), ENDS_NS)
        control.inject(Partition(at_ns=0, groups=()), ENDS_NS)
        self._held, self._from_ns = None, control.now_ns + 2 * ENDS_NS

    def _other(self, *those: int) -> int:
        return self._luck.choice([server for server in range(SERVERS) if server not in those])


def _part(control: Control, *groups: tuple[int, ...], after_ns: int = 0) -> None:
    """Part these groups from each other, and from the other servers."""
    named = {server for group in groups for server in group}
    rest = tuple(server for server in range(SERVERS) if server not in named)
    control.inject(Partition(at_ns=0, groups=(*groups, rest)), after_ns)
