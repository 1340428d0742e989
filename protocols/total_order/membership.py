"""Who takes part: a sequence of views, each agreed upon by a majority of the one before.

A member that has not been heard for `suspect_ns` is suspected; the lowest member that is not suspected coordinates the
change. It has the members stop (Prepare, Promise), puts together everything that any of them has, and proposes the
next view with those messages (Accept, Accepted, Installed). This is virtual synchrony (Birman and Joseph 1987) with the
view decided as in Paxos (Lamport 1998): one decision for each view number, ballots against coordinators that fail or
compete.

Law 1: at most one view follows a view, as any two quorums of its members meet: more than half of them, or half with the
       lowest among them (dynamic-linear voting, Jajodia and Mutchler 1990), so that of two members one can go on.
Law 2: what any screen has shown in a view is in the messages of the next: it was shown only because every member had
       it, a member that promises to stop says what it has, and after its promise it acknowledges nothing.
Law 3: who is left out shows nothing more: no member of the new view acknowledges anything of the old one. It learns
       that it is out when it is next heard, and asks to join.
Law 4: who joins shows everything that it missed, in the agreed order, and then goes on with the others. By law 2 its
       screen shows a beginning of the order; it says how much, and the view that takes it in begins there. Who has
       crashed shows nothing, and gets all from the start. So every member has the whole history, and can hand it on.

The limit of the model. A timeout cannot tell a crashed participant from a slow one (Fischer, Lynch and Paterson 1985).
Who was only slow is left out all the same, and what it said that nobody had got is not shown: it is told so ("lost").
The others wait for at most `suspect_ns` and a change. Where fewer than a quorum of a view can talk, they show nothing
until they can; where so many have crashed that the rest is none, the chat has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from simclock.actors import Message
from simclock.protocols.total_order.hold_back import order_key
from simclock.protocols.total_order.messages import (
    Accept,
    Accepted,
    Heartbeat,
    Installed,
    Join,
    Prepare,
    Promise,
    Refused,
    Say,
    View,
)


class Held(NamedTuple):
    """What a participant has: the messages of the positions from `start` on, the first of them displayed."""

    start: int
    displayed: int
    messages: tuple[Say, ...]
    clock: int


class Joiner(NamedTuple):
    """Of a node that asks to join."""

    incarnation: int
    displayed: int
    """How much its screen shows; that grows only while it takes part."""
    asked_ns: int


class Owner(Protocol):
    """The participant whose membership this is."""

    id: int
    nodes: int
    incarnation: int

    def send(self, target: int, message: Message) -> None: ...

    def broadcast(self, message: Message) -> None: ...

    def holds(self, since: int) -> Held: ...

    def install(self, view: View, *, joins: bool) -> None: ...

    def left_out(self, view: View) -> None: ...


def first_view(nodes: int) -> View:
    """Everyone takes part."""
    return View(0, tuple([(node, 0) for node in range(nodes)]), 0, (), 0)


def next_view(view: View, promises: Mapping[int, Promise], joiners: Mapping[int, int]) -> View:
    """What a coordinator proposes, given the promises of a quorum: what may have been decided, else a new view."""
    best = max(promises.values(), key=lambda promise: promise.accepted_ballot)
    if best.accepted is not None:
        return best.accepted
    start = max(promise.start for promise in promises.values())
    messages: dict[tuple[int, int], Say] = {}
    for promise in promises.values():
        # Whoever trimmed up to `start` knew that everyone had displayed that much: those below it lead every log.
        for message in promise.messages[start - promise.start :]:
            messages[order_key(message)] = message
    members = {member: incarnation for member, incarnation in view.members if member in promises} | dict(joiners)
    return View(
        view.number + 1,
        tuple(sorted(members.items())),
        start,
        tuple([messages[key] for key in sorted(messages)]),
        max(promise.clock for promise in promises.values()),
    )


class Membership:
    """One node's part in the agreement on views."""

    def __init__(self, owner: Owner, suspect_ns: int) -> None:
        self._owner = owner
        self._suspect_ns = suspect_ns
        self.view = first_view(owner.nodes)
        """The latest view that is known; `is_in` says whether the node takes part in it."""
        self.is_in = owner.incarnation == 0
        self._now_ns = 0
        self.heard_ns: dict[int, int] = {}
        """Member -> when it was last heard."""
        self.joiners: dict[int, Joiner] = {}
        """Those that ask to join."""
        # As an acceptor, for the view after this one.
        self.promised = 0
        """No ballot below this is taken part in; above 0 the node has stopped."""
        self.accepted_ballot = 0
        self.accepted: View | None = None
        # As a coordinator.
        self.ballot = 0
        """The ballot that this node leads; 0 for none."""
        self.since = 0
        """The position from which on the members are asked for what they have, in that ballot."""
        self.refused = 0
        """The highest ballot in whose favour this node's own was refused."""
        self.outbid_ns = 0
        """When this node last heard of a ballot of another."""
        self.promises: dict[int, Promise] = {}
        self.proposal: View | None = None
        self.votes: set[int] = set()

    @property
    def members(self) -> tuple[int, ...]:
        """The nodes of the view."""
        return tuple([member for member, _ in self.view.members])

    @property
    def is_active(self) -> bool:
        """Whether the node takes part and has not promised to stop."""
        return self.is_in and not self.promised

    def is_quorum(self, nodes: Collection[int]) -> bool:
        """Whether these members decide for all."""
        double, members = 2 * len(nodes), self.members
        return double > len(members) or (double == len(members) and members[0] in nodes)

    def suspects(self, now_ns: int) -> frozenset[int]:
        """Members that were not heard for too long, or that have lost their place and ask to join."""
        own = self._owner.id
        silent = {m for m in self.members if m != own and now_ns - self.heard_ns.get(m, 0) > self._suspect_ns}
        return frozenset(silent | {member for member in self.members if member in self.joiners})

    def tick(self, now_ns: int, displayed: int) -> None:
        """Give a sign of life, and drive a change of views where it falls to this node."""
        self._now_ns = now_ns
        if not self.is_in:
            self._owner.broadcast(Join(self._owner.incarnation, self.view.number, displayed))
            return
        self._owner.broadcast(Heartbeat(self.view.number, displayed))
        gone = [node for node, joiner in self.joiners.items() if now_ns - joiner.asked_ns > self._suspect_ns]
        for node in gone:
            del self.joiners[node]
        suspects = self.suspects(now_ns)
        if self._owner.id != min(set(self.members) - suspects):
            return
        highest = max(self.promised, self.refused)
        if self.ballot and self.ballot >= highest:
            self._repeat()
        elif highest > self.ballot:  # another coordinates: this one waits until nothing is heard of it
            if now_ns - self.outbid_ns > self._suspect_ns:
                self._begin(displayed)
        elif suspects or self.joiners:
            self._begin(displayed)
        self._propose(suspects)

    def _begin(self, displayed: int) -> None:
        """Coordinate: a ballot higher than any seen, and of this node alone."""
        nodes = self._owner.nodes
        self.since = min([displayed, *(joiner.displayed for joiner in self.joiners.values())])
        self.ballot = (max(self.promised, self.refused, self.ballot) // nodes + 1) * nodes + self._owner.id
        self.promises = {}
        self.votes = set()
        self.proposal = None
        self._repeat()

    def _repeat(self) -> None:
        """Ask those that have not answered."""
        number, own = self.view.number, self._owner.id
        for member in sorted(self.members, key=lambda member: (member == own, member)):
            if self.proposal is None and member not in self.promises:
                self._to(member, Prepare(number, self.ballot, self.since))
            elif self.proposal is not None and member not in self.votes:
                self._to(member, Accept(number, self.ballot, self.proposal))

    def _propose(self, suspects: Collection[int]) -> None:
        """Propose once a majority has promised, and everybody that is not suspected."""
        waiting = set(self.members) - set(suspects) - set(self.promises)
        if not self.ballot or self.proposal is not None or waiting or not self.is_quorum(self.promises):
            return
        # Law 4: who asked since then and lacks more is taken in by the view after this one.
        covered = {node: joiner for node, joiner in self.joiners.items() if joiner.displayed >= self.since}
        joiners = {node: joiner.incarnation for node, joiner in covered.items()}
        self.proposal = next_view(self.view, self.promises, joiners)
        self._repeat()

    def _to(self, member: int, message: Prepare | Accept | Promise | Accepted | Refused) -> None:
        if member == self._owner.id:
            self.on_message(member, message, self._now_ns)
        else:
            self._owner.send(member, message)

    # Messages.

    def on_message(self, source: int, message: object, now_ns: int) -> None:
        """Take a message of the agreement."""
        self._now_ns = now_ns
        match message:
            case Heartbeat(view):
                self._on_heartbeat(source, view, now_ns)
            case Join(incarnation, view, displayed):
                self._on_join(source, view, Joiner(incarnation, displayed, now_ns))
            case Installed(view):
                self._on_installed(view, now_ns)
            case Prepare(view, ballot, _) | Accept(view, ballot, _) if not self._takes_part(source, view, ballot):
                if self.is_in and view == self.view.number:
                    self._to(source, Refused(view, self.promised))
            case Refused(view, ballot) if view == self.view.number and ballot > self.refused:
                self.refused = ballot
                self.outbid_ns = now_ns
            case Prepare(view, ballot, since):
                self.promised = ballot
                held = self._owner.holds(since)
                accepted = (self.accepted_ballot, self.accepted)
                self._to(
                    source, Promise(view, ballot, *accepted, held.start, held.displayed, held.messages, held.clock)
                )
            case Promise(view, ballot) if view == self.view.number and ballot == self.ballot:
                self.promises[source] = message
                self._propose(self.suspects(now_ns))
            case Accept(view, ballot, proposal):
                self.promised = self.accepted_ballot = ballot
                self.accepted = proposal
                self._to(source, Accepted(view, ballot))
            case Accepted(view, ballot) if view == self.view.number and ballot == self.ballot:
                self._on_accepted(source, now_ns)

    def _takes_part(self, source: int, view: int, ballot: int) -> bool:
        if not self.is_in or view != self.view.number or ballot < self.promised:
            return False
        if source != self._owner.id:
            self.outbid_ns = self._now_ns
        return True

    def _on_heartbeat(self, source: int, view: int, now_ns: int) -> None:
        if view == self.view.number:
            self.heard_ns[source] = now_ns
        elif view < self.view.number and self.is_in:
            self._tell(source)

    def _tell(self, node: int) -> None:
        """A node is behind: it learns of the view, and whether it takes part in it."""
        self._owner.send(node, Installed(self.view))

    def _on_join(self, source: int, view: int, joiner: Joiner) -> None:
        if not self.is_in:
            return
        if (source, joiner.incarnation) in self.view.members and view < self.view.number:
            self._tell(source)
        else:  # also a member that knows this view, or has crashed since: it takes no part in it
            self.joiners[source] = joiner

    def _on_accepted(self, source: int, now_ns: int) -> None:
        self.votes.add(source)
        if not self.is_quorum(self.votes) or self.proposal is None:
            return
        decided = Installed(self.proposal)
        for node in sorted({*self.members, *(member for member, _ in self.proposal.members)} - {self._owner.id}):
            self._owner.send(node, decided)
        self._on_installed(self.proposal, now_ns)

    def _on_installed(self, view: View, now_ns: int) -> None:
        if view.number <= self.view.number:
            return
        was_in = self.is_in and view.number == self.view.number + 1
        takes_part = (self._owner.id, self._owner.incarnation) in view.members
        # A member that missed a view has missed its messages: it is out, and joins again.
        is_newcomer = takes_part and not self.is_in
        is_member = takes_part and (was_in or is_newcomer)
        was_there = self.is_in
        self.view = view
        self.is_in = is_member
        self.promised = self.accepted_ballot = self.ballot = self.refused = 0
        self.accepted = self.proposal = None
        self.joiners = {}
        self.heard_ns = dict.fromkeys(self.members, now_ns)
        if is_member:
            self._owner.install(view, joins=is_newcomer)
        elif was_there:
            self._owner.left_out(view)
