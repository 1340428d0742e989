"""A copy of a shared text.

Every edit is one causal broadcast of the operations of `simclock.protocols.crdts.sequence`. They commute wherever they
are concurrent, and causal order is all that they ask for: so copies that have delivered the same broadcasts are equal
(strong eventual consistency, Shapiro, Preguica, Baquero and Zawirski 2011).
"""

from __future__ import annotations

import msgspec

from simclock.protocols.causal_broadcast import Broadcast, Member, MemberSettings
from simclock.protocols.crdts.sequence import Delete, Element, Insert, Sequence, UnknownElement

Patch = tuple[int, int, str]
"""A change of a text: (position, deleted characters, inserted text)."""
Operations = tuple[Insert | Delete, ...]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Operations).decode
_decode_state = msgspec.msgpack.Decoder(tuple[Element, ...]).decode


class Replica(Member):
    """A member that holds the text, and reads along."""

    def __init__(self, settings: MemberSettings) -> None:
        super().__init__(settings)
        self.text: Sequence | None = None
        """The copy; None before this node is a member."""
        self.orphans = 0
        """Operations that built on what was not there: none, as long as delivery is causal."""
        self.bytes_clock = self.bytes_operation = self.bytes_text = self.edits = 0
        """What this member's own edits took: vector clocks, encoded operations, and the characters among them."""

    def on_joined(self) -> None:
        if self.text is None:
            self.text = Sequence(self.member)

    def edit(self, *patches: Patch) -> None:
        """Take characters out at a position, then put text there, one patch after the other; tell the others at once.

        Without a patch the others are told too: it says what had been seen here by then.
        """
        assert self.text is not None, "only a member has a copy"
        operations: list[Insert | Delete] = []
        for position, deleted, text in patches:
            if deleted:
                operations.append(self.text.delete(position, deleted))
            if text:
                operations.append(self.text.insert(position, text))
            self.bytes_text += len(text.encode())
        payload = _encode(tuple(operations))
        message = self.multicast(payload)
        self.edits += 1
        self.bytes_clock += len(message.clock.encode())
        self.bytes_operation += len(payload)

    def on_deliver(self, message: Broadcast) -> None:
        assert self.text is not None, "only a member has a copy"
        for operation in _decode(message.payload):
            try:
                self.text.apply(operation)
            except UnknownElement:
                self.orphans += 1

    def state(self) -> bytes:
        assert self.text is not None, "only a member has a copy"
        return _encode(tuple(self.text.elements()))

    def load(self, state: bytes) -> None:
        if self.text is None:
            self.text = Sequence(self.member)
        self.text.load(_decode_state(state))
