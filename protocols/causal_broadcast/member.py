"""A member of a causal broadcast group, as in ISIS (Birman, Schiper and Stephenson 1991), over links that lose, double
and reorder.

    class Board(Member):
        def write(self, line):
            self.multicast(line.encode())
        def on_deliver(self, message):
            ...                                   # in causal order, everywhere

Rule 1: a broadcast carries the vector of what its sender had delivered; it is delivered in causal order (hold_back.py).
Rule 2: every member keeps what it has delivered until everyone has: what is lost is sent again by whoever has it.
        There is no acknowledgement of single messages; `Status` tells, each tick, what a member has. All that is
        missing and overdue is asked for at once.
Rule 3: a newcomer takes the state from one member, and tells the others by its first broadcast, or by its first status
        where that comes earlier. Vectors grow by its id; nobody agrees on anything. Who leaves tells so by its last
        broadcast.
Rule 4: a member that is silent for `suspect_ns` is not waited for: what it lacks may be forgotten. If it was only slow,
        it learns so when it asks (`Gone`), and takes the state anew; what it had sent itself is not lost.
Rule 5: a dependency that nobody in reach has for `give_up_ns` is given up: everything held that needs it is dropped and
        `dropped` observed. Order is never broken to get on. If somebody in reach has it later, all of it is asked for.

Deviation: ISIS has views with virtual synchrony, so that all members agree on what a crashed one had sent. Here a
           message that only some got before its sender crashed reaches the others from those; if those crash too, it
           is gone, and so is what depended on it (rule 5).

A member may keep what it has on a disk (`make_durable`), and go on from there under its old name; by itself it does
not, and who crashes is another member when it is back.

What it tells observers is in `observed.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from simclock.actors import Node
from simclock.clocks import VectorClock
from simclock.protocols.causal_broadcast.gaps import MISSING_MAX, Gap, Gaps, names, ranges
from simclock.protocols.causal_broadcast.hold_back import CausalQueue
from simclock.protocols.causal_broadcast.messages import (
    Answer,
    Broadcast,
    Gone,
    JoinRequest,
    Kind,
    Range,
    Request,
    Status,
    Welcome,
)
from simclock.protocols.causal_broadcast.observed import (
    Delivered,
    Dropped,
    Forgotten,
    Joined,
    Left,
    Sent,
    Suspected,
    Welcomed,
)
from simclock.protocols.causal_broadcast.settings import MemberSettings

_NOTHING = VectorClock()
ASKED_MAX = 3
"""How many members are asked for one broadcast at once, when asking one, and then two, has not helped."""


class _Peer:
    """What is known of another member."""

    __slots__ = ("clock", "delivered", "heard_ns", "is_suspected")

    def __init__(self, clock: VectorClock, now_ns: int) -> None:
        self.clock = clock
        self.delivered: dict[Any, int] = dict(clock.entries)
        self.heard_ns = now_ns
        self.is_suspected = False


class Member(Node):
    """Broadcasts with `multicast`; `on_deliver` is called for what others broadcast, in causal order."""

    queue_class: ClassVar[type[CausalQueue]] = CausalQueue

    def __init__(self, settings: MemberSettings) -> None:
        self.settings = settings
        self.queue = self.queue_class(settings.held_max)
        self.gaps = Gaps(settings.request_ns, min(MISSING_MAX, settings.held_max))
        self.peers: dict[int, _Peer] = {}
        """Every other member, suspected ones too, ascending by name only where that matters."""
        self.departed: set[int] = set()
        """Members that have left."""
        self.kept: dict[int, dict[int, Broadcast]] = {}
        """Member -> count -> what was delivered, or sent, and may be lacked by another member; counts ascend."""
        self.kept_now = self.kept_high = 0
        self.count = 0
        """How many broadcasts this member has sent."""
        self.is_in = False
        self.has_left = False
        self.asked_to_join = 0
        self.is_behind = False
        """Whether it has asked for a state, as what it lacks is no longer kept."""
        self.arrived_ns: dict[tuple[int, int], int] = {}
        self.delays_ns: list[int] = []
        """How long each message that was held waited for others."""
        self.deliveries = self.requests = self.resent = self.rejoined = self.given_up = 0

    # What a protocol on top overrides.

    def on_deliver(self, message: Broadcast) -> None:
        """A member's broadcast is delivered, with all that was before it."""

    def on_joined(self) -> None:
        """This node is a member now."""

    def on_room(self) -> None:
        """A tick has passed, and `can_broadcast`."""

    def make_durable(self) -> None:
        """Something was delivered, or is about to be sent: what is told from now on may say so."""

    def state(self) -> bytes:
        """The application's state, for a newcomer."""
        return b""

    def load(self, state: bytes) -> None:
        """Merge the state of another member into one's own, which a newcomer has none of.

        What both have must come to the same as what either has and the other has not: a join, as of a CRDT.
        """

    # Broadcasting.

    def on_start(self) -> None:
        self.member = self.incarnation * self.nodes + self.id
        if self.incarnation == 0 and self.id < self.settings.founders:
            self.found()
        else:
            self._start_ticking()

    def found(self) -> None:
        """Be a member, with all founders."""
        self._start_ticking()
        self.is_in = True
        self._meet(range(self.settings.founders))
        self.on_joined()

    def _start_ticking(self) -> None:
        self.set_timer("tick", self.id * self.settings.tick_ns // self.nodes)

    @property
    def can_broadcast(self) -> bool:
        """Whether there is room for one more: members in reach have got most of what was sent."""
        if not self.is_in or self.has_left or self.queue.delivered.get(self.member, 0) < self.count:
            return False
        least = min((peer.delivered.get(self.member, 0) for peer in self._trusted()), default=self.count)
        return self.count - least < self.settings.window

    def multicast(self, payload: bytes, kind: Kind = Kind.DATA) -> Broadcast:
        """Send to every member; it counts as delivered here. Ask `can_broadcast` first."""
        assert self.is_in and not self.has_left, "only members broadcast"
        self.count += 1
        self.queue.sent(self.member, self.count)
        message = Broadcast(self.member, VectorClock.of(self._timestamp()), kind, payload)
        self._keep(message, self.count)
        self.make_durable()
        self.observe(Sent(self.member, self.count))
        for peer in self.peers:
            self.send(peer % self.nodes, message)
        return message

    def _timestamp(self) -> dict[Any, int]:
        """VT(m): everything delivered here happened before m."""
        return dict(self.queue.delivered)

    def leave(self) -> None:
        """Go: the last broadcast says so. The node answers requests until everyone in reach has it."""
        if self.is_in and not self.has_left:
            self.multicast(b"", Kind.LEFT)
            self.has_left = True
            self.observe(Left(self.member))

    # Messages.

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Request(wanted):
                self._answer(source, wanted)
            case Welcome():
                self._on_welcome(source, message)
            case _ if not self.is_in:
                pass
            case Broadcast():
                if (message.member, message.count) not in self.queue.held:
                    self.arrived_ns[message.member, message.count] = self.clock.monotonic_ns()
                self._take(self.queue.receive(message))
            case Status(member, delivered):
                self._on_status(member, delivered)
                if self.settings.is_quiet and member in self.peers and self._has_the_same(self.peers[member]):
                    self.send(source, Answer(self.member, VectorClock.of(self.queue.delivered)))
            case Answer(member, delivered):
                self._on_status(member, delivered)
            case Gone(asked_for):
                self.gaps.gone(source, asked_for)
            case JoinRequest(member):
                self._welcome(member)

    def _take(self, ready: Iterable[Broadcast]) -> None:
        deliveries = self.deliveries
        for message in ready:
            name = message.member, message.count
            now_ns = self.clock.monotonic_ns()
            waited_ns = now_ns - self.arrived_ns.get(name, now_ns)
            if waited_ns:
                self.delays_ns.append(waited_ns)
            self.deliveries += 1
            self._keep(message, name[1])
            self.observe(Delivered(*name))
            if message.kind is Kind.DATA:
                self.on_deliver(message)
            elif message.kind is Kind.JOINED:
                self._on_joined(message.member)
            else:
                self.departed.add(message.member)
                self.peers.pop(message.member, None)
        if self.deliveries > deliveries:
            self.make_durable()
        if len(self.arrived_ns) > len(self.queue.held):
            self.arrived_ns = {name: at for name, at in self.arrived_ns.items() if name in self.queue.held}

    def _keep(self, message: Broadcast, count: int) -> None:
        kept = self.kept.setdefault(message.member, {})
        if count not in kept:
            kept[count] = message
            self.kept_now += 1
            self.kept_high = max(self.kept_high, self.kept_now)

    def _on_status(self, member: int, delivered: VectorClock) -> None:
        if self._is_unheard_of(member):
            self._meet((member,))
        peer = self.peers.get(member)
        if peer is None:
            return
        peer.heard_ns = self.clock.monotonic_ns()
        peer.is_suspected = False
        if not delivered <= peer.clock:  # an old one may come late
            peer.clock = peer.clock.merge(delivered)
            peer.delivered = dict(peer.clock.entries)

    # Ticks: status, stability, gaps.

    def on_timer(self, timer: Any) -> None:
        if timer != "tick":
            return
        self.set_timer("tick", self.settings.tick_ns)
        if not self.is_in:
            self._ask_to_join()
            return
        now_ns = self.clock.monotonic_ns()
        for member, peer in self.peers.items():
            if now_ns - peer.heard_ns > self.settings.suspect_ns and not peer.is_suspected:
                peer.is_suspected = True
                if not self.has_left:
                    self.observe(Suspected(member))
        if self.has_left and not self._trusted():
            return  # everyone has forgotten it
        status = Status(self.member, VectorClock.of(self.queue.delivered))
        for member, peer in self.peers.items():
            if not (self.settings.is_quiet and self._has_the_same(peer)):
                self.send(member % self.nodes, status)
        self._forget_stable()
        self._repair(now_ns)
        if self.can_broadcast:
            self.on_room()

    def _has_the_same(self, peer: _Peer) -> bool:
        return peer.delivered == self.queue.delivered

    def _trusted(self) -> list[_Peer]:
        return [peer for peer in self.peers.values() if not peer.is_suspected]

    def _forget_stable(self) -> None:
        """What every member in reach has delivered need not be kept (ISIS: it is stable)."""
        trusted = self._trusted()
        for member, kept in self.kept.items():
            stable = self._stable(member, trusted)
            for count in [count for count in kept if count <= stable]:
                del kept[count]
                self.kept_now -= 1

    def _stable(self, member: int, trusted: Iterable[_Peer]) -> int:
        """How many of a member's broadcasts each of these has delivered."""
        return min([peer.delivered.get(member, 0) for peer in trusted], default=self.queue.delivered[member])

    def _repair(self, now_ns: int) -> None:
        """Ask for what is missing, give up what nobody has, and take the state anew where it is too late."""
        clocks = [message.clock for message in self.queue.held.values()] + [peer.clock for peer in self._trusted()]
        wanted: dict[int, list[tuple[int, int]]] = {}
        state_of = None
        for gap in self.gaps.survey(now_ns, self.queue.delivered, self.queue.held, clocks):
            holders = self._holders(gap)
            left = [holder for holder in holders if holder % self.nodes not in gap.gone]
            if left:
                for turn in range(gap.asked, gap.asked + min(gap.asked + 1, len(left), ASKED_MAX)):
                    wanted.setdefault(left[turn % len(left)] % self.nodes, []).append((gap.member, gap.count))
                self.gaps.asked(gap, now_ns)
            elif holders:
                # Too late: nobody in reach keeps it any more. Take the state of one that has it.
                state_of = holders[gap.asked % len(holders)] if state_of is None else state_of
                self.gaps.asked(gap, now_ns)
            elif self.gaps.blocked_ns(gap, now_ns) >= self.settings.give_up_ns:
                dropped = self.queue.drop_dependents((gap.member, gap.count))
                self.given_up += len(dropped)
                if dropped:
                    self.observe(Dropped(gap.member, gap.count, len(dropped)))
        for node, missing in wanted.items():
            self.requests += 1
            self.send(node, Request(ranges(missing)))
        if state_of is not None:
            self.is_behind = True
            self.requests += 1
            self.send(state_of % self.nodes, JoinRequest(self.member))

    def _holders(self, gap: Gap) -> list[int]:
        """Who in reach can have it, the sender first, then whoever has delivered it."""
        holders = [peer for peer in self.peers if self._can_give(peer, gap)]
        return sorted(holders, key=lambda member: (member != gap.member, member))

    def _can_give(self, member: int, gap: Gap) -> bool:
        peer = self.peers[member]
        return not peer.is_suspected and peer.delivered.get(gap.member, 0) >= gap.count

    def _answer(self, source: int, wanted: tuple[Range, ...]) -> None:
        """Send what is kept of it; say what was delivered here and is kept no more."""
        gone = []
        for member, count in names(wanted):
            message = self.kept.get(member, {}).get(count)
            if message is not None:
                self.resent += 1
                self.send(source, message)
            elif self.queue.delivered.get(member, 0) >= count:
                gone.append((member, count))
        if gone:
            for member, _, last in ranges(gone):
                self.observe(Forgotten(source, member, last))
            self.send(source, Gone(ranges(gone)))

    # Coming and going.

    def _meet(self, members: Iterable[int], source: int = -1, delivered: VectorClock = _NOTHING) -> None:
        """These are members; what is known of them is nothing, but of who sent its state."""
        now_ns = self.clock.monotonic_ns()
        for member in sorted(members):
            if member != self.member and (member not in self.peers or member % self.nodes == source):
                self.peers[member] = _Peer(delivered if member % self.nodes == source else _NOTHING, now_ns)

    def _on_joined(self, member: int) -> None:
        """A newcomer; what its node was before is no member any more."""
        for before in [each for each in self._of_node(member) if each < member]:
            del self.peers[before]
        self._meet((member,))

    def _of_node(self, member: int) -> list[int]:
        return [each for each in self.peers if each % self.nodes == member % self.nodes]

    def _is_unheard_of(self, member: int) -> bool:
        """Whether it must be a newcomer whose first broadcast cannot be delivered here, or not yet.

        What that one waits for may have been known to nobody but the member that gave the state, and has crashed: then
        the newcomer alone has it, and it has to be met to be asked.
        """
        newer = [each for each in self._of_node(member) if each >= member]
        return not (newer or member in self.departed or self.has_left or member % self.nodes == self.id)

    def _ask_to_join(self) -> None:
        """Ask one node after the other: any member can give the state."""
        if self.clock.monotonic_ns() < self.settings.join_after_ns:
            return
        self.asked_to_join += 1
        contact = (self.id + self.asked_to_join) % self.nodes
        if contact != self.id:
            self.send(contact, JoinRequest(self.member))

    def _welcome(self, member: int) -> None:
        """Give the state; from here on everything is kept for the newcomer, before the others have heard of it."""
        delivered = VectorClock.of(self.queue.delivered)
        if member not in self.peers:
            self.peers[member] = _Peer(delivered, self.clock.monotonic_ns())
        members = tuple(sorted({self.member, *self.peers}))
        self.send(member % self.nodes, Welcome(delivered, members, self.state()))

    def _on_welcome(self, source: int, message: Welcome) -> None:
        if self.is_in and not self.is_behind:
            return
        is_newcomer = not self.is_in
        self.rejoined += not is_newcomer
        self.is_in, self.is_behind = True, False
        self.load(message.state)
        self._meet(message.members, source, message.delivered)
        # What both states hold, the merged state holds; so nothing that was sent or delivered here is lost.
        known = self._known(message.delivered)
        self.observe(Welcomed(known.entries))  # type: ignore[arg-type] # members are numbers
        self._take(self.queue.restart(known))
        if is_newcomer:
            self.multicast(b"", Kind.JOINED)
            self.observe(Joined(self.member))
            self.on_joined()

    def _known(self, delivered: VectorClock) -> VectorClock:
        """What was delivered here, or before the state that was received."""
        return delivered.merge(VectorClock.of(self.queue.delivered))
