"""Nodes that do the same may change places: of all states that differ by that alone, one is kept.

The nodes of a group are put in order of their own local states, then of what is on its way to them and of what all
others hold of each, and everything that names a node is renamed. Where what is held of each node is held of it alone,
one state of each orbit is left; where it is held of two together, the reduction is sound and need not be the greatest.
`sorted_only` goes by local states alone, as Stateright's `RewritePlan` does.

A node whose attributes name nodes of a group says how they are renamed by a method `rename(new)`, where `new[node]` is
the node's number afterwards; a message by one that returns the message renamed, and an observer likewise in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simclock.actors.steering.freezing import digest_of
from simclock.errors import UsageError
from simclock.experiments.exploring.states.space import Space


class Symmetry:
    """The representative of each state."""

    def __init__(self, space: Space, groups: Sequence[Sequence[int]]) -> None:
        self.space = space
        self.groups = [tuple(group) for group in groups]
        named = [node for group in self.groups for node in group]
        if len(set(named)) < len(named) or not all(0 <= node < space.nodes for node in named):
            raise UsageError(f"symmetric: {self.groups} are no groups of the nodes 0 to {space.nodes - 1}")
        for observer in space.asked.scenario.observers:
            made = observer()
            if not hasattr(made, "rename"):
                raise UsageError(
                    f"symmetric: observer {type(made).__name__} does not say how nodes are renamed in it: give it a "
                    "method rename(new), or explore without"
                )
        self._said: dict[Any, bytes] = {}
        self._ranks: dict[tuple[int, int], bytes] = {}
        self._locals: dict[tuple[int, int, tuple[int, ...]], int] = {}
        self._boxes: dict[tuple[int, int, tuple[int, ...]], int] = {}

    def representative(self, state: int) -> int:
        """The state that stands for it."""
        return self._sorted(state, self._mentions)

    def sorted_only(self, state: int) -> int:
        """The nodes of each group in order of their local states alone."""
        return self._sorted(state, lambda state, node, group: ())

    def _sorted(self, state: int, more: Callable[[int, int, tuple[int, ...]], tuple[bytes, ...]]) -> int:
        space = self.space
        new = list(range(space.nodes))
        for group in self.groups:
            keys = {
                node: (self._rank(node, space.sid(state, node), group[0]), more(state, node, group)) for node in group
            }
            for place, node in zip(group, sorted(group, key=keys.__getitem__), strict=True):
                new[node] = place
        if all(node == place for node, place in enumerate(new)):
            return state
        return self._renamed(state, tuple(new))

    def _mentions(self, state: int, node: int, group: tuple[int, ...]) -> tuple[bytes, ...]:
        """What is on its way to the node, and what all others and the observers say of it, whoever it is."""
        space = self.space
        said = [self._said_in(group, node, node, None, space.box(state, node))]
        for other in range(space.nodes):
            if other not in group:
                said.append(self._said_in(group, node, other, space.sid(state, other), space.box(state, other)))
        if space.watching.observers:
            watch = state >> space.watch_shift
            key = ("watch", node, watch)
            if key not in self._said:
                self._said[key] = space.watching.digest_renamed(watch, self._as_if(group, node))
            said.append(self._said[key])
        return tuple(said)

    def _as_if(self, group: tuple[int, ...], node: int) -> tuple[int, ...]:
        """The node as the group's first, and all others of the group as its second: the two that can be told apart."""
        new = list(range(self.space.nodes))
        for each in group:
            new[each] = group[0] if each == node else group[-1]
        return tuple(new)

    def _said_in(self, group: tuple[int, ...], node: int, other: int, sid: int | None, box: int) -> bytes:
        key = (node, other, sid, box)
        known = self._said.get(key)
        if known is None:
            space, new = self.space, self._as_if(group, node)
            local = b"" if sid is None else space.locals.fingerprint(space.locals.renamed(other, sid, new))
            mail = sorted(
                (new[source], new[target], repr(message.rename(new) if hasattr(message, "rename") else message))
                for source, target, message in map(space.inboxes.mail.__getitem__, space.inboxes.contents(other, box))
            )
            known = self._said[key] = digest_of((local, mail))
        return known

    def _rank(self, node: int, sid: int, first: int) -> bytes:
        """What a local state is, whoever of the group is in it: that of the group's first node, were it in it."""
        rank = self._ranks.get((node, sid))
        if rank is None:
            new = list(range(self.space.nodes))
            new[node], new[first] = first, node
            rank = self.space.locals.fingerprint(self.space.locals.renamed(node, sid, tuple(new)))
            self._ranks[node, sid] = rank
        return rank

    def _renamed(self, state: int, new: tuple[int, ...]) -> int:
        space = self.space
        sids, boxes = [0] * space.nodes, [0] * space.nodes
        for node, place in enumerate(new):
            sid, box = space.sid(state, node), space.box(state, node)
            local = self._locals.get((node, sid, new))
            if local is None:
                local = self._locals[node, sid, new] = space.locals.renamed(node, sid, new)
            renamed = self._boxes.get((node, box, new))
            if renamed is None:
                renamed = self._boxes[node, box, new] = self._renamed_box(node, box, new)
            sids[place], boxes[place] = local, renamed
        watch = state >> space.watch_shift
        then = space.watching.renamed(watch, new)
        return space.packed(state, sids, boxes) + ((then - watch) << space.watch_shift)

    def _renamed_box(self, node: int, box: int, new: tuple[int, ...]) -> int:
        inboxes = self.space.inboxes
        numbers = []
        for number in inboxes.contents(node, box):
            source, target, message = inboxes.mail[number]
            other = message.rename(new) if hasattr(message, "rename") else message
            numbers.append(inboxes.number(new[source], new[target], other))
        return inboxes.box(new[node], inboxes.ordered(tuple(numbers)))
