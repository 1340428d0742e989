"""The counter as a state machine: a whole number, 0 at first.

    add_and_get amount   adds to it, and says what it is then
    get                  says what it is

An addition that is applied twice is seen in the sum, and in what is heard; so are two that are applied in another order
elsewhere. Law: deterministic and total. A command that makes no sense is refused, on every replica alike, and changes
nothing; so is one that would take the counter beyond what a message holds.
"""

from __future__ import annotations

import msgspec

from simclock.actors import Message

KEY = "counter"
"""What a history calls it."""
VALUE_MAX = (1 << 63) - 1


class CounterCommand(Message):
    """What a client asks for."""

    function: str
    amount: int | None = None

    @property
    def key(self) -> str:
        """There is one counter."""
        return KEY


class CounterAnswer(Message):
    """What the counter answers."""

    value: int | None = None
    """What it is now."""
    refused: bool = False
    """Whether the command made no sense: it definitely has not taken effect."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CounterCommand).decode
decode_answer = msgspec.msgpack.Decoder(CounterAnswer).decode
"""An answer, from the bytes that a state machine gives."""

REFUSED = _encode(CounterAnswer(refused=True))


def encode_command(command: CounterCommand) -> bytes:
    """A command, as the bytes that the log keeps."""
    return _encode(command)


class Counter:
    """The number, and the commands on it."""

    def __init__(self) -> None:
        self.value = 0

    def apply(self, command: bytes) -> bytes:
        """Carry out a command."""
        try:
            asked = _decode(command)
        except msgspec.MsgspecError:
            return REFUSED
        match asked:
            case CounterCommand("add_and_get", int(amount)) if abs(self.value + amount) <= VALUE_MAX:
                self.value += amount
            case CounterCommand("get"):
                pass
            case _:
                return REFUSED
        return _encode(CounterAnswer(self.value))

    def query(self, command: bytes) -> bytes:
        """Answer a get; all else would change something, and is refused."""
        try:
            asked = _decode(command)
        except msgspec.MsgspecError:
            return REFUSED
        return self.apply(command) if asked.function == "get" else REFUSED

    def snapshot(self) -> bytes:
        """The number."""
        return _encode(self.value)

    def restore(self, state: bytes) -> None:
        """Hold what a snapshot held."""
        self.value = msgspec.msgpack.decode(state, type=int)
