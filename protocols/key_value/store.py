"""The key-value state machine: strings under strings.

    get                 the value, None where the key is absent
    put value           sets it
    append value        adds to the end of it, or sets it where the key is absent
    delete              makes the key absent
    cas expected value  sets it if it is `expected` (None: if the key is absent); says whether it did

Law: deterministic and total. A command that makes no sense is refused, on every replica alike, and changes nothing.
"""

from __future__ import annotations

import msgspec

from simclock.actors import Message


class Command(Message):
    """What a client asks for."""

    function: str
    key: str
    value: str | None = None
    expected: str | None = None


class Answer(Message):
    """What the store answers."""

    value: str | bool | None = None
    """Of a get the value found, of a cas whether it was done."""
    refused: bool = False
    """Whether the command made no sense: it definitely has not taken effect."""


_encode = msgspec.msgpack.Encoder().encode
_decode_values = msgspec.msgpack.Decoder(dict[str, str]).decode
_decode_command = msgspec.msgpack.Decoder(Command).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
"""An answer, from the bytes that a state machine gives."""

DONE = _encode(Answer())
REFUSED = _encode(Answer(refused=True))


def encode_command(command: Command) -> bytes:
    """A command, as the bytes that the log keeps."""
    return _encode(command)


class KeyValueStore:
    """The map, and the commands on it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def apply(self, command: bytes) -> bytes:
        """Carry out a command."""
        try:
            asked = _decode_command(command)
        except msgspec.MsgspecError:
            return REFUSED
        match asked:
            case Command("get", key):
                return _encode(Answer(self.values.get(key)))
            case Command("put", key, str(value)):
                self.values[key] = value
                return DONE
            case Command("append", key, str(value)):
                self.values[key] = self.values.get(key, "") + value
                return DONE
            case Command("delete", key):
                self.values.pop(key, None)
                return DONE
            case Command("cas", key, str(value), expected):
                found = self.values.get(key) == expected
                if found:
                    self.values[key] = value
                return _encode(Answer(found))
        return REFUSED

    def query(self, command: bytes) -> bytes:
        """Answer a get; all else would change something, and is refused."""
        try:
            asked = _decode_command(command)
        except msgspec.MsgspecError:
            return REFUSED
        return self.apply(command) if asked.function == "get" else REFUSED

    def snapshot(self) -> bytes:
        """The keys in order, so that equal maps have equal snapshots."""
        return _encode(dict(sorted(self.values.items())))

    def restore(self, state: bytes) -> None:
        """Hold what a snapshot held."""
        self.values = _decode_values(state)
